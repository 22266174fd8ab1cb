"""In which order are documents found? As columns that an index of the collection may have in this order."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from aol_adapters.kit.keyset import RANGES, Order, Place, Term, paths_with
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.places import place
from aol_wire.adapter import SortKey
from aol_wire.filters import Filter, Operator, Path


def order(
    sort: Sequence[SortKey],
    filter: Filter | None,
    fields: Mapping[Path, int],
    bindings: Bindings,
    *,
    tenant: str | None,
) -> Order:
    """Return the order of a query.

    A key that the filter fixes to one value is left out, and so is the type rank of the first key where the filter
    fixes that: with them, no index could find the place where a page begins.
    """
    if not sort:
        return _by_key(tenant is None)
    fixed = set(paths_with(filter, (Operator.EQ,)))
    keys = tuple(key for key in sort if key.path not in fixed)
    of_one_type = set(paths_with(filter, RANGES))
    terms: dict[str, Term] = {}
    for number, key in enumerate(keys):
        at = place(key.path, fields, bindings)
        # A constant in ORDER BY would be taken for the number of a column.
        if at.fixed_rank is None and not (number == 0 and key.path in of_one_type):
            terms.setdefault(at.rank, Term(at.rank, key.descending, number, 0))
        if at.order != "0":
            terms.setdefault(at.order, Term(at.order, key.descending, number, 1))
    for sql, part in _ties(tenant is None):
        terms.setdefault(sql, Term(sql, sort[-1].descending, len(keys), part))
    return Order(keys, tuple(terms.values()))


@cache
def _by_key(all_tenants: bool) -> Order:
    """Return the order of a query that asks for none, as most do."""
    return Order((), tuple(Term(sql, False, 0, part) for sql, part in _ties(all_tenants)))


def _ties(all_tenants: bool) -> tuple[tuple[str, int], ...]:
    return (("tenant", 0), ("id", 1)) if all_tenants else (("id", 1),)


def binding(bindings: Bindings) -> Callable[[Term, Place], str]:
    """Return what binds the values of positions."""

    def bound(term: Term, place: Place) -> str:
        value = place[term.part]
        return bindings.add(int(value) if isinstance(value, bool) else value)

    return bound
