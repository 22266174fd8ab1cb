"""How are ids made? UUIDv7 (RFC 9562, section 5.7): they sort by the time at which they were made."""

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last_tick = 0


def uuid7() -> str:
    """Return a new UUIDv7 as text.

    Ids of one process ascend strictly: the 12 bits after the millisecond hold its fraction (RFC 9562, section 6.2,
    method 3), moved on by one tick when two ids fall into the same one.
    """
    global _last_tick  # noqa: PLW0603 - one clock per process is what makes the order strict
    now_ns = time.time_ns()
    milliseconds, rest_ns = divmod(now_ns, 1_000_000)
    tick = (milliseconds << 12) | (rest_ns * 4096 // 1_000_000)
    with _lock:
        tick = max(tick, _last_tick + 1)
        _last_tick = tick
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = ((tick >> 12) << 80) | (0x7 << 76) | ((tick & 0xFFF) << 64) | (0b10 << 62) | random
    return str(uuid.UUID(int=value))


def now_us() -> int:
    """Return the wall clock in microseconds since 1970."""
    return time.time_ns() // 1000
