"""Which rows are expired, in SQL? The rule is that of `aol_wire.expiry`; a test compares the two."""

from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.places import STRING, place
from aol_wire.expiry import cutoff
from aol_wire.indexes import IndexSpec

_FORM = "9999-99-99T99:99:99.999999Z".replace("9", "[0-9]")
_SECONDS = "'%Y-%m-%dT%H:%M:%S'"


def expired(collection: Collection, now_us: int, bindings: Bindings) -> str | None:
    """Return the condition for expired rows; None when the collection's documents do not expire."""
    conditions = [expired_in(index, collection, now_us, bindings) for index in collection.expiring]
    return f"({' OR '.join(conditions)})" if conditions else None


def expired_in(index: IndexSpec, collection: Collection, now_us: int, bindings: Bindings) -> str:
    """Return the condition for rows that are expired in one ttl index: 0 or 1 and never NULL.

    Its first terms are the range of the index; a live document costs the first two. The last ones tell what only looks
    like a date-time: a date that does not exist comes out of SQLite as another one, or NULL.
    """
    at = place(index.fields[0].path, collection.fields, bindings)
    seconds = f"substr({at.value}, 1, 19)"
    return (
        f"({at.rank} = {STRING} AND {at.value} <= {bindings.add(cutoff(index, now_us))} AND {at.value} >= '0001' "
        f"AND {at.value} GLOB '{_FORM}' AND strftime({_SECONDS}, {seconds}) IS {seconds})"
    )
