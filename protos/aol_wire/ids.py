"""How are ids made? UUIDv7 (RFC 9562, section 5.7): they sort by the time at which they were made."""

import os
import threading
import time

_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit with the variant in its upper two bits, for a random one."""

_lock = threading.Lock()
_last_tick = 0


def uuid7() -> str:
    """Return a new UUIDv7 as text.

    Ids of one process ascend strictly: the 12 bits after the millisecond hold its fraction (RFC 9562, section 6.2,
    method 3), moved on by one tick when two ids fall into the same one.
    """
    global _last_tick  # noqa: PLW0603 - one clock per process is what makes the order strict
    tick = (time.time_ns() << 12) // 1_000_000
    with _lock:
        if tick <= _last_tick:
            tick = _last_tick + 1
        _last_tick = tick
    # Written out as it is laid out, which takes a fraction of making a `uuid.UUID` first.
    moment, random = f"{tick:015x}", os.urandom(8).hex()
    return f"{moment[:8]}-{moment[8:12]}-7{moment[12:]}-{_VARIANTS[random[0]]}{random[1:4]}-{random[4:]}"


def now_us() -> int:
    """Return the wall clock in microseconds since 1970."""
    return time.time_ns() // 1000
