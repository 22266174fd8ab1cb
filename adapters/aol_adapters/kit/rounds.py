"""How does an adapter do now and then what nobody asks for? In rounds, with one at once, until it is closed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from aol_wire.errors import DataError
from aol_wire.faults import describe_fault

_log = structlog.get_logger("aol.adapter")


class Rounds:
    """Does a piece of work, and waits so many seconds, again and again. A round that fails ends nothing."""

    def __init__(self, work: Callable[[], Awaitable[object]], interval_s: float) -> None:
        self._work = work
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._go_round())

    async def close(self) -> None:
        """Stop, in the middle of a round too."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _go_round(self) -> None:
        while True:
            try:
                await self._work()
            except DataError:
                pass  # health says so
            except Exception as error:  # a driver's text may hold what a user stored
                _log.error("adapter.sweep_failed", fault=describe_fault(error))
            await asyncio.sleep(self._interval_s)
