"""Whose documents does a filter ask for, and in which index are they found? By their owner, and by access control list.

An adapter keeps what serves such conditions as it keeps its other indexes: under the two specs of this module, which no
manifest can declare, since what begins with an underscore is metadata.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from aol_wire import metadata
from aol_wire.adapter import CollectionSpec
from aol_wire.filters import And, Compare, ContainsAny, Filter, Operator, Or, Path
from aol_wire.indexes import IndexField, IndexSpec, IndexStatus, IndexType

OWNER: Path = (metadata.OWNER,)
READERS: Path = (metadata.ACL, "read")
WRITERS: Path = (metadata.ACL, "write")
LISTS = (READERS, WRITERS)
"""The paths of the arrays of an access control list whose strings are looked for."""

OWNERS_INDEX = IndexSpec((IndexField(OWNER),), IndexType.ASCENDING)
ACLS_INDEX = IndexSpec((IndexField((metadata.ACL,)),), IndexType.ASCENDING)
INDEXES = frozenset({OWNERS_INDEX, ACLS_INDEX})

T = TypeVar("T", IndexSpec, IndexStatus)


@dataclass(frozen=True, slots=True)
class Access:
    """A part of a filter that asks for documents of some owners or with some entries in their lists, either of them.

    :ivar part: that part.
    :ivar alternatives: what it asks for, each served by one index.
    """

    part: Filter
    alternatives: tuple[Compare | ContainsAny, ...]

    @property
    def needs(self) -> frozenset[IndexSpec]:
        """The indexes that serve it, together."""
        return frozenset(OWNERS_INDEX if isinstance(it, Compare) else ACLS_INDEX for it in self.alternatives)


def wanted(spec: CollectionSpec) -> CollectionSpec:
    """Return a collection with all its indexes: those that are declared, and those that access asks for."""
    more = [OWNERS_INDEX] if spec.owners else []
    more += [ACLS_INDEX] if spec.acls else []
    return replace(spec, indexes=(*spec.indexes, *more)) if more else spec


def is_access(spec: IndexSpec) -> bool:
    """Return whether an index is one of the two."""
    return spec in INDEXES


def declared(items: Iterable[T]) -> tuple[T, ...]:
    """Return indexes, or how they stand, without the two."""
    return tuple(it for it in items if (it if isinstance(it, IndexSpec) else it.spec) not in INDEXES)


def access_of(filter: Filter | None) -> Access | None:
    """Return the part of a filter, a member of its outermost conjunction, that asks so; None when there is none."""
    for part in conjuncts(filter):
        alternatives = part.filters if isinstance(part, Or) else (part,)
        found = tuple(it for it in alternatives if _asks(it))
        if len(found) == len(alternatives):
            return Access(part, tuple(it for it in found if isinstance(it, Compare | ContainsAny)))
    return None


def conjuncts(filter: Filter | None) -> Iterator[Filter]:
    """Return the filters all of which a document must match."""
    if isinstance(filter, And):
        for part in filter.filters:
            yield from conjuncts(part)
    elif filter is not None:
        yield filter


def _asks(filter: Filter) -> bool:
    match filter:
        case Compare(path, Operator.EQ, str()):
            return path == OWNER
        case ContainsAny(path):
            return path in LISTS
        case _:
            return False
