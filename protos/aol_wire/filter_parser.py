"""What does a filter say? Its JSON, in the SDK's dict form, made into the typed tree."""

from aol_wire.errors import DataError, Reason
from aol_wire.filter_operands import OPERATORS, parse_operators, parse_value, unknown_operator
from aol_wire.filters import And, Compare, Filter, Json, Not, Operator, Or, Path, Text
from aol_wire.json_text import decode
from aol_wire.json_values import examine
from aol_wire.limits import FILTER_MAX_BYTES, FILTER_MAX_DEPTH, FILTER_MAX_NODES, MEMBERSHIP_MAX_VALUES
from aol_wire.paths import below, parse_path
from aol_wire.words import split

_ROOT = "filter"
_LOGICAL = ("$and", "$or", "$not", "$text")
_SCALARS = frozenset({str, int, float, bool, type(None)})


def parse_filter(text: str, datetime_paths: frozenset[Path] = frozenset(), *, root: str = _ROOT) -> Filter | None:
    """Return the tree of a filter's text; None, which matches every document, for "" and "{}".

    :param datetime_paths: the paths at which operands that are date-times are brought to the stored form.
    :param root: what errors call the filter.
    :raises DataError: BAD_FILTER, BAD_PATH or TOO_LARGE, with the place in the filter.
    """
    if not text:
        return None
    return _parse(decode(text, Reason.BAD_FILTER, root, FILTER_MAX_BYTES), datetime_paths, root)


def parse_filter_object(
    obj: Json, datetime_paths: frozenset[Path] = frozenset(), *, root: str = _ROOT
) -> Filter | None:
    """Return the tree of a decoded filter; see `parse_filter`. Containers in it may be changed or kept."""
    return _parse(examine(obj, Reason.BAD_FILTER, root), datetime_paths, root)


def _parse(obj: Json, datetime_paths: frozenset[Path], root: str) -> Filter | None:
    if obj == {}:
        return None
    if type(obj) is dict and len(obj) == 1:
        # One path that equals a value, as in {"_id": "x"}: by far the most common.
        [(key, operand)] = obj.items()
        if key[:1] != "$" and type(operand) in _SCALARS:
            path = parse_path(key)
            return Compare(path, Operator.EQ, parse_value(operand, path, below(root, key), datetime_paths))
    return _Parser(datetime_paths).parse(obj, root, 1)


class _Parser:
    """One filter's parsing: it counts the nodes."""

    def __init__(self, datetime_paths: frozenset[Path]) -> None:
        self._datetime_paths = datetime_paths
        self._nodes = 0

    def parse(self, obj: Json, where: str, depth: int) -> Filter:
        if not isinstance(obj, dict):
            raise DataError.invalid(Reason.BAD_FILTER, where, "a filter is an object")
        if not obj:
            raise DataError.invalid(Reason.BAD_FILTER, where, "an empty filter can stand only alone")
        if depth > FILTER_MAX_DEPTH:
            raise DataError.invalid(Reason.BAD_FILTER, where, f"filters nest to depth {FILTER_MAX_DEPTH}")
        parts: list[Filter] = []
        for key, operand in obj.items():
            place = below(where, key)
            if key.startswith("$"):
                parts.append(self._logical(key, operand, place, depth))
            else:
                parts.extend(self._field(parse_path(key), operand, place))
        return self._together(And, parts, where)

    def _logical(self, key: str, operand: Json, where: str, depth: int) -> Filter:
        if key == "$not":
            self._count(1, where)
            return Not(self.parse(operand, where, depth + 1))
        if key == "$text":
            self._count(1, where)
            return Text(_words(operand, where))
        if key not in {"$and", "$or"}:
            raise _unknown(key, where)
        if not isinstance(operand, list) or not operand:
            raise DataError.invalid(Reason.BAD_FILTER, where, f"{key} takes a list of filters that is not empty")
        filters = [self.parse(item, below(where, index), depth + 1) for index, item in enumerate(operand)]
        return self._together(And if key == "$and" else Or, filters, where)

    def _field(self, path: Path, operand: Json, where: str) -> list[Filter]:
        if isinstance(operand, dict) and any(key.startswith("$") for key in operand):
            parts = parse_operators(path, operand, where, self._datetime_paths)
        else:
            parts = [Compare(path, Operator.EQ, parse_value(operand, path, where, self._datetime_paths))]
        self._count(len(parts), where)
        return parts

    def _together(self, kind: type[And] | type[Or], filters: list[Filter], where: str) -> Filter:
        if len(filters) == 1:
            return filters[0]
        self._count(1, where)
        return kind(tuple(filters))

    def _count(self, nodes: int, where: str) -> None:
        self._nodes += nodes
        if self._nodes > FILTER_MAX_NODES:
            raise DataError.invalid(Reason.TOO_LARGE, where, f"a filter has at most {FILTER_MAX_NODES} nodes")


def _words(operand: Json, where: str) -> tuple[str, ...]:
    if not isinstance(operand, str):
        raise DataError.invalid(Reason.BAD_FILTER, where, "$text takes a string of words")
    words = tuple(dict.fromkeys(split(operand)))
    if not words:
        raise DataError.invalid(Reason.BAD_FILTER, where, "there is no word in it")
    if len(words) > MEMBERSHIP_MAX_VALUES:
        raise DataError.invalid(Reason.TOO_LARGE, where, f"at most {MEMBERSHIP_MAX_VALUES} words")
    return words


def _unknown(key: str, where: str) -> DataError:
    if key in OPERATORS:
        return DataError.invalid(Reason.BAD_FILTER, where, f"{key} stands under a path, as in {{path: {{{key}: …}}}}")
    return unknown_operator(key, _LOGICAL, where)
