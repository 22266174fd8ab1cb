"""How far is a collection that moves to another adapter? The state of a move, and its row."""

import base64
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import RowMapping

Key = tuple[str, str]
"""The key of a document: (tenant, id)."""


class Phase(StrEnum):
    """Where a move stands. Each phase but the last two leads to the next; `done` is when there is no move any more."""

    MARKED = "marked"
    """Every broker has to learn of it: writes are refused, nothing is copied yet."""
    COPYING = "copying"
    """Documents are copied, in the order of their keys."""
    INDEXING = "indexing"
    """All documents are copied; the target builds the indexes."""
    SETTLING = "settling"
    """The last writes that can have begun before the mark have to end."""
    VERIFYING = "verifying"
    """Both sides are read and compared."""
    DONE = "done"
    """The target keeps the collection."""
    DIFFERENT = "different"
    """The two sides are not equal: nothing is switched."""
    ABANDONED = "abandoned"
    """Given up: the old place keeps the collection, writes are let through; what was copied is still to be dropped."""


@dataclass(frozen=True, slots=True)
class Side:
    """How far one side was read in the comparison.

    `position` is that of the page to read next, of which documents up to the last compared key may be known already;
    `ended`: there is none. `checksum` (hexadecimal) is over the `count` documents seen.
    """

    position: bytes = b""
    ended: bool = False
    count: int = 0
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not equal, in numbers of documents, and the indexes that only the target could not build."""

    missing: int = 0
    unexpected: int = 0
    different: int = 0
    failed_indexes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.missing, self.unexpected, self.different, self.failed_indexes))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a move is. `total` is the number of documents when it began, `position` that of the page to copy next."""

    total: int = 0
    copied: int = 0
    position: bytes = b""
    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)
    compared_to: Key | None = None
    differences: Differences = field(default_factory=Differences)


@dataclass(frozen=True, slots=True)
class Move:
    """A collection on its way. `step` goes up with every change: whoever changes a move says which one was seen.

    Since `marked_us` (microseconds since 1970) every broker that reads the registry can know of it.
    """

    collection_id: str
    from_adapter: str
    to_adapter: str
    phase: Phase
    step: int
    marked_us: int
    started_by: str
    progress: Progress = field(default_factory=Progress)


def move_to_row(move: Move) -> dict[str, Any]:
    """Return the columns of a move."""
    row = {item.name: getattr(move, item.name) for item in fields(move)}
    return {**row, "phase": move.phase.value, "progress": _encode(move.progress)}


def move_from_row(row: RowMapping) -> Move:
    """Return the move of a row."""
    values = {item.name: row[item.name] for item in fields(Move)}
    return Move(**{**values, "phase": Phase(row["phase"]), "progress": _decode(row["progress"])})


def _encode(progress: Progress) -> str:
    return orjson.dumps(asdict(progress), default=lambda data: base64.b64encode(data).decode()).decode()


def _decode(text: str) -> Progress:
    stored = orjson.loads(text)
    compared_to, differences = stored["compared_to"], stored["differences"]
    return Progress(
        stored["total"],
        stored["copied"],
        base64.b64decode(stored["position"]),
        _side(stored["source"]),
        _side(stored["target"]),
        None if compared_to is None else (compared_to[0], compared_to[1]),
        Differences(**{**differences, "failed_indexes": tuple(differences["failed_indexes"])}),
    )


def _side(stored: dict[str, Any]) -> Side:
    return Side(**{**stored, "position": base64.b64decode(stored["position"])})
