"""How is a query answered? One SELECT, read until the page is full."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from dataclasses import dataclass

import asyncpg

from aol_adapters.kit.keyset import Order
from aol_adapters.kit.pages import PageBuilder, Row
from aol_adapters.postgres.bindings import Bindings, Bound
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.compiler import where
from aol_adapters.postgres.database import Database, Deadline, transaction
from aol_adapters.postgres.order import binding, order, with_part
from aol_wire.adapter import Count, Find, Found
from aol_wire.filters import Json

# The parts of a `Row`, whatever somebody has made of the columns.
COLUMNS = (
    "id::text, doc::text, created_us::int8, updated_us::int8, version::int8, owner::text, tenant::text, acl::text, "
    "deleted_us::int8"
)
# Up to here all rows of a page are fetched at once; documents may have a megabyte each.
_AT_ONCE = 32
_FIRST_ROWS = 256
_MOST_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT with its bound values, and the order of its rows."""

    sql: str
    values: list[Bound]
    order: Order


def compile_find(collection: Collection, request: Find, now_us: int) -> Query:
    """Return the statement that finds a page's documents and the one after it.

    :raises DataError: BAD_PAGE_TOKEN.
    """
    bindings = Bindings()
    by_field = collection.partitioned is not None and collection.partitioned.path is not None
    tenant = request.target.tenant
    by = order(request.sort, request.filter, collection.indexed, bindings, tenant=tenant, by_field=by_field)
    bounded = by.bounded() if request.position else None
    conditions = where(
        collection, request.target, request.deleted, request.filter, bindings, now_us=now_us, bounded=bounded
    )
    if request.position:
        conditions += f" AND {by.after(request.position, binding(bindings))}"
    # The one document more tells whether there is a next page.
    limit = bindings.integer(request.limit + 1)
    sql = f"SELECT {COLUMNS} FROM {collection.table} WHERE {conditions} ORDER BY {by.sql()} LIMIT {limit}"
    if request.skip:
        sql += f" OFFSET {bindings.integer(request.skip)}"
    return Query(sql, bindings.values, by)


async def find(database: Database, collection: Collection, request: Find, until: Deadline) -> Found:
    """Return a page; see `Adapter.find`."""
    query = compile_find(collection, request, database.settings.clock())
    builder = PageBuilder(request.projection, request.limit, request.max_bytes)
    async with database.connection(until) as connection:
        if request.limit <= _AT_ONCE:
            rows = await connection.fetch(query.sql, *query.values, timeout=until.left())
            is_last = builder.add_all(rows)
        else:
            is_last = await _read_portal(connection, query, builder, until)
    position = b"" if is_last or not builder else query.order.position(_placed(collection, builder.last()))
    return Found(builder.page(), position)


def _placed(collection: Collection, row: Row) -> dict[str, Json]:
    """Return a document as positions see it."""
    by, view = collection.partitioned, row.view()
    return view if by is None or by.path is None else with_part(view, by.stored(view))


async def _read_portal(connection: asyncpg.Connection, query: Query, builder: PageBuilder, until: Deadline) -> bool:
    """Fetch rows by portions, so that no more is read than a page holds; return whether nothing comes after it."""
    async with transaction(connection, until, readonly=True):
        cursor = await connection.cursor(query.sql, *query.values, timeout=until.left())
        wanted = _FIRST_ROWS
        while rows := await cursor.fetch(wanted, timeout=until.left()):
            if not builder.add_all(rows):
                return False
            if len(rows) < wanted:
                return True
            wanted = min(_MOST_ROWS, max(_FIRST_ROWS, builder.room_for(len(builder)) + 1))
    return True


async def count(database: Database, collection: Collection, request: Count, until: Deadline) -> int:
    """Return how many documents match; see `Adapter.count`."""
    bindings = Bindings()
    conditions = where(
        collection, request.target, request.deleted, request.filter, bindings, now_us=database.settings.clock()
    )
    sql = f"SELECT count(*) FROM {collection.table} WHERE {conditions}"
    async with database.connection(until) as connection:
        return int(await connection.fetchval(sql, *bindings.values, timeout=until.left()))
