"""How are documents read by their ids? Those that wait for one collection are read together."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from aol_adapters.kit.pages import PageBuilder
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.compiler import where
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.finding import COLUMNS
from aol_adapters.postgres.tenants import Place
from aol_wire.adapter import Deleted, Find, Found
from aol_wire.gets import wanted_id


class Lane(NamedTuple):
    """What reads must have in common to be one statement."""

    place: Place
    deleted: Deleted


async def get(
    database: Database, collection: Collection, lane: Lane, requests: Sequence[Find], until: Deadline
) -> list[Found]:
    """Return the page of each request, all of which are of one lane."""
    ids = [wanted_id(request) or "" for request in requests]
    bindings = Bindings()
    conditions = where(collection, lane.place.target, lane.deleted, None, bindings, now_us=database.settings.clock())
    # One id is bound as a list as well: the statement is one and the same, and prepared once.
    sql = f"SELECT {COLUMNS} FROM {collection.table} WHERE {conditions} AND id = ANY ({bindings.texts(ids)})"
    async with database.connection(until) as connection:
        records = await connection.fetch(sql, *bindings.values, timeout=until.left())
    rows = {record[0]: record for record in records}
    return [_found(request, rows.get(id_)) for request, id_ in zip(requests, ids, strict=True)]


def _found(request: Find, record: asyncpg.Record | None) -> Found:
    builder = PageBuilder(request.projection, 1, request.max_bytes)
    if record is not None:
        builder.add_all([record])
    return Found(builder.page())
