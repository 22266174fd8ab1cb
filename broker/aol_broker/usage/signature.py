"""Which paths does a call name, and how? Of the trees that the line has parsed already: nothing is parsed again.

This runs in every call. What it returns is made for being a key: it holds paths and no value.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.adapter import SortKey
from aol_wire.filters import And, Compare, Filter, Member, Not, Operator, Or, Path, Text
from aol_wire.indexes import IndexType

EQUAL, RANGED, OTHER, WORDS = "e", "r", "o", "t"
"""How a filter looks at a path: all matches are equal to something there; are in a range; anything else; `$text`."""

_EQ, _NE = Operator.EQ, Operator.NE

Looked = tuple[Path | str, ...]
"""Paths and how each is looked at, one after the other: flat, as that is the cheapest to make and to compare."""


class Signature(NamedTuple):
    """What a call names. `whole`: it reads, or writes, documents as a whole. `told`: False where paths are not kept."""

    looked: Looked = ()
    sort: tuple[SortKey, ...] = ()
    named: tuple[Path, ...] = ()
    whole: bool = False
    told: bool = True


UNTOLD = Signature(told=False)
"""Of a call whose paths are not kept."""
_WHOLE = Signature(whole=True)
_BARE = Signature()


def _query(work: Any, record: CollectionRecord) -> Signature:
    find = work.find
    return Signature(_looked(find.filter, record), find.sort, find.projection, not find.projection)


def _filtered(work: Any, record: CollectionRecord) -> Signature:
    return _BARE if work.filter is None else Signature(_looked(work.filter, record))


def _update(work: Any, record: CollectionRecord) -> Signature:
    return Signature(_looked(work.filter, record), (), tuple(step.path for step in work.operations))


def _insert(work: Any, record: CollectionRecord) -> Signature:
    return _WHOLE


COUNTED: Mapping[str, Callable[[Any, CollectionRecord], Signature]] = {
    "query": _query,
    "count": _filtered,
    "insert": _insert,
    "insert_many": _insert,
    "update": _update,
    "delete": _filtered,
    "restore": _filtered,
    "purge": _filtered,
}
"""The verbs that use a collection's documents, by their names in audit records, and what reads their work."""


def _looked(tree: Filter | None, record: CollectionRecord) -> Looked:
    if tree is None:
        return ()
    if type(tree) is Compare and tree.operator is _EQ:  # by far the most common
        return (tree.path, EQUAL)
    found: list[Path | str] = []
    _walk(tree, record, found, together=True)
    return tuple(found)


def _walk(tree: Filter, record: CollectionRecord, found: list[Path | str], *, together: bool) -> None:
    """`together`: every document that matches meets this part of the filter."""
    match tree:
        case And(filters):
            for part in filters:
                _walk(part, record, found, together=together)
        case Or(filters):
            for part in filters:
                _walk(part, record, found, together=False)
        case Not(inner):
            _walk(inner, record, found, together=False)
        case Text():
            for index in record.indexes:
                if index.type is IndexType.TEXT:
                    found += [part for field in index.fields for part in (field.path, WORDS)]
        case Compare(path, operator):
            found += (path, _compared(operator) if together else OTHER)
        case Member(path, _, negated):
            found += (path, EQUAL if together and not negated else OTHER)
        case _:
            found += (tree.path, OTHER)


def _compared(operator: Operator) -> str:
    if operator is _EQ:
        return EQUAL
    return OTHER if operator is _NE else RANGED
