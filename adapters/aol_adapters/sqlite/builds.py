"""Who builds indexes in the background? One index at a time, over all data files, beside the calls."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from aol_adapters.kit.access import ACLS_INDEX, is_access
from aol_adapters.sqlite import steps
from aol_adapters.sqlite.files import Files
from aol_adapters.sqlite.lane import Lane
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.steps import Build
from aol_wire.errors import DataError
from aol_wire.faults import describe_fault
from aol_wire.indexes import IndexType

T = TypeVar("T")

# Rows looked through in one read, and documents whose words are filled in by one write: some 20 ms each.
_ROWS_LOOKED_AT = 5000
_ROWS_FILLED = 500
# How often documents that come meanwhile may spoil a build, before it waits for the next occasion.
_ATTEMPTS = 5

_log = structlog.get_logger("aol.adapter")


class Builds:
    """Builds the indexes that are left as BUILDING in data files."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._waiting: dict[str, None] = {}
        self._interrupted: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self, service: str) -> None:
        """Build what a service's data file has to be built, soon."""
        self._waiting[service] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    def begin_again(self) -> None:
        """Take up the builds that could not go on: a lock, a full disk."""
        interrupted, self._interrupted = self._interrupted, set()
        for service in interrupted:
            self.begin(service)

    async def settle(self) -> None:
        """Wait until there is nothing that can be built now."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Stop. An index that is being built is begun again when its data file is next opened."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await self.settle()

    async def _work(self) -> None:
        while self._waiting:
            service = next(iter(self._waiting))
            del self._waiting[service]
            try:
                await self._build_all(service)
            except DataError as error:
                self._interrupted.add(service)
                _log.warning("adapter.build_interrupted", service=service, reason=error.reason.value)
            except Exception as error:  # a driver's text may hold what a user stored
                _log.error("adapter.build_failed", service=service, fault=describe_fault(error))

    async def _build_all(self, service: str) -> None:
        async with self._files.aside(service) as aside:
            while (build := await aside.run(steps.next_build)) is not None:
                for _ in range(_ATTEMPTS):
                    if await self._attempt(service, aside, build):
                        break
                else:
                    self._interrupted.add(service)
                    return

    async def _attempt(self, service: str, aside: Lane, build: Build) -> bool:
        """Build an index; false when it is to be tried again, as documents changed meanwhile."""
        if is_access(build.spec):
            return await self._attempt_access(service, build)
        offenders = await _count_misfits(aside, build)
        if build.spec.type is IndexType.UNIQUE:
            offenders += await aside.run(partial(steps.count_repeats, build=build))
        if offenders:
            await self._write(service, partial(steps.fail, build=build, offenders=offenders))
            return True
        filled = None
        if build.spec.type is IndexType.TEXT:
            filled = await self._write(service, partial(steps.begin_filling, build=build))
            last: int | None = 0
            while last is not None:
                last = await self._write(service, partial(steps.fill, build=build, after=last, rows=_ROWS_FILLED))
        return await self._write(service, partial(steps.finish, build=build, filled=filled))

    async def _attempt_access(self, service: str, build: Build) -> bool:
        if build.spec == ACLS_INDEX:
            await self._write(service, partial(steps.begin_entries, build=build))
            last: int | None = 0
            while last is not None:
                last = await self._write(
                    service, partial(steps.fill_entries, build=build, after=last, rows=_ROWS_FILLED)
                )
        return await self._write(service, partial(steps.finish, build=build, filled=None))

    async def _write(self, service: str, step: Callable[[Session], T]) -> T:
        """Take a step on the file's writer, in turn with the writes of callers."""
        async with self._files.use(service) as file:
            return await file.writer.run(step)


async def _count_misfits(aside: Lane, build: Build) -> int:
    offenders, last = 0, 0
    while True:
        count, end = await aside.run(partial(steps.count_misfits, build=build, after=last, rows=_ROWS_LOOKED_AT))
        if end is None:
            return offenders
        offenders, last = offenders + count, end
