"""What is a filter in SQL? A condition that is 0 or 1 and never NULL, so that NOT is the exact complement."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterable, Sequence

import orjson

from aol_adapters.kit.keyset import Bounded
from aol_adapters.sqlite.access import Entitled
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.expiring import expired
from aol_adapters.sqlite.fulltext import match_expression
from aol_adapters.sqlite.functions import EQUALS_ANY, MATCHES
from aol_adapters.sqlite.places import ARRAY, NOTHING, STRING, Place, place
from aol_wire.adapter import Deleted, Target
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
    Regex,
    Text,
)
from aol_wire.values import type_rank

_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_DELETED = {Deleted.EXCLUDE: ["deleted_us IS NULL"], Deleted.INCLUDE: [], Deleted.ONLY: ["deleted_us IS NOT NULL"]}
_TYPE_NAMES = {0: "('null')", 1: "('integer', 'real')", 2: "('text')", 3: "('object')", 4: "('array')", 5: ""}

TRUE, FALSE = "1", "0"


def where(
    collection: Collection,
    target: Target,
    deleted: Deleted,
    filter: Filter | None,
    bindings: Bindings,
    *,
    now_us: int,
    bounded: Bounded = None,
    entitled: Entitled | None = None,
) -> str:
    """Return the condition for the documents that a request is about; those that are expired are none of them.

    :param entitled: what was found out about a part of the filter.
    :raises DataError: BAD_FILTER, for `$text` where no text index is ready.
    """
    conditions = []
    if target.tenant is not None:
        conditions.append(f"tenant = {bindings.add(target.tenant)}")
    conditions += _DELETED[deleted]
    is_expired = expired(collection, now_us, bindings)
    if is_expired is not None:
        conditions.append(f"NOT {is_expired}")
    if filter is not None:
        conditions.append(FilterCompiler(collection, bindings, bounded, entitled).compile(filter))
    return " AND ".join(conditions) or TRUE


class FilterCompiler:
    """Compiles filters on one collection into conditions, all of them in brackets or single terms."""

    def __init__(
        self,
        collection: Collection,
        bindings: Bindings,
        bounded: Bounded = None,
        entitled: Entitled | None = None,
    ) -> None:
        self._collection = collection
        self._entitled = entitled
        self._bounded = bounded
        self._bindings = bindings

    def compile(self, filter: Filter) -> str:
        """Return a filter's condition."""
        if self._entitled is not None and filter is self._entitled.part:
            return self._of_entitled(self._entitled)
        return self._compile(filter)

    def _compile(self, filter: Filter) -> str:
        match filter:
            case And(filters):
                return _joined(" AND ", map(self.compile, filters))
            case Or(filters):
                return _joined(" OR ", map(self.compile, filters))
            case Not(inner):
                return f"(NOT {self.compile(inner)})"
            case Text(words):
                return self._text(words)
            case Member(values=(), negated=negated):
                return TRUE if negated else FALSE
            case _:
                return self._at(place(filter.path, self._collection.fields, self._bindings), filter)

    def _of_entitled(self, entitled: Entitled) -> str:
        if entitled.numbers is not None:
            return f"(number IN (SELECT value FROM json_each({self._json(entitled.numbers)})))"
        # A plus sign hides it from the planner.
        return f"(+{self._compile(entitled.part)})"

    def _at(self, at: Place, filter: Compare | Member | Exists | Contains | ContainsAny | Regex) -> str:
        match filter:
            case Compare(_, Operator.EQ | Operator.NE as operator, operand):
                return _unless(operator is Operator.NE, self._member(at, (operand,)))
            case Compare(path, operator, operand):
                bound = self._bindings.add(_scalar(operand))
                # A plus sign hides a column from the planner.
                hidden = self._bounded is not None and path == self._bounded[0] and operator in self._bounded[1]
                value = f"+{at.value}" if hidden else at.value
                return f"({at.rank} = {type_rank(operand)} AND {value} {_SIGNS[operator]} {bound})"
            case Member(_, values, negated):
                return _unless(negated, self._member(at, values))
            case Exists(_, exists):
                return _unless(not exists, f"({at.exists})")
            case Contains() | ContainsAny():
                found = self._element(filter)
                return f"({at.rank} = {ARRAY} AND EXISTS (SELECT 1 FROM json_each({at.source}) WHERE {found}))"
            case Regex(_, pattern, ignore_case):
                pattern, flag = self._bindings.add(pattern), self._bindings.add(int(ignore_case))
                return f"({at.rank} = {STRING} AND {MATCHES}({at.value}, {pattern}, {flag}))"

    def _member(self, at: Place, values: Sequence[Json]) -> str:
        by_rank: dict[int, list[Json]] = {}
        for value in values:
            by_rank.setdefault(type_rank(value), []).append(value)
        conditions = [self._equals_any(at, rank, candidates) for rank, candidates in by_rank.items()]
        return _joined(" OR ", conditions)

    def _equals_any(self, at: Place, rank: int, values: Sequence[Json]) -> str:
        """Return the condition that a value equals one of some values of one rank."""
        if rank == NOTHING:
            # The second term lets an index go on to its next column.
            return f"({at.rank} = {NOTHING}" + (f" AND {at.value} = 0)" if at.is_indexed else ")")
        if isinstance(values[0], dict | list):
            return f"({at.rank} = {rank} AND {EQUALS_ANY}({at.json}, {self._json(values)}))"
        return f"({at.rank} = {rank} AND {self._scalar_among(at.value, values)})"

    def _scalar_among(self, value: str, candidates: Sequence[Json]) -> str:
        if len(candidates) == 1:
            return f"{value} = {self._bindings.add(_scalar(candidates[0]))}"
        scalars = self._json([_scalar(candidate) for candidate in candidates])
        return f"{value} IN (SELECT value FROM json_each({scalars}))"

    def _element(self, filter: Contains | ContainsAny) -> str:
        """Return the condition for an element of an array."""
        if isinstance(filter, ContainsAny):
            return f"type = 'text' AND value IN (SELECT value FROM json_each({self._json(filter.elements)}))"
        element = filter.element
        if isinstance(element, bool):
            return f"type = '{'true' if element else 'false'}'"
        if element is None:
            return "type = 'null'"
        condition = f"type IN {_TYPE_NAMES[type_rank(element)]} AND "
        if isinstance(element, dict | list):
            return f"{condition}{EQUALS_ANY}(value, {self._json([element])})"
        return f"{condition}value = {self._bindings.add(element)}"

    def _text(self, words: Sequence[str]) -> str:
        table = self._collection.words
        if table is None:
            raise DataError.invalid(Reason.BAD_FILTER, "filter.$text", "the collection has no text index that is ready")
        if not words:
            return TRUE
        wanted = self._bindings.add(match_expression(words))
        return f"(number IN (SELECT rowid FROM {table} WHERE {table} MATCH {wanted}))"

    def _json(self, values: Sequence[Json]) -> str:
        return self._bindings.add(orjson.dumps(values).decode())


def _joined(operator: str, conditions: Iterable[str]) -> str:
    return "(" + operator.join(conditions) + ")"


def _unless(negated: bool, condition: str) -> str:
    return f"(NOT {condition})" if negated else condition


def _scalar(operand: Json) -> int | float | str:
    """Return an operand as SQLite binds it and its JSON functions return it: booleans are 0 and 1."""
    if isinstance(operand, bool):
        return int(operand)
    if not isinstance(operand, int | float | str):
        raise TypeError("only numbers, strings and booleans are compared by value")
    return operand
