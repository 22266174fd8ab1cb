"""Which lines does a benchmark of some scale have? Their names, without measuring anything."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from benchmarks.audit_cost import AuditCost
from benchmarks.bench import BROKER, DIRECT, UNARY, Bench
from benchmarks.many_collections import ManyCollections
from benchmarks.run import measurements_of_one_broker
from benchmarks.scale import Scale


def names(scale: Scale, sides: tuple[str, ...] = (DIRECT, BROKER, UNARY)) -> Iterator[str]:
    """The names of all lines of a run. Nothing is started for them, so there need be nothing to start."""
    nothing = cast("Any", None)
    bench = Bench("any", dict.fromkeys(sides, nothing), nothing, scale, nothing)
    for measurement in measurements_of_one_broker(bench):
        yield from measurement.names
    database = cast("Any", SimpleNamespace(name="any"))
    for part in (ManyCollections(database, scale, Path()), AuditCost(database, scale, Path())):
        for measurement in part.measurements():
            yield from measurement.names
