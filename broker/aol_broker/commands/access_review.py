"""Who may do what, and why? ListAccess, ExplainAccess."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aol.admin.v1 import access_pb2 as pb
from aol_broker.access.explaining import Step, StepResult, explain_access
from aol_broker.authorize import Right
from aol_broker.presentation import grant_to_proto, owner_to_proto, within_one_answer
from aol_broker.registry.snapshot import CollectionRecord, Permission, Snapshot
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.resolve import CollectionName, resolve
from aol_broker.yaml_text import did_you_mean
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.ids import now_us
from aol_wire.names import check_service

_RESULTS = {
    StepResult.YES: pb.ACCESS_STEP_RESULT_YES,
    StepResult.NO: pb.ACCESS_STEP_RESULT_NO,
    StepResult.LIMIT: pb.ACCESS_STEP_RESULT_LIMIT,
}
_OF_PERMISSION = {
    Permission.READ.value: Right.READ,
    Permission.WRITE.value: Right.WRITE,
    Permission.ADMIN.value: Right.ADMIN,
}


class ListAccess:
    """Lists what a service may use, or who may use a collection."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.ListAccessRequest], record: CollectionRecord | None) -> None:
        """Check that the request says what it is about."""
        service, collection = request.arguments.service, request.arguments.collection
        if bool(service) == bool(collection):
            raise DataError.invalid(Reason.BAD_REQUEST, "service", "name a service or a collection, one of them")
        if service:
            check_service(service)
        else:
            resolve(collection, "")

    async def dispatch(
        self, request: Request[pb.ListAccessRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look it up."""
        snapshot, service = self._registry.snapshot, request.arguments.service
        collection = request.arguments.collection
        found = _used_by(snapshot, service) if service else _users_of(snapshot, collection)
        access = within_one_answer(found, "Ask about one collection, or one service, at a time.")
        if collection and not access:
            raise DataError(
                Reason.COLLECTION_NOT_FOUND,
                f"There is no collection '{collection}'. `aol collections` lists those that there are.",
                metadata={"collection": collection},
            )
        return Answer(pb.ListAccessResponse(access=access), len(access))


@dataclass(frozen=True, slots=True)
class CallToExplain:
    """A call of a service as `authorize` knows it."""

    right: Right
    name: CollectionName


class ExplainAccess:
    """Says why a call of a service would be allowed, or denied."""

    def __init__(self, registry: Registry, rights: Iterable[tuple[str, Right]]) -> None:
        """`rights` are the operations of services on collections, by their names in audit records."""
        self._registry = registry
        self._rights = {**dict(rights), **_OF_PERMISSION}

    async def admit(self, request: Request[pb.ExplainAccessRequest], record: CollectionRecord | None) -> CallToExplain:
        """Check that there is such a call."""
        arguments = request.arguments
        service = check_service(arguments.service)
        if arguments.verb not in self._rights:
            words = sorted(self._rights)
            hint = did_you_mean(arguments.verb[:32], words) or f"; there are {', '.join(words)}"
            raise DataError.invalid(Reason.BAD_REQUEST, "verb", f"no such operation and no such permission{hint}")
        return CallToExplain(self._rights[arguments.verb], resolve(arguments.collection, service))

    async def dispatch(
        self, request: Request[pb.ExplainAccessRequest], record: CollectionRecord | None, work: CallToExplain
    ) -> Answer:
        """Ask what decides about calls."""
        at_us = now_us()
        explained = explain_access(work.right, request.arguments.service, work.name, self._registry.snapshot, at_us)
        denial = explained.denial
        response = pb.ExplainAccessResponse(
            allowed=denial is None,
            collection=work.name.id,
            steps=[_step(step, at_us) for step in explained.steps],
            right=explained.right,
            denial="" if denial is None else denial.message,
            reason="" if denial is None else denial.reason.value,
        )
        details: dict[str, Json] = {"verb": request.arguments.verb, "allowed": denial is None}
        return Answer(response, len(explained.steps), details)


def _used_by(snapshot: Snapshot, service: str) -> Iterator[pb.Grant]:
    for collection_id in sorted({*snapshot.owned_by(service), *snapshot.granted_to(service)}):
        record = snapshot.collections.get(collection_id)
        if record is not None and record.service == service:
            yield owner_to_proto(record)
        else:
            yield from map(grant_to_proto, snapshot.grants_of(collection_id, service))


def _users_of(snapshot: Snapshot, collection_id: str) -> Iterator[pb.Grant]:
    record = snapshot.collections.get(collection_id)
    if record is not None:
        yield owner_to_proto(record)
    yield from map(grant_to_proto, snapshot.grants_on(collection_id))


def _step(step: Step, at_us: int) -> pb.AccessStep:
    grant = None if step.grant is None else grant_to_proto(step.grant, at_us)
    return pb.AccessStep(result=_RESULTS[step.result], text=step.text, grant=grant)
