"""Does a document match a filter? The reference meaning of the filter tree."""

from collections.abc import Set as AbstractSet
from operator import ge, gt, le, lt

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
    Regex,
    Text,
)
from aol_wire.regexes import compile_regex
from aol_wire.values import MISSING, Missing, equal, get, sort_key, type_rank

_ORDERINGS = {Operator.GT: gt, Operator.GTE: ge, Operator.LT: lt, Operator.LTE: le}


def matches(condition: Filter | None, view: dict[str, Json], words: AbstractSet[str]) -> bool:
    """Return whether a document matches.

    :param view: the document with its metadata under the reserved keys; absent metadata is left out, times are
        microseconds.
    :param words: the words of the text-indexed fields.
    """
    match condition:
        case None:
            return True
        case And(filters):
            return all(matches(part, view, words) for part in filters)
        case Or(filters):
            return any(matches(part, view, words) for part in filters)
        case Not(inner):
            return not matches(inner, view, words)
        case Text(wanted):
            return all(word in words for word in wanted)
        case _:
            return _value_matches(condition, get(view, condition.path))


def _value_matches(
    condition: Compare | Member | Exists | Contains | ContainsAny | Regex, value: Json | Missing
) -> bool:
    match condition:
        case Compare(_, operator, operand):
            return _compares(value, operator, operand)
        case Member(_, values, negated):
            return any(equal(value, candidate) for candidate in values) is not negated
        case Exists(_, exists):
            return (value is not MISSING) is exists
        case Contains(_, element):
            return isinstance(value, list) and any(equal(item, element) for item in value)
        case ContainsAny(_, elements):
            return isinstance(value, list) and any(isinstance(item, str) and item in elements for item in value)
        case Regex(_, pattern, ignore_case):
            return isinstance(value, str) and compile_regex(pattern, ignore_case).search(value) is not None


def _compares(value: Json | Missing, operator: Operator, operand: Json) -> bool:
    if operator is Operator.EQ:
        return equal(value, operand)
    if operator is Operator.NE:
        return not equal(value, operand)
    return type_rank(value) == type_rank(operand) and _ORDERINGS[operator](sort_key(value), sort_key(operand))
