"""How does a service use SQLite when there is no broker? apsw in its own process: WAL, and a sync for each commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import orjson

from aol_wire.ids import now_us
from benchmarks.documents import DOCUMENTS_A_USER, Document, document
from benchmarks.store import check

_BATCH_DOCUMENTS = 1_000
# As the adapter sets them, so that the two differ in what they do and not in what they may use.
_CACHE_KIB = 8 << 10
_CHECKPOINT_PAGES = 4000
_COLUMNS = "id, doc, created_us, updated_us, version"


class DirectSqlite:
    """`Store` by apsw alone. Calls block: in one process there is nothing to wait for meanwhile."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    async def create(self, collection: str) -> None:
        """Make a table with the columns that the broker keeps, too."""
        self.connection.execute(
            f'CREATE TABLE "{collection}" (id TEXT PRIMARY KEY, doc TEXT NOT NULL, created_us INTEGER NOT NULL, '
            "updated_us INTEGER NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        )

    async def index(self, collection: str) -> None:
        """Index it."""
        self.connection.execute(
            f"""CREATE INDEX "{collection}:user" ON "{collection}" (doc ->> '$.user', id); ANALYZE"""
        )

    async def insert(self, collection: str, document: Document) -> None:
        """Insert one document and commit."""
        document_id, now = document.pop("_id"), now_us()
        self.connection.execute(
            f'INSERT INTO "{collection}" ({_COLUMNS}) VALUES (?1, ?2, ?3, ?3, 1)', (document_id, _text(document), now)
        )

    async def get(self, collection: str, document_id: str) -> Document:
        """Return one document."""
        row = self.connection.execute(f'SELECT {_COLUMNS} FROM "{collection}" WHERE id = ?', (document_id,)).fetchone()
        check(row is not None, "get")
        return _document(row)

    async def find(self, collection: str, user: str) -> Sequence[Document]:
        """Return ten documents."""
        rows = self.connection.execute(
            f"""SELECT {_COLUMNS} FROM "{collection}" WHERE doc ->> '$.user' = ?1 ORDER BY id LIMIT ?2""",
            (user, DOCUMENTS_A_USER),
        )
        return [_document(row) for row in rows]

    async def update(self, collection: str, document_id: str, number: int) -> None:
        """Set one field and commit."""
        self.connection.execute(
            f"""UPDATE "{collection}" SET doc = json_set(doc, '$.n', ?2), updated_us = ?3, version = version + 1 """
            "WHERE id = ?1",
            (document_id, number, now_us()),
        )
        check(self.connection.changes() == 1, "update")

    async def delete(self, collection: str, document_id: str) -> None:
        """Delete one document and commit."""
        self.connection.execute(f'DELETE FROM "{collection}" WHERE id = ?', (document_id,))
        check(self.connection.changes() == 1, "delete")

    async def insert_many(self, collection: str, numbers: range) -> None:
        """Insert a thousand in a transaction."""
        sql = f'INSERT INTO "{collection}" ({_COLUMNS}) VALUES (?1, ?2, ?3, ?3, 1)'
        for start in range(0, len(numbers), _BATCH_DOCUMENTS):
            batch = [document(number) for number in numbers[start : start + _BATCH_DOCUMENTS]]
            now = now_us()
            with self.connection:
                self.connection.executemany(sql, ((item.pop("_id"), _text(item), now) for item in batch))

    async def scan(self, collection: str) -> int:
        """Read by a cursor."""
        count = 0
        for row in self.connection.execute(f'SELECT {_COLUMNS} FROM "{collection}" ORDER BY id'):
            _document(row)
            count += 1
        return count


@contextmanager
def direct_sqlite(path: Path) -> Iterator[DirectSqlite]:
    """The direct side, on a file of its own."""
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("cache_size", -_CACHE_KIB)
        connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
        yield DirectSqlite(connection)
    finally:
        connection.close()


def _text(document: Document) -> str:
    return orjson.dumps(document).decode()


def _document(row: Any) -> Document:
    document_id, text, created_us, updated_us, version = row
    document: Document = orjson.loads(text)
    document.update(_id=document_id, _created_at=created_us, _updated_at=updated_us, _version=version)
    return document
