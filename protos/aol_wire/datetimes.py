"""What is a date-time, and how is it stored? RFC 3339 text in UTC whose order is the order of time."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from aol_wire.filters import Json, Path
from aol_wire.values import array_index

_PATTERN = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:Z|([+-])([0-9]{2}):([0-9]{2}))?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECONDS_KEPT = 1024


def normalise(text: str) -> str | None:
    """Return a date-time as it is stored, for example `2025-11-22T00:00:00.000000Z`; None when it is not one.

    A date-time is `YYYY-MM-DD[(T| )HH:MM[:SS[.f]][Z|±HH:MM]]`. Without an offset it is UTC. It is cut to microseconds.
    """
    moment = _parse(text)
    return None if moment is None else _format(moment)


def to_us(text: str) -> int | None:
    """Return a date-time as microseconds since 1970-01-01T00:00:00Z; None when it is not one."""
    moment = _parse(text)
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def from_us(us: int) -> str:
    """Return microseconds since 1970 as a date-time as it is stored.

    :raises OverflowError: the time is not in the years 1 to 9999.
    """
    seconds, microseconds = divmod(us, 1_000_000)
    return f"{_to_seconds(seconds)}.{microseconds:06}Z"


@lru_cache(maxsize=_SECONDS_KEPT)
def _to_seconds(seconds: int) -> str:
    """Times that are shown together are of a few seconds, as a rule."""
    return _format(_EPOCH + timedelta(seconds=seconds))[: -len(".000000Z")]


def normalise_within(value: Json, place: Path, datetime_paths: Iterable[Path]) -> Json:
    """Return a value that stands at `place`, with the date-times at those paths normalised; it is changed in place.

    What does not parse as a date-time stays as it is.
    """
    for path in datetime_paths:
        if path[: len(place)] == place:
            value = _normalised(value, path[len(place) :])
    return value


def _normalised(value: Json, path: Path) -> Json:
    if not path:
        return (normalise(value) or value) if isinstance(value, str) else value
    first, rest = path[0], path[1:]
    if isinstance(value, dict) and first in value:
        value[first] = _normalised(value[first], rest)
    elif isinstance(value, list):
        index = array_index(first)
        if index is not None and index < len(value):
            value[index] = _normalised(value[index], rest)
    return value


def _parse(text: str) -> datetime | None:
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    microsecond = int(fraction[:6].ljust(6, "0")) if fraction else 0
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), microsecond, UTC
        )
        if sign is not None:
            if int(offset_hours) > 23 or int(offset_minutes) > 59:
                return None
            offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
            moment = moment - offset if sign == "+" else moment + offset
    except (ValueError, OverflowError):  # the 30th of February; a year beyond 9999 after the offset
        return None
    return moment


def _format(moment: datetime) -> str:
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
        f"T{moment.hour:02}:{moment.minute:02}:{moment.second:02}.{moment.microsecond:06}Z"
    )
