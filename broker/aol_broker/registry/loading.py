"""What has changed since? Reads what is newer than a snapshot, and makes the next one."""

import asyncio
import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import RowMapping, Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.registry import tables
from aol_broker.registry.grants import AccessFact, Share, grants_for
from aol_broker.registry.lazy_mapping import LazyMapping
from aol_broker.registry.reading import read_mappings
from aol_broker.registry.rows import check_rows, from_row, limits_from_row
from aol_broker.registry.snapshot import (
    CollectionRecord,
    Grant,
    GrantKey,
    MintedToken,
    Permission,
    Refusal,
    ServiceRecord,
    Snapshot,
)
from aol_wire.garbage import collecting_nothing

_ACCESS = (tables.sharing, tables.revocations, tables.access_requests, tables.grants, tables.refusals)
_GIVING = frozenset({tables.access_requests.name, tables.grants.name})
_MANY = 1000

K = TypeVar("K")
R = TypeVar("R")
V = TypeVar("V")

_AccessRows = list[tuple[str, RowMapping]]
"""Rows about one service and one collection, each with its table's name."""


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

    The statements must all see the same state. Calls go on meanwhile, whatever the size of the registry. `before` was
    loaded too, or is empty. Collections and grants are made of their rows when they are first asked for.

    :raises DataError: REGISTRY_UNAVAILABLE, also where a row cannot be read.
    """
    revision = await read_revision(connection)
    if revision <= before.revision:
        return before
    with collecting_nothing():
        newer = await _read(connection, before.revision)
        snapshot = await asyncio.to_thread(_next, revision, before, newer)
        if len(newer.collections) > _MANY:
            # What lives as long as the registry says so, and holds no cycles, no collection of garbage looks at from
            # now on: with 10,000 collections in the registry, that held up calls for a tenth of a second.
            gc.freeze()
    return snapshot


async def _read(connection: AsyncConnection, revision: int) -> _Newer:
    # Of nothing, everything has changed.
    changed = select(tables.touched.c.collection_id).where(tables.touched.c.revision > revision) if revision else None
    return _Newer(
        touched=[] if changed is None else await read_mappings(connection, changed),
        services=await read_mappings(connection, select(tables.services).where(tables.services.c.revision > revision)),
        collections=await read_mappings(connection, _among(tables.collections, changed)),
        access={table.name: await read_mappings(connection, _among(table, changed)) for table in _ACCESS},
        tokens=await read_mappings(connection, select(tables.tokens).where(tables.tokens.c.revision > revision)),
    )


def _next(revision: int, before: Snapshot, newer: _Newer) -> Snapshot:
    touched = frozenset(row["collection_id"] for row in newer.touched)
    services = dict(before.services)
    for row in newer.services:
        services[row["name"]] = ServiceRecord(row["name"], row["manifest_version"], row["created_us"])
    check_rows(tables.collections.name, newer.collections)
    # One that was dropped is among those that changed, and has no row.
    rows = {row["collection_id"]: row for row in newer.collections}
    collections = _lazy(before.collections, _record).changed(touched.__contains__, rows)
    grants = _lazy(before.grants, _grants).changed(lambda key: key[0] in touched, _grant_rows(newer.access))
    return Snapshot(revision, services, collections, grants, _tokens(newer.tokens, before))


def _lazy(before: Mapping[K, V], make: Callable[[K, R], V]) -> LazyMapping[K, R, V]:
    """Return what an older snapshot has; one that was not loaded has nothing."""
    return before if isinstance(before, LazyMapping) else LazyMapping({}, make)


def _record(_: str, row: RowMapping) -> CollectionRecord:
    return from_row(row)


def _tokens(rows: Iterable[RowMapping], before: Snapshot) -> dict[bytes, MintedToken]:
    tokens = dict(before.tokens)
    for row in rows:
        if row["revoked_us"]:
            tokens.pop(bytes(row["sha256"]), None)
        else:
            names = ("token_id", "service", "operator", "created_by", "created_us", "expires_us")
            tokens[bytes(row["sha256"])] = MintedToken(**{name: row[name] for name in names})
    return tokens


def _grant_rows(rows_of: Mapping[str, Sequence[RowMapping]]) -> dict[GrantKey, _AccessRows]:
    """Return the rows that grants follow from, each with its table's name. What nobody asked for and nobody granted, as
    what is only shared, gives no grant."""
    found: defaultdict[GrantKey, _AccessRows] = defaultdict(list)
    giving = set[GrantKey]()
    for name, rows in rows_of.items():
        check_rows(name, rows)
        for row in rows:
            found[row["collection_id"], row["service"]].append((name, row))
        if name in _GIVING:
            giving.update((row["collection_id"], row["service"]) for row in rows)
    return {key: rows for key, rows in found.items() if key in giving}


def _grants(key: GrantKey, rows: _AccessRows) -> tuple[Grant, ...]:
    access = _Access()
    for name, row in rows:
        permission = Permission(row["permission"])
        if name == tables.sharing.name:
            access.shared.append(Share(permission, limits_from_row(row), row["revision"]))
        elif name == tables.revocations.name:
            access.revoked.append(permission)
        elif name == tables.access_requests.name:
            access.requested.append(AccessFact(permission, row["reason"], row["created_us"]))
        elif name == tables.refusals.name:
            access.refused[permission] = Refusal(row["refused_by"], row["reason"], row["created_us"])
        else:
            fact = (permission, row["reason"], row["created_us"], row["granted_by"])
            access.granted.append(
                AccessFact(*fact, limits_from_row(row), row["revision"], bool(row["answers_request"]))
            )
    return grants_for(
        *key,
        shared=access.shared,
        revoked=access.revoked,
        requested=access.requested,
        granted=access.granted,
        refused=access.refused,
    )


def _among(table: Table, changed: Select[tuple[str]] | None) -> Select[tuple[object, ...]]:
    return select(table) if changed is None else select(table).where(table.c.collection_id.in_(changed))
