"""How do paths, values and filters travel to an adapter? Typed trees <-> aol.adapter.v1 messages."""

from collections.abc import Iterable
from math import isfinite

import orjson

from aol.adapter.v1 import filter_pb2 as pb
from aol_wire.errors import DataError, Reason
from aol_wire.filters import (
    And,
    Compare,
    Contains,
    ContainsAny,
    Exists,
    Filter,
    Json,
    Member,
    Not,
    Operator,
    Or,
    Path,
    Regex,
    RegexLevel,
    Text,
)
from aol_wire.limits import (
    CONTAINS_ANY_MAX_ELEMENTS,
    FILTER_TREE_MAX_DEPTH,
    INT64_MAX,
    INT64_MIN,
    MEMBERSHIP_MAX_VALUES,
    PATH_MAX_SEGMENTS,
)

_OPERATORS = {
    Operator.EQ: pb.OPERATOR_EQ,
    Operator.NE: pb.OPERATOR_NE,
    Operator.GT: pb.OPERATOR_GT,
    Operator.GTE: pb.OPERATOR_GTE,
    Operator.LT: pb.OPERATOR_LT,
    Operator.LTE: pb.OPERATOR_LTE,
}
_OPERATORS_BACK = {number: operator for operator, number in _OPERATORS.items()}
_LEVELS = {RegexLevel.COMMON: pb.REGEX_LEVEL_COMMON, RegexLevel.FULL: pb.REGEX_LEVEL_FULL}
_LEVELS_BACK = {number: level for level, number in _LEVELS.items()}


def malformed(where: str, what: str) -> DataError:
    """Return the error for a message that does not keep to the contract."""
    return DataError.invalid(Reason.BAD_REQUEST, where, what)


def path_to_proto(path: Path) -> pb.Path:
    """Return the message of a path."""
    return pb.Path(segments=path)


def path_from_proto(message: pb.Path, where: str) -> Path:
    """Return a path.

    :raises DataError: BAD_REQUEST.
    """
    path = tuple(message.segments)
    if not 0 < len(path) <= PATH_MAX_SEGMENTS or "" in path:
        raise malformed(where, f"a path has 1 to {PATH_MAX_SEGMENTS} segments, none of them empty")
    return path


def fill_value(message: pb.Value, value: Json) -> None:
    """Make an empty message that of a JSON value; integers and doubles stay what they are.

    :raises DataError: BAD_REQUEST for a number that JSON or int64 does not have.
    """
    if isinstance(value, str):
        message.string = value
    elif value is None:
        message.null = True
    elif isinstance(value, bool):
        message.boolean = value
    elif isinstance(value, int):
        if not INT64_MIN <= value <= INT64_MAX:
            raise malformed("value", "an integer is beyond int64")
        message.integer = value
    elif isinstance(value, float):
        if not isfinite(value):
            raise malformed("value", "a number is not finite")
        message.double = value
    else:
        message.json = orjson.dumps(value).decode()


def value_to_proto(value: Json) -> pb.Value:
    """Return the message of a JSON value; see `fill_value`."""
    message = pb.Value()
    fill_value(message, value)
    return message


def value_from_proto(message: pb.Value, where: str) -> Json:
    """Return a JSON value.

    :raises DataError: BAD_REQUEST.
    """
    match message.WhichOneof("kind"):
        case "string":
            return message.string
        case "null":
            return None
        case "boolean":
            return message.boolean
        case "integer":
            return message.integer
        case "double":
            if not isfinite(message.double):
                raise malformed(where, "a number is not finite")
            return message.double
        case "json":
            return _nested(message.json, where)
    raise malformed(where, "a value has no kind")


def filter_to_proto(tree: Filter) -> pb.Filter:
    """Return the message of a filter; see `fill_filter`."""
    message = pb.Filter()
    fill_filter(message, tree)
    return message


def fill_filter(message: pb.Filter, tree: Filter, depth: int = 1) -> None:
    """Make an empty message that of a filter. It is filled in where it stands, as protobuf copies what it is handed.

    :raises DataError: BAD_REQUEST for a tree that is too deep to travel.
    """
    _check_depth(depth)
    match tree:
        case Compare(path, operator, operand):
            comparison = message.comparison
            comparison.path.segments.extend(path)
            comparison.operator = _OPERATORS[operator]
            fill_value(comparison.operand, operand)
        case And(filters):
            _fill(getattr(message, "and"), filters, depth)
        case Or(filters):
            _fill(getattr(message, "or"), filters, depth)
        case Not(inner):
            inverted = getattr(message, "not")
            inverted.SetInParent()
            fill_filter(inverted, inner, depth + 1)
        case Member():
            _fill_membership(message.membership, tree)
        case Exists(path, exists):
            message.exists.path.segments.extend(path)
            message.exists.exists = exists
        case Contains(path, element):
            message.contains.path.segments.extend(path)
            fill_value(message.contains.element, element)
        case ContainsAny(path, elements):
            message.contains_any.path.segments.extend(path)
            message.contains_any.elements.extend(elements)
        case Regex(path, pattern, ignore_case, level):
            regex = pb.Regex(path=path_to_proto(path), pattern=pattern, ignore_case=ignore_case, level=_LEVELS[level])
            message.regex.CopyFrom(regex)
        case Text(words):
            message.text.CopyFrom(pb.Text(words=words))


