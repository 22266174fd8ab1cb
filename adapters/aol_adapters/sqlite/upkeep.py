"""What is done without being asked? Expired documents are removed, and interrupted builds taken up again."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from aol_adapters.sqlite import catalogue, sweeping
from aol_adapters.sqlite.builds import Builds
from aol_adapters.sqlite.files import Files
from aol_adapters.sqlite.lane import Lane
from aol_adapters.sqlite.session import Session
from aol_wire.errors import DataError, Reason
from aol_wire.faults import describe_fault
from aol_wire.indexes import IndexState, IndexStatus, IndexType

# Documents removed from one data file before it is another one's turn, and in one transaction.
_REMOVED_IN_A_TURN = 10_000
_REMOVED_AT_ONCE = 500

_log = structlog.get_logger("aol.adapter")


class Upkeep:
    """Looks after the data files of a folder. It remembers which have anything to expire, and looks into those only.

    :param interval_s: between two rounds of removing what is expired. It is invisible before.
    """

    def __init__(self, files: Files, builds: Builds, interval_s: float) -> None:
        self._files = files
        self._builds = builds
        self._interval_s = interval_s
        self._looked_into: set[str] = set()
        self._expiring: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin the rounds, and look into each file that is opened, once."""
        self._files.opened = self._opened
        self._spawn(self._go_round())

    async def close(self) -> None:
        """Stop."""
        self._files.opened = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def notice(self, service: str, statuses: Iterable[IndexStatus]) -> None:
        """Take notice of the indexes of a collection that was ensured."""
        for status in statuses:
            if status.spec.type is IndexType.TTL:
                self._expiring.add(service)
            if status.state is IndexState.BUILDING:
                self._builds.begin(service)

    async def look(self) -> None:
        """Wait until what is being looked into is, so that its builds are begun."""
        while self._looks:
            await asyncio.wait(self._looks)

    async def sweep(self) -> int:
        """Do a round now: take up builds, remove what is expired; return how many documents that were."""
        self._builds.begin_again()
        await self.look()
        await self._look_into_the_others()
        removed = 0
        waiting = deque(sorted(self._expiring))
        while waiting:
            service = waiting.popleft()
            with suppress(DataError):  # a file that is locked, full or damaged keeps the others from nothing
                count, has_more = await self._sweep(service)
                removed += count
                if has_more:
                    waiting.append(service)
        return removed

    async def _sweep(self, service: str) -> tuple[int, bool]:
        """Remove some of what is expired in one file; return how many documents, and whether there may be more."""
        async with self._files.aside(service) as aside:
            found = await aside.run(partial(sweeping.find_expired, limit=_REMOVED_IN_A_TURN))
        removed = 0
        for name, numbers in found.items():
            for start in range(0, len(numbers), _REMOVED_AT_ONCE):
                some = numbers[start : start + _REMOVED_AT_ONCE]
                async with self._files.use(service) as file:
                    removed += await file.writer.run(partial(sweeping.remove_expired, name=name, numbers=some))
        return removed, removed > 0 and sum(map(len, found.values())) >= _REMOVED_IN_A_TURN

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.sweep()
            except Exception as error:  # a driver's text may hold what a user stored
                _log.error("adapter.sweep_failed", fault=describe_fault(error))

    async def _look_into_the_others(self) -> None:
        """Look into the files that nobody has used since the start, one after the other."""
        for service in await asyncio.to_thread(self._files.services):
            if service not in self._looked_into:
                self._looked_into.add(service)
                async with self._files.aside(service) as aside:
                    await self._look_into(service, aside)

    def _opened(self, service: str) -> None:
        if service not in self._looked_into:
            self._looked_into.add(service)
            look = self._spawn(self._look_into_open(service))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _look_into_open(self, service: str) -> None:
        try:
            # It stays among the open files meanwhile, so that there are not more than may be open.
            async with self._files.use(service), self._files.aside(service) as aside:
                await self._look_into(service, aside)
        except DataError:  # it made room for others already; it will be opened again
            self._looked_into.discard(service)
        except Exception as error:  # a driver's text may hold what a user stored
            _log.error("adapter.look_failed", fault=describe_fault(error))

    async def _look_into(self, service: str, lane: Lane) -> None:
        try:
            self.notice(service, await lane.run(_notable_indexes))
        except DataError as error:
            # Of a file that is still to be made, `notice` hears otherwise.
            if error.reason is not Reason.COLLECTION_NOT_FOUND:
                self._looked_into.discard(service)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _notable_indexes(session: Session) -> list[IndexStatus]:
    with session.reading() as connection:
        return catalogue.notable_indexes(connection)
