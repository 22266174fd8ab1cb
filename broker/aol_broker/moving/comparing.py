"""Does the target hold what the source holds? Both are read in the order of their keys, side by side."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from aol_broker.moving.digests import Digested, chained, digested
from aol_broker.registry.moves import Differences, Key, Progress, Side
from aol_wire.adapter import Adapter, Deleted, Find, Target
from aol_wire.ids import now_us
from aol_wire.indexes import IndexSpec, IndexType

PAGE_DOCUMENTS = 1000
# A document that expires while it is compared may be seen on one side only. So far the sides' clocks may be apart, and
# so long may it take to read the one side after the other.
EXPIRES_SOON_US = 60_000_000


class _Reader:
    """Reads one side; `side` says how far its documents were taken."""

    def __init__(
        self, adapter: Adapter, where: Target, indexes: tuple[IndexSpec, ...], side: Side, after: Key | None
    ) -> None:
        self._adapter = adapter
        self._where = where
        self._indexes = indexes
        self._side = side
        self._after = after
        self._next, self._ended = side.position, side.ended
        self._waiting: deque[Digested] = deque()

    async def fill(self, timeout_s: float) -> None:
        """Read on if no document waits to be taken."""
        while not self._waiting and not self._ended:
            position = self._next
            query = Find(
                self._where,
                limit=PAGE_DOCUMENTS,
                position=position,
                deleted=Deleted.INCLUDE,
                timeout_s=timeout_s,
            )
            found = await self._adapter.find(query)
            # Digests take their time; other calls go on meanwhile.
            read = await asyncio.to_thread(digested, found.page, self._indexes, now_us() + EXPIRES_SOON_US)
            self._waiting.extend(item for item in read if self._after is None or item.key > self._after)
            self._next, self._ended = found.next_position, not found.next_position
            self._side = replace(self._side, position=position, ended=False)

    @property
    def first(self) -> Digested | None:
        """The next document; None when none waits."""
        return self._waiting[0] if self._waiting else None

    @property
    def is_over(self) -> bool:
        """Whether all documents were taken."""
        return self._ended and not self._waiting

    def take(self, *, counts: bool = True) -> None:
        """Go on to the document after; one that does not count leaves no trace."""
        taken = self._waiting.popleft()
        if counts:
            checksum = chained(self._side.checksum, taken.digest)
            self._side = replace(self._side, count=self._side.count + 1, checksum=checksum)

    def side(self) -> Side:
        """Return how far this side was read."""
        if self._waiting:
            return self._side
        return replace(self._side, position=self._next, ended=self._ended)


class Comparison:
    """Compares two sides from where an earlier comparison stopped."""

    def __init__(
        self, source: Adapter, target: Adapter, where: Target, indexes: tuple[IndexSpec, ...], progress: Progress
    ) -> None:
        """`where` is the collection, of all tenants; `indexes` are its own."""
        expiring = tuple(index for index in indexes if index.type is IndexType.TTL)
        self._progress = progress
        self._compared_to = progress.compared_to
        self._source = _Reader(source, where, expiring, progress.source, self._compared_to)
        self._target = _Reader(target, where, expiring, progress.target, self._compared_to)
        self._differences = progress.differences

    async def run(self, *, until: float, left_s: Callable[[], float]) -> tuple[Progress, bool]:
        """Compare until a time on the clock `time.monotonic`; return how far, and whether that is all.

        :raises DataError: one of the adapters failed. Doing it again is safe.
        """
        while True:
            await self._source.fill(left_s())
            await self._target.fill(left_s())
            if self._source.is_over and self._target.is_over:
                return self._reached(), True
            while self._both_known():
                self._compare_next()
            if time.monotonic() >= until:
                return self._reached(), False

    def _both_known(self) -> bool:
        """Return whether the next document of either side is known, and there is one."""
        mine, other = self._source, self._target
        known = (mine.first or mine.is_over) and (other.first or other.is_over)
        return bool(known) and not (mine.is_over and other.is_over)

    def _compare_next(self) -> None:
        mine, other, seen = self._source.first, self._target.first, self._differences
        if mine is not None and other is not None and mine.key == other.key:
            self._compared_to = mine.key
            self._source.take()
            self._target.take()
            if mine.digest != other.digest:
                self._differences = replace(seen, different=seen.different + 1)
        elif other is None or (mine is not None and mine.key < other.key):
            assert mine is not None  # noqa: S101 - not both sides are over
            self._compared_to = mine.key
            self._source.take(counts=not mine.expires)
            if not mine.expires:
                self._differences = replace(seen, missing=seen.missing + 1)
        else:
            self._compared_to = other.key
            self._target.take(counts=not other.expires)
            if not other.expires:
                self._differences = replace(seen, unexpected=seen.unexpected + 1)

    def _reached(self) -> Progress:
        return replace(
            self._progress,
            source=self._source.side(),
            target=self._target.side(),
            compared_to=self._compared_to,
            differences=self._differences,
        )


def nothing_compared(progress: Progress) -> Progress:
    """Return the progress of a move whose comparison begins from the start."""
    return replace(progress, source=Side(), target=Side(), compared_to=None, differences=Differences())
