"""How do two JSON values compare, and what is at a path? The rules of equality, order and presence."""

from collections.abc import Mapping
from enum import Enum, auto
from types import NoneType
from typing import Final

from aol_wire.filters import Json, Path

SortValue = tuple[int, int | float | str | bool]


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = auto()


MISSING: Final = Missing.MISSING
"""There is no value at a path. It is not null, but compares like null."""

_RANKS: Mapping[type, int] = {NoneType: 0, Missing: 0, int: 1, float: 1, str: 2, dict: 3, list: 4, bool: 5}
_OBJECT, _ARRAY = _RANKS[dict], _RANKS[list]


def type_rank(value: Json | Missing) -> int:
    """Return the place of a value's type in the sort order; values compare only within one rank.

    Null and missing 0, numbers 1, strings 2, objects 3, arrays 4, booleans 5.
    """
    return _RANKS[type(value)]


def equal(left: Json | Missing, right: Json | Missing) -> bool:
    """Return whether two values are equal as JSON: 1 equals 1.0 and not true, key order says nothing.

    Integers and doubles are compared exactly (Python does so). Null equals missing.
    """
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(equal(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    rank = _RANKS[type(left)]
    return rank == _RANKS[type(right)] and (rank == 0 or left == right)


def sort_key(value: Json | Missing) -> SortValue:
    """Return what orders a value: its rank, then itself, or 0 where all of a rank sort as one class.

    Strings are in code point order. Two scalars have equal keys exactly when they are equal.
    """
    if isinstance(value, int | float | str):
        return _RANKS[type(value)], value
    return _RANKS[type(value)], 0


def get(document: Json, path: Path) -> Json | Missing:
    """Return the value at a path. A segment walks an object by key, and an array by index (`0`, `12`, not `01`)."""
    value = document
    for segment in path:
        if isinstance(value, dict):
            if segment not in value:
                return MISSING
            value = value[segment]
        elif isinstance(value, list):
            index = array_index(segment)
            if index is None or index >= len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value


def array_index(segment: str) -> int | None:
    """Return the index that a path segment means on an array; None when it means none: `01`, `-1`, `x`."""
    if not segment.isascii() or not segment.isdigit() or (segment[0] == "0" and segment != "0"):
        return None
    # No array that fits a document is longer than this; int() of very long text would be slow, or refuse.
    return int(segment) if len(segment) <= 9 else 10**9
