"""What does answering a request for access write, and asking anew? The rules are those of `grants`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping

from aol_broker.access.limits import Limits
from aol_broker.manifest.declaration import AccessRequest
from aol_broker.registry import tables
from aol_broker.registry.access_changes import Granted, grant
from aol_broker.registry.grants import is_asked
from aol_broker.registry.rows import limits_from_row
from aol_broker.registry.snapshot import Permission
from aol_broker.registry.writer import Writer
from aol_wire.errors import Applied, DataError, Reason


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer to requests came to: what it is the answer to, and what had been answered so before."""

    now: tuple[Permission, ...]
    already: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """A permission that a request asks for and a service has: by which grant (its row), or by sharing (None)."""

    by: RowMapping | None = None


async def approve(
    writer: Writer,
    collection_id: str,
    service: str,
    permission: Permission | None,
    *,
    granted_by: str,
    reason: str,
    limits: Limits,
    check: Callable[[Permission], None],
) -> Answered:
    """Grant what a service asks for: a permission, or (None) all that it does not have.

    :param check: raises the error of whoever may not give a permission.
    :raises DataError: BAD_REQUEST, there is no such request; or what `check` raises.
    """
    now: list[Permission] = []
    already: list[Permission] = []
    for asked in await _asked(writer, collection_id, service, permission):
        held = await _held(writer, collection_id, service, asked)
        same = held is not None and held.by is not None and held.by["permission"] == asked.value
        if held is not None and not (same and permission is not None):
            already.append(asked)
            continue
        check(asked)
        done = await grant(writer, collection_id, service, asked, granted_by=granted_by, reason=reason, limits=limits)
        (already if done is Granted.UNCHANGED else now).append(asked)
    return Answered(tuple(now), tuple(already))


async def refuse(
    writer: Writer, collection_id: str, service: str, permission: Permission | None, *, refused_by: str, reason: str
) -> Answered:
    """Refuse what a service asks for: a permission, or (None) all that it does not have.

    :raises DataError: BAD_REQUEST, there is no such request, or the service has what it asks for.
    """
    now: list[Permission] = []
    already: list[Permission] = []
    held: list[tuple[Permission, _Held]] = []
    for asked in await _asked(writer, collection_id, service, permission):
        has = await _held(writer, collection_id, service, asked, expired_sharing=True)
        if has is not None:
            held.append((asked, has))
        elif await _refuse(writer, collection_id, service, asked, refused_by=refused_by, reason=reason):
            now.append(asked)
        else:
            already.append(asked)
    if held and not now and not already:
        raise _has_it(collection_id, service, *held[0])
    if now:
        await writer.touch([collection_id])
    return Answered(tuple(now), tuple(already))


async def forget_refusals(writer: Writer, service: str, wanted: Iterable[AccessRequest]) -> set[tuple[str, str]]:
    """Forget the refusals of requests that a service's manifest makes no more, or otherwise; return which they were, by
    collection and permission. What is asked anew is pending anew."""
    rows = await writer.select(tables.access_requests, service=service)
    before = {(row["collection_id"], row["permission"]): row["reason"] for row in rows}
    after = {(item.collection_id, item.permission.value): item.reason for item in wanted}
    forgotten = set()
    for row in await writer.select(tables.refusals, service=service):
        key = (row["collection_id"], row["permission"])
        if key not in after or after[key] != before.get(key):
            forgotten.add(key)
            await writer.delete(tables.refusals, collection_id=key[0], service=service, permission=key[1])
    return forgotten


async def remove_orphans(writer: Writer, service: str, wanted: Iterable[AccessRequest]) -> set[str]:
    """Remove the grants that answered requests which a service's manifest does not make; return their collections."""
    wanted, removed = tuple(wanted), set()
    for row in await writer.select(tables.grants, service=service, answers_request=True):
        collection_id, permission = row["collection_id"], Permission(row["permission"])
        asked = (item.permission for item in wanted if item.collection_id == collection_id)
        if not is_asked(permission, asked):
            await writer.delete(
                tables.grants, collection_id=collection_id, service=service, permission=permission.value
            )
            removed.add(collection_id)
    return removed


