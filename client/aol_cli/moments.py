"""Which moment does a person mean? A date-time, or how long ago."""

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
    ago_us = timedelta(**{_UNITS[ago[2]]: int(ago[1])}) // timedelta(microseconds=1)
    return max(now_us - ago_us, 1)
