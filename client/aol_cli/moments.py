"""Which moment, or how long, does a person mean? A date-time, how long ago, or a number of a unit."""

import re
import time
from datetime import timedelta

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now_us: int | None = None) -> int | None:
    """Return microseconds since 1970 for `2025-11-22T12:00:00Z`, `2025-11-22`, or `15m` (s, m, h, d, w) ago.

    None when it is neither. What is longer ago than 1970 is 1, the first moment that a search can name.
    """
    ago = _AGO.fullmatch(text)
    if ago is None:
        from aol_wire.datetimes import to_us

        moment_us = to_us(text)
        return None if moment_us is None else max(moment_us, 1)
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    return max(now_us - _duration(ago) // timedelta(microseconds=1), 1)


def parse_duration_s(text: str) -> int | None:
    """Return the seconds of `15m` (s, m, h, d, w); None when it is no such text."""
    found = _AGO.fullmatch(text)
    return None if found is None else _duration(found) // timedelta(seconds=1)


def _duration(found: "re.Match[str]") -> timedelta:
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
