"""How do calls share one trip to the database? What waits while one batch is under way forms the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aol_wire.errors import Applied, DataError, Reason

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")

MAX_ITEMS = 1000
MAX_WEIGHT = 4 << 20
ALONE = MAX_WEIGHT + 1
"""The weight of an item that goes with no other."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T, R]):
    item: T
    weight: int
    deadline: float | None
    future: "asyncio.Future[R]"
    begun: bool = False


@dataclass(slots=True)
class _Lane(Generic[T, R]):
    """What waits under one key, and what is under way: its items, and the work on them."""

    waiting: "deque[_Waiting[T, R]]" = field(default_factory=deque)
    batch: "list[_Waiting[T, R]]" = field(default_factory=list)
    work: "asyncio.Future[Sequence[R | DataError]] | None" = None
    task: "asyncio.Task[None] | None" = None

    def is_waited_for_by_none_but(self, entry: "_Waiting[T, R]") -> bool:
        """Return whether nobody else waits for the work."""
        return all(other is entry or other.future.done() for other in self.batch)

    def stop_if_forsaken(self) -> None:
        """Cancel the work if nobody waits for it any more."""
        if self.work is not None and all(entry.future.done() for entry in self.batch):
            self.work.cancel()


class Gathering(Generic[K, T, R]):
    """Runs items of one key in batches, one batch at a time, in the order in which they came.

    There is no timer: an item that finds its lane idle runs at once and alone.

    :param run: takes a key, a batch, and the seconds that the most patient of its callers has (None: no limit); returns
        an answer or an error for each item, or raises what is the answer to all of them.
    :param writes: the items change data, so that errors say what was applied.
    :param waits: the last who waits for a batch under way goes on to do so when its time is over: `run` itself ends
        then, and knows what was applied. Others are not made to wait for those who are more patient.
    """

    def __init__(
        self,
        run: Callable[[K, list[T], float | None], Awaitable[Sequence[R | DataError]]],
        *,
        writes: bool,
        waits: bool = False,
        max_items: int = MAX_ITEMS,
        max_weight: int = MAX_WEIGHT,
    ) -> None:
        self._run = run
        self._writes = writes
        self._waits = waits
        self._max_items = max_items
        self._max_weight = max_weight
        self._lanes: dict[K, _Lane[T, R]] = {}

    async def submit(self, key: K, item: T, *, weight: int = 0, timeout_s: float | None = None) -> R:
        """Run an item with others and return its answer.

        An item that waits when its caller is cancelled or out of time is withdrawn; a batch that nobody waits for any
        more is cancelled.

        :raises DataError: the item's error; DEADLINE.
        """
        loop = asyncio.get_running_loop()
        if timeout_s is not None and timeout_s <= 0:
            raise self._overdue(begun=False)
        deadline = None if timeout_s is None else loop.time() + timeout_s
        entry: _Waiting[T, R] = _Waiting(item, weight, deadline, loop.create_future())
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        lane.waiting.append(entry)
        if lane.task is None:
            lane.task = loop.create_task(self._drain(key, lane))
        timer = None if timeout_s is None else loop.call_later(timeout_s, self._expire, lane, entry)
        try:
            return await entry.future
        except asyncio.CancelledError:
            self._leave(lane, entry)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def close(self) -> None:
        """Finish what is there."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, key: K, lane: _Lane[T, R]) -> None:
        while lane.waiting:
            batch = self._take(lane)
            if batch:
                await self._run_batch(key, lane, batch)
        lane.task = None
        del self._lanes[key]

    def _take(self, lane: _Lane[T, R]) -> list[_Waiting[T, R]]:
        batch: list[_Waiting[T, R]] = []
        weight = 0
        while lane.waiting and len(batch) < self._max_items:
            entry = lane.waiting[0]
            if batch and weight + entry.weight > self._max_weight:
                break
            lane.waiting.popleft()
            if entry.future.done():
                continue
            entry.begun = True
            weight += entry.weight
            batch.append(entry)
        return batch

    async def _run_batch(self, key: K, lane: _Lane[T, R], batch: list[_Waiting[T, R]]) -> None:
        lane.batch = batch
        work = lane.work = asyncio.ensure_future(self._run(key, [entry.item for entry in batch], _patience(batch)))
        try:
            answers = await work
        except asyncio.CancelledError:
            if not work.cancelled():
                work.cancel()
                raise
            return
        except Exception as error:
            for entry in batch:
                if not entry.future.done():
                    entry.future.set_exception(_copy(error))
            return
        finally:
            lane.batch, lane.work = [], None
        for entry, answer in zip(batch, answers, strict=True):
            if entry.future.done():
                continue
            if isinstance(answer, DataError):
                entry.future.set_exception(answer)
            else:
                entry.future.set_result(answer)

    def _expire(self, lane: _Lane[T, R], entry: _Waiting[T, R]) -> None:
        if not entry.future.done() and not (self._waits and entry.begun and lane.is_waited_for_by_none_but(entry)):
            entry.future.set_exception(self._overdue(begun=entry.begun))
            self._leave(lane, entry)

    def _leave(self, lane: _Lane[T, R], entry: _Waiting[T, R]) -> None:
        if entry.begun:
            lane.stop_if_forsaken()
        else:
            # When it was about to be begun as its caller went away, it is not there any more.
            with suppress(ValueError):
                lane.waiting.remove(entry)

    def _overdue(self, *, begun: bool) -> DataError:
        applied = None
        if self._writes:
            applied = Applied.UNKNOWN if begun else Applied.NO
        message = "the time that the caller gave was over before the database was done"
        return DataError(Reason.DEADLINE, message, applied=applied)


def _patience(batch: Sequence[_Waiting[T, R]]) -> float | None:
    now = asyncio.get_running_loop().time()
    left = [None if entry.deadline is None else entry.deadline - now for entry in batch]
    return None if None in left else max(0.001, *(seconds for seconds in left if seconds is not None))


def _copy(error: Exception) -> Exception:
    """Return an error of its own for each caller: an exception object that several raise gathers all their frames."""
    return error.copy() if isinstance(error, DataError) else error
