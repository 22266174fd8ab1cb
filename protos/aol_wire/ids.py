"""How are ids made? UUIDv7 (RFC 9562, section 5.7): they sort by the time at which they were made."""

import os
import threading
import time

_RANDOM_BITS = (1 << 62) - 1
_VARIANT = 0b10 << 62

_lock = threading.Lock()
_last_tick = 0


def uuid7() -> str:
    """Return a new UUIDv7 as text.

    Ids of one process ascend strictly: the 12 bits after the millisecond hold its fraction (RFC 9562, section 6.2,
    method 3), moved on by one tick when two ids fall into the same one.
    """
    global _last_tick  # noqa: PLW0603 - one clock per process is what makes the order strict
    milliseconds, rest_ns = divmod(time.time_ns(), 1_000_000)
    tick = (milliseconds << 12) | (rest_ns * 4096 // 1_000_000)
    with _lock:
        _last_tick = tick = max(tick, _last_tick + 1)
    # Written out as it is laid out, which costs half of making a `uuid.UUID` first.
    moment, random = f"{tick >> 12:012x}", f"{int.from_bytes(os.urandom(8)) & _RANDOM_BITS | _VARIANT:016x}"
    return f"{moment[:8]}-{moment[8:]}-7{tick & 0xFFF:03x}-{random[:4]}-{random[4:]}"


def now_us() -> int:
    """Return the wall clock in microseconds since 1970."""
    return time.time_ns() // 1000
