"""In which order are documents found? As columns that an index of the collection may have in this order."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from functools import cache

from aol_adapters.kit.keyset import RANGES, Order, Place, Scalar, Term, paths_with
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.places import BOOLEAN, NUMBER, STRING, ColumnPlace, number_of, place, text_of
from aol_wire import metadata
from aol_wire.adapter import SortKey
from aol_wire.errors import DataError, Reason
from aol_wire.filters import And, Compare, Filter, Json, Operator, Path
from aol_wire.limits import INT64_MAX

# What a term's value is made of; see `Term.part`.
_NUMBER, _TEXT, _NUMBER_COLUMN, _TEXT_COLUMN, _PRESENT, _TENANT, _ID, _PART = range(8)

# Stands between an id and a partition in a position; no id holds it.
_BEFORE_PART = "\0"


def order(
    sort: Sequence[SortKey],
    filter: Filter | None,
    indexed: AbstractSet[Path],
    bindings: Bindings,
    *,
    tenant: str | None,
    by_field: bool = False,
) -> Order:
    """Return the order of a query.

    A key that the filter fixes to one value is left out, and so is the first column of a key that the filter holds to
    strings: with them, no index could find the place where a page begins.

    :param by_field: a field partitions the collection, so that an id may stand once in each partition.
    """
    if not sort:
        return _by_key(tenant is None, by_field)
    fixed = set(paths_with(filter, (Operator.EQ,)))
    keys = tuple(key for key in sort if key.path not in fixed)
    strings = set(_string_ranges(filter))
    terms: dict[str, Term] = {}

    def add(sql: str, descending: bool, key: int, part: int) -> None:
        terms.setdefault(sql, Term(sql, descending, key, part))

    for number, key in enumerate(keys):
        at = place(key.path, indexed, bindings)
        if isinstance(at, ColumnPlace):
            if at.present:
                add(f"({at.present})", key.descending, number, _PRESENT)
            otherwise, part = ("''", _TEXT_COLUMN) if at.rank == STRING else ("0", _NUMBER_COLUMN)
            add(f"coalesce({at.column}, {otherwise})" if at.present else at.column, key.descending, number, part)
            continue
        if key.path not in strings:
            add(at.number, key.descending, number, _NUMBER)
        add(at.text, key.descending, number, _TEXT)
    last_descending = sort[-1].descending
    if tenant is None:
        add("tenant", last_descending, len(keys), _TENANT)
    add("id", last_descending, len(keys), _ID)
    if by_field:
        add("part", last_descending, len(keys), _PART)
    return Order(keys, tuple(terms.values()))


@cache
def _by_key(all_tenants: bool, by_field: bool) -> Order:
    """Return the order of a query that asks for none, as most do."""
    columns = {"tenant": _TENANT} if all_tenants else {}
    columns["id"] = _ID
    if by_field:
        columns["part"] = _PART
    return Order((), tuple(Term(column, False, 0, part) for column, part in columns.items()))


def binding(bindings: Bindings) -> Callable[[Term, Place], str]:
    """Return what binds the parts of positions."""

    def bound(term: Term, place: Place) -> str:
        if term.part in {_TENANT, _ID, _PART}:
            return _tie(term, str(place[0]), str(place[1]), bindings)
        rank, value = place
        if not isinstance(rank, int) or not 0 <= rank <= BOOLEAN or not _is_of(rank, value):
            raise _not_a_position()
        if term.part == _PRESENT:
            return "true" if rank else "false"
        if term.part == _NUMBER:
            return number_of(rank, value, bindings)
        if term.part == _NUMBER_COLUMN:
            return bindings.integer(int(value) if not isinstance(value, str) and abs(value) <= INT64_MAX else 0)
        text = text_of(rank, value)
        return bindings.text(text.partition(_BEFORE_PART)[0])

    return bound


def _tie(term: Term, tenant: str, id_: str, bindings: Bindings) -> str:
    id_, _, part = id_.partition(_BEFORE_PART)
    if term.part == _PART:
        return f"{bindings.text(_checked_part(part))}::date"
    return bindings.text(tenant if term.part == _TENANT else id_)


def with_part(view: dict[str, Json], part: str) -> dict[str, Json]:
    """Return a document with its partition in its id, as positions of a collection that a field partitions have it."""
    return {**view, metadata.ID: f"{view[metadata.ID]}{_BEFORE_PART}{part}"}


def _checked_part(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _not_a_position() from None


def _not_a_position() -> DataError:
    return DataError(Reason.BAD_PAGE_TOKEN, "the position was made by another query; begin again without it")


def _is_of(rank: int, value: Scalar) -> bool:
    """Return whether a value of a position is one of its rank; what sorts as a class has none."""
    if rank == STRING:
        return isinstance(value, str)
    return isinstance(value, int | float) and (rank == NUMBER or value in {0, 1})


def _string_ranges(filter: Filter | None) -> list[Path]:
    match filter:
        case And(filters):
            return [path for part in filters for path in _string_ranges(part)]
        case Compare(path, operator, str()) if operator in RANGES:
            return [path]
    return []
