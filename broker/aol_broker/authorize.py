"""May this principal do this? The one place where permission is decided (DESIGN section 4)."""

from enum import Enum, auto
from typing import NamedTuple

from aol_broker.access.choosing import scope_of, widest
from aol_broker.access.limits import UNLIMITED
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Permission, Snapshot
from aol_broker.request import Principal
from aol_broker.resolve import CollectionName
from aol_broker.scope import WHOLE, Scope
from aol_wire.datetimes import from_us
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us


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
    DEPLOYER = auto()
    """To be an operator; or a service, and then nothing of another's is touched or told, which the command sees to."""
    ANSWER = auto()
    """To own the namespace of the collection, which need not exist, or to be an operator."""
    PARTY = auto()
    """To be a service or an operator: what is answered depends on who asks."""
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
# Of these, the collection need not exist.
_OF_NAMESPACES = (Right.OWNER, Right.ANSWER)
# What nobody is granted: no other service has it. Said to one that asks for it on another's collection.
_OWNERS = {
    Right.OWNER: "only {owner} can request collections in its own namespace. {caller} can request '{own}' (its own), "
    "or ask for access to '{id}' in its manifest.",
    Right.DEPLOYER: "what {owner} deploys is {owner}'s and operators' to do, and the credentials are those of "
    "{caller}.",
    Right.ANSWER: "requests for access to it are answered by {owner}, which owns it, and by operators, and {caller} is "
    "neither.",
}
OF_OWNERS = tuple(_OWNERS)
"""Rights that no grant gives."""
_OF_OPERATORS_TOO = (Right.GRANT, Right.ANSWER, Right.PARTY)


class Allowed(NamedTuple):
    """What a call may go on with: the collection's record, None for verbs that name no existing one; and by what right.

    `grant` is `owner`, `operator`, `service` (nothing of another's is touched), or the name of the grant that let the
    call through, as `sharing:read#17`. `scope` is what it lets the call reach.
    """

    record: CollectionRecord | None
    grant: str
    scope: Scope = WHOLE


class Verdict(Enum):
    """What a grant says of a call."""

    ALLOWS = auto()
    """It lets it through, as far as it reaches."""
    OTHER_PERMISSION = auto()
    """It is of a permission that does not cover the call."""
    PENDING = auto()
    """It would, and is only asked for."""
    REFUSED = auto()
    """It would, and was asked for and refused."""
    EXPIRED = auto()
    """It did, and its time is over."""
    LIMITED = auto()
    """It covers the call, and only one without limits lets such a call through."""


def judge(grant: Grant, right: Right, at_us: int) -> Verdict:
    """Return what one grant of a service on a collection says of a call that asks for `right`.

    :param at_us: the time, in microseconds since 1970.
    """
    if right is not Right.ANY and not grant.permission.covers(_PERMISSION[right]):
        return Verdict.OTHER_PERMISSION
    if grant.state is not GrantState.ACTIVE:
        return Verdict.PENDING if grant.refusal is None else Verdict.REFUSED
    if grant.limits.over(at_us):
        return Verdict.EXPIRED
    # Who could pass on more than it has would have all.
    if right is Right.GRANT and grant.limits != UNLIMITED:
        return Verdict.LIMITED
    return Verdict.ALLOWS


def authorize(
    right: Right, principal: Principal, name: CollectionName | None, snapshot: Snapshot, at_us: int | None = None
) -> Allowed:
    """Return the collection's record if `principal` has `right` on it, and what of it the call reaches.

    The owner has every right. A foreign name that does not exist is answered like one that is not granted, so that
    nobody can ask which collections others have.

    :param at_us: the time, in microseconds since 1970; now, when not given.
    :raises DataError: NO_CREDENTIALS, GRANT_MISSING, GRANT_PENDING, COLLECTION_NOT_FOUND.
    """
    if right is Right.OPERATOR or (right is Right.DEPLOYER and not principal.service):
        _require_operator(principal)
    if right is Right.OPERATOR or (right is Right.DEPLOYER and principal.is_operator):
        return Allowed(None if name is None else _listed(name, snapshot), _OPERATOR)
    if principal.is_operator and right in _OF_OPERATORS_TOO:
        return Allowed(_of_operator(right, name, snapshot), _OPERATOR)
    if not principal.service:
        raise DataError(
            Reason.NO_CREDENTIALS, "This call is made by a service: name it in the request header 'aol-service'."
        )
    if right is Right.SERVICE or name is None:
        return Allowed(None, _SERVICE)
    record = snapshot.collection(name.service, name.collection)
    if name.service == principal.service:
        if record is None and right not in _OF_NAMESPACES:
            raise _absent(name)
        return Allowed(record, _OWNER)
    if right in OF_OWNERS:
        raise _not_owner(right, name, principal)
    grants = snapshot.grants_of(name.id, principal.service)
    at_us = now_us() if at_us is None else at_us
    grant = widest(grant for grant in grants if judge(grant, right, at_us) is Verdict.ALLOWS)
    if record is not None and grant is not None:
        return Allowed(record, grant.name, scope_of(grant, record))
    raise _denied(name, principal, right, grants, at_us)


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


