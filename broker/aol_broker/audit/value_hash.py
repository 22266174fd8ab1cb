"""How is a value shown that nobody may read? By HMAC-SHA-256, with a key that all brokers of a registry share.

Whoever knows a value can have its hash made and look for it; whoever has only the records cannot try values out.
"""

import hmac
import json

from aol_wire.datetimes import normalise
from aol_wire.filters import Json

KEY_NAME = "audit-hmac"
"""The name of the key among the registry's secrets."""

# Made once: it costs more than what it does for a value.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def hash_value(value: Json, key: bytes) -> str:
    """Return the hash of a value, 64 hexadecimal digits: equal JSON values have equal ones, as 1 and 1.0.

    A text that is a date-time is hashed as it would be stored, so that all ways to write a moment are one.

    :param value: of at most so many levels as a document may have.
    """
    return hmac.digest(key, _ENCODER.encode(_canonical(value)).encode(), "sha256").hex()


def hidden(value: Json, key: bytes) -> Json:
    """Return what stands in the place of a value."""
    return {"$hmac": hash_value(value, key)}


def _canonical(value: Json) -> Json:
    match value:
        case str():
            return normalise(value) or value
        case float():
            return int(value) if value.is_integer() else value
        case dict():
            return {name: _canonical(item) for name, item in value.items()}
        case list():
            return [_canonical(item) for item in value]
        case _:
            return value
