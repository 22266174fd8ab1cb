"""Do lineage, impact, drift and plans stay useful over a thousand services, and do calls go on meanwhile?

`python -m benchmarks.lineage`, in a checkout.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.registry.store import Registry
from aol_broker.server import Broker
from aol_broker.settings import load_settings
from benchmarks.pauses import longest_pause
from benchmarks.thousand_services import (
    COLLECTIONS_A_SERVICE,
    SERVICES,
    count_uses,
    manifest_text,
    parsed_manifests,
    register,
)

# How long a call has, as a rule, and for how long at most others are to wait for it.
DEADLINE_S, PAUSE_S = 30.0, 0.05
_EXPECTED_CODES = (0, 1, 2)
_SOME, _ALL = "some-changed", "all-changed"
_COMMANDS = (
    ("lineage",),
    ("lineage", "--format", "json"),
    ("lineage", "--format", "mermaid"),
    ("lineage", "--format", "svg"),
    ("lineage", "--service", "s0"),
    ("lineage", "--service", "s0", "--format", "svg"),
    ("impact", "s0.c0"),
    ("impact", "s0.c0.title"),
    ("drift",),
    ("drift", "--sample", "0", "--json"),
    ("drift", "s0"),
    ("plan", _SOME),
    ("plan", _ALL),
)
_CHANGED = 10
_IDLE_S = 5.0


async def measure(folder: Path, repeats: int) -> None:
    """Print a line for each command: how long it takes, and the longest time for which calls had to wait meanwhile."""
    await _fill(folder)
    _write_manifests(folder)
    values = {"data_dir": str(folder), "listen": "127.0.0.1:0"}
    unverified = {"authentication": {"verifiers": [{"type": "token"}, {"type": "insecure"}]}}
    broker = Broker(load_settings(None, values | unverified), in_process={"memory": MemoryAdapter()})
    await broker.start()
    try:
        async with longest_pause() as pause:
            await asyncio.sleep(_IDLE_S)
        sys.stdout.write(
            f"{pause.seconds * 1e3:.0f} ms are waited where nothing is asked, for what else the machine does\n"
        )
        for command in _COMMANDS:
            runs = [await _run(broker.endpoint, folder, command) for _ in range(repeats)]
            _print(command, runs)
    finally:
        await broker.stop()


async def _fill(folder: Path) -> None:
    """Make the registry, unless the folder has one of an earlier run."""
    if (folder / "registry.db").exists():
        return
    registry = Registry(f"sqlite+aiosqlite:///{folder / 'registry.db'}", default_adapter="memory")
    await registry.open()
    await register(registry, *parsed_manifests())
    uses, shapes = await count_uses(registry)
    await registry.close()
    sys.stdout.write(f"{uses:,} counters of uses, {shapes:,} of shapes\n")


def _write_manifests(folder: Path) -> None:
    """Write what `aol plan` is given: manifests of which some have changed, and such of which all have."""
    for name, changed in ((_SOME, _CHANGED), (_ALL, SERVICES)):
        for number in range(SERVICES):
            path = folder / name / f"s{number}" / "manifest.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(manifest_text(number, "second" if number < changed else "first"))


@dataclass(frozen=True, slots=True)
class _Run:
    """How long a command took, the longest pause of calls meanwhile, in seconds, and what it printed."""

    seconds: float
    pause_s: float
    output: bytes


async def _run(endpoint: str, folder: Path, command: Sequence[str]) -> _Run:
    line = ["-m", "aol_cli", *command, "--endpoint", endpoint, "--data-dir", str(folder.absolute())]
    async with longest_pause() as pause:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, *line, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await process.communicate()
        seconds = time.perf_counter() - began
    if process.returncode not in _EXPECTED_CODES:
        sys.stderr.write(f"aol {' '.join(command)}: {process.returncode}: {errors[-500:].decode()}\n")
    return _Run(seconds, pause.seconds, output)


def _print(command: Sequence[str], runs: Sequence[_Run]) -> None:
    seconds = statistics.median(run.seconds for run in runs)
    pause_ms = statistics.median(run.pause_s for run in runs) * 1e3
    output = runs[-1].output
    lines = output.count(b"\n")
    sys.stdout.write(
        f"{seconds:6.1f} s (target {DEADLINE_S:.0f})  {pause_ms:5.0f} ms (target {PAUSE_S * 1e3:.0f})  "
        f"{lines:7,} lines {len(output):11,} bytes  aol {' '.join(command)}\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lineage", description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the registry there, or use the one that is there")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    sys.stdout.write(
        f"{SERVICES:,} services, {SERVICES * COLLECTIONS_A_SERVICE:,} collections; medians of {options.repeats}: how "
        "long the command takes, and the longest that calls wait meanwhile\n"
    )
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(measure(options.folder or Path(temporary), options.repeats))
    return 0


if __name__ == "__main__":
    sys.exit(main())
