"""What may stand under a path in a filter? The operators on one path, and the operands that each takes."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from aol_wire.datetimes import normalise_within, to_us
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Compare, Contains, Exists, Filter, Json, Member, Operator, Path, Regex
from aol_wire.json_values import examine, sound
from aol_wire.limits import MEMBERSHIP_MAX_VALUES
from aol_wire.metadata import TIMES
from aol_wire.paths import below
from aol_wire.regexes import classify

_COMPARISONS: Mapping[str, Operator] = {
    "$eq": Operator.EQ,
    "$ne": Operator.NE,
    "$gt": Operator.GT,
    "$gte": Operator.GTE,
    "$lt": Operator.LT,
    "$lte": Operator.LTE,
}


def parse_operators(
    path: Path, operators: dict[str, Json], where: str, datetime_paths: frozenset[Path]
) -> list[Filter]:
    """Return one filter for each operator on a path.

    :raises DataError: BAD_FILTER, TOO_LARGE.
    """
    if not all(key.startswith("$") for key in operators):
        description = "operators and keys are mixed; write {$eq: {…}} to compare with an object"
        raise DataError.invalid(Reason.BAD_FILTER, where, description)
    filters: list[Filter] = []
    for key, operand in operators.items():
        place = below(where, key)
        if key in _COMPARISONS:
            filters.append(_comparison(path, _COMPARISONS[key], operand, place, datetime_paths))
        elif key in _OTHERS:
            filters.append(_OTHERS[key](path, operand, place, datetime_paths))
        elif key == "$regex":
            filters.append(_regex(path, operand, operators.get("$options", ""), place))
        elif key == "$options":
            if "$regex" not in operators:
                raise DataError.invalid(Reason.BAD_FILTER, place, "$options stands beside $regex")
        elif key == "$not":
            description = "$not takes a filter and stands above the path, as in {$not: {path: …}}"
            raise DataError.invalid(Reason.BAD_FILTER, place, description)
        else:
            raise unknown_operator(key, OPERATORS, place)
    return filters


def parse_value(operand: Json, path: Path, where: str, datetime_paths: frozenset[Path]) -> Json:
    """Return the value that a path is compared with, date-times brought to the form that is compared.

    :raises DataError: BAD_FILTER.
    """
    if path[0] in TIMES:
        return _time(operand, where)
    _check_keys(operand, where)
    return normalise_within(operand, path, datetime_paths) if datetime_paths else operand


def _check_keys(operand: Json, where: str) -> None:
    """Depth and integers were checked when the filter was decoded; keys could not be, as a filter's own are free."""
    if isinstance(operand, dict | list) and not sound(operand, keys=True):
        examine(operand, Reason.BAD_FILTER, where, keys=True)


def unknown_operator(key: str, known: Iterable[str], where: str) -> DataError:
    """Return the error for a key that is no operator; it names the nearest one that is."""
    known = tuple(known)
    nearest = get_close_matches(key[:32], known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
    return DataError.invalid(Reason.BAD_FILTER, where, f"no such operator; {hint}")


def _comparison(path: Path, operator: Operator, operand: Json, where: str, datetime_paths: frozenset[Path]) -> Filter:
    ordering = operator not in {Operator.EQ, Operator.NE}
    if ordering and (operand is None or isinstance(operand, dict | list)):
        description = "it compares with a number, a string or a boolean"
        raise DataError.invalid(Reason.BAD_FILTER, where, description)
    return Compare(path, operator, parse_value(operand, path, where, datetime_paths))


def _member(path: Path, operand: Json, where: str, datetime_paths: frozenset[Path]) -> Member:
    if not isinstance(operand, list):
        raise DataError.invalid(Reason.BAD_FILTER, where, "it takes a list of values")
    if len(operand) > MEMBERSHIP_MAX_VALUES:
        description = f"at most {MEMBERSHIP_MAX_VALUES} values, not {len(operand)}"
        raise DataError.invalid(Reason.TOO_LARGE, where, description)
    values = (parse_value(value, path, below(where, index), datetime_paths) for index, value in enumerate(operand))
    return Member(path, tuple(values))


def _not_member(path: Path, operand: Json, where: str, datetime_paths: frozenset[Path]) -> Member:
    member = _member(path, operand, where, datetime_paths)
    return Member(path, member.values, negated=True)


def _exists(path: Path, operand: Json, where: str, _: frozenset[Path]) -> Exists:
    if not isinstance(operand, bool):
        raise DataError.invalid(Reason.BAD_FILTER, where, "it takes true or false")
    return Exists(path, operand)


def _contains(path: Path, operand: Json, where: str, _: frozenset[Path]) -> Contains:
    if path[0] in TIMES:
        raise DataError.invalid(Reason.BAD_FILTER, where, "a time is not an array")
    _check_keys(operand, where)
    return Contains(path, operand)


def _regex(path: Path, pattern: Json, options: Json, where: str) -> Regex:
    if path[0] in TIMES:
        raise DataError.invalid(Reason.BAD_FILTER, where, "a time is compared with $gte and $lt, not with $regex")
    if not isinstance(pattern, str):
        raise DataError.invalid(Reason.BAD_FILTER, where, "it takes a pattern, which is a string")
    if options not in ("", "i"):
        raise DataError.invalid(Reason.BAD_FILTER, where, 'the only $options is "i", to ignore case')
    ignore_case = options == "i"
    return Regex(path, pattern, ignore_case, classify(pattern, ignore_case, where))


def _time(operand: Json, where: str) -> Json:
    if operand is None:
        return None
    us = to_us(operand) if isinstance(operand, str) else None
    if us is None:
        description = "it is compared with a date-time, as 2025-11-22T00:00:00Z"
        raise DataError.invalid(Reason.BAD_FILTER, where, description)
    return us


_OTHERS: Mapping[str, Callable[[Path, Json, str, frozenset[Path]], Filter]] = {
    "$in": _member,
    "$nin": _not_member,
    "$exists": _exists,
    "$contains": _contains,
}
OPERATORS = (*_COMPARISONS, *_OTHERS, "$regex", "$options")
"""The operators that stand under a path."""
