"""What should SQLite's planner assume of our indexes?

Without statistics it takes an equality on the first column of an index for very selective. Ours begin with the tenant,
which is the same for all documents of most collections, and the type rank, so that plans would be chosen by accident.
Real statistics (ANALYZE) would change plans with the data and with the moment. So each index gets the same invented
ones: a large collection, a useless tenant, a weak rank, a selective value.
(https://sqlite.org/fileformat2.html#stat1tab; applications may write them.)
"""

from collections.abc import Sequence

import apsw

_DOCUMENTS = 1_000_000
_SHARING_A_RANK = 100_000
# Documents that share the values of the first field, of the first two, …
_SHARING_VALUES = (100, 20, 10, 8, 6, 5, 4, 3)


def assume(connection: apsw.Connection, table: str, index: str, *, fields: int, has_id: bool) -> None:
    """Write the statistics of an index over the tenant, the rank and value of some fields, and the id or not.

    An index without the id is a unique one. They count from when the schema is next read: see `load`.
    """
    shared = [_DOCUMENTS, _DOCUMENTS]
    rank = _SHARING_A_RANK
    for values in _SHARING_VALUES[:fields]:
        shared += [rank, values]
        rank = values
    # The last column tells all documents apart.
    shared[-1:] = [shared[-1], 1] if has_id else [1]
    _write(connection, table, index, shared)


def assume_owner(connection: apsw.Connection, table: str, index: str) -> None:
    """Write the statistics of an index over the tenant, the owner and the id."""
    _write(connection, table, index, [_DOCUMENTS, _DOCUMENTS, _SHARING_VALUES[0], 1])


def _write(connection: apsw.Connection, table: str, index: str, shared: Sequence[int]) -> None:
    connection.execute("DELETE FROM sqlite_stat1 WHERE tbl = ? AND idx = ?", (table, index))
    connection.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, " ".join(map(str, shared))))


def load(connection: apsw.Connection) -> None:
    """Make this connection read the statistics; others read them because the schema changed."""
    connection.execute("ANALYZE sqlite_schema")
