"""What should SQLite's planner assume of our indexes?

Without statistics it takes an equality on the first column of an index for very selective. Ours begin with the tenant,
which is the same for all documents of most collections, and the type rank, so that plans would be chosen by accident.
Real statistics (ANALYZE) would change plans with the data and with the moment. So each index gets the same invented
ones: a large collection, a useless tenant, a weak rank, a selective value.
(https://sqlite.org/fileformat2.html#stat1tab; applications may write them.)
"""

import apsw

_DOCUMENTS = 1_000_000
_SHARING_A_RANK = 100_000
_SHARING_VALUES = (100, 20, 10, 8, 6, 5, 4, 3)


def assume(connection: apsw.Connection, table: str, index: str, fields: int, *, unique: bool) -> None:
    """Write the statistics of an index over (tenant, rank, value, …[, id]); of (tenant, id) when `fields` is 0.

    They count from when the schema is next read: see `load`.
    """
    shared = [_DOCUMENTS, _DOCUMENTS]
    rank = _SHARING_A_RANK
    for number in range(fields):
        shared += [rank, _SHARING_VALUES[number]]
        rank = max(_SHARING_VALUES[number] * 9 // 10, 1)
    if unique:
        shared[-1] = 1
    else:
        shared.append(1)
    connection.execute("DELETE FROM sqlite_stat1 WHERE tbl = ? AND idx = ?", (table, index))
    connection.execute("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", (table, index, " ".join(map(str, shared))))


def load(connection: apsw.Connection) -> None:
    """Make this connection read the statistics; others read them because the schema changed."""
    connection.execute("ANALYZE sqlite_schema")
