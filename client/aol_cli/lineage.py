"""What has a service to do with a collection, in words and figures? Of declared edges and of observed ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aol_cli.output import counted, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import usage_pb2

HOUR_US = 3_600_000_000
_READING = frozenset({"query", "count"})
WHOLE, ELSEWHERE = "*", "…"
"""What the counters call documents as a whole, and paths whose names are not kept."""
_PATH_WORDS = {WHOLE: "whole documents", ELSEWHERE: "paths that are not kept"}


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of a verb that name a path; `path` is empty for all calls of it."""

    verb: str
    path: str
    calls: int
    last_us: int

    @property
    def reads(self) -> bool:
        """Whether data flows to the service."""
        return self.verb in _READING

    @property
    def words(self) -> str:
        """The use in a few words: `query 12`, or with a path, `query status 12`."""
        path = _PATH_WORDS.get(self.path, self.path)
        return f"{self.verb} {path} {self.calls:,}" if path else f"{self.verb} {self.calls:,}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A service and a collection. The words of permissions are in `granted`, `pending` and `requested`."""

    collection: str
    service: str
    owner: bool
    exists: bool
    granted: tuple[str, ...]
    pending: tuple[str, ...]
    requested: tuple[str, ...]
    uses: tuple[Use, ...]

    @property
    def calls(self) -> int:
        """How many calls are counted, or how often a path was named in them."""
        return sum(use.calls for use in self.uses)

    @property
    def last_us(self) -> int:
        """When the last of them began; 0 for none."""
        return max((use.last_us for use in self.uses), default=0)

    @property
    def declared(self) -> str:
        """What stands in manifests and grants, in a few words."""
        if self.owner:
            return "owner"
        words = [*self.granted, *(f"{word} (pending)" for word in self.pending)]
        return ", ".join(words) or (", ".join(f"{word} (asked for)" for word in self.requested) or "nothing")

    @property
    def observed(self) -> str:
        """What it did, in a few words."""
        return ", ".join(use.words for use in self.uses) or "nothing"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Edges, and of what time they tell. `left_out`: how many more there are, with fewer calls."""

    edges: tuple[Edge, ...]
    since_us: int
    until_us: int
    left_out: int = 0

    def per_hour(self, calls: int) -> float:
        """Return how many calls an hour so many in this time are. Less than an hour counts as one."""
        return calls / max(1.0, (self.until_us - self.since_us) / HOUR_US)

    def rate(self, calls: int) -> str:
        """Return a rate in a few words, of hours or of days."""
        hourly = self.per_hour(calls)
        if not calls:
            return ""
        return f"{hourly:,.0f}/hour" if hourly >= 1 else f"{hourly * 24:,.1f}/day"

    @property
    def window(self) -> str:
        """Since when uses are known, and what is not shown, in words."""
        cut = f" {counted(self.left_out, 'more edge')}, with no more calls, not shown." if self.left_out else ""
        return f"Uses since {shown_time(moment(self.since_us) or '')}.{cut}"


def lineage_of(answer: "usage_pb2.GetLineageResponse") -> Lineage:
    """Return what a broker answered."""
    return Lineage(tuple(_edge(item) for item in answer.edges), answer.since_us, answer.until_us, answer.left_out)


def edge_as_json(edge: Edge, lineage: Lineage) -> dict[str, Any]:
    """Return an edge as `--format json` shows it."""
    return {
        "collection": edge.collection,
        "service": edge.service,
        "owner": edge.owner,
        "exists": edge.exists,
        "declared": {"granted": edge.granted, "pending": edge.pending, "requested": edge.requested},
        "observed": [
            {"verb": use.verb, "path": use.path, "calls": use.calls, "last_used": moment(use.last_us)}
            for use in edge.uses
        ],
        "calls": edge.calls,
        "calls_per_hour": round(lineage.per_hour(edge.calls), 3),
        "last_used": moment(edge.last_us),
        "since": moment(lineage.since_us),
        "until": moment(lineage.until_us),
    }


def flows(edge: Edge, lineage: Lineage, *, reads: bool) -> str:
    """Return how data flows along an edge in one direction, in a few words; empty where it does not."""
    calls = sum(use.calls for use in edge.uses if use.reads == reads)
    return lineage.rate(calls)


def moment(us: int) -> str | None:
    """Return a moment as JSON shows it; None for none."""
    from aol_wire.datetimes import from_us

    return from_us(us) if us else None


def services_of(edges: Iterable[Edge]) -> Sequence[str]:
    """Return the services of some edges, sorted."""
    return sorted({edge.service for edge in edges})


def _edge(item: "usage_pb2.LineageEdge") -> Edge:
    return Edge(
        item.collection,
        item.service,
        item.owner,
        item.exists,
        _words(item.granted),
        _words(item.pending),
        _words(item.requested),
        tuple(Use(use.verb, use.path, use.calls, use.last_us) for use in item.uses),
    )


def _words(numbers: Iterable[int]) -> tuple[str, ...]:
    from aol.data.v1 import collection_pb2
    from aol_cli.grants import enum_word

    return tuple(enum_word(collection_pb2.Permission, number) for number in numbers)
