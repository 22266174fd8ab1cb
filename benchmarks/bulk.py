"""How fast are many documents written by one call, and all documents read?"""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import DIRECT, Bench, Measurement, variant
from benchmarks.lines import Line, throughput_line
from benchmarks.load import Run, Sample, in_turn, timed
from benchmarks.store import Store, check


class Bulk:
    """`insert_many` and scans of one database."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._made = 0

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        documents = self._bench.scale.documents
        for name, measure in (
            (f"insert_many of {documents:,}", self._insert_many),
            (f"scan of {documents:,}", self._scan),
        ):
            names = tuple(variant(name, side) for side in self._bench.brokered)
            yield Measurement(names, partial(measure, name))

    async def _insert_many(self, name: str) -> list[Line]:
        return await self._measure(name, {side: self._inserting(store) for side, store in self._bench.sides.items()})

    async def _scan(self, name: str) -> list[Line]:
        collection = await self._bench.filled(self._bench.scale.documents)
        return await self._measure(
            name, {side: self._scanning(store, collection) for side, store in self._bench.sides.items()}
        )

    async def _measure(self, name: str, sides: dict[str, Run]) -> list[Line]:
        bench = self._bench
        # Pieces of work of some seconds: what warms up does so within them.
        samples = await in_turn(sides, bench.scale.seconds, bench.scale.rounds, warm_up=False)
        return [
            throughput_line(variant(name, side), bench.database, samples[DIRECT], samples[side])
            for side in bench.brokered
        ]

    def _inserting(self, store: Store) -> Run:
        async def run(seconds: float) -> Sample:
            del seconds  # it takes as long as it takes
            # A collection for each run: all of them begin empty.
            self._made += 1
            name = f"bulk-{self._made}"
            await store.create(name)
            documents = self._bench.scale.documents
            return await timed(documents, store.insert_many(name, range(documents)))

        return run

    def _scanning(self, store: Store, collection: str) -> Run:
        async def scan(documents: int) -> None:
            check(await store.scan(collection) == documents, "scan")

        async def run(seconds: float) -> Sample:
            del seconds
            return await timed(self._bench.scale.documents, scan(self._bench.scale.documents))

        return run
