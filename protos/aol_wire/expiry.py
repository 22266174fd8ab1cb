"""When is a document expired? The one rule of ttl indexes."""

from collections.abc import Iterable

from aol_wire.datetimes import from_us, normalise
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec
from aol_wire.values import get

_STORED_LENGTH = len("2025-11-22T00:00:00.000000Z")


def cutoff(index: IndexSpec, now_us: int) -> str:
    """Return the latest date-time, as it is stored, that is expired in a ttl index now.

    Stored date-times compare as text: a document is expired when its value is this one or less.
    """
    expire_after_s = index.expire_after_s or 0
    return from_us(now_us - expire_after_s * 1_000_000)


def is_expired(document: Json, indexes: Iterable[IndexSpec], now_us: int) -> bool:
    """Return whether a document is expired in one of these ttl indexes.

    It is when the value at the index's path is a date-time in the form in which date-times are stored, and that many
    seconds after it are over. Anything else at the path never expires.
    """
    for index in indexes:
        value = get(document, index.fields[0].path)
        if isinstance(value, str) and _is_stored_datetime(value) and value <= cutoff(index, now_us):
            return True
    return False


def _is_stored_datetime(text: str) -> bool:
    return len(text) == _STORED_LENGTH and normalise(text) == text
