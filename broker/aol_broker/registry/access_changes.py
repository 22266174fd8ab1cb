"""What do granting and revoking by call write? The rules are those of `grants`."""

from aol_broker.registry import tables
from aol_broker.registry.snapshot import Permission
from aol_broker.registry.writer import Writer


async def grant(
    writer: Writer, collection_id: str, service: str, permission: Permission, *, granted_by: str, reason: str
) -> bool:
    """Grant a permission; return whether it was not granted by call already."""
    key = {"collection_id": collection_id, "service": service, "permission": permission.value}
    if await writer.select(tables.grants, **key):
        return False
    row = {**key, "granted_by": granted_by, "reason": reason, "created_us": writer.now_us}
    await writer.insert(tables.grants, row)
    await writer.touch([collection_id])
    return True


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
