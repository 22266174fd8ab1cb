"""How does a service use PostgreSQL when there is no broker? asyncpg with a pool, which keeps statements prepared."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from aol_wire.ids import now_us
from benchmarks.documents import DOCUMENTS_A_USER, Document, document
from benchmarks.store import check

POOL_SIZE = 16
_BATCH_DOCUMENTS = 1_000
_PREFETCHED_ROWS = 5_000
_JSONB_VERSION = b"\x01"
_COLUMNS = "id, doc, created_us, updated_us, version"


class DirectPostgres:
    """`Store` by asyncpg alone. The pool keeps each statement prepared on each of its connections."""

    def __init__(self, pool: "asyncpg.Pool") -> None:
        self._pool = pool

    async def create(self, collection: str) -> None:
        """Make a table with the columns that the broker keeps, too."""
        await self._pool.execute(
            f'CREATE TABLE "{collection}" (id text COLLATE "C" PRIMARY KEY, doc jsonb NOT NULL, '
            "created_us bigint NOT NULL, updated_us bigint NOT NULL, version bigint NOT NULL)"
        )

    async def index(self, collection: str) -> None:
        """Index it."""
        await self._pool.execute(f"""CREATE INDEX ON "{collection}" ((doc ->> 'user'), id)""")

    async def insert(self, collection: str, document: Document) -> None:
        """Insert one document, which is a transaction of its own."""
        document_id, now = document.pop("_id"), now_us()
        done = await self._pool.execute(
            f'INSERT INTO "{collection}" ({_COLUMNS}) VALUES ($1, $2, $3, $3, 1)', document_id, document, now
        )
        check(done == "INSERT 0 1", "insert")

    async def get(self, collection: str, document_id: str) -> Document:
        """Return one document."""
        row = await self._pool.fetchrow(f'SELECT {_COLUMNS} FROM "{collection}" WHERE id = $1', document_id)
        check(row is not None, "get")
        return _document(row)

    async def find(self, collection: str, user: str) -> Sequence[Document]:
        """Return ten documents."""
        rows = await self._pool.fetch(
            f"""SELECT {_COLUMNS} FROM "{collection}" WHERE doc ->> 'user' = $1 ORDER BY id LIMIT {DOCUMENTS_A_USER}""",
            user,
        )
        return [_document(row) for row in rows]

    async def update(self, collection: str, document_id: str, number: int) -> None:
        """Set one field."""
        done = await self._pool.execute(
            f"""UPDATE "{collection}" SET doc = jsonb_set(doc, '{{n}}', to_jsonb($2::bigint)), """
            "updated_us = $3, version = version + 1 WHERE id = $1",
            document_id,
            number,
            now_us(),
        )
        check(done == "UPDATE 1", "update")

    async def delete(self, collection: str, document_id: str) -> None:
        """Delete one document."""
        done = await self._pool.execute(f'DELETE FROM "{collection}" WHERE id = $1', document_id)
        check(done == "DELETE 1", "delete")

    async def insert_many(self, collection: str, numbers: range) -> None:
        """Insert batches of a thousand by `unnest`, one after another."""
        sql = (
            f'INSERT INTO "{collection}" ({_COLUMNS}) SELECT id, doc::jsonb, $3, $3, 1 '
            "FROM unnest($1::text[], $2::text[]) AS new(id, doc)"
        )
        async with self._pool.acquire() as connection:
            for start in range(0, len(numbers), _BATCH_DOCUMENTS):
                batch = [document(number) for number in numbers[start : start + _BATCH_DOCUMENTS]]
                ids = [item.pop("_id") for item in batch]
                texts = [orjson.dumps(item).decode() for item in batch]
                await connection.execute(sql, ids, texts, now_us())

    async def scan(self, collection: str) -> int:
        """Read by a cursor."""
        count = 0
        async with self._pool.acquire() as connection, connection.transaction():
            rows = connection.cursor(f'SELECT {_COLUMNS} FROM "{collection}" ORDER BY id', prefetch=_PREFETCHED_ROWS)
            async for row in rows:
                _document(row)
                count += 1
        return count


@asynccontextmanager
async def direct_postgres(dsn: str) -> AsyncIterator[DirectPostgres]:
    """The direct side, connected."""
    async with asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE, init=_set_up) as pool:
        yield DirectPostgres(pool)


async def _set_up(connection: "asyncpg.Connection") -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: _JSONB_VERSION + orjson.dumps(value),
        decoder=lambda data: orjson.loads(memoryview(data)[1:]),
    )


def _document(row: Any) -> Document:
    document_id, found, created_us, updated_us, version = row
    document: Document = found
    document.update(_id=document_id, _created_at=created_us, _updated_at=updated_us, _version=version)
    return document
