"""What has changed since? Reads what is newer than a snapshot, and makes the next one."""

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.registry import tables
from aol_broker.registry.grants import AccessFact, Share, grants_for
from aol_broker.registry.rows import from_row, limits_from_row
from aol_broker.registry.snapshot import Grant, GrantKey, MintedToken, Permission, ServiceRecord, Snapshot


@dataclass(slots=True)
class _Access:
    """What grants of one service on one collection follow from."""

    shared: list[Share] = field(default_factory=list)
    revoked: list[Permission] = field(default_factory=list)
    requested: list[AccessFact] = field(default_factory=list)
    granted: list[AccessFact] = field(default_factory=list)


async def read_revision(connection: AsyncConnection) -> int:
    """Return the registry's revision."""
    return int((await connection.execute(select(tables.revision.c.revision))).scalar_one())


async def load(connection: AsyncConnection, before: Snapshot) -> Snapshot:
    """Return the snapshot of the database's revision, made of an older one and of what changed after it.

    The statements must all see the same state.
    """
    revision = await read_revision(connection)
    if revision <= before.revision:
        return before
    changed = select(tables.touched.c.collection_id).where(tables.touched.c.revision > before.revision)
    touched = frozenset((await connection.execute(changed)).scalars())
    services = dict(before.services)
    rows = await connection.execute(select(tables.services).where(tables.services.c.revision > before.revision))
    for row in rows.mappings():
        services[row["name"]] = ServiceRecord(row["name"], row["manifest_version"], row["created_us"])
    # One that was dropped is among those that changed, and has no row.
    collections = {id_: record for id_, record in before.collections.items() if id_ not in touched}
    for row in (await connection.execute(_among(tables.collections, changed))).mappings():
        collections[row["collection_id"]] = from_row(row)
    grants = {key: held for key, held in before.grants.items() if key[0] not in touched}
    grants.update(await _grants(connection, changed))
    tokens = await _tokens(connection, before)
    return Snapshot(revision, services, collections, grants, tokens)


async def _tokens(connection: AsyncConnection, before: Snapshot) -> dict[bytes, MintedToken]:
    tokens = dict(before.tokens)
    rows = await connection.execute(select(tables.tokens).where(tables.tokens.c.revision > before.revision))
    for row in rows.mappings():
        if row["revoked_us"]:
            tokens.pop(bytes(row["sha256"]), None)
        else:
            names = ("token_id", "service", "operator", "created_by", "created_us", "expires_us")
            tokens[bytes(row["sha256"])] = MintedToken(**{name: row[name] for name in names})
    return tokens


async def _grants(connection: AsyncConnection, changed: Select[tuple[str]]) -> dict[GrantKey, tuple[Grant, ...]]:
    facts: defaultdict[GrantKey, _Access] = defaultdict(_Access)
    for table in (tables.sharing, tables.revocations, tables.access_requests, tables.grants):
        for row in (await connection.execute(_among(table, changed))).mappings():
            access, permission = facts[row["collection_id"], row["service"]], Permission(row["permission"])
            if table is tables.sharing:
                access.shared.append(Share(permission, limits_from_row(row), row["revision"]))
            elif table is tables.revocations:
                access.revoked.append(permission)
            elif table is tables.access_requests:
                access.requested.append(AccessFact(permission, row["reason"], row["created_us"]))
            else:
                fact = (permission, row["reason"], row["created_us"], row["granted_by"])
                access.granted.append(AccessFact(*fact, limits_from_row(row), row["revision"]))
    derived = {
        key: grants_for(
            *key,
            shared=access.shared,
            revoked=access.revoked,
            requested=access.requested,
            granted=access.granted,
        )
        for key, access in facts.items()
    }
    return {key: grants for key, grants in derived.items() if grants}


def _among(table: Table, changed: Select[tuple[str]]) -> Select[tuple[object, ...]]:
    return select(table).where(table.c.collection_id.in_(changed))
