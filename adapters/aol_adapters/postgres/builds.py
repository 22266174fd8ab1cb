"""How are the indexes of collections that hold documents built? Concurrently: readers and writers never wait."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
import structlog

from aol_adapters.kit.access import is_access
from aol_adapters.postgres import indexing, partitions
from aol_adapters.postgres.catalogue import Collection, index_name, schema_name
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.failures import CHANGED_BY_HAND
from aol_adapters.postgres.quoting import fit_name, quote_name
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason
from aol_wire.faults import describe_fault
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType

T = TypeVar("T")

_POLL_S = 0.1
_ATTEMPTS = 3

_log = structlog.get_logger("aol.adapter")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An index that is to be made, and the schema that it goes into, quoted."""

    schema: str
    number: int
    spec: IndexSpec
    partitioned: bool

    def quoted(self, name: str) -> str:
        """Return a name of something in the schema."""
        return f"{self.schema}.{quote_name(name)}"


class Builds:
    """Builds what the catalogue says is BUILDING, one index of a collection after the other.

    Several adapters may do so at once: PostgreSQL lets one of them make the index, and the others find it there.
    """

    def __init__(self) -> None:
        self._tasks: dict[tuple[Database, str, str], asyncio.Task[None]] = {}

    async def build(self, database: Database, target: Target) -> None:
        """Build what is to be built of a collection: now, or if it is large in the background."""
        task = self.begin(database, target)
        if not await _is_large(database, target):
            # A caller who gives up does not end the build.
            await asyncio.wait([task])

    def begin(self, database: Database, target: Target) -> "asyncio.Task[None]":
        """Build in the background."""
        key = database, target.service, target.collection
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

    async def _run(self, database: Database, service: str, name: str) -> None:
        try:
            done: set[int] = set()
            while (number := await _next(database, service, name, done)) is not None:
                done.add(number)
                await _build(database, service, name, number)
        except CHANGED_BY_HAND:
            # It was dropped meanwhile; a table that somebody took away is told of to whoever uses it.
            database.forget()
        except DataError as error:
            _log.warning("adapter.build_failed", service=service, collection=name, reason=error.reason.value)
        except Exception as error:  # a driver's text may hold what a user stored
            _log.error("adapter.build_failed", service=service, collection=name, fault=describe_fault(error))


async def _next(database: Database, service: str, name: str, done: set[int]) -> int | None:
    async with database.connection(Deadline(None)) as connection:
        known = await database.catalogue.read(connection, service, name)
    if known is None:
        return None
    waiting = (number for number, status in known.indexes.items() if status.state is IndexState.BUILDING)
    return next((number for number in waiting if number not in done), None)


# Each step borrows a connection of its own: behind a transaction pooler that is a transaction, which holds its locks.
async def _build(database: Database, service: str, name: str, number: int) -> None:
    for _ in range(_ATTEMPTS):
        await _wait_for_writers(database, service, name)
        async with database.connection(Deadline(None)) as connection:
            known = await database.catalogue.read(connection, service, name)
            if known is None or known.indexes[number].state is not IndexState.BUILDING:
                return
            spec = known.indexes[number].spec
            offenders = await _offenders(database, connection, known, spec)
        if not offenders:
            if spec.type is IndexType.TEXT:
                await indexing.fill_words(database, known, number, spec)
            if not await _make(database, known, number, spec):
                continue
        state = IndexState.FAILED if offenders else IndexState.READY
        await _finish(database, service, name, number, IndexStatus(spec, state, offenders))
        return


async def _wait_for_writers(database: Database, service: str, name: str) -> None:
    """Wait until every writer has finished who did not know of the index: later ones hold to its rule.

    Who waits for a table's lock makes all behind wait too, so it is asked for when it is likely to be free.
    """
    table = database.catalogue.table(service, name)
    while True:
        if not await _ask(database, _is_being_built, table) and await _lock_for_a_moment(database, table):
            return
        await asyncio.sleep(_POLL_S)


async def _lock_for_a_moment(database: Database, table: str) -> bool:
    """Return whether the lock that writers keep from others could be had."""
    try:
        async with database.connection(Deadline(None)) as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '1s'")
            await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
    except asyncpg.DeadlockDetectedError:
        return False
    except DataError as error:
        if error.reason is not Reason.OVERLOADED:
            raise
        return False
    return True


async def _offenders(database: Database, connection: asyncpg.Connection, known: Collection, spec: IndexSpec) -> int:
    if is_access(spec):
        return 0
    now_us = database.settings.clock()
    offenders = await indexing.count_misfits(connection, known, spec, now_us)
    if spec.type is IndexType.UNIQUE:
        await indexing.remove_expired(connection, known, now_us)
        offenders += await indexing.count_repeats(connection, known, spec, now_us)
    return offenders


