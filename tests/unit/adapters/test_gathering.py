"""Do calls that wait for a batch form the next one, and does each get its own answer, in time?"""

import asyncio
from collections.abc import Sequence

import pytest

from aol_adapters.kit.gathering import ALONE, Gathering
from aol_wire.errors import Applied, DataError, Reason


class Database:
    """Answers batches when it is let; each item is answered with itself, `bad` with an error, `broken` breaks all."""

    def __init__(self, **options: bool | int) -> None:
        self.batches: list[list[str]] = []
        self.patience: list[float | None] = []
        self.cancelled: list[list[str]] = []
        self.gate = asyncio.Semaphore(0)
        self.began = asyncio.Event()
        self.gathering = Gathering[str, str, str](self.run, **{"writes": True, **options})  # type: ignore[arg-type]

    async def run(self, key: str, items: list[str], timeout_s: float | None) -> Sequence[str | DataError]:
        self.batches.append(items)
        self.patience.append(timeout_s)
        self.began.set()
        try:
            await self.gate.acquire()
        except asyncio.CancelledError:
            self.cancelled.append(items)
            raise
        if "broken" in items:
            raise DataError(Reason.ADAPTER_DOWN, "gone", applied=Applied.UNKNOWN)
        if "bug" in items:
            raise KeyError("bug")
        return [DataError(Reason.BAD_DOCUMENT, "bad") if item == "bad" else item for item in items]

    def let(self, batches: int = 1000) -> None:
        """Let so many batches be answered."""
        for _ in range(batches):
            self.gate.release()

    def submit(
        self, item: str, *, key: str = "k", weight: int = 0, timeout_s: float | None = None
    ) -> asyncio.Task[str]:
        """Submit an item."""
        return asyncio.create_task(self.gathering.submit(key, item, weight=weight, timeout_s=timeout_s))

    async def submit_first(self, item: str = "first", **named: float) -> asyncio.Task[str]:
        """Submit an item and return when its batch is under way."""
        task = self.submit(item, **named)  # type: ignore[arg-type]
        await self.began.wait()
        return task


async def test_an_item_that_finds_nothing_under_way_runs_at_once_and_alone() -> None:
    database = Database()
    database.let()
    assert await database.submit("one") == "one"
    assert database.batches == [["one"]]


async def test_what_waits_while_a_batch_is_under_way_forms_the_next_in_order() -> None:
    database = Database()
    first = await database.submit_first()
    others = [database.submit(f"{number}") for number in range(50)]
    await asyncio.sleep(0)
    database.let()
    assert await asyncio.gather(first, *others) == ["first", *(f"{number}" for number in range(50))]
    assert database.batches == [["first"], [f"{number}" for number in range(50)]]


async def test_items_of_different_keys_do_not_wait_for_each_other() -> None:
    database = Database()
    first = await database.submit_first()
    other = database.submit("other", key="another")
    while len(database.batches) < 2:
        await asyncio.sleep(0)
    database.let()
    assert list(await asyncio.gather(first, other)) == ["first", "other"]


async def test_one_item_s_error_is_its_own() -> None:
    database = Database()
    await database.submit_first()
    tasks = [database.submit(item) for item in ("a", "bad", "b")]
    database.let()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [done[0], done[2]] == ["a", "b"]
    assert isinstance(done[1], DataError)


@pytest.mark.parametrize(("item", "kind"), [("broken", DataError), ("bug", KeyError)])
async def test_a_batch_that_fails_as_a_whole_is_everybody_s_error_and_the_next_one_runs(
    item: str, kind: type[Exception]
) -> None:
    database = Database()
    await database.submit_first()
    tasks = [database.submit(item), database.submit("beside")]
    database.let()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in done] == [kind, kind]
    if kind is DataError:
        assert done[0] is not done[1]
        assert [error.applied for error in done if isinstance(error, DataError)] == [Applied.UNKNOWN] * 2
    assert await database.submit("after") == "after"


async def test_a_batch_holds_so_many_items_and_so_much_weight() -> None:
    database = Database(max_items=3, max_weight=10)
    tasks = [await database.submit_first()]
    tasks += [database.submit(item, weight=weight) for item, weight in (("a", 4), ("b", 4), ("c", 4), ("d", 99))]
    tasks += [database.submit(item) for item in "efgh"]
    await asyncio.sleep(0)
    database.let()
    await asyncio.gather(*tasks)
    assert database.batches == [["first"], ["a", "b"], ["c"], ["d"], ["e", "f", "g"], ["h"]]


