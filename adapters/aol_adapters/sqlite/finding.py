"""How is a query answered? One SELECT on one snapshot."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import apsw
import orjson

from aol_adapters.kit.keyset import Order
from aol_adapters.kit.pages import PageBuilder
from aol_adapters.sqlite.access import Entitled, entitled, source
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.compiler import where
from aol_adapters.sqlite.order import binding, order
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.values import SqlValue
from aol_wire.adapter import Count, Find, Found
from aol_wire.gets import wanted_id

# The parts of a `Row`.
_COLUMNS = "id, json(doc), created_us, updated_us, version, owner, tenant, acl, deleted_us"


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT with its bound values, and the order of its rows."""

    sql: str
    values: list[SqlValue]
    order: Order


def compile_find(
    collection: Collection, request: Find, now_us: int, *, examined: str = "", known: Entitled | None = None
) -> Query:
    """Return the statement that finds a page's documents and the one after it.

    :param examined: a function of SQL to call with the number of each row that is looked at, before anything else is
        asked of the row; it returns true.
    :param known: what was found out about a part of the filter.
    :raises DataError: BAD_PAGE_TOKEN.
    """
    bindings = Bindings()
    by = order(request.sort, request.filter, collection.fields, bindings, tenant=request.target.tenant)
    bounded = by.bounded() if request.position else None
    conditions = where(
        collection,
        request.target,
        request.deleted,
        request.filter,
        bindings,
        now_us=now_us,
        bounded=bounded,
        entitled=known,
    )
    if request.position:
        conditions += f" AND {by.after(request.position, binding(bindings))}"
    if examined:
        conditions = f"{examined}(number) AND {conditions}"
    # The one document more tells whether there is a next page.
    limit, skip = bindings.add(request.limit + 1), bindings.add(request.skip)
    sql = (
        f"SELECT {_COLUMNS} FROM {source(collection, known)} WHERE {conditions} "
        f"ORDER BY {by.sql()} LIMIT {limit} OFFSET {skip}"
    )
    return Query(sql, bindings.values, by)


def find(session: Session, request: Find) -> Found:
    """Return a page; see `Adapter.find`."""
    with session.reading() as connection:
        collection = session.catalogue.collection(connection, request.target.collection)
        known = entitled(connection, collection, request.target, request.filter, request.limit)
        query = compile_find(collection, request, session.now_us(), known=known)
        builder, is_last = read_page(connection, query, request)
    position = b"" if is_last or not builder else query.order.position(builder.last().view())
    return Found(builder.page(), position)


def get(session: Session, requests: Sequence[Find]) -> list[Found]:
    """Return the pages of requests that want one document each, all from one place, by their ids."""
    target, deleted = requests[0].target, requests[0].deleted
    ids = [wanted_id(request) or "" for request in requests]
    bindings = Bindings()
    with session.reading() as connection:
        collection = session.catalogue.collection(connection, target.collection)
        conditions = where(collection, target, deleted, None, bindings, now_us=session.now_us())
        wanted = bindings.add(orjson.dumps(ids).decode())
        sql = (
            f"SELECT {_COLUMNS} FROM {collection.documents} "
            f"WHERE {conditions} AND id IN (SELECT value FROM json_each({wanted}))"
        )
        rows = {row[0]: row for row in connection.execute(sql, bindings.values)}
    return [_one(request, rows.get(id_)) for request, id_ in zip(requests, ids, strict=True)]


def _one(request: Find, row: Sequence[SqlValue] | None) -> Found:
    builder = PageBuilder(request.projection, 1, request.max_bytes)
    if row is not None:
        builder.add_all([row])
    return Found(builder.page())


def read_page(connection: apsw.Connection, query: Query, request: Find) -> tuple[PageBuilder, bool]:
    """Run a query until the page is full, and return the page and whether nothing comes after it."""
    builder = PageBuilder(request.projection, request.limit, request.max_bytes)
    with closing(connection.execute(query.sql, query.values)) as rows:
        is_last = builder.add_all(rows)
    return builder, is_last


def count(session: Session, request: Count) -> int:
    """Return how many documents match; see `Adapter.count`."""
    with session.reading() as connection:
        collection = session.catalogue.collection(connection, request.target.collection)
        bindings = Bindings()
        target, filter = request.target, request.filter
        known = entitled(connection, collection, target, filter, None)
        conditions = where(
            collection, target, request.deleted, filter, bindings, now_us=session.now_us(), entitled=known
        )
        sql = f"SELECT count(*) FROM {source(collection, known)} WHERE {conditions}"
        return int(connection.execute(sql, bindings.values).get)
