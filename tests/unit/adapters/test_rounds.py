"""Rounds go on whatever becomes of one of them, and end when they are closed."""

import asyncio

from structlog.testing import capture_logs

from aol_adapters.kit.rounds import Rounds
from aol_wire.errors import DataError, Reason


async def test_a_round_that_fails_ends_nothing_and_no_text_of_a_driver_is_logged() -> None:
    ends: list[Exception | None] = [DataError(Reason.ADAPTER_DOWN, "down"), ValueError("secret-4711"), None]
    done = asyncio.Event()

    async def work() -> None:
        error = ends.pop(0)
        if error is not None:
            raise error
        done.set()
        await asyncio.Event().wait()

    rounds = Rounds(work, interval_s=0)
    with capture_logs() as logged:
        rounds.start()
        await done.wait()
        await rounds.close()
    assert [line["event"] for line in logged] == ["adapter.sweep_failed"], "that a database is down is told by health"
    assert "secret-4711" not in str(logged)


async def test_a_round_under_way_is_ended_by_the_close_and_none_follows() -> None:
    begun, ended = asyncio.Event(), 0

    async def work() -> None:
        nonlocal ended
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended += 1

    rounds = Rounds(work, interval_s=0)
    await rounds.close()
    rounds.start()
    await begun.wait()
    await rounds.close()
    assert ended == 1
