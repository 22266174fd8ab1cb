"""Which tables does the PostgreSQL sink use, and how are they made? Whatever is there already is used as it is."""

from collections.abc import Iterable
from datetime import date, timedelta

import asyncpg

from aol_broker.audit.sinks.postgres_rows import COLUMNS

# Any number that nobody else uses for an advisory lock in the same database: "aolaud" in ASCII.
_LOCK = 0x616F6C617564
# What the columns of a record may lack.
_NULLABLE = {"filters", "duration_ms"}


class Tables:
    """The table of records, whose partitions are days in UTC, and that of checkpoints.

    Names are letters, digits and underscores (the configuration sees to it).
    """

    def __init__(self, schema: str, table: str) -> None:
        self._schema = schema
        self._table = table
        self._checkpoints = f"{table}_checkpoints"
        names = ", ".join(f'"{name}"' for name, _ in COLUMNS)
        typed = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS)
        self.insert_records = (
            f"INSERT INTO {self._named(table)} ({names}) SELECT {names} FROM json_to_recordset($1) AS r ({typed}) "  # noqa: S608
            "ON CONFLICT DO NOTHING"
        )
        self.insert_checkpoint = (
            f"INSERT INTO {self._named(self._checkpoints)} (digest, line) VALUES ($1, $2) ON CONFLICT DO NOTHING"  # noqa: S608
        )

    async def make(self, connection: asyncpg.Connection) -> None:
        """Make what is not there yet.

        :raises asyncpg.PostgresError: it cannot be made.
        """
        # Asked first: whoever may only insert needs no right to create.
        if await self._exists(connection, self._table) and await self._exists(connection, self._checkpoints):
            return
        async with connection.transaction():
            await _one_at_a_time(connection)
            if await connection.fetchval("SELECT to_regnamespace($1)", f'"{self._schema}"') is None:
                await connection.execute(f'CREATE SCHEMA "{self._schema}"')
            if not await self._exists(connection, self._table):
                await connection.execute(self._definition())
            if not await self._exists(connection, self._checkpoints):
                await connection.execute(
                    f"CREATE TABLE {self._named(self._checkpoints)} "
                    # A line may be longer than what an index holds.
                    "(digest text PRIMARY KEY, line text NOT NULL, received_at timestamptz NOT NULL DEFAULT now())"
                )

    async def make_partitions(self, connection: asyncpg.Connection, days: Iterable[date]) -> None:
        """Make the partitions of days that have none.

        :raises asyncpg.PostgresError: they cannot be made.
        """
        async with connection.transaction():
            await _one_at_a_time(connection)
            for day in days:
                await self._make_partition(connection, day)

    async def _make_partition(self, connection: asyncpg.Connection, day: date) -> None:
        child, parent = self._named(f"{self._table}_{day.isoformat().replace('-', '')}"), self._named(self._table)
        attached = "SELECT relispartition FROM pg_class WHERE oid = to_regclass($1)"
        if await connection.fetchval(attached, child):
            return
        end = "MAXVALUE" if day == date.max else f"'{day + timedelta(days=1)} 00:00:00+00'"
        # To attach a table holds up nobody who reads the others; to make it as a partition would.
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {child} (LIKE {parent} INCLUDING ALL)")
        await connection.execute(
            f"ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ('{day} 00:00:00+00') TO ({end})"
        )

    def _definition(self) -> str:
        columns = ", ".join(f'"{name}" {kind}' + ("" if name in _NULLABLE else " NOT NULL") for name, kind in COLUMNS)
        table = self._named(self._table)
        # The time is part of the key: of a chain that was begun anew under the same name, nothing is taken for what
        # was there before.
        return (
            f'CREATE TABLE {table} ({columns}, PRIMARY KEY (broker, seq, "timestamp")) '
            'PARTITION BY RANGE ("timestamp");'
            f'CREATE INDEX ON {table} (collection, "timestamp"); CREATE INDEX ON {table} (request_id);'
        )

    async def _exists(self, connection: asyncpg.Connection, table: str) -> bool:
        return await connection.fetchval("SELECT to_regclass($1)", self._named(table)) is not None

    def _named(self, table: str) -> str:
        return f'"{self._schema}"."{table}"'


async def _one_at_a_time(connection: asyncpg.Connection) -> None:
    """Have nobody else make tables until the transaction ends: several brokers may share them."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
