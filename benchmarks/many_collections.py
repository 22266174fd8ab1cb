"""What does it cost that many collections are registered? Brokers with few and with many, side by side, in turn."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle
from pathlib import Path

from benchmarks import registered
from benchmarks.bench import Measurement
from benchmarks.brokered import Brokered, brokered
from benchmarks.chain import Chain, running_chain
from benchmarks.databases import Database
from benchmarks.documents import document, document_id
from benchmarks.lines import Line, growth_line
from benchmarks.load import Run, Sample, in_turn, run_for
from benchmarks.memory import memory_lines, memory_names, most_resident
from benchmarks.scale import Scale

_IN_FLIGHT_FOR_MEMORY = 256
# A document that is in each collection that is called.
_STORED = 0


@dataclass(slots=True)
class _Registered:
    """A broker with so many collections, and a client of each of their services."""

    chain: Chain
    collections: int
    clients: dict[str, Brokered]

    async def insert(self, place: int, number: int) -> None:
        await self.clients[registered.service(place)].insert(registered.collection(place), document(number))

    async def get(self, place: int) -> None:
        await self.clients[registered.service(place)].get(registered.collection(place), document_id(_STORED))


class ManyCollections:
    """The collections of one database. Its brokers are started when they are measured, not before."""

    def __init__(self, database: Database, scale: Scale, folder: Path) -> None:
        self._database = database
        self._scale = scale
        self._folder = folder
        self._fresh = count(_STORED + 1)

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        least, *more = self._scale.collections
        names = {number: f"p50, {number:,} collections ÷ {least:,}" for number in more}
        loaded = f"{self._scale.collections[-1]:,} collections, {_IN_FLIGHT_FOR_MEMORY} in flight"
        idle = f"{self._scale.collections[-1]:,} collections, idle"
        lines = (*names.values(), *(_spread(name) for name in names.values()), *_memory_names(idle, loaded))
        yield Measurement(lines, partial(self._measure, names, idle, loaded))

    async def _measure(self, names: dict[int, str], idle: str, loaded: str) -> list[Line]:
        least = self._scale.collections[0]
        database = self._database.name
        async with AsyncExitStack() as stack:
            brokers = {
                number: await stack.enter_async_context(self._running(number)) for number in self._scale.collections
            }
            lines = memory_lines("idle", database, brokers[least].chain.resident_mib())
            most = brokers[self._scale.collections[-1]]
            lines += memory_lines(idle, database, most.chain.resident_mib())
            for broker in brokers.values():
                for place in range(least):
                    await broker.insert(place, _STORED)
            few = await self._in_turn({number: self._getting(it, least) for number, it in brokers.items()})
            spread = await self._in_turn({number: self._inserting(it) for number, it in brokers.items()})
            for number, name in names.items():
                lines.append(growth_line(name, database, few[least], few[number]))
                lines.append(growth_line(_spread(name), database, spread[least], spread[number]))
            async with most_resident(most.chain) as resident:
                await self._inserting(most, _IN_FLIGHT_FOR_MEMORY)(self._scale.seconds * self._scale.rounds)
            return lines + memory_lines(loaded, database, resident)

    @asynccontextmanager
    async def _running(self, collections: int) -> AsyncIterator[_Registered]:
        name = f"registered-{collections}"
        async with AsyncExitStack() as stack:
            adapter = await self._database.adapter(name)
            chain = await stack.enter_async_context(running_chain(self._folder / f"broker-{name}", adapter))
            await self._database.register(name, chain, collections)
            services = registered.by_service(range(collections))
            clients = {it: await stack.enter_async_context(brokered(chain.endpoint, it)) for it in services}
            yield _Registered(chain, collections, clients)

    async def _in_turn(self, sides: dict[int, Run]) -> dict[int, list[Sample]]:
        named = {str(number): run for number, run in sides.items()}
        samples = await in_turn(named, self._scale.seconds, self._scale.rounds)
        return {number: samples[str(number)] for number in sides}

    def _getting(self, broker: _Registered, collections: int) -> Run:
        return lambda seconds: run_for(seconds, 1, cycle(range(collections)), broker.get)

    def _inserting(self, broker: _Registered, in_flight: int = 1) -> Run:
        """Insert into all of them, one after another."""
        places = cycle(range(broker.collections))

        async def insert(place: int) -> None:
            await broker.insert(place, next(self._fresh))

        return lambda seconds: run_for(seconds, in_flight, places, insert)


def _spread(name: str) -> str:
    """Return the name of the line whose calls go to all collections, one after another."""
    return f"{name}, calls to all of them"


def _memory_names(idle: str, loaded: str) -> Iterator[str]:
    for what in ("idle", idle, loaded):
        yield from memory_names(what)
