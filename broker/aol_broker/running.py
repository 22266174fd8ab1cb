"""How long does a broker run? Until a signal says stop."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

from aol_broker.server import Broker
from aol_broker.settings import Settings


async def run(
    settings: Settings, on_ready: Callable[[Broker], Awaitable[None]], make: Callable[[Settings], Broker] = Broker
) -> None:
    """Run a broker until SIGINT or SIGTERM; `on_ready` is awaited once it listens.

    :raises StartError: it could not start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    broker = make(settings)
    try:
        await _unless_stopped(stop, broker.start())
        if not stop.is_set():
            await _unless_stopped(stop, on_ready(broker))
        await stop.wait()
    finally:
        await broker.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _unless_stopped(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Await `work`, but end it when a signal says stop."""
    task = asyncio.ensure_future(work)
    signalled = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, signalled), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        task.cancel()
        signalled.cancel()
        await asyncio.gather(task, signalled, return_exceptions=True)
