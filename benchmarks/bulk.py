"""How fast are many documents written by one call, and all documents read?"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count

from benchmarks.bench import DIRECT, UNARY, Bench, Measurement, variant
from benchmarks.lines import Line, throughput_line
from benchmarks.load import Run, Sample, in_turn, timed
from benchmarks.store import Store, check


class Bulk:
    """`insert_many` and scans of one database."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @property
    def _sides(self) -> Mapping[str, Store]:
        all_of_them = self._bench.scale.bulk_transports
        return {side: store for side, store in self._bench.sides.items() if side != UNARY or all_of_them}

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        documents = self._bench.scale.documents
        for name, measure in (
            (f"insert_many of {documents:,}", self._insert_many),
            (f"scan of {documents:,}", self._scan),
        ):
            names = tuple(variant(name, side) for side in self._sides if side != DIRECT)
            yield Measurement(names, partial(measure, name))

    async def _insert_many(self, name: str) -> list[Line]:
        bench = self._bench
        lines = await self._measure(name, {side: self._inserting(side) for side in self._sides})
        # The last one is as good as another that would have to be filled.
        await bench.adopt(bench.scale.documents, _collection(bench.scale.bulk_rounds))
        return lines

    async def _scan(self, name: str) -> list[Line]:
        collection = await self._bench.filled(self._bench.scale.documents)
        return await self._measure(name, {side: self._scanning(side, collection) for side in self._sides})

    async def _measure(self, name: str, sides: Mapping[str, Run]) -> list[Line]:
        bench = self._bench
        # Pieces of work of some seconds: what warms up does so within them.
        samples = await in_turn(sides, bench.scale.seconds, bench.scale.bulk_rounds, warm_up=False)
        return [
            throughput_line(variant(name, side), bench.database, samples[DIRECT], samples[side])
            for side in sides
            if side != DIRECT
        ]

    def _inserting(self, side: str) -> Run:
        store, documents, rounds = self._sides[side], self._bench.scale.documents, count(1)

        async def run(seconds: float) -> Sample:
            del seconds  # it takes as long as it takes
            # A collection for each round: all of them begin empty.
            name = _collection(next(rounds)) if side != UNARY else f"{_collection(next(rounds))}-{side}"
            await store.create(name)
            return await timed(documents, store.insert_many(name, range(documents)))

        return run

    def _scanning(self, side: str, collection: str) -> Run:
        store, documents = self._sides[side], self._bench.scale.documents

        async def scan() -> None:
            check(await store.scan(collection) == documents, "scan")

        async def run(seconds: float) -> Sample:
            del seconds
            return await timed(documents, scan())

        return run


def _collection(number: int) -> str:
    return f"bulk-{number}"
