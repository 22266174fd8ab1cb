"""What is measured in a run? Of each database all measurements that are wanted, one after another."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.audit_cost import AuditCost
from benchmarks.bench import BROKER, DIRECT, UNARY, Bench, Measurement
from benchmarks.brokered import brokered, has_transports
from benchmarks.bulk import Bulk
from benchmarks.chain import running_chain
from benchmarks.databases import Database, Mongodb, Postgres, Sqlite
from benchmarks.lines import Line
from benchmarks.many_collections import ManyCollections
from benchmarks.memory import Memory
from benchmarks.operations import Operations
from benchmarks.scale import Scale
from benchmarks.sizes import Sizes
from benchmarks.targets import MONGODB, POSTGRESQL, SQLITE
from mongodb_server import mongodb_server
from postgres_server import PostgresServer

DATABASES = (POSTGRESQL, SQLITE, MONGODB)
ONLY_IN_FULL = frozenset({MONGODB})
"""Measured when all is, or when they are named."""
MAIN = "main"
# Durable, with room enough that no checkpoint falls into one side's turn more often than into the other's.
_POSTGRES_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted: those with one of these texts in their name, or all."""

    texts: tuple[str, ...] = ()

    def __call__(self, name: str) -> bool:
        return not self.texts or any(text.casefold() in name.casefold() for text in self.texts)


async def run(
    databases: Sequence[str], scale: Scale, wanted: Wanted, folder: Path, on_line: Callable[[Line], None]
) -> list[Line]:
    """Measure; call `on_line` with each line as it is there, and return all of them.

    :raises WrongAnswerError: a side did not do its work.
    :raises ChainFailedError: a broker did not start.
    """
    lines: list[Line] = []
    whole = scale
    for name in databases:
        scale = _smaller(whole) if name == MONGODB else whole
        async with _running(name, folder / name.lower()) as database:
            many = ManyCollections(database, scale, folder / name.lower())
            audit = AuditCost(database, scale, folder / name.lower())
            async with _bench(database, scale, folder / name.lower()) as bench:
                await _measure(measurements_of_one_broker(bench), wanted, lines, on_line)
            await _measure(many.measurements(), wanted, lines, on_line)
            await _measure(audit.measurements(), wanted, lines, on_line)
    return lines


def _smaller(scale: Scale) -> Scale:
    """Return what can be asked of the server that stands for MongoDB, which takes some thousand documents a second."""
    return replace(scale, sizes=scale.sizes[:2], collections=scale.collections[:2])


def measurements_of_one_broker(bench: Bench) -> Iterator[Measurement]:
    """Yield what is measured of a database with one broker in front of it."""
    for part in (Operations(bench), Bulk(bench), Sizes(bench), Memory(bench)):
        yield from part.measurements()


async def _measure(
    measurements: Iterator[Measurement], wanted: Wanted, lines: list[Line], on_line: Callable[[Line], None]
) -> None:
    for measurement in measurements:
        if not any(wanted(name) for name in measurement.names):
            continue
        for line in await measurement.run():
            if wanted(line.name):
                lines.append(line)
                on_line(line)


@asynccontextmanager
async def _running(name: str, folder: Path) -> AsyncIterator[Database]:
    folder.mkdir()
    if name == SQLITE:
        yield Sqlite(folder)
        return
    if name == MONGODB:
        async with mongodb_server("--sync-on-commit") as uri:
            yield Mongodb(uri)
        return
    server = PostgresServer(**_POSTGRES_SETTINGS)
    try:
        await server.start()
        yield Postgres(server)
    finally:
        # It need not write down first what is deleted next, which takes a minute after ten thousand tables.
        await server.stop(signal.SIGQUIT)
        await server.remove()


@asynccontextmanager
async def _bench(database: Database, scale: Scale, folder: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        direct = await stack.enter_async_context(database.direct())
        adapter = await database.adapter(MAIN)
        chain = await stack.enter_async_context(running_chain(folder / "broker-main", adapter))
        sides = {DIRECT: direct, BROKER: await stack.enter_async_context(brokered(chain.endpoint))}
        if has_transports():
            sides[UNARY] = await stack.enter_async_context(brokered(chain.endpoint, transport="unary"))
        yield Bench(database.name, sides, chain, scale, database.settle)
