"""How fast are single calls, with 1, 32 and 256 in flight?"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from benchmarks.bench import BROKER, DIRECT, UNARY, Bench, Measurement, variant
from benchmarks.documents import DOCUMENTS_A_USER, document, document_id, user
from benchmarks.lines import Line, added_line, throughput_line
from benchmarks.load import Run, Sample, in_turn, run_for
from benchmarks.scale import IN_FLIGHT
from benchmarks.store import Store, check

WRITTEN = "written"
_MIXED_IN_FLIGHT = 32
_READS_OF_TEN = 8
# Numbers of documents that no filled collection has.
_FRESH_FROM = 10**9
_DELETES_FIRST = 500
_DELETES_SPARE = 1.5

MakeRun = Callable[[Store, int], Run]


class Operations:
    """The calls of one database. Inserted are documents that are new on every side and in every round."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._fresh = count(_FRESH_FROM)
        self._random = random.Random(0)  # the same choices in every run of the program
        self._read_from = ""
        self._written_to = False

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        for name, make_run in (
            ("insert", self._inserting),
            ("get by id", self._getting),
            ("filtered query of 10", self._finding),
            ("update", self._updating),
            ("delete", self._deleting),
        ):
            for in_flight in IN_FLIGHT:
                yield self._measurement(name, in_flight, make_run)
        yield self._measurement("mixed 80/20", _MIXED_IN_FLIGHT, self._mixing)

    def _measurement(self, name: str, in_flight: int, make_run: MakeRun) -> Measurement:
        names = tuple(
            variant(line, side) for side in self._bench.brokered for line in self._names(name, in_flight)
        ) + self._frames_names(name, in_flight)
        return Measurement(names, partial(self._measure, name, in_flight, make_run))

    @staticmethod
    def _names(name: str, in_flight: int) -> tuple[str, ...]:
        line = f"{name}, {in_flight} in flight"
        return (line, f"added p50, {line}") if in_flight == 1 else (line,)

    def _frames_names(self, name: str, in_flight: int) -> tuple[str, ...]:
        return (f"frames ÷ unary, {name}, {in_flight} in flight",) if UNARY in self._bench.sides else ()

    async def _measure(self, name: str, in_flight: int, make_run: MakeRun) -> list[Line]:
        bench = self._bench
        await self._prepare()
        sides = {side: make_run(store, in_flight) for side, store in bench.sides.items()}
        samples = await in_turn(sides, bench.scale.seconds, bench.scale.rounds)
        lines: list[Line] = []
        for side in bench.brokered:
            pair = (samples[DIRECT], samples[side])
            for line, made in zip(self._names(name, in_flight), (throughput_line, added_line), strict=False):
                lines.append(made(variant(line, side), bench.database, *pair))
        for line in self._frames_names(name, in_flight):
            lines.append(throughput_line(line, bench.database, samples[UNARY], samples[BROKER]))
        return lines

    async def _prepare(self) -> None:
        if not self._written_to:
            for store in self._bench.both:
                await store.create(WRITTEN)
            self._written_to = True
        self._read_from = await self._bench.indexed(self._bench.scale.sizes[0])

    def _inserting(self, store: Store, in_flight: int) -> Run:
        async def insert(number: int) -> None:
            await store.insert(WRITTEN, document(number))

        return lambda seconds: run_for(seconds, in_flight, self._fresh, insert)

    def _getting(self, store: Store, in_flight: int) -> Run:
        async def get(number: int) -> None:
            await store.get(self._read_from, document_id(number))

        return lambda seconds: run_for(seconds, in_flight, self._stored(), get)

    def _finding(self, store: Store, in_flight: int) -> Run:
        return lambda seconds: run_for(seconds, in_flight, self._stored(), partial(find, store, self._read_from))

    def _updating(self, store: Store, in_flight: int) -> Run:
        async def update(number: int) -> None:
            await store.update(self._read_from, document_id(number), number + 1)

        return lambda seconds: run_for(seconds, in_flight, self._stored(), update)

    def _deleting(self, store: Store, in_flight: int) -> Run:
        per_s = 0.0

        async def delete(number: int) -> None:
            await store.delete(WRITTEN, document_id(number))

        async def run(seconds: float) -> Sample:
            nonlocal per_s
            # As many as it will get through, as far as the last run tells.
            wanted = max(_DELETES_FIRST, int(per_s * seconds * _DELETES_SPARE)) + in_flight
            first = next(self._fresh)
            self._fresh = count(first + wanted)
            await store.insert_many(WRITTEN, range(first, first + wanted))
            sample = await run_for(seconds, in_flight, iter(range(first, first + wanted)), delete)
            per_s = sample.per_s
            return sample

        return run

    def _mixing(self, store: Store, in_flight: int) -> Run:
        async def mixed(number: int) -> None:
            if self._random.randrange(10) < _READS_OF_TEN:
                await store.get(self._read_from, document_id(number))
            else:
                await store.insert(WRITTEN, document(next(self._fresh)))

        return lambda seconds: run_for(seconds, in_flight, self._stored(), mixed)

    def _stored(self) -> Iterator[int]:
        """Yield numbers of stored documents for as long as they are asked for."""
        stored = self._bench.scale.sizes[0]
        while True:
            yield self._random.randrange(stored)


async def find(store: Store, collection: str, number: int) -> None:
    """Ask for the ten documents of the user that a document belongs to."""
    check(len(await store.find(collection, user(number))) == DOCUMENTS_A_USER, "filtered query")
