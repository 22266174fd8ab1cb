"""What has changed since? Reads what is newer than a snapshot, and makes the next one."""

import asyncio
import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.registry import tables
from aol_broker.registry.grants import AccessFact, Share, grants_for
from aol_broker.registry.rows import from_row, limits_from_row
from aol_broker.registry.snapshot import Grant, GrantKey, MintedToken, Permission, Refusal, ServiceRecord, Snapshot

_ACCESS = (tables.sharing, tables.revocations, tables.access_requests, tables.grants, tables.refusals)
_ROWS_AT_A_TIME = 500
_MANY = 1000


@dataclass(slots=True)
class _Access:
    """What grants of one service on one collection follow from."""

    shared: list[Share] = field(default_factory=list)
    revoked: list[Permission] = field(default_factory=list)
    requested: list[AccessFact] = field(default_factory=list)
    granted: list[AccessFact] = field(default_factory=list)
    refused: dict[Permission, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Newer:
    """The rows that are newer than a snapshot; `access` are those that grants follow from, by the tables' names."""

    touched: Sequence[RowMapping]
    services: Sequence[RowMapping]
    collections: Sequence[RowMapping]
    access: Mapping[str, Sequence[RowMapping]]
    tokens: Sequence[RowMapping]


async def read_revision(connection: AsyncConnection) -> int:
    """Return the registry's revision."""
    return int((await connection.execute(select(tables.revision.c.revision))).scalar_one())


async def load(connection: AsyncConnection, before: Snapshot) -> Snapshot:
    """Return the snapshot of the database's revision, made of an older one and of what changed after it.

    The statements must all see the same state. Calls go on meanwhile, whatever the size of the registry.
    """
    revision = await read_revision(connection)
    if revision <= before.revision:
        return before
    with _collecting_nothing():
        newer = await _read(connection, before.revision)
        snapshot = await asyncio.to_thread(_next, revision, before, newer)
        if len(newer.collections) > _MANY:
            # What lives as long as the registry says so, and holds no cycles, no collection of garbage looks at from
            # now on: with 10,000 collections in the registry, that held up calls for a tenth of a second.
            gc.freeze()
    return snapshot


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Have no garbage collected: of what is made here all is kept, and to look for some holds up calls again and again.

    Of several that overlap, the one that found it on turns it on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


async def _read(connection: AsyncConnection, revision: int) -> _Newer:
    changed = select(tables.touched.c.collection_id).where(tables.touched.c.revision > revision)
    return _Newer(
        touched=await _rows(connection, changed),
        services=await _rows(connection, select(tables.services).where(tables.services.c.revision > revision)),
        collections=await _rows(connection, _among(tables.collections, changed)),
        access={table.name: await _rows(connection, _among(table, changed)) for table in _ACCESS},
        tokens=await _rows(connection, select(tables.tokens).where(tables.tokens.c.revision > revision)),
    )


async def _rows(connection: AsyncConnection, wanted: Select[tuple[Any, ...]]) -> list[RowMapping]:
    """Read rows a few at a time: all at once would hold up calls."""
    result = await connection.stream(wanted, execution_options={"yield_per": _ROWS_AT_A_TIME})
    return [row async for part in result.mappings().partitions() for row in part]


def _next(revision: int, before: Snapshot, newer: _Newer) -> Snapshot:
    touched = frozenset(row["collection_id"] for row in newer.touched)
    services = dict(before.services)
    for row in newer.services:
        services[row["name"]] = ServiceRecord(row["name"], row["manifest_version"], row["created_us"])
    # One that was dropped is among those that changed, and has no row.
    collections = {id_: record for id_, record in before.collections.items() if id_ not in touched}
    for row in newer.collections:
        collections[row["collection_id"]] = from_row(row)
    grants = {key: held for key, held in before.grants.items() if key[0] not in touched}
    grants.update(_grants(newer.access))
    return Snapshot(revision, services, collections, grants, _tokens(newer.tokens, before))


def _tokens(rows: Iterable[RowMapping], before: Snapshot) -> dict[bytes, MintedToken]:
    tokens = dict(before.tokens)
    for row in rows:
        if row["revoked_us"]:
            tokens.pop(bytes(row["sha256"]), None)
        else:
            names = ("token_id", "service", "operator", "created_by", "created_us", "expires_us")
            tokens[bytes(row["sha256"])] = MintedToken(**{name: row[name] for name in names})
    return tokens


def _grants(rows_of: Mapping[str, Iterable[RowMapping]]) -> dict[GrantKey, tuple[Grant, ...]]:
    facts: defaultdict[GrantKey, _Access] = defaultdict(_Access)
    for table in _ACCESS:
        for row in rows_of[table.name]:
            access, permission = facts[row["collection_id"], row["service"]], Permission(row["permission"])
            if table is tables.sharing:
                access.shared.append(Share(permission, limits_from_row(row), row["revision"]))
            elif table is tables.revocations:
                access.revoked.append(permission)
            elif table is tables.access_requests:
                access.requested.append(AccessFact(permission, row["reason"], row["created_us"]))
            elif table is tables.refusals:
                access.refused[permission] = Refusal(row["refused_by"], row["reason"], row["created_us"])
            else:
                fact = (permission, row["reason"], row["created_us"], row["granted_by"])
                access.granted.append(
                    AccessFact(*fact, limits_from_row(row), row["revision"], bool(row["answers_request"]))
                )
    derived = {
        key: grants_for(
            *key,
            shared=access.shared,
            revoked=access.revoked,
            requested=access.requested,
            granted=access.granted,
            refused=access.refused,
        )
        for key, access in facts.items()
    }
    return {key: grants for key, grants in derived.items() if grants}


def _among(table: Table, changed: Select[tuple[str]]) -> Select[tuple[object, ...]]:
    return select(table).where(table.c.collection_id.in_(changed))
