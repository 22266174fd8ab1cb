"""Does one timer keep many deadlines?"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from aol_wire.frames.calls import TIMEOUT_MAX_S
from aol_wire.frames.deadlines import Deadlines


async def test_items_expire_in_the_order_of_their_times_and_not_before() -> None:
    expired: list[tuple[int, bool]] = []
    done = asyncio.Event()
    start = time.monotonic()
    offsets = {1: 0.05, 2: 0.01, 3: 0.03}

    def expire(item: int) -> None:
        expired.append((item, time.monotonic() >= start + offsets[item]))
        if len(expired) == 3:
            done.set()

    deadlines = Deadlines(expire)
    for item, offset in offsets.items():
        deadlines.add(item, start + offset)
    await done.wait()
    assert expired == [(2, True), (3, True), (1, True)]


async def test_a_discarded_item_does_not_expire() -> None:
    expired: list[int] = []
    last = asyncio.Event()

    def expire(item: int) -> None:
        expired.append(item)
        last.set()

    deadlines = Deadlines(expire)
    now = time.monotonic()
    for item in range(10):
        deadlines.add(item, now + 0.001 * item)
    for item in range(9):
        deadlines.discard(item)
    deadlines.discard(77)
    await last.wait()
    assert expired == [9]


async def test_an_item_that_expires_may_add_another() -> None:
    expired: list[int] = []
    done = asyncio.Event()

    def expire(item: int) -> None:
        expired.append(item)
        if item == 3:
            done.set()
        else:
            deadlines.add(item + 1, time.monotonic())

    deadlines = Deadlines(expire)
    deadlines.add(1, 0.0)
    await done.wait()
    assert expired == [1, 2, 3]


async def test_what_was_discarded_does_not_pile_up() -> None:
    deadlines: Deadlines[int] = Deadlines(lambda _: None)
    for item in range(10_000):
        deadlines.add(item, time.monotonic() + 1000)
        deadlines.discard(item)
    assert deadlines.kept < 200
    deadlines.close()


async def test_after_the_end_nothing_expires() -> None:
    expired: list[int] = []
    deadlines = Deadlines(expired.append)
    deadlines.add(1, 0.0)
    deadlines.close()
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, passed.set)
    await passed.wait()
    assert expired == []


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_time_beyond_all_reason_disturbs_no_other(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def expire_the_nearer() -> None:
        expired: list[str] = []
        done = asyncio.Event()

        def expire(item: str) -> None:
            expired.append(item)
            done.set()

        deadlines = Deadlines(expire)
        deadlines.add("far", time.monotonic() + TIMEOUT_MAX_S)
        deadlines.add("near", time.monotonic())
        await done.wait()
        assert expired == ["near"]
        deadlines.close()

    run(expire_the_nearer())
