"""What does a row of the PostgreSQL sink's table say? The record's line as it is, and columns to look for it by."""

from datetime import date, datetime
from typing import Any

import orjson

TEXT_MAX_CHARACTERS = 512
"""Longer texts are cut in their columns, which an index has to hold. Callers choose some of them; `record` has all."""

# PostgreSQL holds no NUL, neither in text nor as an escape in jsonb.
_NUL = "\0"
_NO_NUL = "\ufffd"
_NUL_ESCAPE = b"\\u0000"

COLUMNS: tuple[tuple[str, str], ...] = (
    ("timestamp", "timestamptz"),
    ("broker", "text"),
    ("seq", "bigint"),
    ("stage", "text"),
    ("intent", "bigint"),
    ("service", "text"),
    ("principal", "text"),
    ("verified_by", "text"),
    ("on_behalf_of", "text"),
    ("peer", "text"),
    ("operation", "text"),
    ("collection", "text"),
    ("outcome", "text"),
    ("reason", "text"),
    ("result_count", "bigint"),
    ("duration_ms", "double precision"),
    ("request_id", "text"),
    ("trace_id", "text"),
    ("grant", "text"),
    ("revision", "bigint"),
    ("filters", "jsonb"),
    ("record", "text"),
)
"""Names and types, in the order of a row. Values of SENT_AS_TEXT are texts, which the server reads."""

SENT_AS_TEXT = {"jsonb", "timestamptz"}


def row_of(line: bytes) -> tuple[Any, ...]:
    """Return the row of a record's line.

    :raises ValueError: it is no record.
    :raises KeyError: it lacks what every record has.
    """
    facts = orjson.loads(line)
    values = {name: _value(facts.get(name), kind) for name, kind in COLUMNS}
    # As text: the driver takes the first and the last moment that Python knows for infinities.
    datetime.fromisoformat(facts["timestamp"])
    values["timestamp"] = facts["timestamp"]
    values["seq"] = facts["seq"]
    values["record"] = line.decode()
    return tuple(values[name] for name, _ in COLUMNS)


def day_of(row: tuple[Any, ...]) -> date:
    """Return the day, in UTC, of a row's record."""
    timestamp: str = row[0]
    return date.fromisoformat(timestamp[:10])


def _value(value: Any, kind: str) -> Any:
    match kind:
        case "text":
            return str(value or "").replace(_NUL, _NO_NUL)[:TEXT_MAX_CHARACTERS]
        case "jsonb":
            return None if value is None else _json(value)
        case "bigint":
            return value or 0
        case _:
            return value


def _json(value: Any) -> str:
    """Return JSON text without NUL, which callers may have put into a filter."""
    encoded = orjson.dumps(value)
    if _NUL_ESCAPE in encoded:
        encoded = orjson.dumps(_without_nul(value))
    return encoded.decode()


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_NUL, _NO_NUL)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
