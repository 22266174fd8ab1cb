"""How much memory do broker and adapter take? The most that is seen while something runs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.bench import BROKER, Bench, Measurement
from benchmarks.chain import Chain
from benchmarks.lines import MEBIBYTES, Line

PROCESSES = ("broker", "adapter")
_SAMPLED_EVERY_S = 0.02


@asynccontextmanager
async def most_resident(chain: Chain) -> AsyncIterator[dict[str, float]]:
    """Watch both processes while a block runs; what is yielded holds, at its end, the most that each took in MiB."""
    most = chain.resident_mib()

    async def watch() -> None:
        while True:
            await asyncio.sleep(_SAMPLED_EVERY_S)
            _raise_to(most, chain.resident_mib())

    watching = asyncio.create_task(watch())
    try:
        yield most
        _raise_to(most, chain.resident_mib())
    finally:
        watching.cancel()


def memory_names(what: str) -> tuple[str, ...]:
    """Return the names of the lines of both processes."""
    return tuple(f"{process}, {what}" for process in PROCESSES)


def memory_lines(what: str, database: str, most: dict[str, float]) -> list[Line]:
    """Return the lines of both processes."""
    return [Line(f"{process}, {what}", database, MEBIBYTES, (most[process],)) for process in PROCESSES]


class Memory:
    """What a scan takes."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        documents = max(self._bench.scale.documents, *self._bench.scale.sizes)
        yield Measurement(memory_names(f"scan of {documents:,}"), partial(self._scan, documents))

    async def _scan(self, documents: int) -> list[Line]:
        collection = await self._bench.filled(documents)
        async with most_resident(self._bench.chain) as most:
            await self._bench.sides[BROKER].scan(collection)
        return memory_lines(f"scan of {documents:,}", self._bench.database, most)


def _raise_to(most: dict[str, float], seen: dict[str, float]) -> None:
    for name, value in seen.items():
        most[name] = max(most[name], value)
