"""Which of many calls are out of time? One timer for all of them, instead of one for each."""

import asyncio
import heapq
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

# Timers of an event loop may be early by as much (uvloop counts whole milliseconds).
_EARLY_S = 0.001
_LEFT_LYING = 64


class Deadlines(Generic[T]):
    """Calls `expire` with each item whose time is over, unless it was discarded before. Times are `time.monotonic`."""

    def __init__(self, expire: Callable[[T], None]) -> None:
        self._expire = expire
        self._loop = asyncio.get_running_loop()
        self._live: dict[T, float] = {}
        self._heap: list[tuple[float, int, T]] = []
        self._added = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    @property
    def kept(self) -> int:
        """How many entries are held, those of discarded items included: at most a small multiple of what is live."""
        return len(self._heap)

    def add(self, item: T, deadline: float) -> None:
        """Expire an item at a time. An item is added once."""
        if len(self._heap) > 2 * len(self._live) + _LEFT_LYING:
            # What was discarded lies in the heap until its time; it must not pile up when times are long.
            self._heap = [entry for entry in self._heap if entry[2] in self._live]
            heapq.heapify(self._heap)
        self._added += 1
        self._live[item] = deadline
        heapq.heappush(self._heap, (deadline, self._added, item))
        if deadline < self._timer_at:
            self._set_timer(deadline)

    def discard(self, item: T) -> None:
        """Forget an item, if it is there."""
        self._live.pop(item, None)

    def close(self) -> None:
        """Expire nothing any more."""
        self._live.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - time.monotonic()) + _EARLY_S, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        now = time.monotonic()
        while self._heap and (self._heap[0][0] <= now or self._heap[0][2] not in self._live):
            item = heapq.heappop(self._heap)[2]
            if self._live.pop(item, None) is not None:
                self._expire(item)
        if self._heap and self._heap[0][0] < self._timer_at:
            self._set_timer(self._heap[0][0])
