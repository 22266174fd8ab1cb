"""What is done without being asked? Expired documents and partitions go, new partitions and interrupted builds come."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from contextlib import suppress

import structlog

from aol_adapters.kit.rounds import Rounds
from aol_adapters.postgres import partitions
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.builds import Builds
from aol_adapters.postgres.catalogue import Collection, schema_name
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.expiring import expired_in
from aol_adapters.postgres.failures import CHANGED_BY_HAND, RETRIED
from aol_adapters.postgres.quoting import quote_name
from aol_adapters.postgres.tenants import Tenants
from aol_wire.adapter import Target
from aol_wire.errors import DataError
from aol_wire.indexes import IndexSpec, IndexState, IndexType

_REMOVED_AT_ONCE = 500
# A collection that is locked or damaged keeps the others from nothing.
_PASSING = (DataError, *CHANGED_BY_HAND, *RETRIED)

_log = structlog.get_logger("aol.adapter")


class Upkeep:
    """Goes its rounds, every `upkeep_interval_s`."""

    def __init__(self, database: Database, tenants: Tenants, builds: Builds) -> None:
        self._database = database
        self._tenants = tenants
        self._builds = builds
        self._rounds = Rounds(self.sweep, database.settings.upkeep_interval_s)

    def start(self) -> None:
        """Begin the rounds, with one at once."""
        self._rounds.start()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.close()

    async def sweep(self) -> int:
        """Do a round now; return how many expired documents were removed, those of dropped partitions aside."""
        removed = await self._sweep(self._database)
        async with self._tenants.databases() as databases:
            async for database in databases:
                removed += await self._sweep(database)
        return removed

    async def _sweep(self, database: Database) -> int:
        catalogue = database.catalogue
        async with database.catalogue_connection(Deadline(None)) as connection:
            building = await catalogue.named(connection, f"state = '{IndexState.BUILDING.value}'")
            expiring = await catalogue.named(connection, f"spec ->> 'type' = '{IndexType.TTL.value}'")
            partitioned = await catalogue.partitioned(connection)
        for service, name in building:
            self._builds.begin(database, Target(service, name))
        for service, name in partitioned:
            with suppress(*_PASSING):
                await _tend_partitions(database, await database.collection(service, name, Deadline(None)))
        removed = 0
        for service, name in expiring:
            with suppress(*_PASSING):
                known = await database.collection(service, name, Deadline(None))
                for index in known.expiring:
                    removed += await _remove(database, known, index)
        return removed


async def _remove(database: Database, known: Collection, index: IndexSpec) -> int:
    removed = 0
    while True:
        bindings = Bindings()
        condition = expired_in(index, database.settings.clock(), bindings)
        # A row's place is its own only within its table: a partition.
        sql = (
            f"WITH old AS MATERIALIZED (SELECT tableoid, ctid FROM {known.table} "
            f"WHERE {condition} LIMIT {_REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED) "
            f"DELETE FROM {known.table} AS stored USING old "
            "WHERE stored.tableoid = old.tableoid AND stored.ctid = old.ctid"
        )
        async with database.connection(Deadline(None)) as connection:
            status = await connection.execute(sql, *bindings.values)
        count = int(status.rpartition(" ")[2])
        removed += count
        if count < _REMOVED_AT_ONCE:
            return removed


async def _tend_partitions(database: Database, known: Collection) -> None:
    by = known.partitioned
    if by is None:
        return
    now_us = database.settings.clock()
    await database.add_partitions(known, by.ahead(now_us), Deadline(None))
    schema = quote_name(schema_name(database.settings.prefix, known.service))
    async with database.connection(Deadline(None)) as connection:
        dropped = await partitions.expired(connection, known.table, schema, by=by, now_us=now_us)
    for child, detaching in dropped.items():
        # Readers and writers go on meanwhile.
        await database.run_alone(detaching)
        await database.run_alone(f"DROP TABLE IF EXISTS {child}")
    if dropped:
        database.forget()
        _log.info("adapter.partitions_dropped", service=known.service, collection=known.name, count=len(dropped))
