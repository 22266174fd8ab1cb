"""By which of several grants is a call made, and what does it reach then? By one of them: they are never added up.

Two grants together would show more than each: documents that one lets through, with the fields of the other.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from aol_broker.access.visible_fields import VisibleFields
from aol_broker.registry.snapshot import CollectionRecord, Grant
from aol_broker.scope import WHOLE, Scope
from aol_wire.errors import DataError
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Filter, Member, Path
from aol_wire.metadata import ID

_SCOPES_KEPT = 4096
_NOTHING = Member((ID,), ())


def widest(grants: Iterable[Grant]) -> Grant | None:
    """Return the grant that a call is made by, of those that cover it; None when there are none.

    An unlimited one goes before all others, and of two where one shows all that the other does, that one. Where neither
    does, one of whole documents goes before one of all documents; then the one with more fields; then the newer one.
    """
    candidates = list(grants)
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    candidates.sort(key=_order)
    best = candidates[0]
    for other in candidates[1:]:
        if _wider(other, best) and not _wider(best, other):
            best = other
    return best


def scope_of(grant: Grant, record: CollectionRecord) -> Scope:
    """Return what a grant reaches of its collection."""
    limits = grant.limits
    return _narrow(limits.fields, limits.where, record.datetime_paths) if limits.narrow else WHOLE


@lru_cache(maxsize=_SCOPES_KEPT)
def _narrow(fields: tuple[Path, ...], where: str, datetime_paths: frozenset[Path]) -> Scope:
    conditions: tuple[Filter, ...] = ()
    if where:
        try:
            condition = parse_filter(where, datetime_paths)
        except DataError:
            # It was good when it was granted. What cannot be understood any more lets nothing through.
            condition = None
        conditions = (condition or _NOTHING,)
    identity = hashlib.sha256(repr((fields, where)).encode()).digest()
    return Scope(conditions=conditions, identity=identity, fields=VisibleFields(fields) if fields else None)


def _order(grant: Grant) -> tuple[bool, bool, int, int]:
    limits = grant.limits
    return bool(limits.fields), bool(limits.where), -len(limits.fields), -grant.number


def _wider(one: Grant, other: Grant) -> bool:
    """Whether one shows at least all that the other does."""
    if one.limits.where and one.limits.where != other.limits.where:
        return False
    return covers_fields(one.limits.fields, other.limits.fields)


def covers_fields(one: Sequence[Path], other: Sequence[Path]) -> bool:
    """Whether a grant of some fields shows all that one of other fields does; none are all fields."""
    if not one:
        return True
    return bool(other) and all(VisibleFields(one).shows(path) for path in other)
