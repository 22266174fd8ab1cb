"""How is access given and taken back? GrantAccess, RevokeAccess."""

from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.commands import known
from aol_broker.presentation import permission_of
from aol_broker.registry.snapshot import CollectionRecord, Permission
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Principal, Request
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.limits import GRANT_REASON_MAX_CHARACTERS
from aol_wire.names import check_service


class GrantAccess:
    """Lets another service use a collection."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.GrantAccessRequest], record: CollectionRecord | None) -> Permission:
        """Check who gets what."""
        arguments = request.arguments
        check_service(arguments.target_service)
        permission = permission_of(arguments.permission)
        _require_giver(permission, request.principal, known(record))
        if len(arguments.reason) > GRANT_REASON_MAX_CHARACTERS:
            raise DataError.invalid(Reason.TOO_LARGE, "reason", f"at most {GRANT_REASON_MAX_CHARACTERS:,} characters")
        return permission

    async def dispatch(
        self, request: Request[pb.GrantAccessRequest], record: CollectionRecord | None, work: Permission
    ) -> Answer:
        """Record the grant; it holds from the answer on."""
        granted = await self._registry.grant(
            known(record).collection_id,
            request.arguments.target_service,
            work,
            request.principal.name,
            request.arguments.reason,
        )
        return Answer(pb.GrantAccessResponse(granted=granted), int(granted))


class RevokeAccess:
    """Takes back what was granted."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(
        self, request: Request[pb.RevokeAccessRequest], record: CollectionRecord | None
    ) -> Permission | None:
        """Check who loses what; None is everything."""
        arguments = request.arguments
        check_service(arguments.target_service)
        if arguments.permission == collection_pb2.PERMISSION_UNSPECIFIED:
            return None
        return permission_of(arguments.permission)

    async def dispatch(
        self, request: Request[pb.RevokeAccessRequest], record: CollectionRecord | None, work: Permission | None
    ) -> Answer:
        """Remove the grant; it holds no more from the answer on."""
        revoked = await self._registry.revoke(known(record).collection_id, request.arguments.target_service, work)
        return Answer(pb.RevokeAccessResponse(revoked=revoked), int(revoked))


def _require_giver(permission: Permission, principal: Principal, record: CollectionRecord) -> None:
    """Return if a caller that may grant may grant this: who holds `admin` must not get more by giving it to itself.

    :raises DataError: GRANT_MISSING.
    """
    if principal.is_operator or permission in (Permission.READ, Permission.WRITE, Permission.ADMIN):
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
