"""How are requests for access listed and answered? ListAccessRequests, ApproveAccess, RefuseAccess."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from aol.data.v1 import access_request_pb2 as pb
from aol.data.v1 import collection_pb2
from aol_broker.access.limits import Limits
from aol_broker.backends import Backends
from aol_broker.commands.access import limits_to_give, require_giver
from aol_broker.presentation import permission_of, permission_to_proto, request_to_proto, within_one_answer
from aol_broker.registry import request_changes
from aol_broker.registry.request_changes import Answered
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Origin, Permission
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Principal, Request
from aol_broker.resolve import resolve
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.limits import REFUSAL_REASON_MAX_CHARACTERS
from aol_wire.names import check_service


class ListAccessRequests:
    """Lists requests that wait or were refused: to operators all, to a service those that it answers or makes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(
        self, request: Request[pb.ListAccessRequestsRequest], record: CollectionRecord | None
    ) -> pb.ListAccessRequestsRequest:
        """Check the names, and return the request with the collection by its full name."""
        wanted = pb.ListAccessRequestsRequest()
        wanted.CopyFrom(request.arguments)
        for name in (wanted.owner, wanted.target_service):
            if name:
                check_service(name)
        if wanted.collection:
            wanted.collection = resolve(wanted.collection, request.principal.service).id
        return wanted

    async def dispatch(
        self,
        request: Request[pb.ListAccessRequestsRequest],
        record: CollectionRecord | None,
        work: pb.ListAccessRequestsRequest,
    ) -> Answer:
        """Look them up."""

        def listed() -> list[pb.AccessRequest]:
            return within_one_answer(
                (request_to_proto(grant) for grant in self._found(work, request.principal)),
                "List the requests on one collection, or of one service, at a time.",
            )

        # In a thread, as there may be many: calls go on meanwhile.
        requests = await asyncio.to_thread(listed)
        return Answer(pb.ListAccessRequestsResponse(requests=requests), len(requests))

    def _found(self, wanted: pb.ListAccessRequestsRequest, principal: Principal) -> Iterator[Grant]:
        grants = self._registry.snapshot.grants
        for key in sorted(key for key in grants if _concerns(*key, wanted, principal)):
            for grant in grants[key]:
                if grant.origin is Origin.REQUEST and (wanted.include_refused or grant.state is GrantState.PENDING):
                    yield grant


def _concerns(collection_id: str, service: str, wanted: pb.ListAccessRequestsRequest, principal: Principal) -> bool:
    """Whether requests of a service on a collection are asked for, and may be told to who asks."""
    owner = collection_id.partition(".")[0]
    return (
        wanted.collection in ("", collection_id)
        and wanted.target_service in ("", service)
        and wanted.owner in ("", owner)
        and (principal.is_operator or principal.service in (owner, service))
    )


@dataclass(frozen=True, slots=True)
class ToAnswer:
    """Which request is answered, None for all of a service on a collection; and what is given, within which limits."""

    permission: Permission | None
    limits: Limits


class ApproveAccess:
    """Grants what a service asks for."""

    def __init__(self, registry: Registry, backends: Backends) -> None:
        self._registry = registry
        self._backends = backends

    async def admit(self, request: Request[pb.ApproveAccessRequest], record: CollectionRecord | None) -> ToAnswer:
        """Check who gets what, and within which limits."""
        arguments = request.arguments
        check_service(arguments.target_service)
        permission = _permission(arguments.permission)
        found = _there(request, record)
        return ToAnswer(permission, limits_to_give(arguments, found, self._backends))

    async def dispatch(
        self, request: Request[pb.ApproveAccessRequest], record: CollectionRecord | None, work: ToAnswer
    ) -> Answer:
        """Grant it, if it is asked for; it holds from the answer on."""
        arguments, found = request.arguments, _there(request, record)
        answered = await self._registry.change(
            lambda writer: request_changes.approve(
                writer,
                found.collection_id,
                arguments.target_service,
                work.permission,
                granted_by=request.principal.name,
                reason=arguments.reason,
                limits=work.limits,
                check=lambda permission: require_giver(permission, work.limits, request.principal, found),
            )
        )
        response = pb.ApproveAccessResponse(
            approved=map(permission_to_proto, answered.now), already=map(permission_to_proto, answered.already)
        )
        return Answer(response, len(answered.now), _details("approved", answered))


class RefuseAccess:
    """Refuses what a service asks for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(
        self, request: Request[pb.RefuseAccessRequest], record: CollectionRecord | None
    ) -> Permission | None:
        """Check whom this is about, and that the reason can be shown; None is all that it asks for."""
        check_service(request.arguments.target_service)
        _check_reason(request.arguments.reason)
        return _permission(request.arguments.permission)

    async def dispatch(
        self, request: Request[pb.RefuseAccessRequest], record: CollectionRecord | None, work: Permission | None
    ) -> Answer:
        """Write it down."""
        arguments = request.arguments
        collection_id = resolve(arguments.collection, request.principal.service).id
        answered = await self._registry.change(
            lambda writer: request_changes.refuse(
                writer,
                collection_id,
                arguments.target_service,
                work,
                refused_by=request.principal.name,
                reason=arguments.reason,
            )
        )
        response = pb.RefuseAccessResponse(
            refused=map(permission_to_proto, answered.now), already=map(permission_to_proto, answered.already)
        )
        return Answer(response, len(answered.now), _details("refused", answered))


def _details(what: str, answered: Answered) -> dict[str, Json]:
    return {what: [permission.value for permission in answered.now]}


def _permission(number: collection_pb2.Permission) -> Permission | None:
    return None if number == collection_pb2.PERMISSION_UNSPECIFIED else permission_of(number)


def _check_reason(reason: str) -> None:
    """Return if a reason can be shown wherever a denial is: in logs and on terminals.

    :raises DataError: BAD_REQUEST, TOO_LARGE.
    """
    if len(reason) > REFUSAL_REASON_MAX_CHARACTERS:
        raise DataError.invalid(Reason.TOO_LARGE, "reason", f"at most {REFUSAL_REASON_MAX_CHARACTERS:,} characters")
    if not reason.strip():
        raise DataError.invalid(Reason.BAD_REQUEST, "reason", "say why, for the service that asks")
    if not reason.isprintable():
        raise DataError.invalid(Reason.BAD_REQUEST, "reason", "one line without control characters")


def _there(request: Request[pb.ApproveAccessRequest], record: CollectionRecord | None) -> CollectionRecord:
    if record is None:
        name = resolve(request.arguments.collection, request.principal.service)
        raise DataError(
            Reason.COLLECTION_NOT_FOUND,
            f"There is no collection '{name.id}' that access could be given to. `aol requests` lists what is asked "
            f"for; a collection that is asked for and is not there is made by {name.service}, in its manifest or by a "
            "request for it.",
            metadata={"collection": name.id},
        )
    return record
