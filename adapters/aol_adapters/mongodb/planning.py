"""Which part of a query can an index serve? That goes into a `$match` of its own, the first one.

MongoDB joins neighbouring `$match` stages and plans by itself. A simpler server, which scans as soon as one condition
lies outside of an index, plans by what the first stage says.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from math import inf, nextafter
from typing import Any

from aol_adapters.kit.access import ACLS_INDEX, OWNER, OWNERS_INDEX, Access, access_of
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.compiler import OPERATORS, FilterCompiler, Match, indexed
from aol_adapters.mongodb.naming import FIELDS, TENANT, index_keys
from aol_adapters.mongodb.patterns import is_for_here
from aol_adapters.mongodb.stored import ENTRY_MARK, OWNER_MARK, key, stored
from aol_adapters.mongodb.texts import search
from aol_wire import metadata
from aol_wire.adapter import SortKey
from aol_wire.filters import And, Compare, ContainsAny, Exists, Filter, Member, Operator, Or, Path, Regex, Text
from aol_wire.indexes import IndexSpec, IndexType

_ID: Path = (metadata.ID,)


@dataclass(frozen=True, slots=True)
class Plan:
    """A condition that an index serves, and what else must hold.

    :ivar ranged: the path at which the index begins with a range, and its condition: `served` holds it too.
    :ivar here: a filter that the documents found must match beside; see `patterns`.
    """

    served: Match = field(default_factory=dict)
    others: tuple[Match, ...] = ()
    index: IndexSpec | None = None
    ranged: str = ""
    here: Filter | None = None


def plan(collection: Collection, tenant: str | None, filter: Filter | None) -> Plan:
    """Return how a filter is split; see `compiler.FilterCompiler` for what is raised."""
    parts = list(_parts(filter))
    here = tuple(part for part in parts if is_for_here(part))
    planned = _plan(collection, tenant, [part for part in parts if part not in here])
    return replace(planned, here=And(here)) if here else planned


def _plan(collection: Collection, tenant: str | None, parts: Sequence[Filter]) -> Plan:
    compiler = FilterCompiler(collection, tenant)
    by_key = next((part for part in parts if tenant is not None and _names_key(part)), None)
    if by_key is not None:
        rest = tuple(compiler.compile(part) for part in parts if part is not by_key)
        return Plan(compiler.compile(by_key), rest)
    words = next((part for part in parts if isinstance(part, Text) and part.words), None)
    if words is not None and collection.ready_words:
        return Plan(search(words.words), tuple(map(compiler.compile, parts)), collection.ready_words[0])
    access = access_of(And(tuple(parts))) if parts and tenant is not None else None
    served = None if access is None else _of_access(access, collection, tenant or "")
    if served is not None:
        # Beside it stand all parts, for the server's own planner, and for what other tools have written there.
        return Plan(served, tuple(map(compiler.compile, parts)))
    best = max((_use(index, tenant, parts) for index in collection.ready), key=lambda use: use.worth, default=None)
    if best is None or not best.worth:
        return Plan(others=tuple(map(compiler.compile, parts)))
    used = {id(part) for part in best.parts}
    rest = tuple(compiler.compile(part) for part in parts if id(part) not in used)
    return Plan(best.served, rest, best.index, best.ranged)


def _of_access(access: Access, collection: Collection, tenant: str) -> Match | None:
    """Return the condition that one index serves, None when none does."""
    lists = {it.path for it in access.alternatives if isinstance(it, ContainsAny)}
    owners = [it.operand for it in access.alternatives if isinstance(it, Compare)]
    if not lists and OWNERS_INDEX in collection.access:
        return {TENANT: tenant or None, FIELDS[OWNER]: {"$in": owners}}
    if len(lists) != 1 or ACLS_INDEX not in collection.access:
        return None
    entries = [entry for it in access.alternatives if isinstance(it, ContainsAny) for entry in it.elements]
    wanted = [*(f"{OWNER_MARK}{owner}" for owner in owners), *(ENTRY_MARK + entry for entry in entries)]
    return {TENANT: tenant or None, FIELDS[lists.pop()]: {"$in": wanted}}


def may_use_index(collection: Collection, filter: Filter | None, sort: Sequence[SortKey] = ()) -> bool:
    """Return whether an index of values may find or sort some of a query's documents, for MongoDB's own planner too."""
    return any(key.path in collection.indexed for key in sort) or _is_narrowed(filter, collection.indexed)


def _is_narrowed(filter: Filter | None, indexed: AbstractSet[Path]) -> bool:
    match filter:
        case And(filters) | Or(filters):
            return any(_is_narrowed(part, indexed) for part in filters)
        case Compare(path, operator, _):
            return operator is not Operator.NE and path in indexed
        case Member(path, _, negated):
            return not negated and path in indexed
        case Exists(path, exists):
            return not exists and path in indexed
        case Regex(path):
            return path in indexed
        case _:
            return False


@dataclass(slots=True)
class _Use:
    """What an index would do for a query."""

    index: IndexSpec
    served: Match
    parts: list[Filter] = field(default_factory=list)
    worth: int = 0
    ranged: str = ""

    def take(self, part: Compare | Member, worth: int) -> None:
        self.served |= indexed(part)
        self.parts.append(part)
        self.worth += worth

    def take_ranges(self, ranges: Sequence[Compare]) -> None:
        """Take the bounds of a range, whose comparisons stay conditions beside."""
        for it in ranges:
            for path, condition in indexed(it).items():
                self.served[path] = {**self.served.get(path, {}), **widened(condition)}
                self.ranged = path
            self.worth += 2


def widened(condition: Match) -> Match:
    """Return a condition that takes a little more: by `$lte` some servers do not find what equals a bound, in an index
    in which other fields follow."""
    return {operator: _next(bound) if operator == "$lte" else bound for operator, bound in condition.items()}


def _next(bound: Any) -> Any:
    if isinstance(bound, str):
        return bound + "\0"
    return stored(int(bound) + 1) if isinstance(bound, int) else nextafter(bound, inf)


def _use(index: IndexSpec, tenant: str | None, parts: Sequence[Filter]) -> _Use:
    for_all = index.type is IndexType.TTL or tenant is None
    use = _Use(index, {} if for_all else {"_aol.t": tenant or None})
    for part in index.fields:
        at = [it for it in parts if isinstance(it, Compare | Member) and it.path == part.path]
        equal = next((it for it in at if _is_equality(it)), None)
        if equal is not None:
            use.take(equal, 4 if isinstance(equal, Compare) else 3)
            continue
        # In an index of both directions some servers find nothing in a range.
        if len({direction for _, direction in index_keys(index)}) == 1:
            use.take_ranges([it for it in at if isinstance(it, Compare) and it.operator in OPERATORS])
        break
    return use


def _parts(filter: Filter | None) -> Sequence[Filter]:
    if filter is None:
        return ()
    if isinstance(filter, And):
        return [part for inner in filter.filters for part in _parts(inner)]
    return (filter,)


def _names_key(part: Filter) -> bool:
    match part:
        case Compare(path, Operator.EQ, operand):
            return path == _ID and isinstance(operand, str)
        case Member(path, _, negated):
            return path == _ID and not negated
        case _:
            return False


def _is_equality(part: Compare | Member) -> bool:
    if isinstance(part, Member):
        return not part.negated and not any(isinstance(it, dict | list) for it in part.values)
    return part.operator is Operator.EQ and not isinstance(part.operand, dict | list)


def keys_match(tenant: str, ids: Sequence[str]) -> Match:
    """Return the condition for documents of some ids."""
    return {"_id": {"$in": [key(tenant, id_) for id_ in ids]}}
