"""What was used, by whom, how often and when last? Loaded values; nothing waits for anything."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import orjson

from aol_wire.adapter import SortKey
from aol_wire.filters import Path
from aol_wire.paths import format_path

V = TypeVar("V")

CALL = ""
"""The path of a use that stands for the calls themselves."""
WHOLE = "*"
"""The path of a use of documents as a whole: a query without projection, an insert."""
ELSEWHERE = "…"
"""The path of a use whose paths are not kept: there were too many different ones, or `audit: metadata` hides them."""


class Use(NamedTuple):
    """Calls of one service and verb that name a path: how many, and when the last began (microseconds since 1970)."""

    service: str
    verb: str
    path: str
    calls: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How a filter and a sort order look at a collection, as far as an index can matter.

    `equal`: every match is equal to something there. `ranged`: it lies in a range. `other`: anything else. `words`: the
    paths of a text index that `$text` looks at.
    """

    equal: tuple[Path, ...] = ()
    ranged: tuple[Path, ...] = ()
    other: tuple[Path, ...] = ()
    words: tuple[Path, ...] = ()
    sort: tuple[SortKey, ...] = ()

    @property
    def text(self) -> str:
        """The shape as it is stored: JSON."""
        parts = {
            "equal": self.equal,
            "ranged": self.ranged,
            "other": self.other,
            "words": self.words,
            "sort": [[key.path, key.descending] for key in self.sort],
        }
        return orjson.dumps({name: part for name, part in parts.items() if part}).decode()

    @property
    def filtered(self) -> tuple[Path, ...]:
        """All paths that its filter looks at."""
        return self.equal + self.ranged + self.other + self.words

    @classmethod
    def read(cls, text: str) -> "Shape":
        """Return the shape of a text that `text` made."""
        read = orjson.loads(text)
        paths = {name: tuple(map(tuple, read.get(name, ()))) for name in ("equal", "ranged", "other", "words")}
        return cls(**paths, sort=tuple(SortKey(tuple(path), descending) for path, descending in read.get("sort", ())))


class ShapeUse(NamedTuple):
    """Calls of one service whose filter and sort order have a shape. None is one whose paths are not kept."""

    service: str
    shape: Shape | None
    calls: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Uses:
    """What was used since a moment, microseconds since 1970. Before it, nothing is known, or nothing was asked."""

    since_us: int
    by_collection: Mapping[str, Sequence[Use]]
    shapes_by_collection: Mapping[str, Sequence[ShapeUse]]

    @classmethod
    def of(cls, since_us: int, uses: Iterable[tuple[str, Use]], shapes: Iterable[tuple[str, ShapeUse]] = ()) -> "Uses":
        """Return uses, each given with the id of its collection."""
        return cls(since_us, _grouped(uses), _grouped(shapes))

    def uses(self, collection_id: str, path: str | None = None) -> Sequence[Use]:
        """Return who uses a collection: one use for each service and verb.

        With a path: the uses of it, of what lies in it, of what it lies in, and those that may be of it (WHOLE,
        ELSEWHERE).
        """
        found = self.by_collection.get(collection_id, ())
        if path is None:
            return [use for use in found if use.path == CALL]
        return [use for use in found if touches(use.path, path)]

    def shapes(self, collection_id: str) -> Sequence[ShapeUse]:
        """Return the shapes of the filters and sort orders that a collection was asked with."""
        return self.shapes_by_collection.get(collection_id, ())


def touches(used: str, path: str) -> bool:
    """Whether a use of one path may be one of another."""
    if used in {WHOLE, ELSEWHERE}:
        return True
    return bool(used) and (used == path or used.startswith(f"{path}.") or path.startswith(f"{used}."))


def name_of(path: Path) -> str:
    """Return a path as it is counted."""
    return format_path(path)


def _grouped(pairs: Iterable[tuple[str, V]]) -> Mapping[str, Sequence[V]]:
    groups: defaultdict[str, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)
