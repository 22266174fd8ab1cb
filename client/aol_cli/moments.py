"""Which moment, or how long, does a person mean? A date-time, how long ago or from now, or a number of a unit."""

import re
import time
from datetime import timedelta

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now_us: int | None = None) -> int | None:
    """Return microseconds since 1970 for `2025-11-22T12:00:00Z`, `2025-11-22`, or `15m` (s, m, h, d, w) ago.

    None when it is neither. What is longer ago than 1970 is 1, the first moment that a search can name.
    """
    ago = _SPAN.fullmatch(text)
    if ago is None:
        from aol_wire.datetimes import to_us

        moment_us = to_us(text)
        return None if moment_us is None else max(moment_us, 1)
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    return max(now_us - _span_us(ago), 1)


def parse_end(text: str, now_us: int | None = None) -> int | None:
    """Return microseconds since 1970 for `2026-12-31T00:00:00Z`, or for `90d` (s, m, h, d, w) from now.

    None when it is neither, and when it is no time that comes.
    """
    after = _SPAN.fullmatch(text)
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    if after is not None:
        span_us = _span_us(after)
        return now_us + span_us if span_us else None
    from aol_wire.datetimes import to_us

    moment_us = to_us(text)
    return moment_us if moment_us is not None and moment_us > now_us else None


def parse_duration_s(text: str) -> int | None:
    """Return the seconds of `15m` (s, m, h, d, w); None when it is no such text."""
    found = _SPAN.fullmatch(text)
    return None if found is None else _span_us(found) // 1_000_000


def _span_us(span: "re.Match[str]") -> int:
    return timedelta(**{_UNITS[span[2]]: int(span[1])}) // timedelta(microseconds=1)
