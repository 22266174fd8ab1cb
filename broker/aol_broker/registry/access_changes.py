"""What do granting and revoking by call write? The rules are those of `grants`."""

from enum import Enum, auto

from aol_broker.access.limits import Limits
from aol_broker.registry import tables
from aol_broker.registry.grants import is_asked
from aol_broker.registry.rows import limits_from_row, limits_to_row
from aol_broker.registry.snapshot import Permission
from aol_broker.registry.writer import Writer


class Granted(Enum):
    """What granting by call did."""

    NEW = auto()
    REPLACED = auto()
    """The same permission was granted by call already, with other limits."""
    UNCHANGED = auto()


async def grant(
    writer: Writer,
    collection_id: str,
    service: str,
    permission: Permission,
    *,
    granted_by: str,
    reason: str,
    limits: Limits,
) -> Granted:
    """Grant a permission within limits, in place of the same permission within others.

    An orphaned grant that is granted again is one that nobody asked for from then on. Refusals that it covers end.
    """
    of = {"collection_id": collection_id, "service": service}
    key: dict[str, object] = {**of, "permission": permission.value}
    before = await writer.select(tables.grants, **key)
    asked = [Permission(row["permission"]) for row in await writer.select(tables.access_requests, **of)]
    same = bool(before) and limits_from_row(before[0]) == limits
    if same and not (before[0]["answers_request"] and not is_asked(permission, asked)):
        return Granted.UNCHANGED
    row = {
        "granted_by": granted_by,
        "reason": reason,
        "created_us": writer.now_us,
        "revision": writer.revision,
        **limits_to_row(limits),
        "answers_request": any(permission.covers(item) for item in asked),
    }
    if before:
        await writer.update(tables.grants, key, **row)
    else:
        await writer.insert(tables.grants, {**key, **row})
    for refusal in await writer.select(tables.refusals, **of):
        if permission.covers(Permission(refusal["permission"])):
            await writer.delete(tables.refusals, **of, permission=refusal["permission"])
    await writer.touch([collection_id])
    return Granted.REPLACED if before and not same else Granted.NEW


async def revoke(writer: Writer, collection_id: str, service: str, permission: Permission | None) -> bool:
    """Take a permission (None: every one) away, however it was given; return whether there was anything to take."""
    lost = tuple(Permission) if permission is None else (permission,)
    covering = {held.value for held in Permission if any(held.covers(item) for item in lost)}
    key = {"collection_id": collection_id, "service": service}
    granted = {row["permission"] for row in await writer.select(tables.grants, **key)} & covering
    shared = {row["permission"] for row in await writer.select(tables.sharing, **key)} & covering
    already = {row["permission"] for row in await writer.select(tables.revocations, **key)}
    withdrawn = {item.value for item in lost} - already if shared else set()
    for name in granted:
        await writer.delete(tables.grants, **key, permission=name)
    await writer.insert(tables.revocations, *({**key, "permission": name} for name in withdrawn))
    if granted or withdrawn:
        await writer.touch([collection_id])
    return bool(granted or withdrawn)
