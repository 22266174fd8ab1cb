"""May this principal do this? The one place where permission is decided (DESIGN section 4)."""

from enum import Enum, auto
from typing import NamedTuple

from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Permission, Snapshot
from aol_broker.request import Principal
from aol_broker.resolve import CollectionName
from aol_broker.scope import WHOLE, Scope
from aol_wire.errors import DataError, Reason


class Right(Enum):
    """What a verb asks of its caller."""

    SERVICE = auto()
    """To be a service: nothing of another's is touched."""
    OWNER = auto()
    """To own the namespace of the collection, which need not exist yet."""
    ANY = auto()
    """To hold any permission on the collection."""
    READ = auto()
    """To hold `read` on the collection."""
    WRITE = auto()
    """To hold `write` on the collection."""
    ADMIN = auto()
    """To hold `admin` on the collection."""
    GRANT = auto()
    """To hold `admin` on the collection, or to be an operator."""
    OPERATOR = auto()
    """To be an operator."""


_OWNER, _OPERATOR, _SERVICE = "owner", "operator", "service"
_PERMISSION = {
    Right.ANY: Permission.READ,
    Right.READ: Permission.READ,
    Right.WRITE: Permission.WRITE,
    Right.ADMIN: Permission.ADMIN,
    Right.GRANT: Permission.ADMIN,
}


class Allowed(NamedTuple):
    """What a call may go on with: the collection's record, None for verbs that name no existing one; and by what right.

    `grant` is `owner`, `operator`, `service` (nothing of another's is touched), or origin and permission of the grant
    that let the call through, as `sharing:read`. `scope` is what it lets the call reach.
    """

    record: CollectionRecord | None
    grant: str
    scope: Scope = WHOLE


def authorize(right: Right, principal: Principal, name: CollectionName | None, snapshot: Snapshot) -> Allowed:
    """Return the collection's record if `principal` has `right` on it.

    The owner has every right. A foreign name that does not exist is answered like one that is not granted, so that
    nobody can ask which collections others have.

    :raises DataError: NO_CREDENTIALS, GRANT_MISSING, GRANT_PENDING, COLLECTION_NOT_FOUND.
    """
    if right is Right.OPERATOR:
        _require_operator(principal)
        return Allowed(None if name is None else _listed(name, snapshot), _OPERATOR)
    if right is Right.GRANT and principal.is_operator:
        return Allowed(_existing(name, snapshot), _OPERATOR)
    if not principal.service:
        raise DataError(
            Reason.NO_CREDENTIALS, "This call is made by a service: name it in the request header 'aol-service'."
        )
    if right is Right.SERVICE or name is None:
        return Allowed(None, _SERVICE)
    record = snapshot.collection(name.service, name.collection)
    if name.service == principal.service:
        return Allowed(record if right is Right.OWNER else _existing(name, snapshot), _OWNER)
    if right is Right.OWNER:
        raise _not_owner(name, principal)
    needed = _PERMISSION[right]
    grants = snapshot.grants_of(name.id, principal.service)
    grant = _allowing(right, needed, grants)
    if record is not None and grant is not None:
        return Allowed(record, f"{grant.origin.value}:{grant.permission.value}")
    raise _denied(name, principal, needed, grants)


def _allowing(right: Right, needed: Permission, grants: tuple[Grant, ...]) -> Grant | None:
    """Return the first grant that allows it."""
    for grant in grants:
        if grant.state is GrantState.ACTIVE and (right is Right.ANY or grant.permission.covers(needed)):
            return grant
    return None


def _require_operator(principal: Principal) -> None:
    if not principal.is_operator:
        raise DataError(
            Reason.NO_CREDENTIALS,
            "This call is for operators. The `aol` command reads an operator's token from AOL_OPERATOR_TOKEN or from "
            "operator.token in the broker's data folder; other clients send it as 'authorization: Bearer <token>'.",
        )


def _listed(name: CollectionName, snapshot: Snapshot) -> CollectionRecord:
    record = snapshot.collection(name.service, name.collection)
    if record is None:
        raise DataError(
            Reason.COLLECTION_NOT_FOUND,
            f"There is no collection '{name.id}'. `aol collections` lists those that there are.",
            metadata={"collection": name.id},
        )
    return record


def _existing(name: CollectionName | None, snapshot: Snapshot) -> CollectionRecord:
    record = snapshot.collection(name.service, name.collection) if name is not None else None
    if name is None or record is None:
        written = name.collection if name is not None else ""
        raise DataError(
            Reason.COLLECTION_NOT_FOUND,
            f"Collection '{written}' not found. Request it first, await client.request_collection('{written}'), "
            "or declare it under dataRequirements.collections in the manifest of its service.",
            metadata={"collection": name.id if name is not None else ""},
        )
    return record


def _not_owner(name: CollectionName, principal: Principal) -> DataError:
    return DataError(
        Reason.GRANT_MISSING,
        f"Permission denied for collection '{name.id}': only {name.service} can request collections in its own "
        f"namespace. {principal.service} can request '{name.collection}' (its own), or ask for access to "
        f"'{name.id}' in its manifest.",
        metadata={"collection": name.id, "service": principal.service, "permission": "admin"},
    )


def _denied(name: CollectionName, principal: Principal, needed: Permission, grants: tuple[Grant, ...]) -> DataError:
    metadata = {"collection": name.id, "service": principal.service, "permission": needed.value}
    command = f"aol grant {name.id} {principal.service} {needed.value}"
    sharing = f"sharing: [{{service: {principal.service}, permission: {needed.value}}}]"
    if any(grant.state is GrantState.PENDING and grant.permission.covers(needed) for grant in grants):
        return DataError(
            Reason.GRANT_PENDING,
            f"Permission denied for collection '{name.id}': {principal.service} has asked for '{needed.value}', and "
            f"{name.service} has not agreed yet. {name.service} agrees by adding to '{name.collection}' in its "
            f"manifest:\n    {sharing}\nor the owner or an operator runs: {command}",
            metadata={**metadata, "sharing": sharing, "command": command},
        )
    request = f"accessRequests:\n  - collection: {name.id}\n    permission: {needed.value}\n    reason: ..."
    indented = request.replace("\n", "\n    ")
    return DataError(
        Reason.GRANT_MISSING,
        f"Permission denied for collection '{name.id}': {principal.service} has no '{needed.value}' on it. "
        f"Ask for it under dataRequirements in {principal.service}'s manifest:\n    {indented}\nand let "
        f"{name.service} share it there ({sharing}), or let the owner or an operator run: {command}",
        metadata={**metadata, "manifest": request, "command": command},
    )
