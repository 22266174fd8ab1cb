"""In which order are documents found, and where does a page go on? As fields to sort by, of which some are computed."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from aol_adapters.kit.keyset import Order as Positions
from aol_adapters.kit.keyset import Place, paths_with
from aol_adapters.mongodb.places import ID, TENANT, literal, sort_value, value
from aol_adapters.mongodb.stored import key
from aol_wire import metadata
from aol_wire.adapter import SortKey
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Filter, Operator, Path

_ID: Path = (metadata.ID,)
# No document has such a field: what begins with an underscore is ours.
_COMPUTED = "_aol_sort"

_NUMBER, _STRING, _OBJECT, _ARRAY, _BOOLEAN = range(1, 6)


@dataclass(frozen=True, slots=True)
class _Term:
    """A field to sort by. `key` and `part` say to what of a position it belongs, as in `kit.keyset.Term`.

    :ivar compared: the field as an expression, null where it is missing.
    """

    field: str
    descending: bool
    key: int
    part: int
    compared: Any
    computed: Any = None


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a query's documents."""

    positions: Positions
    tenant: str | None
    terms: tuple[_Term, ...]

    def computed(self) -> dict[str, Any]:
        """Return the fields that are to be set before documents are sorted, and removed afterwards."""
        return {term.field: term.computed for term in self.terms if term.computed is not None}

    def sort(self) -> dict[str, int]:
        """Return what `$sort` takes."""
        return {term.field: -1 if term.descending else 1 for term in self.terms}

    def after(self, position: bytes) -> list[dict[str, Any]]:
        """Return the conditions for documents behind a position, when the computed fields are set.

        :raises DataError: BAD_PAGE_TOKEN, when it is not a position of this order.
        """
        places = self.positions.places(position)
        bounds = [self._bound(term, places[term.key]) for term in self.terms]
        first = self.terms[0]
        if first.field == "_id":
            return [{"_id": {"$lt" if first.descending else "$gt": bounds[0]}}]
        conditions = [{"$expr": _beyond(list(zip(self.terms, map(literal, bounds), strict=True)))}]
        if first.computed is None and bounds[0] is not None:
            # Alone it says little, but it is where an index begins.
            sign = "$lte" if first.descending else "$gte"
            conditions.append({"$expr": {sign: [f"${first.field}", literal(bounds[0])]}})
        return conditions

    def edge(self, position: bytes, path: str) -> dict[str, Any]:
        """Return where a range over a path, by which documents are sorted first, begins for documents behind a
        position; nothing when it is another path."""
        first = self.terms[0]
        if not position or first.field != path:
            return {}
        bound = self._bound(first, self.positions.places(position)[first.key])
        return {} if bound is None or isinstance(bound, bool) else {"$lte" if first.descending else "$gte": bound}

    def _bound(self, term: _Term, place: Place) -> Any:
        first, second = place
        if term.key == len(self.positions.keys):
            if term.field == "_id":
                return key(str(first) if self.tenant is None else self.tenant, str(second))
            return str(second if term.part else first)
        if not isinstance(first, int) or not _is_of(first, second):
            raise DataError(Reason.BAD_PAGE_TOKEN, "the position was made by another query; begin again without it")
        if term.field == "_id":
            return key(self.tenant or "", str(second))
        return {0: None, _OBJECT: {}, _ARRAY: {"a": 1}}.get(first, second)


def order(
    sort: Sequence[SortKey],
    filter: Filter | None,
    indexed: AbstractSet[Path],
    tenant: str | None,
    *,
    of_part: bool = False,
) -> Order:
    """Return the order of a query; a key that the filter fixes to one value is left out.

    :param of_part: documents are those of one tenant, or all of them have one: `_id` is in the order of both.
    """
    fixed = set(paths_with(filter, (Operator.EQ,)))
    keys = tuple(it for it in sort if it.path not in fixed)
    last_descending = bool(sort) and sort[-1].descending
    terms: dict[str, _Term] = {}

    def add(field: str, descending: bool, key: int, part: int, computed: Any = None) -> None:
        compared = f"${field}" if computed is not None else {"$ifNull": [f"${field}", None]}
        terms.setdefault(field, _Term(field, descending, key, part, compared, computed))

    for number, it in enumerate(keys):
        if it.path == _ID and tenant is not None:
            add("_id", it.descending, number, 0)
        elif it.path in indexed:
            add(".".join(it.path), it.descending, number, 0)
        else:
            add(f"{_COMPUTED}{number}", it.descending, number, 0, sort_value(value(it.path)))
    if tenant is None and not of_part:
        add(f"{_COMPUTED}_t", last_descending, len(keys), 0, TENANT)
        add(f"{_COMPUTED}_i", last_descending, len(keys), 1, ID)
    else:
        add("_id", last_descending, len(keys), 1)
    return Order(Positions(keys, ()), tenant, tuple(terms.values()))


def _beyond(bounds: list[tuple[_Term, Any]]) -> Any:
    (term, bound), rest = bounds[0], bounds[1:]
    behind = {"$lt" if term.descending else "$gt": [term.compared, bound]}
    if not rest:
        return behind
    return {"$or": [behind, {"$and": [{"$eq": [term.compared, bound]}, _beyond(rest)]}]}


def _is_of(rank: int, value: object) -> bool:
    """Return whether a value of a position is one of its rank; what sorts as a class has 0."""
    if rank == _NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if rank == _STRING:
        return isinstance(value, str)
    if rank == _BOOLEAN:
        return isinstance(value, bool)
    return rank in {0, _OBJECT, _ARRAY} and value == 0
