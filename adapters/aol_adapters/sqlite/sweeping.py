"""How are expired documents removed? They are looked for by readers, and removed in small transactions."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterable, Iterator

import apsw
import orjson

from aol_adapters.sqlite import catalogue, fulltext
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.expiring import expired, expired_in
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.values import SqlValue
from aol_wire.indexes import IndexSpec, IndexType


def find_expired(session: Session, limit: int) -> dict[str, list[int]]:
    """Return the numbers of expired rows by collection, at most so many of a data file. It changes nothing."""
    found: dict[str, list[int]] = {}
    with session.reading() as connection:
        for name in catalogue.collections_with(connection, IndexType.TTL):
            collection = session.catalogue.collection(connection, name)
            numbers = list(_expired_rows(connection, collection, session.now_us(), limit))
            limit -= len(numbers)
            if numbers:
                found[name] = numbers
    return found


def remove_expired(session: Session, name: str, numbers: Iterable[int]) -> int:
    """Remove those of some rows that are expired, and return how many were.

    :raises DataError: COLLECTION_NOT_FOUND.
    """
    with session.writing() as connection:
        collection = session.catalogue.collection(connection, name)
        bindings = Bindings()
        wanted = bindings.add(orjson.dumps(list(numbers)).decode())
        condition = expired(collection, session.now_us(), bindings)
        if condition is None:
            return 0
        # The rows are looked up by their numbers, whatever the planner thinks of the index.
        rows = connection.execute(
            f"SELECT number FROM json_each({wanted}) AS wanted CROSS JOIN {collection.documents} "
            f"WHERE number = wanted.value AND {condition}",
            bindings.values,
        )
        return remove_rows(connection, collection, _numbers(rows))


def remove_all_expired(connection: apsw.Connection, collection: Collection, now_us: int) -> None:
    """Remove all expired rows of a collection, within a transaction."""
    remove_rows(connection, collection, list(_expired_rows(connection, collection, now_us, -1)))


def remove_rows(connection: apsw.Connection, collection: Collection, numbers: Iterable[int]) -> int:
    """Remove rows and their words, within a transaction, and return how many."""
    rows = [(number,) for number in numbers]
    connection.executemany(f"DELETE FROM {collection.documents} WHERE number = ?", rows)
    for table in collection.words_tables:
        connection.executemany(fulltext.remove_statement(table), rows)
    return len(rows)


def expired_rows_query(collection: Collection, index: IndexSpec, now_us: int, limit: int) -> tuple[str, list[SqlValue]]:
    """Return the statement that reads the expired rows of a ttl index from it, tenant by tenant: it begins with the
    tenant. The same row can be expired in another index too."""
    bindings = Bindings()
    documents, condition = collection.documents, expired_in(index, collection, now_us, bindings)
    sql = (
        f"WITH RECURSIVE tenants(name) AS (SELECT min(tenant) FROM {documents} UNION ALL "
        f"SELECT (SELECT min(tenant) FROM {documents} WHERE tenant > name) FROM tenants WHERE name IS NOT NULL) "
        f"SELECT number FROM tenants CROSS JOIN {documents} WHERE tenant = name AND {condition} "
        f"LIMIT {bindings.add(limit)}"
    )
    return sql, bindings.values


def _expired_rows(connection: apsw.Connection, collection: Collection, now_us: int, limit: int) -> Iterable[int]:
    """Return the numbers of expired rows, each once, at most so many; -1 is no limit."""
    found: dict[int, None] = {}
    for index in collection.expiring:
        left = limit - len(found) if limit >= 0 else -1
        sql, values = expired_rows_query(collection, index, now_us, left)
        found.update(dict.fromkeys(_numbers(connection.execute(sql, values))))
    return found


def _numbers(rows: apsw.Cursor) -> Iterator[int]:
    for (number,) in rows:
        assert isinstance(number, int)  # noqa: S101 - the column's definition
        yield number
