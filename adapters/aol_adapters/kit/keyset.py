"""How does the next page begin after the last document of this one? Orders of columns, and positions in them."""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from itertools import groupby

import orjson

from aol_wire import metadata
from aol_wire.adapter import SortKey
from aol_wire.errors import DataError, Reason
from aol_wire.filters import And, Compare, Filter, Json, Operator, Path
from aol_wire.limits import POSITION_MAX_BYTES
from aol_wire.paths import shown
from aol_wire.values import get, sort_key

RANGES = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE})

Scalar = int | float | str | bool

Place = tuple[int | str, Scalar]
"""A part of a position: the type rank and the value at a sort key; (tenant, id) in the last one."""

Bounded = tuple[Path, Container[Operator]] | None
"""A path and the operators by which no index should begin at it."""


@dataclass(frozen=True, slots=True)
class Term:
    """One expression of ORDER BY, never NULL. `key` and `part` say to what of a position it belongs.

    `key` is the number of the sort key, or the number of all of them for the document's own key.
    """

    sql: str
    descending: bool
    key: int
    part: int


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a query's documents. `keys` are the sort keys by which its documents can differ."""

    keys: tuple[SortKey, ...]
    terms: tuple[Term, ...]

    def sql(self) -> str:
        """Return what follows ORDER BY."""
        return ", ".join(term.sql + (" DESC" if term.descending else "") for term in self.terms)

    def bounded(self) -> Bounded:
        """Return the comparisons that `after` makes superfluous for an index: those from the side it begins at.

        A filter such as "later than noon", sorted by time, would otherwise make every page begin at noon again.
        """
        if not self.keys:
            return None
        down = self.keys[0].descending
        return self.keys[0].path, (Operator.LT, Operator.LTE) if down else (Operator.GT, Operator.GTE)

    def after(self, position: bytes, bound: Callable[[Term, Place], str]) -> str:
        """Return the condition for documents behind a position.

        :param bound: returns the SQL of what a term is compared with.
        :raises DataError: BAD_PAGE_TOKEN, when it is not a position of this order.
        """
        places = self.places(position)
        bounds = [(term, bound(term, places[term.key])) for term in self.terms]
        runs = [list(run) for _, run in groupby(bounds, key=lambda pair: pair[0].descending)]
        return _beyond(runs)

    def places(self, position: bytes) -> list[Place]:
        """Return the parts of a position: (rank, value) of each key, then (tenant, id).

        :raises DataError: BAD_PAGE_TOKEN, when it has another form.
        """
        return _decode(position, len(self.keys))

    def position(self, view: dict[str, Json]) -> bytes:
        """Return the position of a document, given with its metadata.

        :raises DataError: TOO_LARGE.
        """
        values = [sort_key(get(view, key.path)) for key in self.keys]
        ties = [view.get(metadata.TENANT, ""), view[metadata.ID]]
        position = orjson.dumps([*values, ties])
        if len(position) > POSITION_MAX_BYTES:
            longest = max(range(len(values)), key=lambda number: len(orjson.dumps(values[number])))
            raise DataError.invalid(
                Reason.TOO_LARGE,
                shown(self.keys[longest].path),
                "the page ends at a document whose values to sort by are too long to go on from; "
                "sort by shorter ones, or ask for so few documents that one page holds them",
            )
        return position


def paths_with(filter: Filter | None, operators: Container[Operator]) -> Iterator[Path]:
    """Return the paths that every matching document compares so with a scalar."""
    match filter:
        case And(filters):
            for part in filters:
                yield from paths_with(part, operators)
        case Compare(path, operator, operand) if operator in operators and not isinstance(operand, dict | list):
            yield path


def _beyond(runs: list[list[tuple[Term, str]]]) -> str:
    """Return the condition for rows behind some bounds: runs of terms of one direction, the first run most important.

    Rows behind in the first run, or equal there and behind in the others. That alone would be examined row by row, so
    it is preceded by a bound on the first run that an index can begin at. As a test (IS TRUE) the rest is no business
    of an index: PostgreSQL takes a row of columns for as selective as its first one, and would collect both sides.
    """
    run, rest = runs[0], runs[1:]
    columns = ", ".join(term.sql for term, _ in run)
    values = ", ".join(value for _, value in run)
    sign = "<" if run[0][0].descending else ">"
    if not rest:
        return f"({columns}) {sign} ({values})"
    behind, equal = f"({columns}) {sign} ({values})", f"({columns}) = ({values})"
    return f"({columns}) {sign}= ({values}) AND ({behind} OR ({equal} AND {_beyond(rest)})) IS TRUE"


def _decode(position: bytes, keys: int) -> list[Place]:
    """Return the parts of a position: (rank, value) of each key, then (tenant, id)."""
    try:
        values = orjson.loads(position)
    except orjson.JSONDecodeError:
        raise _not_a_position() from None
    if not isinstance(values, list) or len(values) != keys + 1:
        raise _not_a_position()
    for number, pair in enumerate(values):
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], Scalar):
            raise _not_a_position()
        if type(pair[0]) is not (int if number < keys else str):
            raise _not_a_position()
    return [(first, second) for first, second in values]


def _not_a_position() -> DataError:
    return DataError(Reason.BAD_PAGE_TOKEN, "the position was made by another query; begin again without it")
