"""What does a measurement need? Both sides of one database, with collections that are filled when first asked for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.chain import Chain
from benchmarks.lines import Line
from benchmarks.scale import Scale
from benchmarks.store import Store

DIRECT = "direct"
BROKER = "broker"
"""The SDK as it is by itself."""
UNARY = "unary"
"""The SDK told to send each call by itself."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something that is measured together: the names of all its lines, and how they are come by."""

    names: tuple[str, ...]
    run: Callable[[], Awaitable[list[Line]]]


@dataclass(slots=True)
class Bench:
    """One database, used directly and through one broker.

    :ivar sides: DIRECT, BROKER, and UNARY where calls can travel in two ways.
    :ivar settle: has the database do what it puts off, such as gathering statistics, so that nobody's turn bears it.
    """

    database: str
    sides: Mapping[str, Store]
    chain: Chain
    scale: Scale
    settle: Callable[[], Awaitable[None]]
    _filled: dict[int, str] = field(default_factory=dict)
    _indexed: set[str] = field(default_factory=set)

    @property
    def both(self) -> Sequence[Store]:
        """What is to be filled: however calls travel, behind the broker are the same collections."""
        return (self.sides[DIRECT], self.sides[BROKER])

    @property
    def brokered(self) -> Sequence[str]:
        """The names of the sides that are not DIRECT."""
        return [name for name in self.sides if name != DIRECT]

    async def filled(self, documents: int) -> str:
        """Return a collection that has the first so many documents on both sides."""
        if documents not in self._filled:
            name = f"filled-{documents}"
            for store in self.both:
                await store.create(name)
                await store.insert_many(name, range(documents))
            self._filled[documents] = name
            await self.settle()
        return self._filled[documents]

    async def adopt(self, documents: int, collection: str) -> None:
        """Take a collection that has come to hold the first so many documents, on both sides."""
        if documents not in self._filled:
            self._filled[documents] = collection
            await self.settle()

    async def indexed(self, documents: int) -> str:
        """Return one that also has an index, by `user`."""
        name = await self.filled(documents)
        if name not in self._indexed:
            for store in self.both:
                await store.index(name)
            self._indexed.add(name)
            await self.settle()
        return name


def variant(name: str, side: str) -> str:
    """Return the name of a line on a side of the broker; the SDK as it is by itself goes without saying."""
    return name if side == BROKER else f"{name}, {side}"