def _of_operator(right: Right, name: CollectionName | None, snapshot: Snapshot) -> CollectionRecord | None:
    if right is Right.GRANT:
        return _existing(name, snapshot)
    return None if name is None else snapshot.collection(name.service, name.collection)


def _existing(name: CollectionName | None, snapshot: Snapshot) -> CollectionRecord:
    record = snapshot.collection(name.service, name.collection) if name is not None else None
    if record is None:
        raise _absent(name)
    return record


def _absent(name: CollectionName | None) -> DataError:
    written = name.collection if name is not None else ""
    return DataError(
        Reason.COLLECTION_NOT_FOUND,
        f"Collection '{written}' not found. Request it first, await client.request_collection('{written}'), "
        "or declare it under dataRequirements.collections in the manifest of its service.",
        metadata={"collection": name.id if name is not None else ""},
    )


def _not_owner(right: Right, name: CollectionName, principal: Principal) -> DataError:
    why = _OWNERS[right].format(owner=name.service, caller=principal.service, id=name.id, own=name.collection)
    return DataError(
        Reason.GRANT_MISSING,
        f"Permission denied for collection '{name.id}': {why}",
        metadata={"collection": name.id, "service": principal.service, "permission": "admin"},
    )


def _denied(
    name: CollectionName, principal: Principal, right: Right, grants: tuple[Grant, ...], at_us: int
) -> DataError:
    needed = _PERMISSION[right]
    metadata = {"collection": name.id, "service": principal.service, "permission": needed.value}
    command = f"aol grant {name.id} {principal.service} {needed.value}"
    sharing = f"sharing: [{{service: {principal.service}, permission: {needed.value}}}]"
    verdicts = {judge(grant, right, at_us): grant for grant in reversed(grants)}
    start = f"Permission denied for collection '{name.id}': {principal.service}"
    if (limited := verdicts.get(Verdict.LIMITED)) is not None:
        return DataError(
            Reason.GRANT_MISSING,
            f"{start} has '{limited.permission.value}' within limits, and only who has it without limits can give and "
            f"take access. Have {name.service} or an operator do it.",
            metadata=metadata,
        )
    if (expired := verdicts.get(Verdict.EXPIRED)) is not None:
        until = from_us(expired.limits.expires_us)
        return DataError(
            Reason.GRANT_MISSING,
            f"{start} had '{expired.permission.value}' on it until {until}; that grant has expired. The owner or an "
            f"operator renews it: {command} --expires ...",
            metadata={**metadata, "expired": until, "command": command},
        )
    if Verdict.PENDING in verdicts:
        return DataError(
            Reason.GRANT_PENDING,
            f"{start} has asked for '{needed.value}', and {name.service} has not agreed yet. {name.service} agrees by "
            f"adding to '{name.collection}' in its manifest:\n    {sharing}\nor the owner or an operator runs: "
            f"{command}",
            metadata={**metadata, "sharing": sharing, "command": command},
        )
    if (refused := verdicts.get(Verdict.REFUSED)) is not None:
        return _refused(name, refused, start, metadata)
    request = f"accessRequests:\n  - collection: {name.id}\n    permission: {needed.value}\n    reason: ..."
    indented = request.replace("\n", "\n    ")
    return DataError(
        Reason.GRANT_MISSING,
        f"{start} has no '{needed.value}' on it. Ask for it under dataRequirements in {principal.service}'s "
        f"manifest:\n    {indented}\nand let {name.service} share it there ({sharing}), or let the owner or an "
        f"operator run: {command}",
        metadata={**metadata, "manifest": request, "command": command},
    )


def _refused(name: CollectionName, grant: Grant, start: str, metadata: dict[str, str]) -> DataError:
    refusal = grant.refusal
    if refusal is None:
        raise LookupError("a request that was refused says by whom")
    at = from_us(refusal.created_us)
    command = f"aol requests approve {grant.service} {name.id} --permission {grant.permission.value}"
    facts = {"refused_by": refusal.refused_by, "refused_at": at, "refusal": refusal.reason}
    return DataError(
        Reason.GRANT_PENDING,
        f"{start} has asked for '{grant.permission.value}', and {refusal.refused_by} refused it at {at}. To ask anew, "
        f"change the request's reason in {grant.service}'s manifest; the owner or an operator who changes their mind "
        f"runs: {command}\nThe reason of the refusal: {refusal.reason}",
        metadata={**metadata, "command": command, **facts},
    )
