"""What is an update? The typed steps that the broker makes of an update's JSON."""

from dataclasses import dataclass

from aol_wire.filters import Json, Path


@dataclass(frozen=True, slots=True)
class Set:
    """Put a value at a path; missing parents become objects."""

    path: Path
    value: Json


@dataclass(frozen=True, slots=True)
class Unset:
    """Remove what is at a path, if anything is."""

    path: Path


@dataclass(frozen=True, slots=True)
class Inc:
    """Add to the number at a path; a missing one counts as 0."""

    path: Path
    amount: int | float


@dataclass(frozen=True, slots=True)
class Push:
    """Append to the array at a path; a missing one counts as []."""

    path: Path
    value: Json


UpdateOperation = Set | Unset | Inc | Push
