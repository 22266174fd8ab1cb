"""What does a query cost when there are more documents? One at a time, on collections of several sizes, in turn."""

import random
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import BROKER, DIRECT, Bench, Measurement
from benchmarks.lines import Line, growth_line
from benchmarks.load import Run, in_turn, run_for
from benchmarks.operations import find


class Sizes:
    """Queries of one database, by an index."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._random = random.Random(0)

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        least, *more = self._bench.scale.sizes
        names = {size: f"query p50, {size:,} documents ÷ {least:,}" for size in more}
        yield Measurement(tuple(names.values()), partial(self._measure, names))

    async def _measure(self, names: dict[int, str]) -> list[Line]:
        bench = self._bench
        sides = {
            f"{side} {size}": self._querying(side, size, await bench.indexed(size))
            for size in bench.scale.sizes
            for side in (DIRECT, BROKER)
        }
        samples = await in_turn(sides, bench.scale.seconds, bench.scale.rounds)
        least = samples[f"{BROKER} {bench.scale.sizes[0]}"]
        return [
            growth_line(name, bench.database, least, samples[f"{BROKER} {size}"], samples[f"{DIRECT} {size}"])
            for size, name in names.items()
        ]

    def _querying(self, side: str, size: int, collection: str) -> Run:
        store = self._bench.sides[side]

        def numbers() -> Iterator[int]:
            while True:
                yield self._random.randrange(size)

        return lambda seconds: run_for(seconds, 1, numbers(), partial(find, store, collection))