def _fill_membership(message: pb.Membership, tree: Member) -> None:
    message.path.segments.extend(tree.path)
    message.negated = tree.negated
    add = message.values.add
    for value in tree.values:
        # Most are ids, of which there may be many.
        if isinstance(value, str):
            add().string = value
        else:
            fill_value(add(), value)


def filter_from_proto(message: pb.Filter, where: str = "filter", depth: int = 1) -> Filter:
    """Return a filter.

    :raises DataError: BAD_REQUEST for a message without a node, an empty list, an unknown operator or level, a path or
        value that is none, or a tree that is too deep.
    """
    _check_depth(depth)
    match message.WhichOneof("node"):
        case "comparison":
            return _comparison_from_proto(message.comparison, where)
        case "and":
            return And(_list_from_proto(getattr(message, "and"), where, depth))
        case "or":
            return Or(_list_from_proto(getattr(message, "or"), where, depth))
        case "not":
            return Not(filter_from_proto(getattr(message, "not"), where, depth + 1))
        case None:
            raise malformed(where, "a filter has no node")
        case node:
            return _leaf_from_proto(message, node, where)


def _leaf_from_proto(message: pb.Filter, node: str, where: str) -> Filter:
    match node:
        case "membership":
            return _membership_from_proto(message.membership, where)
        case "exists":
            return Exists(path_from_proto(message.exists.path, where), message.exists.exists)
        case "contains":
            path = path_from_proto(message.contains.path, where)
            return Contains(path, value_from_proto(message.contains.element, where))
        case "contains_any":
            return _contains_any_from_proto(message.contains_any, where)
        case "regex":
            return _regex_from_proto(message.regex, where)
        case "text":
            words = tuple(message.text.words)
            if "" in words:
                raise malformed(where, "a text query has an empty word")
            return Text(words)
    raise malformed(where, "a filter has an unknown node")


def _comparison_from_proto(message: pb.Comparison, where: str) -> Compare:
    operator = _OPERATORS_BACK.get(message.operator)
    if operator is None:
        raise malformed(where, "a comparison has no known operator")
    operand = value_from_proto(message.operand, where)
    ordered = operator not in {Operator.EQ, Operator.NE}
    if ordered and (operand is None or isinstance(operand, list | dict)):
        raise malformed(where, "only numbers, strings and booleans have an order")
    return Compare(path_from_proto(message.path, where), operator, operand)


def _membership_from_proto(message: pb.Membership, where: str) -> Member:
    if len(message.values) > MEMBERSHIP_MAX_VALUES:
        raise malformed(where, f"a membership has more than {MEMBERSHIP_MAX_VALUES} values")
    # Most are ids, of which there may be many. What is no string reads as an empty one.
    values: tuple[Json, ...] = tuple([value.string for value in message.values])
    if not all(values):
        values = tuple([value_from_proto(value, where) for value in message.values])
    return Member(path_from_proto(message.path, where), values, message.negated)


def _contains_any_from_proto(message: pb.ContainsAny, where: str) -> ContainsAny:
    if len(message.elements) > CONTAINS_ANY_MAX_ELEMENTS:
        raise malformed(where, f"more than {CONTAINS_ANY_MAX_ELEMENTS} elements are looked for in an array")
    return ContainsAny(path_from_proto(message.path, where), tuple(message.elements))


def _regex_from_proto(message: pb.Regex, where: str) -> Regex:
    level = _LEVELS_BACK.get(message.level)
    if level is None:
        raise malformed(where, "a regular expression has no known level")
    return Regex(path_from_proto(message.path, where), message.pattern, message.ignore_case, level)


def _fill(message: pb.FilterList, filters: Iterable[Filter], depth: int) -> None:
    for item in filters:
        fill_filter(message.filters.add(), item, depth + 1)


def _list_from_proto(message: pb.FilterList, where: str, depth: int) -> tuple[Filter, ...]:
    filters = tuple(filter_from_proto(item, where, depth + 1) for item in message.filters)
    if not filters:
        raise malformed(where, "a list of filters is empty")
    return filters


def _nested(text: str, where: str) -> Json:
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed(where, "a nested value is not JSON") from error
    if not isinstance(value, list | dict):
        raise malformed(where, "a nested value is neither an array nor an object")
    return value


def _check_depth(depth: int) -> None:
    if depth > FILTER_TREE_MAX_DEPTH:
        raise malformed("filter", f"the filter tree is deeper than {FILTER_TREE_MAX_DEPTH}")
