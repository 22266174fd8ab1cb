"""How are a million operations compared? Many programs, on all processors, until there are enough or two differ."""

import asyncio
import multiprocessing
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings as MongodbSettings
from aol_adapters.postgres.adapter import CAPABILITIES as OF_POSTGRES
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_adapters.sqlite.adapter import SqliteAdapter
from differential import Clock, Pair
from mongodb_server import fresh_prefix, mongodb_server
from postgres_server import fresh_database, postgres_server

_PROGRAMS_OF_A_BATCH = 40
# Where files are in memory: nothing is waited for that is not being tested.
_RAM_FOLDER = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Result:
    """What was compared, and the report of the first difference, "" if there was none."""

    seed: int
    programs: int
    compared: int
    difference: str

    def __str__(self) -> str:
        found = self.difference or "no difference"
        return f"seed {self.seed}: {self.compared:,} operations compared in {self.programs:,} programs: {found}"


@asynccontextmanager
async def sqlite_beside_memory(folder: Path) -> AsyncIterator[Pair]:
    """Start the reference and SQLite, which expire documents by one clock."""
    clock = Clock()
    reference, adapter = MemoryAdapter(clock=clock), SqliteAdapter(folder, clock=clock)
    await reference.start()
    await adapter.start()
    try:
        shared = (await reference.describe()).capabilities & (await adapter.describe()).capabilities
        yield Pair(reference, adapter, shared, clock, adapter.sweep)
    finally:
        await adapter.close()
        await reference.close()


@asynccontextmanager
async def postgres_beside_memory(dsn: str) -> AsyncIterator[Pair]:
    """Start the reference, which declares no more than PostgreSQL, and PostgreSQL; they expire by one clock."""
    clock = Clock()
    reference = MemoryAdapter(clock=clock, capabilities=OF_POSTGRES)
    adapter = PostgresAdapter(Settings(dsn=dsn, clock=clock))
    await reference.start()
    await adapter.start()
    try:
        shared = (await reference.describe()).capabilities & (await adapter.describe()).capabilities
        yield Pair(reference, adapter, shared, clock, adapter.sweep, keeps_text=False)
    finally:
        await adapter.close()
        await reference.close()


@asynccontextmanager
async def mongodb_beside_memory(uri: str, prefix: str) -> AsyncIterator[Pair]:
    """Start MongoDB's adapter, and the reference, which declares no more; they expire by one clock."""
    clock = Clock()
    adapter = MongodbAdapter(MongodbSettings(uri=uri, prefix=prefix, clock=clock))
    await adapter.start()
    declared = (await adapter.describe()).capabilities
    reference = MemoryAdapter(clock=clock, capabilities=declared)
    await reference.start()
    try:
        shared = (await reference.describe()).capabilities & declared
        # The server that the tests start does not find these by its indexes.
        yield Pair(reference, adapter, shared, clock, adapter.sweep, keeps_text=False, keeps_extremes=False)
    finally:
        await adapter.close()
        await reference.close()


@asynccontextmanager
async def _sqlite_in_ram() -> AsyncIterator[Pair]:
    in_ram = _RAM_FOLDER if os.access(_RAM_FOLDER, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=in_ram) as folder:
        async with sqlite_beside_memory(Path(folder)) as pair:
            yield pair


@asynccontextmanager
async def _postgres_of_its_own() -> AsyncIterator[Pair]:
    async with postgres_server() as dsn, fresh_database(dsn) as database, postgres_beside_memory(database) as pair:
        yield pair


@asynccontextmanager
async def _mongodb_of_its_own() -> AsyncIterator[Pair]:
    async with mongodb_server() as uri, fresh_prefix(uri) as prefix, mongodb_beside_memory(uri, prefix) as pair:
        yield pair


PAIRS: dict[str, Callable[[], AbstractAsyncContextManager[Pair]]] = {
    "sqlite": _sqlite_in_ram,
    "postgres": _postgres_of_its_own,
    "mongodb": _mongodb_of_its_own,
}
"""What a process compares, each with a database of its own."""


def soak(name: str, operations: int, seed_and_program: str, report: Callable[[str], None]) -> Result:
    """Compare so many operations of an adapter with the reference's.

    :param name: the adapter, one of `PAIRS`.
    :param seed_and_program: `SEED`, or `SEED:PROGRAM` to begin with a later program; "" for any seed.
    :param report: is told from time to time how far it is.
    """
    seed_text, _, first = seed_and_program.partition(":")
    seed = int(seed_text) if seed_text else secrets.randbelow(1_000_000)
    starts = count(int(first or 0), _PROGRAMS_OF_A_BATCH)
    # Each of them waits for its adapter's threads for half of its time.
    workers = 2 * (os.cpu_count() or 1)
    programs = compared = 0
    difference = ""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        # One more than can run, so that no process waits for the next.
        pending = {pool.submit(_batch, name, seed, next(starts)) for _ in range(workers + 1)}
        while compared < operations and not difference:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for batch in done:
                of_batch, found = batch.result()
                compared += of_batch
                programs += _PROGRAMS_OF_A_BATCH
                difference = difference or found
                pending.add(pool.submit(_batch, name, seed, next(starts)))
            report(f"{name}, seed {seed}: {compared:,} of {operations:,}")
        pool.shutdown(cancel_futures=True)
    return Result(seed, programs, compared, difference)


def _batch(name: str, seed: int, first: int) -> tuple[int, str]:
    """Run some programs in this process; return how many operations were compared, and the report of a difference."""
    return asyncio.run(_compared(name, seed, range(first, first + _PROGRAMS_OF_A_BATCH)))


async def _compared(name: str, seed: int, numbers: range) -> tuple[int, str]:
    async with PAIRS[name]() as pair:
        difference = await pair.compare(seed, numbers)
        return pair.compared, difference or ""
