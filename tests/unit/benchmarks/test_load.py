"""Is a side called as the line says: so many at once, each argument once, in turn with the other side?"""

import asyncio
from functools import partial

import pytest

from benchmarks.load import Sample, in_turn, run_for

HOURS = 3600.0


async def test_each_argument_is_used_once_and_never_more_calls_are_under_way_than_asked_for() -> None:
    seen: list[int] = []
    under_way = most = 0

    async def call(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        seen.append(number)

    await run_for(HOURS, 8, iter(range(100)), call)
    assert (sorted(seen), most) == (list(range(100)), 8)


async def test_a_run_ends_when_its_time_is_over() -> None:
    numbers = iter(range(10**9))

    async def call(number: int) -> None:
        await asyncio.sleep(0)

    sample = await run_for(0.001, 4, numbers, call)
    assert sample.per_s > 0
    assert next(numbers) < 10**9 - 1


async def test_a_failed_call_ends_the_run_with_what_it_raised() -> None:
    async def call(number: int) -> None:
        if number == 5:
            raise KeyError("five")
        await asyncio.sleep(0)

    with pytest.raises(KeyError, match="five"):
        await run_for(HOURS, 2, iter(range(10)), call)


async def test_sides_take_turns_and_the_warm_up_does_not_count() -> None:
    turns: list[tuple[str, float]] = []

    async def run(name: str, seconds: float) -> Sample:
        turns.append((name, seconds))
        return Sample(len(turns), 0)

    samples = await in_turn({"a": partial(run, "a"), "b": partial(run, "b")}, 4.0, 2)
    assert turns == [("a", 1.0), ("b", 1.0), ("a", 4.0), ("b", 4.0), ("a", 4.0), ("b", 4.0)]
    assert [sample.per_s for sample in samples["a"]] == [3, 5]
    assert [sample.per_s for sample in samples["b"]] == [4, 6]
