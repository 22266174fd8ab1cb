"""What does a line that stands in an audit file say? A record, or nothing that can be told."""

from functools import lru_cache
from typing import Any

import orjson

from aol_broker.audit.chain import is_checkpoint
from aol_broker.audit.record import Stage
from aol_wire.datetimes import to_us

_SECOND_CHARACTERS = len("2025-11-22T00:00:00")
_TIME_CHARACTERS = len("2025-11-22T00:00:00.000000Z")
_TIME_KEY = b',"timestamp":"'
_INTENT_KEY = b',"intent":'
_NO_INTENT = b"0,"


def stored_record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line; None for a checkpoint, and for a line that is damaged or that somebody else wrote.

    `seq` is a number above 0, and `record_time_us` is not None.
    """
    found = timed_record(line)
    return None if found is None else found[0]


def timed_record(line: bytes) -> tuple[dict[str, Any], int] | None:
    """Return the same with the time at which the record's call began, microseconds since 1970."""
    if is_checkpoint(line):
        return None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    moment_us = record_time_us(record) if isinstance(record, dict) else None
    if moment_us is None:
        return None
    seq = record.get("seq")
    return (record, moment_us) if isinstance(seq, int) and not isinstance(seq, bool) and seq > 0 else None


def record_time_us(record: dict[str, Any]) -> int | None:
    """Return when a record's call began, microseconds since 1970; None when its timestamp is not in our form."""
    text = record.get("timestamp")
    return time_us(text) if isinstance(text, str) else None


def time_us(text: str) -> int | None:
    """Return the microseconds since 1970 of a timestamp as records have it; None for any other text."""
    if len(text) != _TIME_CHARACTERS:
        return None
    second_us, fraction = _second_us(text[:_SECOND_CHARACTERS]), text[_SECOND_CHARACTERS + 1 : -1]
    if second_us is None or text[_SECOND_CHARACTERS] != "." or text[-1] != "Z":
        return None
    return second_us + int(fraction) if fraction.isascii() and fraction.isdigit() else None


# Neighbours are of the same second.
@lru_cache(maxsize=4096)
def _second_us(text: str) -> int | None:
    return to_us(f"{text}Z") if len(text) == _SECOND_CHARACTERS and text[10] == "T" else None


def text_of(record: dict[str, Any], key: str) -> str:
    """Return a text of a record, empty where there is none."""
    value = record.get(key)
    return value if isinstance(value, str) else ""


def stage_of(record: dict[str, Any]) -> str:
    """Return the stage of a record; the oldest ones, which do not tell, are of calls that ended."""
    return text_of(record, "stage") or Stage.COMPLETED.value


def intent_of(record: dict[str, Any]) -> int:
    """Return the number of the record that announced this one's write; 0 for none."""
    value = record.get("intent")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def raw_intent_of(line: bytes) -> int:
    """Return the same of a line that is not decoded, as far as it can be told.

    The last place is the record's own: the keys of its filter stand before it, and texts have their quotes escaped.
    """
    at = line.rfind(_INTENT_KEY)
    start = at + len(_INTENT_KEY)
    if at < 0 or line.startswith(_NO_INTENT, start):
        return 0
    number = line[start : line.find(b",", start)]
    return int(number) if number.isdigit() else 0


def raw_time_of(line: bytes) -> bytes:
    """Return the timestamp of a line that is not decoded, as far as it can be told."""
    at = line.rfind(_TIME_KEY)
    start = at + len(_TIME_KEY)
    return line[start : start + _TIME_CHARACTERS] if at >= 0 else b""
