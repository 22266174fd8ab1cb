"""Where in a document is the value at a path? As an aggregation expression, in which missing is null.

A path of MongoDB fans out over arrays, and takes a number for an index or a key as it comes; these expressions go
through objects by key, and through arrays by index alone. No expression binds or returns what is missing, which not
every server keeps apart from null.
"""

from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import Any

from aol_adapters.mongodb.stored import stored
from aol_wire import metadata
from aol_wire.filters import Json, Path
from aol_wire.values import array_index

Expression = Any

NUMBERS = ["int", "long", "double"]
NOTHING = ["missing", "null", "undefined"]


def _of_ours(name: str, types: Sequence[str], otherwise: Expression) -> Expression:
    """Return metadata, as `stored.metadata_of` has it: what is of another type is none of ours."""
    found = f"$_aol.{name}"
    return {"$cond": [{"$in": [{"$type": found}, list(types)]}, found, otherwise]}


ID: Expression = _of_ours("i", ["string"], "$_id")
TENANT: Expression = _of_ours("t", ["string"], "")

_INTEGERS = ["int", "long"]
_METADATA: Mapping[str, Expression] = {
    metadata.ID: ID,
    metadata.VERSION: _of_ours("v", _INTEGERS, 1),
    metadata.CREATED_AT: _of_ours("c", _INTEGERS, 0),
    metadata.UPDATED_AT: _of_ours("u", _INTEGERS, 0),
    metadata.DELETED_AT: _of_ours("d", _INTEGERS, None),
    metadata.OWNER: _of_ours("o", ["string"], None),
    metadata.TENANT: _of_ours("t", ["string"], None),
    metadata.ACL: {"$ifNull": ["$_aol.a", None]},
}


def literal(value: Json) -> Expression:
    """Return a value that means itself, whatever it looks like."""
    return {"$literal": stored(value)}


def value(path: Path) -> Expression:
    """Return the value at a path; null when it is missing."""
    found = _METADATA.get(path[0])
    if found is None:
        found = {"$ifNull": [f"${path[0]}", None]}
    for segment in path[1:]:
        found = _child(found, segment)
    return found


def is_present(path: Path) -> Expression:
    """Return whether there is a value at a path."""
    if len(path) == 1:
        return {"$ne": [_METADATA[path[0]], None]} if path[0] in _METADATA else _is_not_missing(f"${path[0]}")
    segment, index = path[-1], array_index(path[-1])
    otherwise: Expression = False
    if index is not None:
        otherwise = {"$cond": [{"$isArray": ["$$v"]}, {"$gt": [{"$size": "$$v"}, index]}, False]}
    keys = {"$map": {"input": {"$objectToArray": "$$v"}, "in": "$$this.k"}}
    present = {"$cond": [_is_object("$$v"), {"$in": [{"$literal": segment}, keys]}, otherwise]}
    return {"$let": {"vars": {"v": value(path[:-1])}, "in": present}}


def sort_value(found: Expression) -> Expression:
    """Return what orders a value: itself, or where all of a type sort as a class, one of that type.

    MongoDB has null < numbers < strings < objects < arrays < booleans, but would sort arrays by an element. `{}` stands
    for an object, and for what only MongoDB has; `{a: 1}` comes after that, and stands for an array.
    """
    kind = {"$type": "$$v"}
    branches = [
        # They read as null.
        {"case": {"$in": ["$$v", {"$literal": [inf, -inf, nan]}]}, "then": None},
        {"case": {"$in": [kind, [*NUMBERS, "string", "bool", *NOTHING]]}, "then": "$$v"},
        {"case": {"$isArray": ["$$v"]}, "then": {"$literal": {"a": 1}}},
    ]
    switch = {"$switch": {"branches": branches, "default": {"$literal": {}}}}
    return {"$let": {"vars": {"v": found}, "in": switch}}


def _child(parent: Expression, segment: str) -> Expression:
    index = array_index(segment)
    otherwise: Expression = None
    if index is not None:
        inside = {"$cond": [{"$gt": [{"$size": "$$v"}, index]}, {"$arrayElemAt": ["$$v", index]}, None]}
        otherwise = {"$cond": [{"$isArray": ["$$v"]}, {"$ifNull": [inside, None]}, None]}
    found = {"$cond": [_is_object("$$v"), {"$ifNull": [f"$$v.{segment}", None]}, otherwise]}
    return {"$let": {"vars": {"v": parent}, "in": found}}


def _is_object(found: Expression) -> Expression:
    return {"$eq": [{"$type": found}, "object"]}


def _is_not_missing(found: str) -> Expression:
    return {"$ne": [{"$type": found}, "missing"]}
