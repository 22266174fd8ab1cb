"""What does a row of the PostgreSQL sink's table say? The record's line as it is, and columns to look for it by."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import orjson

TEXT_MAX_CHARACTERS = 512
"""Longer texts are cut in their columns, which an index has to hold. Callers choose some of them; `record` has all."""

# PostgreSQL holds no NUL, neither in text nor as an escape in jsonb.
_NUL = "\0"
_NO_NUL = "\ufffd"

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
"""Names and types, in the order of the table."""

Row = dict[str, Any]


def row_of(line: bytes) -> Row:
    """Return the row of a record's line: its columns by their names, as JSON values.

    :raises ValueError: it is no record.
    :raises KeyError: it lacks what every record has.
    """
    facts = orjson.loads(line)
    values = {name: _value(facts.get(name), kind) for name, kind in COLUMNS}
    datetime.fromisoformat(facts["timestamp"])
    return {**values, "timestamp": facts["timestamp"], "seq": facts["seq"], "record": line.decode()}


def days_of(rows: Iterable[Row]) -> list[date]:
    """Return the days, in UTC, that rows are of."""
    return sorted({date.fromisoformat(row["timestamp"][:10]) for row in rows})


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


def _json(value: Any) -> orjson.Fragment | None:
    """Return JSON; None for what is nested deeper than can be encoded, which `record` holds all the same."""
    try:
        # By itself: inside of its row it would be nested deeper than it was in its record.
        return orjson.Fragment(orjson.dumps(_without_nul(value)))
    except orjson.JSONEncodeError:
        return None


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_NUL, _NO_NUL)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
