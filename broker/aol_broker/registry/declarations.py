"""What do services' manifests say, word for word? Read from the database: a snapshot holds what follows from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, select

from aol_broker.registry import tables
from aol_broker.registry.database import Database
from aol_broker.registry.reading import read_mappings, read_rows
from aol_broker.registry.snapshot import Permission


class AccessAsked(NamedTuple):
    """A permission that the newest manifest of a service asks for; since when, in microseconds since 1970."""

    collection_id: str
    service: str
    permission: Permission
    created_us: int


@dataclass(frozen=True, slots=True)
class AppliedManifest:
    """A manifest as it was applied."""

    service: str
    version: int
    text: str
    source: str
    applied_us: int


async def access_asked(database: Database, *, collection_id: str = "", around: str = "") -> Sequence[AccessAsked]:
    """Return what manifests ask for: all of it, what is asked of a collection, or what a service asks for and is asked.

    :raises DataError: REGISTRY_UNAVAILABLE.
    """
    table = tables.access_requests
    wanted = select(table.c.collection_id, table.c.service, table.c.permission, table.c.created_us)
    if collection_id:
        wanted = wanted.where(table.c.collection_id == collection_id)
    if around:
        owned = table.c.collection_id.startswith(f"{around}.", autoescape=True)
        wanted = wanted.where((table.c.service == around) | owned)
    async with database.reading() as connection:
        rows = await read_rows(connection, wanted)
    # In a thread, as there may be many: calls go on meanwhile.
    return await asyncio.to_thread(
        lambda: [
            AccessAsked(row.collection_id, row.service, Permission(row.permission), row.created_us) for row in rows
        ]
    )


async def applied_manifests(
    database: Database, service: str = "", before_us: int | None = None
) -> Sequence[AppliedManifest]:
    """Return the newest manifest of each service, or of one; of those applied before a moment, if that is given.

    :raises DataError: REGISTRY_UNAVAILABLE.
    """
    table = tables.manifests
    newest = select(table.c.service, func.max(table.c.version).label("version")).group_by(table.c.service)
    if service:
        newest = newest.where(table.c.service == service)
    if before_us is not None:
        newest = newest.where(table.c.applied_us < before_us)
    found = newest.subquery()
    same = (table.c.service == found.c.service) & (table.c.version == found.c.version)
    async with database.reading() as connection:
        rows = await read_mappings(connection, select(table).join(found, same))
    return [
        AppliedManifest(row["service"], row["version"], row["text"], row["source"], row["applied_us"]) for row in rows
    ]


async def made_us(database: Database) -> dict[str, int]:
    """Return when each collection was made, in microseconds since 1970, by its id.

    :raises DataError: REGISTRY_UNAVAILABLE.
    """
    table = tables.collections
    async with database.reading() as connection:
        rows = await read_rows(connection, select(table.c.collection_id, table.c.created_us))
    return {str(row.collection_id): int(row.created_us) for row in rows}