async def test_what_goes_alone_goes_alone() -> None:
    database = Database()
    tasks = [await database.submit_first()]
    tasks += [database.submit(item, weight=ALONE if item == "b" else 1) for item in "abc"]
    await asyncio.sleep(0)
    database.let()
    await asyncio.gather(*tasks)
    assert database.batches == [["first"], ["a"], ["b"], ["c"]]


async def test_a_caller_who_is_cancelled_while_waiting_is_withdrawn() -> None:
    database = Database()
    first = await database.submit_first()
    waiting, beside = database.submit("waiting"), database.submit("beside")
    await asyncio.sleep(0)
    waiting.cancel()
    database.let()
    assert list(await asyncio.gather(first, beside)) == ["first", "beside"]
    assert database.batches == [["first"], ["beside"]]


@pytest.mark.parametrize("steps", range(6))
async def test_a_caller_who_is_cancelled_just_as_the_next_batch_begins_is_cancelled(steps: int) -> None:
    database = Database()
    first = await database.submit_first()
    leaving, staying = database.submit("leaving"), database.submit("staying")
    await asyncio.sleep(0)
    database.let()
    for _ in range(steps):
        await asyncio.sleep(0)
    leaving.cancel()
    (answer,) = await asyncio.gather(leaving, return_exceptions=True)
    assert answer == "leaving" or isinstance(answer, asyncio.CancelledError)
    assert (await first, await staying) == ("first", "staying")


async def test_a_batch_goes_on_when_one_of_its_callers_is_cancelled_and_ends_when_all_are() -> None:
    database = Database()
    blocker = await database.submit_first()
    tasks = [database.submit(item) for item in "ab"]
    await asyncio.sleep(0)
    database.began.clear()
    database.let(1)
    await blocker
    await database.began.wait()
    tasks[0].cancel()
    await asyncio.sleep(0)
    assert database.cancelled == []
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await database.gathering.close()
    assert database.cancelled == [["a", "b"]]


async def test_out_of_time_while_waiting_nothing_was_applied() -> None:
    database = Database()
    await database.submit_first()
    with pytest.raises(DataError) as caught:
        await database.submit("late", timeout_s=0.01)
    assert (caught.value.reason, caught.value.applied) == (Reason.DEADLINE, Applied.NO)
    database.let()
    await database.gathering.close()
    assert database.batches == [["first"]]


async def test_out_of_time_at_once_nothing_is_begun() -> None:
    database = Database()
    with pytest.raises(DataError) as caught:
        await database.submit("late", timeout_s=0)
    assert (caught.value.reason, caught.value.applied) == (Reason.DEADLINE, Applied.NO)
    assert database.batches == []


async def test_out_of_time_while_the_batch_is_under_way_nobody_knows() -> None:
    database = Database()
    with pytest.raises(DataError) as caught:
        await database.submit("begun", timeout_s=0.01)
    assert (caught.value.reason, caught.value.applied) == (Reason.DEADLINE, Applied.UNKNOWN)


async def test_a_batch_has_the_time_of_its_most_patient_caller() -> None:
    database = Database()
    await database.submit_first()
    tasks = [database.submit("a", timeout_s=5), database.submit("b", timeout_s=50)]
    await asyncio.sleep(0)
    database.let()
    await asyncio.gather(*tasks)
    assert database.patience[0] is None
    assert database.patience[1] is not None
    assert 5 < database.patience[1] <= 50


async def test_where_the_database_ends_in_time_itself_the_last_one_waits_for_what_it_says() -> None:
    database = Database(waits=True)
    task = await database.submit_first(timeout_s=0.01)
    others = database.submit("other", timeout_s=0.03)
    with pytest.raises(DataError):  # by then the time of the first is over too
        await others
    assert not task.done()
    database.let()
    assert await task == "first"


async def test_nobody_waits_for_those_who_are_more_patient() -> None:
    database = Database(waits=True)
    blocker = await database.submit_first()
    short, long = database.submit("short", timeout_s=0.01), database.submit("long", timeout_s=60)
    await asyncio.sleep(0)
    database.let(1)
    await blocker
    with pytest.raises(DataError) as caught:
        await short
    assert caught.value.reason is Reason.DEADLINE
    database.let()
    assert await long == "long"
