"""Which documents are expired, in MongoDB? The rule is that of `aol_wire.expiry`; a test compares the two."""

from typing import Any

from aol_adapters.mongodb.catalogue import Collection
from aol_wire.expiry import cutoff
from aol_wire.indexes import IndexSpec

# A date-time in the form in which date-times are stored, of a day that exists in the Gregorian calendar.
_LEAP_YEAR = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DAY = (
    "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
STORED_DATETIME = rf"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{{6}}Z(?![\s\S])"


def expired(collection: Collection, now_us: int) -> list[dict[str, Any]]:
    """Return the conditions one of which holds for expired documents; none when they do not expire."""
    return [expired_in(index, now_us) for index in collection.expiring]


def expired_in(index: IndexSpec, now_us: int) -> dict[str, Any]:
    """Return the condition for documents that are expired in one ttl index: its range, and what tells a date-time from
    what only looks like one."""
    at = ".".join(index.fields[0].path)
    return {"$and": [range_of(index, now_us), {at: {"$regex": STORED_DATETIME}}]}


def range_of(index: IndexSpec, now_us: int) -> dict[str, Any]:
    """Return the range of a ttl index outside of which nothing is expired."""
    at = ".".join(index.fields[0].path)
    return {at: {"$gte": "0001", "$lt": cutoff(index, now_us) + "\0"}}
