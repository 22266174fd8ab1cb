"""What does a document look like after an update? The reference meaning of the update steps."""

import math
from collections.abc import Iterable

from aol_wire.documents import ensure_document
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json, Path
from aol_wire.limits import INT64_MAX, INT64_MIN
from aol_wire.paths import shown
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation
from aol_wire.values import MISSING, Missing, array_index, get


def apply_update(document: dict[str, Json], operations: Iterable[UpdateOperation]) -> dict[str, Json]:
    """Return the document after the steps, in order. The one given is not changed; the two share what did not change.

    :raises DataError: BAD_DOCUMENT, when a step does not fit the document; BAD_DOCUMENT or TOO_LARGE, when the result
        is no good document.
    """
    result = dict(document)
    for operation in operations:
        if isinstance(operation, Unset):
            _unset(result, operation.path)
        else:
            _put(result, operation)
    ensure_document(result)
    return result


def _put(document: dict[str, Json], operation: Set | Inc | Push) -> None:
    path = operation.path
    parent = _own_parent(document, path)
    present = _child(parent, path, len(path) - 1)
    match operation:
        case Set(_, value):
            _assign(parent, path[-1], value)
        case Inc(_, amount):
            _assign(parent, path[-1], _sum(present, amount, path))
        case Push(_, value):
            if present is MISSING:
                present = []
            if not isinstance(present, list):
                raise _misfit(path, "$push needs an array there, or nothing")
            _assign(parent, path[-1], [*present, value])


def _unset(document: dict[str, Json], path: Path) -> None:
    if get(document, path) is MISSING:
        return
    parent = _own_parent(document, path)
    if isinstance(parent, list):
        raise _misfit(path, "$unset cannot remove an element of an array")
    del parent[path[-1]]


def _own_parent(document: dict[str, Json], path: Path) -> dict[str, Json] | list[Json]:
    """Return what holds the last segment: a fresh copy, as everything on the way to it; missing objects are made."""
    parent: dict[str, Json] | list[Json] = document
    for position in range(len(path) - 1):
        child = _child(parent, path, position)
        if child is MISSING:
            own: dict[str, Json] | list[Json] = {}
        elif isinstance(child, dict | list):
            own = child.copy()
        else:
            raise _misfit(path[: position + 1], "neither an object nor missing, so nothing can be put under it")
        _assign(parent, path[position], own)
        parent = own
    return parent


def _child(parent: dict[str, Json] | list[Json], path: Path, position: int) -> Json | Missing:
    segment = path[position]
    if isinstance(parent, dict):
        return parent.get(segment, MISSING)
    index = array_index(segment)
    if index is None or index >= len(parent):
        raise _misfit(path[: position + 1], "an array is updated only at an index that it has")
    return parent[index]


def _assign(parent: dict[str, Json] | list[Json], segment: str, value: Json) -> None:
    if isinstance(parent, dict):
        parent[segment] = value
    else:
        parent[int(segment)] = value


def _sum(present: Json | Missing, amount: int | float, path: Path) -> int | float:
    if present is MISSING:
        present = 0
    if isinstance(present, bool) or not isinstance(present, int | float):
        raise _misfit(path, "$inc needs a number there, or nothing")
    total = present + amount
    if isinstance(total, float):
        if not math.isfinite(total):
            raise _misfit(path, "the sum is beyond the range of doubles")
    elif not INT64_MIN <= total <= INT64_MAX:
        raise _misfit(path, "the sum is beyond the range of 64-bit integers")
    return total


def _misfit(path: Path, description: str) -> DataError:
    return DataError.invalid(Reason.BAD_DOCUMENT, shown(path), description)
