"""How long does a plan take over a thousand services? `python -m benchmarks.planning`, in a checkout."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from aol.admin.v1 import plan_pb2 as pb
from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.backends import Backends, InProcessBackend
from aol_broker.commands.plans import PlanManifests
from aol_broker.dispatch import Dispatch
from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.planning.consumers import Unobserved
from aol_broker.planning.planner import Candidate, plan
from aol_broker.registry.manifest_history import ManifestHistory
from aol_broker.registry.plan_changes import ManifestToApply, PlanToApply
from aol_broker.registry.store import Registry
from aol_broker.request import Principal, Request
from aol_broker.settings import load_settings
from aol_broker.usage.keeper import UsageKeeper

SERVICES = 1_000
COLLECTIONS_A_SERVICE = 10
RUNS = 5
_CHANGED = 10


def text(number: int, word: str = "first") -> str:
    """Return the manifest of a service, whose collections the next service reads."""
    reader, read = (number + 1) % SERVICES, (number - 1) % SERVICES
    collections = "".join(
        f"      - name: c{place}\n"
        f"        description: The {word} of them\n"
        "        schemaHint: {title: string, at: datetime, n: number, place: {city: string}}\n"
        "        indexes:\n"
        "          - {fields: [title], type: ascending}\n"
        "          - {fields: [title, {at: desc}], type: compound}\n"
        f"        sharing: [{{service: s{reader}, permission: read}}]\n"
        for place in range(COLLECTIONS_A_SERVICE)
    )
    requests = "".join(
        f"      - {{collection: s{read}.c{place}, permission: read, reason: counting}}\n"
        for place in range(COLLECTIONS_A_SERVICE)
    )
    return (
        f"metadata: {{name: s{number}, version: '1'}}\nspec:\n  dataRequirements:\n"
        f"    collections:\n{collections}    accessRequests:\n{requests}"
    )


def _parsed(word: str) -> tuple[list[str], list[Manifest]]:
    texts = [text(number, word) for number in range(SERVICES)]
    return texts, [parse_manifest(item, "manifest.yaml") for item in texts]


async def _planned(command: PlanManifests, texts: Sequence[str]) -> tuple[float, int]:
    """Return how long a plan takes, in seconds, and how many changes it has."""
    arguments = pb.PlanManifestsRequest(
        manifests=[pb.ManifestToPlan(manifest=item, source=f"{number}.yaml") for number, item in enumerate(texts)]
    )
    request = Request(Principal("", is_operator=True), "plan_manifests", "", arguments, time.monotonic() + 600)
    began = time.perf_counter()
    answer = await command.dispatch(request, None, None)
    return time.perf_counter() - began, answer.result_count


async def _compared(registry: Registry, before: Sequence[Manifest], after: Sequence[Manifest]) -> tuple[float, int]:
    """Return how long the comparison of manifests that are read already takes, and how many changes it finds."""
    deployments = await ManifestHistory(registry).deployments(0)
    candidates = [Candidate(new, old, 1) for new, old in zip(after, before, strict=True)]
    began = time.perf_counter()
    changes = plan(candidates, registry.snapshot, deployments, Unobserved())
    return time.perf_counter() - began, len(changes)


async def measure(folder: Path) -> None:
    """Register the services, and print a line for each kind of plan."""
    backend = InProcessBackend("memory", MemoryAdapter())
    await backend.start(1)
    backends = Backends({"memory": backend}, "memory")
    registry = Registry(f"sqlite+aiosqlite:///{folder / 'registry.db'}", default_adapter="memory")
    await registry.open()
    began = time.perf_counter()
    texts, before = _parsed("first")
    _print("reading the texts of all (YAML and its checks)", [time.perf_counter() - began], 0)
    manifests = [ManifestToApply(item, text, "manifest.yaml") for item, text in zip(before, texts, strict=True)]
    began = time.perf_counter()
    await registry.apply_plan(PlanToApply("first", registry.snapshot.revision, manifests), "benchmark")
    _print("registering all, one transaction", [time.perf_counter() - began], 0)
    usage = UsageKeeper(registry, load_settings(None, {}).usage)
    command = PlanManifests(registry, backends, Dispatch(backends, registry), usage=usage, deployed_days=7)
    some = [text(number, "second" if number < _CHANGED else "first") for number in range(SERVICES)]
    for name, planned in (("a plan of all, nothing changed", texts), (f"a plan of all, {_CHANGED} changed", some)):
        runs = [await _planned(command, planned) for _ in range(RUNS)]
        _print(name, [seconds for seconds, _ in runs], runs[0][1])
    _, after = _parsed("second")
    compared = [await _compared(registry, before, after) for _ in range(RUNS)]
    _print("the comparison alone, all changed", [seconds for seconds, _ in compared], compared[0][1])
    await registry.close()
    await backend.stop()


def _print(name: str, seconds: Sequence[float], changes: int) -> None:
    sys.stdout.write(f"{statistics.median(seconds):8.2f} s  {name}{f', {changes:,} changes' if changes else ''}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure in a folder that goes afterwards; return the exit code."""
    sys.stdout.write(f"{SERVICES:,} services, {SERVICES * COLLECTIONS_A_SERVICE:,} collections; medians of {RUNS}\n")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
