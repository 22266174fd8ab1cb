"""How long does a plan take over a thousand services, and does reading such a registry hold up calls?

`python -m benchmarks.planning`, in a checkout.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aol.admin.v1 import plan_pb2 as pb
from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.backends import Backends, InProcessBackend
from aol_broker.commands.plans import PlanManifests
from aol_broker.dispatch import Dispatch
from aol_broker.manifest import Manifest
from aol_broker.plan_settings import PlanSettings
from aol_broker.planning.planner import Candidate, plan
from aol_broker.registry.loading import load
from aol_broker.registry.manifest_history import ManifestHistory
from aol_broker.registry.snapshot import Permission, Snapshot
from aol_broker.registry.store import Registry
from aol_broker.request import Principal, Request
from aol_broker.settings_sections import UsageSettings
from aol_broker.usage.keeper import UsageKeeper
from aol_broker.usage.uses import Uses
from aol_broker.yaml_text import read_any_yaml, read_yaml
from aol_wire.adapter import Find
from aol_wire.filters import And, Compare, Operator
from aol_wire.ids import now_us
from benchmarks.pauses import longest_pause
from benchmarks.thousand_services import COLLECTIONS_A_SERVICE, SERVICES, parsed_manifests, register

RUNS = 5
RELOAD_MS, PAUSE_MS = 300.0, 20.0
_CHANGED = 10
_READ = 20


@dataclass(frozen=True, slots=True)
class _Work:
    """What of an admitted query is counted."""

    find: Find


async def _planned(command: PlanManifests, arguments: pb.PlanManifestsRequest) -> tuple[float, int]:
    """Return how long a plan takes, in seconds, and how many changes it has."""
    request = Request(Principal("", is_operator=True), "plan_manifests", "", arguments, time.monotonic() + 600)
    began = time.perf_counter()
    answer = await command.dispatch(request, None, None)
    return time.perf_counter() - began, answer.result_count


async def _compared(
    registry: Registry, uses: Uses, before: Sequence[Manifest], after: Sequence[Manifest]
) -> tuple[float, int]:
    """Return how long the comparison of manifests that are read already takes, and how many changes it finds."""
    deployments = await ManifestHistory(registry).deployments(0)
    candidates = [Candidate(new, old, 1) for new, old in zip(after, before, strict=True)]
    began = time.perf_counter()
    changes = plan(candidates, registry.snapshot, deployments, uses, at_us=now_us())
    return time.perf_counter() - began, len(changes)


async def measure(url: str) -> None:
    """Register the services in an empty registry, and print a line for each kind of plan."""
    backend = InProcessBackend("memory", MemoryAdapter())
    await backend.start(1)
    backends = Backends({"memory": backend}, "memory")
    registry = Registry(url, default_adapter="memory")
    await registry.open()
    began = time.perf_counter()
    texts, before = parsed_manifests("first")
    _print("reading the texts of all (YAML and its checks)", [time.perf_counter() - began], 0)
    _measure_reading(texts[:_READ])
    began = time.perf_counter()
    await register(registry, texts, before)
    _print("registering all, one transaction", [time.perf_counter() - began], 0)
    usage = UsageKeeper(registry, UsageSettings())
    await _use(usage, registry)
    command = PlanManifests(registry, backends, Dispatch(backends, registry), usage, PlanSettings())
    others, after = parsed_manifests("second")
    some = [*others[:_CHANGED], *texts[_CHANGED:]]
    for changed, planned in (("nothing", texts), (f"{_CHANGED}", some), (f"{SERVICES:,}", others)):
        await _measure_plans(command, f"a plan of all, {changed} changed", planned)
    uses = await usage.load()
    compared = [await _compared(registry, uses, before, after) for _ in range(RUNS)]
    _print("the comparison alone, all changed", [seconds for seconds, _ in compared], compared[0][1])
    await _measure_reloads(registry)
    await registry.close()
    await backend.stop()


def _measure_reading(texts: Sequence[str]) -> None:
    """Print how many times as fast a text is read by libyaml's events as by the parser that is written in Python."""
    seconds = []
    for read in (read_any_yaml, read_yaml):
        began = time.process_time()
        for item in texts:
            read(item)
        seconds.append(time.process_time() - began)
    slow, fast = (taken / len(texts) * 1e3 for taken in seconds)
    what = f"YAML read by libyaml's events, {fast:.1f} ms a text; by PyYAML's parser in Python {slow:.1f} ms"
    sys.stdout.write(f"{slow / fast:8.1f} x  {what}\n")


async def _measure_plans(command: PlanManifests, name: str, texts: Sequence[str]) -> None:
    """Print how long a plan takes, and the longest time for which calls had to wait meanwhile."""
    runs, pauses = [], []
    arguments = pb.PlanManifestsRequest(
        manifests=[pb.ManifestToPlan(manifest=item, source=f"{number}.yaml") for number, item in enumerate(texts)]
    )
    for _ in range(RUNS):
        async with longest_pause() as pause:
            runs.append(await _planned(command, arguments))
        pauses.append(pause.seconds)
    waiting = f"; the longest that calls wait meanwhile: {_ms(pauses)}"
    _print(name, [seconds for seconds, _ in runs], runs[0][1], waiting)


async def _use(usage: UsageKeeper, registry: Registry) -> None:
    """Count what the readers of each collection do: queries that filter by two fields, and ones of whole documents."""
    for record in registry.snapshot.collections.values():
        reader = f"s{(int(record.service[1:]) + 1) % SERVICES}"
        for projection in ((), (("title",), ("n",))):
            tree = And((Compare(("title",), Operator.EQ, "x"), Compare(("place", "city"), Operator.EQ, "x")))
            work = _Work(Find(record.target, tree, projection=projection))
            usage.counter.note(reader, record, "query", work, now_us())
    began = time.perf_counter()
    await usage.flush()
    _print("writing down who used what of each collection", [time.perf_counter() - began], 0)


async def _measure_reloads(registry: Registry) -> None:
    """Print how long reading the registry takes, and the longest time for which calls had to wait meanwhile."""
    for name, is_all in (("everything, as at a start", True), ("one change", False)):
        seconds, pauses = [], []
        for _ in range(RUNS):
            before = Snapshot() if is_all else registry.snapshot
            await registry.grant("s0.c0", "s5", Permission.READ, "benchmark")
            async with longest_pause() as pause:
                began = time.perf_counter()
                async with registry.database.reading() as connection:
                    await load(connection, before)
                seconds.append(time.perf_counter() - began)
            pauses.append(pause.seconds)
            await registry.revoke("s0.c0", "s5", Permission.READ)
        waiting = f"the longest that calls wait meanwhile: {_ms(pauses)} (target {PAUSE_MS:.0f})"
        sys.stdout.write(f"{_ms(seconds):>11} (target {RELOAD_MS:.0f})  reading the registry: {name}; {waiting}\n")


def _ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:.1f} ms"


def _print(name: str, seconds: Sequence[float], changes: int, more: str = "") -> None:
    what = f"{name}{f', {changes:,} changes' if changes else ''}{more}"
    sys.stdout.write(f"{statistics.median(seconds):8.2f} s  {what}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure in a folder that goes afterwards, or in the registry that is given; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__)
    parser.add_argument("--registry", metavar="URL", help="an empty database, as registry.url of the configuration")
    url = parser.parse_args().registry
    sys.stdout.write(f"{SERVICES:,} services, {SERVICES * COLLECTIONS_A_SERVICE:,} collections; medians of {RUNS}\n")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(url or f"sqlite+aiosqlite:///{Path(folder) / 'registry.db'}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
