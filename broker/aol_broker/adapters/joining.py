"""Which calls to an adapter go as one? Those of a kind that are made within one turn of the event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aol_wire.errors import DataError

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")

# Calls whose times end so close to each other may have one time: that of the first.
_TIMES_APART_S = 0.1


@dataclass(slots=True)
class _Group(Generic[T, R]):
    """Items of one kind, and who waits for them."""

    ends: float | None
    items: list[T] = field(default_factory=list)
    answers: "list[asyncio.Future[R]]" = field(default_factory=list)
    weight: int = 0
    task: "asyncio.Task[None] | None" = None

    def leave(self) -> None:
        """End the work if nobody waits for any of it; called by whom was just cancelled."""
        if self.task is not None and all(answer.done() for answer in self.answers):
            self.task.cancel()


class Joining(Generic[K, T, R]):
    """Runs items of one key together. Nothing waits for others to come: what is there when the loop turns goes.

    Calls that came to the broker in one frame go on in one frame anyway; so they cost the adapter one call.

    :param run: takes a key, the items, and the seconds that are left (None: no limit); returns an answer or an error
        for each item, or raises what is the answer to all of them.
    """

    def __init__(
        self,
        run: Callable[[K, list[T], float | None], Awaitable[Sequence[R | DataError]]],
        *,
        max_items: int,
        max_weight: int,
    ) -> None:
        self._run = run
        self._max_items = max_items
        self._max_weight = max_weight
        self._groups: dict[tuple[K, int], _Group[T, R]] = {}

    async def submit(self, key: K, item: T, *, weight: int, timeout_s: float | None) -> R:
        """Run an item, and return its answer. The work goes on for as long as anybody waits for a part of it.

        :raises DataError: the item's error.
        """
        loop = asyncio.get_running_loop()
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        of_time = (key, -1 if ends is None else int(ends / _TIMES_APART_S))
        group = self._groups.get(of_time)
        if group is None or len(group.items) >= self._max_items or group.weight + weight > self._max_weight:
            group = self._groups[of_time] = _Group(ends)
            loop.call_soon(self._begin, of_time, group)
        elif ends is not None and group.ends is not None:
            group.ends = min(group.ends, ends)
        answer: asyncio.Future[R] = loop.create_future()
        group.items.append(item)
        group.answers.append(answer)
        group.weight += weight
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled():
                answer.exception()  # it came too late, and asyncio would log one that nobody looked at
            group.leave()
            raise

    def _begin(self, of_time: tuple[K, int], group: "_Group[T, R]") -> None:
        if self._groups.get(of_time) is group:
            del self._groups[of_time]
        if not all(answer.done() for answer in group.answers):
            group.task = asyncio.get_running_loop().create_task(self._settle(of_time[0], group))

    async def _settle(self, key: K, group: "_Group[T, R]") -> None:
        left_s = None if group.ends is None else group.ends - time.monotonic()
        answers: Sequence[R | Exception]
        try:
            answers = await self._run(key, group.items, left_s)
        except asyncio.CancelledError:
            for waiting in group.answers:
                waiting.cancel()
            raise
        except Exception as error:
            answers = [_again(error) for _ in group.items]
        for waiting, answer in zip(group.answers, answers, strict=True):
            if waiting.done():
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)


def _again(error: Exception) -> Exception:
    """Return an error of its own for each caller: whoever answers one fills it in, and an exception gathers frames."""
    return error.copy() if isinstance(error, DataError) else error
