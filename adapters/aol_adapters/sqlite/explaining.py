"""How is a query answered? What SQLite plans, and how many rows the query looks at when it runs."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of statements of ours.

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import apsw

from aol_adapters.kit.plans import names_id
from aol_adapters.sqlite import catalogue
from aol_adapters.sqlite.access import entitled
from aol_adapters.sqlite.catalogue import Collection, index_name, key_name
from aol_adapters.sqlite.finding import Query, compile_find, read_page
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import Explanation, Find
from aol_wire.indexes import IndexSpec, IndexState, IndexType

_EXAMINED = "aol_examined"
# The words of a plan: https://sqlite.org/eqp.html. A test explains a query for each kind of index.
_INDEX_USED = re.compile(r"USING (?:COVERING )?INDEX (\S+)(?: \((.*)\))?")
_BY_NUMBER = "USING INTEGER PRIMARY KEY"
_SORTED_APART = re.compile(r"USE TEMP B-TREE FOR .*ORDER BY")
_ALL_SORTED_APART = "USE TEMP B-TREE FOR ORDER BY"
# All indexes begin with the tenant: one that is bounded by nothing else, and gives no order, is as good as none.
_SCANS = frozenset({"", "tenant=?"})


class _Counter:
    """Counts the calls of a function in SQL."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> bool:
        self.calls += 1
        return True


def explain(session: Session, request: Find) -> Explanation:
    """Return how a query is answered; see `Adapter.explain`."""
    with session.reading() as connection:
        collection = session.catalogue.collection(connection, request.target.collection)
        now_us = session.now_us()
        known = entitled(connection, collection, request.target, request.filter, request.limit)
        plan = _plan(connection, compile_find(collection, request, now_us, known=known))
        with _counting(connection) as counter:
            query = compile_find(collection, request, now_us, examined=_EXAMINED, known=known)
            builder, _ = read_page(connection, query, request)
        used = _indexes_used(plan)
        is_sorted = not any(map(_SORTED_APART.match, plan))
        names_key = names_id(request.filter) or (request.filter is None and is_sorted)
        uses_access = known is not None and known.numbers is not None and any(_BY_NUMBER in it for it in plan)
        return Explanation(
            filter_pushed_down=True,
            sort_pushed_down=is_sorted,
            index=None if uses_access else _index(connection, collection, plan, used),
            estimated_documents=_size(connection, collection),
            # Where access was looked into in vain, that counts too.
            examined_documents=counter.calls + (0 if known is None or uses_access else known.looked_at),
            returned_documents=len(builder),
            uses_key=names_key and used[:1] == [key_name(collection.name)],
            uses_access=uses_access,
        )


def _plan(connection: apsw.Connection, query: Query) -> list[str]:
    return [str(detail) for *_, detail in connection.execute("EXPLAIN QUERY PLAN " + query.sql, query.values)]


def _indexes_used(plan: Sequence[str]) -> list[str]:
    """Return the names of the indexes by which documents are found or ordered."""
    found = [match for detail in plan for match in _INDEX_USED.findall(detail)]
    return [name for name, bounds in found if bounds not in _SCANS or _ALL_SORTED_APART not in plan]


@contextmanager
def _counting(connection: apsw.Connection) -> Iterator[_Counter]:
    counter = _Counter()
    connection.create_scalar_function(_EXAMINED, counter, 1)
    try:
        yield counter
    finally:
        connection.create_scalar_function(_EXAMINED, None, 1)


def _index(
    connection: apsw.Connection, collection: Collection, plan: Sequence[str], used: Sequence[str]
) -> IndexSpec | None:
    """Return the declared index by which the documents are found: the first, when there are several."""
    ready: Mapping[str, IndexSpec] = {
        index_name(collection.name, number): status.spec
        for number, status in catalogue.read_indexes(connection, collection.name).items()
        if status.state is IndexState.READY
    }
    if used:
        return ready.get(used[0])
    if any(_BY_NUMBER in detail for detail in plan):
        # Only the full-text table gives the numbers of rows.
        return next((spec for spec in ready.values() if spec.type is IndexType.TEXT), None)
    return None


def _size(connection: apsw.Connection, collection: Collection) -> int:
    """Return about how many documents there are: at least as many, and found without counting them."""
    documents = collection.documents
    sql = f"SELECT ifnull((SELECT max(number) FROM {documents}) + 1 - (SELECT min(number) FROM {documents}), 0)"
    return int(connection.execute(sql).get)
