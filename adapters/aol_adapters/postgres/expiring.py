"""Which rows are expired, in SQL? The rule is that of `aol_wire.expiry`; a test compares the two."""

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.places import TEXTS, indexed_place
from aol_wire.expiry import cutoff
from aol_wire.indexes import IndexSpec

# A date-time in the form in which date-times are stored, of a day that exists in the Gregorian calendar. There is no
# year 0.
_LEAP_YEAR = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DAY = (
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
STORED_DATETIME = f"^(?!0000){_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{{6}}Z$"


def expired(collection: Collection, now_us: int, bindings: Bindings) -> str | None:
    """Return the condition for expired rows; None when the collection's documents do not expire."""
    conditions = [expired_in(index, now_us, bindings) for index in collection.expiring]
    return f"({' OR '.join(conditions)})" if conditions else None


def expired_in(index: IndexSpec, now_us: int, bindings: Bindings) -> str:
    """Return the condition for rows that are expired in one ttl index, never NULL.

    Its first terms are the range of the index; a live document costs the first two. The last one tells what only looks
    like a date-time.
    """
    at = indexed_place(index.fields[0].path)
    return (
        f"({at.number} = {TEXTS} AND {at.text} <= {bindings.text(cutoff(index, now_us))} AND {at.text} >= '0001' "
        f"AND {at.text} ~ '{STORED_DATETIME}')"
    )
