"""How fast is a call with so many in flight? And in turn: A B A B, so that a busy machine is busy for both."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

WARM_UP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: calls (or documents) per second, and how long half of the calls took at most, in milliseconds."""

    per_s: float
    p50_ms: float


Run = Callable[[float], Awaitable[Sample]]
"""Measures for so many seconds."""


async def run_for(
    seconds: float, in_flight: int, arguments: Iterator[T], call: Callable[[T], Awaitable[object]]
) -> Sample:
    """Call with one argument after another, so many at once, for so long or until there are no more arguments.

    :raises Exception: a call failed; what it raised.
    """
    took: list[float] = []
    started = time.perf_counter()
    ends = started + seconds

    async def work() -> None:
        for argument in arguments:
            begun = time.perf_counter()
            await call(argument)
            ended = time.perf_counter()
            took.append(ended - begun)
            if ended >= ends:
                return

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(in_flight):
                workers.create_task(work())
    except ExceptionGroup as failed:
        # One failure makes the run worthless; that the other calls were cut off for it says nothing more.
        raise failed.exceptions[0] from None
    return Sample(len(took) / (time.perf_counter() - started), statistics.median(took) * 1000)


async def timed(documents: int, work: Awaitable[object]) -> Sample:
    """Do one piece of work on so many documents."""
    started = time.perf_counter()
    await work
    seconds = time.perf_counter() - started
    return Sample(documents / seconds, seconds * 1000)


async def in_turn(
    sides: Mapping[str, Run], seconds: float, rounds: int, *, warm_up: bool = True
) -> dict[str, list[Sample]]:
    """Run each side once a round; return the samples of each, in the order of the rounds.

    A warm-up comes first, which does not count: connections open, statements are prepared, caches fill.
    """
    if warm_up:
        for run in sides.values():
            await run(seconds * WARM_UP_SHARE)
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            samples[name].append(await run(seconds))
    return samples
