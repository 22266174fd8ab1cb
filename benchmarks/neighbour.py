"""How long do the calls of a service take, alone and beside one that calls far too much? In turn, on SQLite."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aol_client import AOLDataClient
from benchmarks.chain import Chain, running_chain
from benchmarks.databases import Sqlite
from benchmarks.documents import document

NOISY, NEIGHBOUR = "noisy", "neighbour"
_COLLECTION = "events"
_TIMEOUT_S = 30.0
_NOISE_FIRST_S = 0.5
_WARM_UP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Noise:
    """How many calls a second the noisy service may make, and how many it makes; what limits it has besides."""

    limit_per_s: float
    calls_per_s: float
    max_in_flight: int | None = None
    limited: bool = True

    def limits(self) -> dict[str, Any]:
        """Return the broker's configuration of limits."""
        if not self.limited:
            return {}
        return {"services": {NOISY: {"requests_per_s": self.limit_per_s, "max_in_flight": self.max_in_flight}}}


@dataclass(slots=True)
class Figures:
    """Of each round: how long the neighbour's calls took, in milliseconds, and what became of the noisy ones."""

    alone_ms: list[list[float]] = field(default_factory=list)
    beside_ms: list[list[float]] = field(default_factory=list)
    noise: list[dict[str, int]] = field(default_factory=list)

    def median_ms(self, rounds: Sequence[Sequence[float]], part: int) -> float:
        """Return the median, over the rounds, of a percentile."""
        return statistics.median(statistics.quantiles(took_ms, n=100)[part - 1] for took_ms in rounds)


async def measure(noise: Noise, *, pace_per_s: float, seconds: float, rounds: int) -> Figures:
    """Call at a steady pace for so long, alone and beside the noise, so many times.

    :raises ChainFailedError: the broker did not start.
    :raises DataClientError: a call of the neighbour failed.
    """
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="aol-bench-") as name:
        adapter = await Sqlite(Path(name)).adapter("sqlite")
        async with (
            running_chain(Path(name) / "broker", adapter, limits=noise.limits()) as chain,
            AOLDataClient(chain.endpoint, NEIGHBOUR, timeout=_TIMEOUT_S) as client,
        ):
            await client.request_collection(_COLLECTION)
            await _pace(client, pace_per_s, seconds * _WARM_UP_SHARE)
            for _ in range(rounds):
                figures.alone_ms.append(await _pace(client, pace_per_s, seconds))
                async with _noisy(chain, noise.calls_per_s, figures):
                    await asyncio.sleep(_NOISE_FIRST_S)
                    figures.beside_ms.append(await _pace(client, pace_per_s, seconds))
    return figures


async def _pace(client: AOLDataClient, calls_per_s: float, seconds: float) -> list[float]:
    """Insert at a steady pace, without waiting for the call before; return how long each call took, in milliseconds."""
    took_ms: list[float] = []
    started = time.perf_counter()

    async def insert(number: int) -> None:
        await asyncio.sleep(max(0.0, started + number / calls_per_s - time.perf_counter()))
        begun = time.perf_counter()
        await client.insert(_COLLECTION, document(time.perf_counter_ns()))
        took_ms.append((time.perf_counter() - begun) * 1000)

    async with asyncio.TaskGroup() as calls:
        for number in range(max(2, int(seconds * calls_per_s))):
            calls.create_task(insert(number))
    return took_ms


@asynccontextmanager
async def _noisy(chain: Chain, calls_per_s: float, figures: Figures) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.overload", chain.endpoint, NOISY, str(calls_per_s)),
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        if await process.stdout.readline() == b"ready\n":
            yield
    finally:
        process.terminate()
        said = await process.stdout.readline()
        await process.wait()
        figures.noise.append(json.loads(said or b"{}"))
