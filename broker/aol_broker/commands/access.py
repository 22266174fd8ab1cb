"""How is access given and taken back? GrantAccess, RevokeAccess."""

from dataclasses import dataclass

from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.access_request_pb2 import ApproveAccessRequest
from aol_broker.access.limits import Limits
from aol_broker.access.limits_parser import needed_by, parse_limits
from aol_broker.access.service_patterns import check_grantee, is_pattern
from aol_broker.backends import Backends, require
from aol_broker.commands import known
from aol_broker.presentation import permission_of
from aol_broker.registry.access_changes import Granted
from aol_broker.registry.snapshot import CollectionRecord, Permission
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Principal, Request
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.ids import now_us
from aol_wire.limits import GRANT_REASON_MAX_CHARACTERS

_OF_DOCUMENTS = (Permission.READ, Permission.WRITE, Permission.ADMIN)


@dataclass(frozen=True, slots=True)
class ToGrant:
    """A permission, and what it is limited to."""

    permission: Permission
    limits: Limits


class GrantAccess:
    """Lets another service use a collection, or a part of it."""

    def __init__(self, registry: Registry, backends: Backends) -> None:
        self._registry = registry
        self._backends = backends

    async def admit(self, request: Request[pb.GrantAccessRequest], record: CollectionRecord | None) -> ToGrant:
        """Check who gets what, and within which limits."""
        arguments = request.arguments
        check_grantee(arguments.target_service)
        if is_pattern(arguments.target_service) and not request.principal.is_operator:
            raise _not_many(known(record), arguments.target_service)
        permission = permission_of(arguments.permission)
        limits = limits_to_give(arguments, known(record), self._backends)
        require_giver(permission, limits, request.principal, known(record))
        return ToGrant(permission, limits)

    async def dispatch(
        self, request: Request[pb.GrantAccessRequest], record: CollectionRecord | None, work: ToGrant
    ) -> Answer:
        """Record the grant; it holds from the answer on."""
        granted = await self._registry.grant(
            known(record).collection_id,
            request.arguments.target_service,
            work.permission,
            request.principal.name,
            request.arguments.reason,
            limits=work.limits,
        )
        made = granted is not Granted.UNCHANGED
        return Answer(pb.GrantAccessResponse(granted=made, replaced=granted is Granted.REPLACED), int(made))


def limits_to_give(
    arguments: pb.GrantAccessRequest | ApproveAccessRequest, record: CollectionRecord, backends: Backends
) -> Limits:
    """Return what a permission shall be limited to, once it is known that this can be.

    :raises DataError: BAD_REQUEST, TOO_LARGE, CAPABILITY_UNSUPPORTED, ADAPTER_DOWN.
    """
    if len(arguments.reason) > GRANT_REASON_MAX_CHARACTERS:
        raise DataError.invalid(Reason.TOO_LARGE, "reason", f"at most {GRANT_REASON_MAX_CHARACTERS:,} characters")
    limits = parse_limits(arguments.fields, arguments.where, arguments.expires_us)
    if limits.over(now_us()):
        raise DataError.invalid(Reason.BAD_REQUEST, "expires_us", "that time is over already")
    require(backends.of(record), needed_by(limits))
    return limits


class RevokeAccess:
    """Takes back what was granted."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(
        self, request: Request[pb.RevokeAccessRequest], record: CollectionRecord | None
    ) -> Permission | None:
        """Check who loses what; None is everything."""
        arguments = request.arguments
        check_grantee(arguments.target_service)
        if arguments.permission == collection_pb2.PERMISSION_UNSPECIFIED:
            return None
        return permission_of(arguments.permission)

    async def dispatch(
        self, request: Request[pb.RevokeAccessRequest], record: CollectionRecord | None, work: Permission | None
    ) -> Answer:
        """Remove the grant; it holds no more from the answer on."""
        collection_id, service = known(record).collection_id, request.arguments.target_service
        revoked = await self._registry.revoke(collection_id, service, work)
        still_by = self._still_by(collection_id, service, work)
        return Answer(pb.RevokeAccessResponse(revoked=revoked, still_by=still_by), int(revoked))

    def _still_by(self, collection_id: str, service: str, lost: Permission | None) -> list[str]:
        """Return the patterns by which a service has still what was to be taken from it."""
        grants = self._registry.snapshot.grants_of(collection_id, service)
        return sorted(
            {
                grant.service
                for grant in grants
                if grant.service != service
                and not grant.limits.over(now_us())
                and (lost is None or grant.permission.covers(lost))
            }
        )


def _not_many(record: CollectionRecord, pattern: str) -> DataError:
    id_ = record.collection_id
    return DataError(
        Reason.GRANT_MISSING,
        f"Permission denied for collection '{id_}': only an operator gives access to all services of a pattern (aol "
        f"grant {id_} '{pattern}' ...). Grant it to services by their names.",
        metadata={"collection": id_},
    )


def require_giver(permission: Permission, limits: Limits, principal: Principal, record: CollectionRecord) -> None:
    """Return if a caller that may grant may grant this: who holds `admin` must not get more by giving it to itself.

    :raises DataError: GRANT_MISSING; BAD_REQUEST, a permission that is of no documents is limited to some.
    """
    if limits.narrow and permission not in _OF_DOCUMENTS:
        where = "fields" if limits.fields else "where"
        raise DataError.invalid(Reason.BAD_REQUEST, where, f"'{permission.value}' is of no documents")
    if principal.is_operator or permission in _OF_DOCUMENTS:
        return
    if permission is Permission.ASSERT_CONTEXT and principal.service == record.service:
        return
    owner = "" if permission is Permission.BYPASS_SECURITY else f"{record.service}, which owns it, or "
    command = f"aol grant {record.collection_id} SERVICE {permission.value}"
    raise DataError(
        Reason.GRANT_MISSING,
        f"Permission denied for collection '{record.collection_id}': '{permission.value}' is given only by {owner}an "
        f"operator: {command}",
        metadata={
            "collection": record.collection_id,
            "service": principal.service,
            "permission": permission.value,
            "command": command,
        },
        applied=Applied.NO,
    )
