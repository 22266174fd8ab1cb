"""What must documents meet, by the attributes of a context? Filters in which `"$context.NAME"` stands for a value."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import orjson

from aol_broker.security.context import NAME_FORM, OWN_NAMES, Context, is_name
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter_object
from aol_wire.filters import And, Filter, Json, Not, Or, Path
from aol_wire.limits import SECURITY_CONDITION_MAX_BYTES
from aol_wire.metadata import RESERVED
from aol_wire.paths import shown

_MARK = "$context."
_Said = Callable[[str, bool], Json]
"""Returns what a name stands for; told whether it stands where a list is needed."""

_LISTS = ("$in", "$nin")
_REFUSED = ("$regex", "$text")
_OF_LISTS = frozenset({"teams", "roles"})


def check_condition(condition: Json) -> None:
    """Return if an attribute condition can be filled in.

    :raises DataError: with the place in it, below `filter`, that is wrong.
    """
    if not isinstance(condition, dict) or not condition:
        raise DataError.invalid(Reason.BAD_FILTER, "filter", "a condition is a filter that is not empty")
    if len(orjson.dumps(condition)) > SECURITY_CONDITION_MAX_BYTES:
        raise DataError.invalid(Reason.TOO_LARGE, "filter", f"at most {SECURITY_CONDITION_MAX_BYTES:,} bytes")
    for key in _keys(condition):
        if key in _REFUSED:
            raise DataError.invalid(Reason.BAD_FILTER, "filter", f"{key} cannot stand in a condition of security")
        if key.split(".")[0] in RESERVED:
            description = "a condition is about the document; tenant, owner and acl are kept by the keys beside it"
            raise DataError.invalid(Reason.BAD_PATH, f"filter.{key}", description)
    parse_filter_object(_filled(condition, _sample))


def node_count(condition: Json) -> int:
    """Return how many nodes the tree of a condition has that was checked."""
    return _nodes(parse_filter_object(_filled(condition, _sample)))


def names_in(condition: Json) -> frozenset[str]:
    """Return which attributes a condition asks for."""
    found: set[str] = set()

    def note(name: str, lists: bool) -> Json:
        found.add(name)
        return [] if lists else ""

    _filled(condition, note)
    return frozenset(found)


@lru_cache(maxsize=1024)
def names_of(text: str) -> frozenset[str]:
    """Return which attributes a condition, as JSON text, asks for."""
    return names_in(orjson.loads(text))


def fill_in(text: str, context: Context, datetime_paths: frozenset[Path]) -> Filter:
    """Return a condition with what the context says.

    :param text: JSON text; the context says something of all that it asks for.
    :raises DataError: BAD_REQUEST, the context says something that does not fit there.
    """

    def value(name: str, lists: bool) -> Json:
        found = context.value(name)
        if isinstance(found, list) is not lists:
            kind = "a list" if lists else "one value, not a list,"
            raise DataError.invalid(
                Reason.BAD_REQUEST, _place(name), f"{kind} is needed: the collection's security compares with it"
            )
        return found

    filled = _filled(orjson.loads(text), value)
    try:
        parsed = parse_filter_object(filled, datetime_paths)
    except DataError as error:
        # The condition was checked: what is wrong is what the context has put into it.
        names = ", ".join(_place(name) for name in sorted(names_of(text)))
        raise DataError(
            Reason.BAD_REQUEST,
            f"{names}: it does not fit the condition of the collection's security: {error.violations[0].description}",
        ) from None
    if parsed is None:
        raise AssertionError("a condition is not empty")
    return parsed


def _place(name: str) -> str:
    return f"context.{name}" if name in OWN_NAMES else f"context.attributes.{shown([name])}"


def _sample(name: str, lists: bool) -> Json:
    """Return a value of the kind that a name stands for."""
    if not is_name(name):
        description = f"after {_MARK} comes the name of an attribute, {NAME_FORM}"
    elif name in _OF_LISTS and not lists:
        description = f"{_MARK}{name} is a list, which stands under {' or '.join(_LISTS)}"
    elif name in OWN_NAMES - _OF_LISTS and lists:
        description = f"{_MARK}{name} is one value, not a list"
    else:
        return ["x"] if lists else "x"
    raise DataError.invalid(Reason.BAD_FILTER, "filter", description)


def _filled(value: Json, said: _Said, *, lists: bool = False) -> Json:
    """Return a filter with every name replaced by what `said` returns for it."""
    if isinstance(value, str) and value.startswith(_MARK):
        return said(value[len(_MARK) :], lists)
    if isinstance(value, dict):
        return {key: _filled(item, said, lists=key in _LISTS) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, said) for item in value]
    return value


def _nodes(filter: Filter | None) -> int:
    match filter:
        case None:
            return 0
        case And(parts) | Or(parts):
            return 1 + sum(map(_nodes, parts))
        case Not(inner):
            return 1 + _nodes(inner)
        case _:
            return 1


def _keys(value: Json) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)
