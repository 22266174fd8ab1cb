"""What does an update say? Its JSON, in the SDK's dict form, made into typed steps."""

from aol_wire.datetimes import normalise_within
from aol_wire.errors import DataError, Reason
from aol_wire.filter_operands import unknown_operator
from aol_wire.filters import Json, Path
from aol_wire.json_text import decode
from aol_wire.json_values import examine, sound
from aol_wire.limits import UPDATE_MAX_BYTES, UPDATE_MAX_PATHS
from aol_wire.metadata import RESERVED
from aol_wire.paths import below, format_path, overlap, parse_path, shown
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation

_ROOT = "update"
_OPERATORS = ("$set", "$unset", "$inc", "$push")


def parse_update(text: str, datetime_paths: frozenset[Path] = frozenset()) -> tuple[UpdateOperation, ...]:
    """Return the steps of an update's text: path -> value, or `$set $unset $inc $push` with an object of these each.

    :param datetime_paths: the paths at which values that are date-times are brought to the stored form.
    :raises DataError: BAD_FILTER, BAD_PATH or TOO_LARGE, with the place in the update.
    """
    obj = decode(text, Reason.BAD_FILTER, _ROOT, UPDATE_MAX_BYTES)
    if not isinstance(obj, dict) or not obj:
        raise DataError.invalid(Reason.BAD_FILTER, _ROOT, "an update is an object that is not empty")
    operations: list[UpdateOperation] = []
    if any(key.startswith("$") for key in obj):
        for key, changes in obj.items():
            operations.extend(_operations(key, changes, below(_ROOT, key), datetime_paths))
    else:
        operations = _operations("$set", obj, _ROOT, datetime_paths)
    overlapping = overlap(operation.path for operation in operations)
    if overlapping is not None:
        both = " and ".join(shown([format_path(path)]) for path in overlapping)
        raise DataError.invalid(Reason.BAD_FILTER, _ROOT, f"the paths {both} overlap")
    return tuple(operations)


def _operations(key: str, changes: Json, where: str, datetime_paths: frozenset[Path]) -> list[UpdateOperation]:
    if not key.startswith("$"):
        raise DataError.invalid(Reason.BAD_FILTER, where, "paths and operators are mixed; put the paths under $set")
    if key not in _OPERATORS:
        raise unknown_operator(key, _OPERATORS, where)
    if not isinstance(changes, dict) or not changes:
        raise DataError.invalid(Reason.BAD_FILTER, where, "it takes an object of paths that is not empty")
    if len(changes) > UPDATE_MAX_PATHS:
        raise DataError.invalid(Reason.TOO_LARGE, where, f"at most {UPDATE_MAX_PATHS} paths, not {len(changes)}")
    return [
        _operation(key, _writable(text), value, below(where, text), datetime_paths) for text, value in changes.items()
    ]


def _operation(key: str, path: Path, value: Json, where: str, datetime_paths: frozenset[Path]) -> UpdateOperation:
    match key:
        case "$unset":
            return Unset(path)
        case "$inc":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError.invalid(Reason.BAD_FILTER, where, "it takes a number")
            return Inc(path, value)
        case "$push":
            _check_storable(value, where, len(path) + 1)
            return Push(path, value)
        case _:
            _check_storable(value, where, len(path))
            return Set(path, normalise_within(value, path, datetime_paths))


def _check_storable(value: Json, where: str, levels: int) -> None:
    if not sound(value, keys=True, levels=levels):
        examine(value, Reason.BAD_FILTER, where, keys=True, levels=levels)


def _writable(text: str) -> Path:
    path = parse_path(text)
    if path[0] in RESERVED:
        raise DataError.invalid(Reason.BAD_PATH, text, "metadata is kept by the broker and cannot be updated")
    return path
