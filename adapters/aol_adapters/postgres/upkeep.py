"""What is done without being asked? Expired documents are removed, and interrupted builds taken up again."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import asyncio
from contextlib import suppress

import structlog

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.builds import Builds
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.database import Database, Deadline
from aol_adapters.postgres.expiring import expired_in
from aol_adapters.postgres.failures import CHANGED_BY_HAND, RETRIED
from aol_wire.adapter import Target
from aol_wire.errors import DataError
from aol_wire.faults import describe_fault
from aol_wire.indexes import IndexSpec, IndexState, IndexType

_REMOVED_AT_ONCE = 500

_log = structlog.get_logger("aol.adapter")


class Upkeep:
    """Goes its rounds, every `upkeep_interval_s`."""

    def __init__(self, database: Database, builds: Builds) -> None:
        self._database = database
        self._builds = builds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the rounds, with one at once."""
        self._task = asyncio.create_task(self._go_round())

    async def close(self) -> None:
        """Stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def sweep(self) -> int:
        """Do a round now: take up builds, remove what is expired; return how many documents that were."""
        catalogue = self._database.catalogue
        async with self._database.catalogue_connection(Deadline(None)) as connection:
            building = await catalogue.named(connection, f"state = '{IndexState.BUILDING.value}'")
            expiring = await catalogue.named(connection, f"spec ->> 'type' = '{IndexType.TTL.value}'")
        for service, name in building:
            self._builds.begin(Target(service, name))
        removed = 0
        for service, name in expiring:
            with suppress(
                DataError, *CHANGED_BY_HAND, *RETRIED
            ):  # one that is locked or damaged keeps the others from nothing
                known = await self._database.collection(service, name, Deadline(None))
                for index in known.expiring:
                    removed += await self._remove(known, index)
        return removed

    async def _remove(self, known: Collection, index: IndexSpec) -> int:
        removed = 0
        while True:
            bindings = Bindings()
            condition = expired_in(index, self._database.settings.clock(), bindings)
            sql = (
                f"DELETE FROM {known.table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {known.table} "
                f"WHERE {condition} LIMIT {_REMOVED_AT_ONCE} FOR UPDATE SKIP LOCKED))"
            )
            async with self._database.connection(Deadline(None)) as connection:
                status = await connection.execute(sql, *bindings.values)
            count = int(status.rpartition(" ")[2])
            removed += count
            if count < _REMOVED_AT_ONCE:
                return removed

    async def _go_round(self) -> None:
        while True:
            try:
                await self.sweep()
            except DataError:
                pass  # health says so
            except Exception as error:  # a driver's text may hold what a user stored
                _log.error("adapter.sweep_failed", fault=describe_fault(error))
            await asyncio.sleep(self._database.settings.upkeep_interval_s)
