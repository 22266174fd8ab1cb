"""What is in a data file besides documents? Its marks, its version, and the tables of the catalogue."""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from aol_wire.errors import DataError, Reason

APPLICATION_ID = 0x414F4C44
"""`AOLD`, in the header of every file that this adapter made."""
LAYOUT_VERSION = 1
"""`user_version` of the layout that this code reads and writes."""

# Collection names hold no colon, so nothing that a service can name meets these tables.
_CATALOGUE = """
CREATE TABLE "aol:collections" (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE "aol:fields" (
    collection TEXT NOT NULL,
    number INTEGER NOT NULL, -- of the columns rank<number> and value<number>
    path TEXT NOT NULL,      -- a JSON array of segments
    PRIMARY KEY (collection, number)
) WITHOUT ROWID;
CREATE TABLE "aol:indexes" (
    collection TEXT NOT NULL,
    number INTEGER NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    offenders INTEGER NOT NULL,
    PRIMARY KEY (collection, number)
) WITHOUT ROWID;
"""


def prepare(connection: apsw.Connection, *, create: bool) -> bool:
    """Return whether a file is ours, before anything is changed in it; an empty one is not, unless it is made so.

    :param create: make an empty file ours.
    :raises DataError: ADAPTER_DOWN for a file of another program or of a newer version.
    """
    with _transaction(connection, "BEGIN"):
        is_new = _is_new(connection)
    if not is_new or not create:
        return not is_new
    # The journal mode of a file cannot be changed within a transaction, and lasts.
    connection.pragma("journal_mode", "wal")
    with _transaction(connection, "BEGIN IMMEDIATE"):
        # Another process may have been faster.
        if _is_new(connection):
            connection.execute(_CATALOGUE)
            # Makes the tables that `statistics` writes to.
            connection.execute("ANALYZE sqlite_schema")
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", LAYOUT_VERSION)
    return True


@contextmanager
def _transaction(connection: apsw.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _is_new(connection: apsw.Connection) -> bool:
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    if application == APPLICATION_ID:
        if not isinstance(version, int) or version > LAYOUT_VERSION:
            raise DataError(
                Reason.ADAPTER_DOWN,
                f"the service's data file has layout {version}, made by a newer version of this adapter, "
                f"which reads layouts up to {LAYOUT_VERSION}; run that version",
            )
        return False
    if application or version or connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").get is not None:
        raise DataError(
            Reason.ADAPTER_DOWN,
            "the service's data file is an SQLite database of another program; move it out of the data folder",
        )
    return True
