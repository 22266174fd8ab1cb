"""How are the indexes of collections that hold documents built? Concurrently: readers and writers never wait."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import asyncpg
import structlog

from aol_adapters.postgres import indexing
from aol_adapters.postgres.catalogue import Collection, index_name, schema_name
from aol_adapters.postgres.database import Database, Deadline
from aol_adapters.postgres.failures import CHANGED_BY_HAND
from aol_adapters.postgres.quoting import quote_name
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason
from aol_wire.faults import describe_fault
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType

T = TypeVar("T")

_POLL_S = 0.1
_ATTEMPTS = 3

_log = structlog.get_logger("aol.adapter")


class Builds:
    """Builds what the catalogue says is BUILDING, one index of a collection after the other.

    Several adapters may do so at once: PostgreSQL lets one of them make the index, and the others find it there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def build(self, target: Target) -> None:
        """Build what is to be built of a collection: now, or if it is large in the background."""
        task = self.begin(target)
        if not await self._is_large(target):
            # A caller who gives up does not end the build.
            await asyncio.wait([task])

    def begin(self, target: Target) -> "asyncio.Task[None]":
        """Build in the background."""
        key = target.service, target.collection
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(self._run(*key))
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return task

    async def settle(self) -> None:
        """Wait until there is nothing to build."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Stop. What is half built is begun again at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, service: str, name: str) -> None:
        try:
            done: set[int] = set()
            while (number := await self._next(service, name, done)) is not None:
                done.add(number)
                await self._build(service, name, number)
        except CHANGED_BY_HAND:
            # It was dropped meanwhile; a table that somebody took away is told of to whoever uses it.
            self._database.forget()
        except DataError as error:
            _log.warning("adapter.build_failed", service=service, collection=name, reason=error.reason.value)
        except Exception as error:  # a driver's text may hold what a user stored
            _log.error("adapter.build_failed", service=service, collection=name, fault=describe_fault(error))

    async def _next(self, service: str, name: str, done: set[int]) -> int | None:
        async with self._database.connection(Deadline(None)) as connection:
            known = await self._database.catalogue.read(connection, service, name)
        if known is None:
            return None
        waiting = (number for number, status in known.indexes.items() if status.state is IndexState.BUILDING)
        return next((number for number in waiting if number not in done), None)

    async def _build(self, service: str, name: str, number: int) -> None:
        for _ in range(_ATTEMPTS):
            await self._wait_for_writers(service, name)
            async with self._database.connection(Deadline(None)) as connection:
                known = await self._database.catalogue.read(connection, service, name)
                if known is None or known.indexes[number].state is not IndexState.BUILDING:
                    return
                spec = known.indexes[number].spec
                offenders = await self._offenders(connection, known, spec)
            if not offenders:
                if spec.type is IndexType.TEXT:
                    await indexing.fill_words(self._database, known, number, spec)
                if not await self._create(known, number, spec):
                    continue
            state = IndexState.FAILED if offenders else IndexState.READY
            await self._finish(service, name, number, IndexStatus(spec, state, offenders))
            return

    async def _wait_for_writers(self, service: str, name: str) -> None:
        """Wait until every writer has finished who did not know of the index: later ones hold to its rule.

        Who waits for a table's lock makes all behind wait too, so it is asked for when it is likely to be free.
        """
        table = self._database.catalogue.table(service, name)
        while True:
            async with self._database.connection(Deadline(None)) as connection:
                is_free = not await _is_being_built(connection, table)
            if is_free:
                try:
                    async with self._database.connection(Deadline(None)) as connection, connection.transaction():
                        await connection.execute("SET LOCAL lock_timeout = '1s'")
                        await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
                except asyncpg.DeadlockDetectedError:
                    pass
                except DataError as error:
                    # The lock was not to be had.
                    if error.reason is not Reason.OVERLOADED:
                        raise
                else:
                    return
            await asyncio.sleep(_POLL_S)

    async def _offenders(self, connection: asyncpg.Connection, known: Collection, spec: IndexSpec) -> int:
        now_us = self._database.settings.clock()
        offenders = await indexing.count_misfits(connection, known, spec, now_us)
        if spec.type is IndexType.UNIQUE:
            await indexing.remove_expired(connection, known, now_us)
            offenders += await indexing.count_repeats(connection, known, spec, now_us)
        return offenders

    async def _create(self, known: Collection, number: int, spec: IndexSpec) -> bool:
        """Make the index; false when it is to be looked into again, because documents came to differ."""
        schema = quote_name(schema_name(self._database.settings.prefix, known.service))
        index = f"{schema}.{quote_name(index_name(known.name, number))}"
        dropping = f"DROP INDEX CONCURRENTLY IF EXISTS {index}"
        # One that another adapter is building is waited for; one that a crash left behind is begun again.
        while (is_valid := await self._ask(_is_valid, index)) is False:
            if await self._ask(_is_in_progress, index):
                await asyncio.sleep(_POLL_S)
            else:
                await self._run_alone(dropping)
        if is_valid:
            return True
        try:
            await self._run_alone(indexing.create_statement(known.table, known.name, number, spec, concurrently=True))
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DeadlockDetectedError):
            with suppress(asyncpg.PostgresError, DataError):
                await self._run_alone(dropping)
            return False
        # The planner knows nothing about an expression before it was analysed.
        await self._run_alone(f"ANALYZE {known.table}")
        return await self._ask(_is_valid, index) is True

    async def _ask(self, question: Callable[[asyncpg.Connection, str], Awaitable[T]], name: str) -> T:
        async with self._database.connection(Deadline(None)) as connection:
            return await question(connection, name)

    async def _run_alone(self, statement: str) -> None:
        async with self._database.connection(Deadline(None), outside_transactions=True) as connection:
            await connection.execute(statement)

    async def _finish(self, service: str, name: str, number: int, status: IndexStatus) -> None:
        async with self._database.connection(Deadline(None)) as connection, connection.transaction():
            await self._database.catalogue.put_index(connection, service, name, number, status)
        self._database.forget()

    async def _is_large(self, target: Target) -> bool:
        most = self._database.settings.at_once_up_to
        table = self._database.catalogue.table(target.service, target.collection)
        async with self._database.connection(Deadline(None)) as connection:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT $1::int8) AS first"
            return int(await connection.fetchval(sql, most + 1)) > most


async def _is_valid(connection: asyncpg.Connection, index: str) -> bool | None:
    """Return whether an index is valid; None when it is not there."""
    found: bool | None = await connection.fetchval(
        "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)", index
    )
    return found


async def _is_being_built(connection: asyncpg.Connection, table: str) -> bool:
    sql = "SELECT 1 FROM pg_catalog.pg_stat_progress_create_index WHERE relid = to_regclass($1)"
    return await connection.fetchval(sql, table) is not None


async def _is_in_progress(connection: asyncpg.Connection, index: str) -> bool:
    sql = "SELECT 1 FROM pg_catalog.pg_stat_progress_create_index WHERE index_relid = to_regclass($1)"
    return await connection.fetchval(sql, index) is not None
