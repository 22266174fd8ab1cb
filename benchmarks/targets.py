"""What must be reached? The targets, by the names of the lines; every other line just says how it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

POSTGRESQL = "PostgreSQL"
SQLITE = "SQLite"
MONGODB = "MongoDB"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound of a figure, in the figure's own unit."""

    bound: Literal["at least", "at most"]
    value: float

    def is_reached_by(self, value: float) -> bool:
        """Return whether a figure is on the right side of it."""
        return value >= self.value if self.bound == "at least" else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.bound == 'at least' else '≤'} {self.value:g}"


def _at_least(value: float) -> Target:
    return Target("at least", value)


def _at_most(value: float) -> Target:
    return Target("at most", value)


TARGETS_OF_BOTH: Mapping[str, Target] = {
    "added p50, insert, 1 in flight": _at_most(1.8),
    "added p50, get by id, 1 in flight": _at_most(1.3),
    "audited ÷ not audited, insert, 256 in flight": _at_least(0.85),
    "insert_many of 100,000": _at_least(0.6),
    "scan of 100,000": _at_least(0.5),
    "frames ÷ unary, insert, 32 in flight": _at_least(4),
    "query p50, 1,000,000 documents ÷ 10,000": _at_most(1.5),
    "p50, 10,000 collections ÷ 10": _at_most(1.2),
    "broker, 10,000 collections, 256 in flight": _at_most(160),
    "adapter, scan of 1,000,000": _at_most(120),
}
TARGETS_OF_ONE: Mapping[tuple[str, str], Target] = {
    ("insert, 32 in flight", POSTGRESQL): _at_least(1.5),
    ("insert, 32 in flight", SQLITE): _at_least(4),
    ("insert, 256 in flight", POSTGRESQL): _at_least(4),
    ("insert, 256 in flight", SQLITE): _at_least(5),
    ("get by id, 32 in flight", POSTGRESQL): _at_least(1),
    ("filtered query of 10, 32 in flight", POSTGRESQL): _at_least(0.7),
}


def target_of(line: str, database: str) -> Target | None:
    """Return what a line must reach; None where nothing is asked of it."""
    if database == MONGODB:
        return None
    return TARGETS_OF_ONE.get((line, database)) or TARGETS_OF_BOTH.get(line)
