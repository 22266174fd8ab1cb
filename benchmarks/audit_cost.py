"""What does the audit log cost? The same inserts through a broker that records them and one that does not, in turn."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

from benchmarks.bench import Measurement
from benchmarks.brokered import Brokered, brokered
from benchmarks.chain import AUDITED, UNAUDITED, running_chain
from benchmarks.databases import Database
from benchmarks.documents import document
from benchmarks.lines import Line, throughput_line
from benchmarks.load import Run, in_turn, run_for
from benchmarks.scale import IN_FLIGHT, Scale

_COLLECTION = "audited"


class AuditCost:
    """The cost on one database. Its two brokers are started when it is measured, not before."""

    def __init__(self, database: Database, scale: Scale, folder: Path) -> None:
        self._database = database
        self._scale = scale
        self._folder = folder
        self._fresh = count()

    def measurements(self) -> Iterator[Measurement]:
        """Yield what can be measured."""
        yield Measurement(tuple(_name(in_flight) for in_flight in IN_FLIGHT), self._measure)

    async def _measure(self) -> list[Line]:
        async with AsyncExitStack() as stack:
            brokers: dict[str, Brokered] = {}
            for name, program in (("with", AUDITED), ("without", UNAUDITED)):
                adapter = await self._database.adapter(f"audit-{name}")
                chain = await stack.enter_async_context(
                    running_chain(self._folder / f"broker-audit-{name}", adapter, program)
                )
                brokers[name] = await stack.enter_async_context(brokered(chain.endpoint))
                await brokers[name].create(_COLLECTION)
            lines = []
            for in_flight in IN_FLIGHT:
                sides = {name: self._inserting(broker, in_flight) for name, broker in brokers.items()}
                samples = await in_turn(sides, self._scale.seconds, self._scale.rounds)
                pair = (samples["without"], samples["with"])
                lines.append(throughput_line(_name(in_flight), self._database.name, *pair))
            return lines

    def _inserting(self, broker: Brokered, in_flight: int) -> Run:
        async def insert(number: int) -> None:
            await broker.insert(_COLLECTION, document(number))

        return lambda seconds: run_for(seconds, in_flight, self._fresh, insert)


def _name(in_flight: int) -> str:
    return f"audited ÷ not audited, insert, {in_flight} in flight"
