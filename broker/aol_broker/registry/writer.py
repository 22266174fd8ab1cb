"""How is a change written? The few statements that every change is made of; they run on every database we know."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import TypeVar

from sqlalchemy import ColumnElement, RowMapping, Table, Update, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.registry import tables
from aol_broker.registry.database import Database
from aol_broker.registry.notices import announce
from aol_broker.registry.rows import from_row, to_row
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.errors import Applied, DataError
from aol_wire.ids import now_us

# Databases bound the variables of one statement; PostgreSQL at 65,535, asyncpg at 32,767.
_IDS_A_STATEMENT = 5000

T = TypeVar("T")


class Writer:
    """One writing transaction. `changed` says whether it has written anything; if not, it should be rolled back."""

    def __init__(self, connection: AsyncConnection, revision: int) -> None:
        self._connection = connection
        self.revision = revision
        self.now_us = now_us()
        self.changed = False

    @classmethod
    async def begin(cls, connection: AsyncConnection) -> "Writer":
        """Count the revision up. Other writers wait here until this transaction has ended."""
        number = tables.revision.c.revision
        await connection.execute(update(tables.revision).values(revision=number + 1))
        return cls(connection, int((await connection.execute(select(number))).scalar_one()))

    @property
    def revision_after(self) -> int:
        """The registry's revision when this transaction has ended."""
        return self.revision if self.changed else self.revision - 1

    async def select(self, table: Table, **key: object) -> list[RowMapping]:
        """Return the rows of a key."""
        return list((await self._connection.execute(select(table).where(_match(table, key)))).mappings())

    async def insert(self, table: Table, *rows: Mapping[str, object]) -> None:
        """Add rows, which all have the same columns."""
        if rows:
            await self._connection.execute(insert(table), list(rows))
            self.changed = True

    async def update(self, table: Table, key: dict[str, object], **row: object) -> None:
        """Change the rows of a key."""
        await self._connection.execute(update(table).where(_match(table, key)).values(**row))
        self.changed = True

    async def delete(self, table: Table, **key: object) -> None:
        """Remove the rows of a key."""
        await self._connection.execute(delete(table).where(_match(table, key)))
        self.changed = True

    async def execute(self, statement: Update) -> None:
        """Change rows as a statement says; finding none is changing nothing."""
        if (await self._connection.execute(statement)).rowcount:
            self.changed = True

    async def select_owned(self, table: Table, service: str) -> list[RowMapping]:
        """Return the rows about the collections of a service."""
        owned = select(tables.collections.c.collection_id).where(tables.collections.c.service == service)
        return list((await self._connection.execute(select(table).where(table.c.collection_id.in_(owned)))).mappings())

    async def delete_owned(self, table: Table, service: str) -> None:
        """Remove the rows about the collections of a service."""
        owned = select(tables.collections.c.collection_id).where(tables.collections.c.service == service)
        await self._connection.execute(delete(table).where(table.c.collection_id.in_(owned)))
        self.changed = True

    async def service(self, name: str) -> RowMapping:
        """Return the row of a service, made if it was not known."""
        rows = await self.select(tables.services, name=name)
        if not rows:
            row = {"name": name, "manifest_version": 0, "created_us": self.now_us, "revision": self.revision}
            await self.insert(tables.services, row)
            rows = await self.select(tables.services, name=name)
        return rows[0]

    async def records(self, **key: object) -> dict[str, CollectionRecord]:
        """Return the collections of a key by their ids."""
        rows = await self.select(tables.collections, **key)
        return {row["collection_id"]: from_row(row) for row in rows}

    async def store(
        self, records: Iterable[CollectionRecord], before: Collection[str], created_by: str
    ) -> tuple[str, ...]:
        """Write collections, of which those `before` exist; return the ids of the others."""
        new = []
        for record in records:
            if record.collection_id in before:
                await self.update(tables.collections, {"collection_id": record.collection_id}, **to_row(record))
            else:
                new.append({**to_row(record), "created_by": created_by, "created_us": self.now_us})
        await self.insert(tables.collections, *new)
        return tuple(str(row["collection_id"]) for row in new)

    async def touch(self, collection_ids: Iterable[str]) -> None:
        """Note that something about these collections has changed, for the brokers that read it later."""
        ids = sorted(set(collection_ids))
        column = tables.touched.c.collection_id
        for start in range(0, len(ids), _IDS_A_STATEMENT):
            part = ids[start : start + _IDS_A_STATEMENT]
            await self._connection.execute(delete(tables.touched).where(column.in_(part)))
            await self.insert(tables.touched, *({"collection_id": id_, "revision": self.revision} for id_ in part))


async def transact(database: Database, change: Callable[[Writer], Awaitable[T]]) -> tuple[Writer, T]:
    """Run a change in one transaction; return the writer that it was given, and what it returned.

    :raises DataError: from the change, or REGISTRY_UNAVAILABLE; `applied` says what the database holds of it.
    """
    applied = Applied.NO
    try:
        async with database.writing() as connection:
            writer = await Writer.begin(connection)
            result = await change(writer)
            if writer.changed:
                await announce(connection, writer.revision)
                # The answer to a commit can be lost after the commit was made.
                applied = Applied.UNKNOWN
                await connection.commit()
                applied = Applied.YES
    except DataError as error:
        error.applied = applied
        raise
    return writer, result


def _match(table: Table, key: dict[str, object]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in key.items()))