async def _asked(
    writer: Writer, collection_id: str, service: str, permission: Permission | None
) -> Sequence[Permission]:
    """Return what a service asks for on a collection: all, or one permission."""
    rows = await writer.select(tables.access_requests, collection_id=collection_id, service=service)
    asked = sorted(Permission(row["permission"]) for row in rows)
    found = [item for item in asked if permission in (None, item)]
    if not found:
        raise await _no_request(writer, collection_id, service, permission, asked)
    return found


async def _held(
    writer: Writer, collection_id: str, service: str, asked: Permission, *, expired_sharing: bool = False
) -> _Held | None:
    """Return by what a service has now what it asks for; None when it has it not.

    :param expired_sharing: whether what the owner's manifest shares counts when its time is over, too.
    """
    key: dict[str, object] = {"collection_id": collection_id, "service": service}
    covering = [row for row in await writer.select(tables.grants, **key) if Permission(row["permission"]).covers(asked)]
    by = [row for row in covering if not limits_from_row(row).over(writer.now_us)]
    if by:
        return _Held(min(by, key=lambda row: row["permission"] != asked.value))
    if any(asked.covers(Permission(row["permission"])) for row in await writer.select(tables.revocations, **key)):
        return None
    for row in await writer.select(tables.sharing, **key):
        counts = expired_sharing or not limits_from_row(row).over(writer.now_us)
        if counts and Permission(row["permission"]).covers(asked):
            return _Held()
    return None


async def _refuse(
    writer: Writer, collection_id: str, service: str, asked: Permission, *, refused_by: str, reason: str
) -> bool:
    """Write down a refusal; return whether that is news. A grant whose time is over ends with it: it gave nothing."""
    key: dict[str, object] = {"collection_id": collection_id, "service": service}
    for held in await writer.select(tables.grants, **key):
        if Permission(held["permission"]).covers(asked):
            await writer.delete(tables.grants, **key, permission=held["permission"])
    key["permission"] = asked.value
    before = await writer.select(tables.refusals, **key)
    if before and before[0]["reason"] == reason:
        return False
    row = {"refused_by": refused_by, "reason": reason, "created_us": writer.now_us, "revision": writer.revision}
    if before:
        await writer.update(tables.refusals, key, **row)
    else:
        await writer.insert(tables.refusals, {**key, **row})
    return True


async def _no_request(
    writer: Writer, collection_id: str, service: str, permission: Permission | None, asked: Sequence[Permission]
) -> DataError:
    """Return the error about a request that is not there, with what is there: of the same owner's, not of others'."""
    owner = collection_id.partition(".")[0]
    what = f"no '{permission.value}'" if permission is not None else "nothing"
    if asked:
        others = f"It asks for {', '.join(asked)} there."
    else:
        rows = await writer.select(tables.access_requests, service=service)
        ids = sorted({row["collection_id"] for row in rows if row["collection_id"].startswith(f"{owner}.")})
        others = f"It asks for access to {', '.join(ids)}." if ids else f"It asks {owner} for nothing at all."
    text = (
        f"{service} asks for {what} on {collection_id}. {others} `aol requests` lists what is asked for; `aol grant` "
        "and `aol revoke` give and take access that nobody asked for"
    )
    return _refused("target_service", text)


def _has_it(collection_id: str, service: str, asked: Permission, held: _Held) -> DataError:
    owner = collection_id.partition(".")[0]
    if held.by is None:
        how = f"as {owner} shares it in its manifest; take that out there"
    else:
        how = f"granted by {held.by['granted_by']} as '{held.by['permission']}'"
    text = (
        f"{service} has '{asked.value}' on {collection_id} already, {how}. Only what it does not have can be refused; "
        f"`aol revoke {collection_id} {service} {asked.value}` takes it back"
    )
    return _refused("permission", text)


def _refused(where: str, text: str) -> DataError:
    error = DataError.invalid(Reason.BAD_REQUEST, where, text)
    error.applied = Applied.NO
    return error
