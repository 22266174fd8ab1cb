"""How long do calls have to wait for something else that their process does? As long as the worst of many ticks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_TICK_S = 0.001


@dataclass(slots=True)
class Pause:
    """The longest pause of an event loop, in seconds."""

    seconds: float = 0.0


@asynccontextmanager
async def longest_pause() -> AsyncIterator[Pause]:
    """Look, while a block runs, at how late the event loop comes round to what is due; yield what holds the worst."""
    pause = Pause()

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            pause.seconds = max(pause.seconds, time.perf_counter() - began - _TICK_S)

    ticking = asyncio.create_task(tick())
    try:
        await asyncio.sleep(_TICK_S)
        yield pause
    finally:
        ticking.cancel()