async def _make(database: Database, known: Collection, number: int, spec: IndexSpec) -> bool:
    """Make the index; false when it is to be looked into again, because documents came to differ."""
    schema = quote_name(schema_name(database.settings.prefix, known.service))
    name = index_name(known.name, number)
    wanted = _Wanted(schema, number, spec, partitioned=known.partitioned is not None)
    if known.partitioned is None:
        is_made = await _create(database, wanted, known.table, name)
    else:
        is_made = await _create_partitioned(database, wanted, known, name)
    if is_made:
        # The planner knows nothing about an expression before it was analysed.
        await database.run_alone(f"ANALYZE {known.table}")
    return is_made


async def _finish(database: Database, service: str, name: str, number: int, status: IndexStatus) -> None:
    async with database.connection(Deadline(None)) as connection, connection.transaction():
        await database.catalogue.put_index(connection, service, name, number, status)
    database.forget()


async def _is_large(database: Database, target: Target) -> bool:
    most = database.settings.at_once_up_to
    table = database.catalogue.table(target.service, target.collection)
    async with database.connection(Deadline(None)) as connection:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT $1::int8) AS first"
        return int(await connection.fetchval(sql, most + 1)) > most


async def _create_partitioned(database: Database, wanted: _Wanted, known: Collection, name: str) -> bool:
    """Make the index of each partition, and attach it to that of the table, which then becomes valid."""
    parent = wanted.quoted(name)
    if await _ask(database, _is_valid, parent) is None:
        with suppress(asyncpg.DuplicateTableError):
            statement = indexing.create_statement(
                known.table, name, wanted.number, wanted.spec, partitioned=True, only=True
            )
            await database.run_alone(statement)
    for table in (await _ask(database, partitions.known, known.table)).values():
        child = wanted.quoted(table)
        async with database.connection(Deadline(None)) as connection:
            if await _is_attached(connection, parent, child):
                continue
        child_name = fit_name(f"{table}:index:{wanted.number}")
        if not await _create(database, wanted, child, child_name):
            return False
        with suppress(asyncpg.ObjectNotInPrerequisiteStateError):  # another adapter has just attached it
            await database.run_alone(f"ALTER INDEX {parent} ATTACH PARTITION {wanted.quoted(child_name)}")
    return await _ask(database, _is_valid, parent) is True


async def _create(database: Database, wanted: _Wanted, table: str, name: str) -> bool:
    """Make the index of one table; false when its documents came to differ."""
    index = wanted.quoted(name)
    while (is_valid := await _ask(database, _is_valid, index)) is False:
        await _wait_or_drop(database, index)
    if is_valid:
        return True
    statement = indexing.create_statement(
        table, name, wanted.number, wanted.spec, partitioned=wanted.partitioned, how="CONCURRENTLY IF NOT EXISTS"
    )
    try:
        await database.run_alone(statement)
    except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DeadlockDetectedError):
        # Of the documents, or of the names in PostgreSQL's own catalogue, where another adapter was faster.
        with suppress(asyncpg.PostgresError, DataError):
            await _wait_or_drop(database, index)
        return False
    return await _ask(database, _is_valid, index) is True


async def _wait_or_drop(database: Database, index: str) -> None:
    """Wait a moment for an index that another adapter is building; drop one that a crash, or a failure, left behind."""
    if await _ask(database, _is_in_progress, index):
        await asyncio.sleep(_POLL_S)
    elif await _ask(database, _is_valid, index) is False:
        # Asked once more, since it may have become valid just before it was no longer in progress.
        await database.run_alone(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")


async def _ask(database: Database, question: Callable[[asyncpg.Connection, str], Awaitable[T]], name: str) -> T:
    async with database.connection(Deadline(None)) as connection:
        return await question(connection, name)


async def _is_valid(connection: asyncpg.Connection, index: str) -> bool | None:
    """Return whether an index is valid; None when it is not there."""
    found: bool | None = await connection.fetchval(
        "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)", index
    )
    return found


async def _is_attached(connection: asyncpg.Connection, parent: str, table: str) -> bool:
    """Return whether a partition has its part of an index."""
    sql = (
        "SELECT 1 FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_index AS x ON x.indexrelid = i.inhrelid "
        "WHERE i.inhparent = to_regclass($1) AND x.indrelid = to_regclass($2)"
    )
    return await connection.fetchval(sql, parent, table) is not None


async def _is_being_built(connection: asyncpg.Connection, table: str) -> bool:
    sql = "SELECT 1 FROM pg_catalog.pg_stat_progress_create_index WHERE relid = to_regclass($1)"
    return await connection.fetchval(sql, table) is not None


async def _is_in_progress(connection: asyncpg.Connection, index: str) -> bool:
    sql = "SELECT 1 FROM pg_catalog.pg_stat_progress_create_index WHERE index_relid = to_regclass($1)"
    return await connection.fetchval(sql, index) is not None
