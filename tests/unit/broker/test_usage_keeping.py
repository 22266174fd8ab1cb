"""Who uses what: do counts get to the registry, once each, and stay there as long as they should?"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.settings_sections import UsageSettings
from aol_broker.usage.counter import HOUR_US
from aol_broker.usage.keeper import UsageKeeper
from aol_broker.usage.uses import Use
from aol_wire.adapter import Count, Target
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Compare, Operator
from aol_wire.ids import now_us

EVENTS = CollectionRecord("shop", "events", "sqlite")
WORK = Count(Target("shop", "events"), Compare(("kind",), Operator.EQ, "x"))
SETTINGS = UsageSettings()
DAY_HOURS = 24


def keeper(registry: Registry) -> UsageKeeper:
    return UsageKeeper(registry, SETTINGS)


def note(keeper: UsageKeeper, times: int = 1, *, service: str = "bank", at_us: int | None = None) -> None:
    for _ in range(times):
        keeper.counter.note(service, EVENTS, "count", WORK, now_us() if at_us is None else at_us)


async def calls(keeper: UsageKeeper) -> Counter[str]:
    uses = (await keeper.load()).uses("shop.events")
    return Counter({use.service: use.calls for use in uses})


async def hours(registry: Registry) -> list[tuple[int, int]]:
    """Return (hours, calls) of the rows that stand for calls, oldest first."""
    async with registry.database.reading() as connection:
        rows = await connection.execute(text("SELECT hours, calls FROM usage WHERE path = '' ORDER BY hour"))
        return [(int(row[0]), int(row[1])) for row in rows]


@contextmanager
def away(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: object) -> None:
        raise DataError(Reason.REGISTRY_UNAVAILABLE, "It is away.")

    with monkeypatch.context() as patched:
        patched.setattr(registry.database, "writing", fail)
        patched.setattr(registry.database, "reading", fail)
        yield


async def test_two_brokers_on_one_registry_add_up(registry: Registry, other: Registry) -> None:
    one, two = keeper(registry), keeper(other)
    for round_ in range(3):
        note(one, 2)
        note(two, 3)
        note(two, round_, service="shop")
        await one.flush()
        await two.flush()
    assert await calls(one) == await calls(two) == Counter({"bank": 15, "shop": 3})


async def test_the_last_use_is_the_last_whatever_the_order_in_which_brokers_tell_it(
    registry: Registry, other: Registry
) -> None:
    one, two = keeper(registry), keeper(other)
    now = now_us()
    note(one, at_us=now + 2000)
    note(two, at_us=now + 1000)
    await one.flush()
    await two.flush()
    assert (await one.load()).uses("shop.events") == [Use("bank", "count", "", 2, now + 2000)]


async def test_counts_wait_while_the_registry_is_away_and_arrive_once(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = keeper(registry)
    with away(registry, monkeypatch):
        for _ in range(3):
            note(counting, 2)
            with pytest.raises(DataError):
                await counting.flush()
    assert await calls(counting) == Counter(bank=6)
    assert await calls(counting) == Counter(bank=6)


async def test_while_the_registry_is_away_the_memory_is_bounded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aol_broker.usage.keeper.WAITING_ROWS_MAX", 10)
    counting = keeper(registry)
    with away(registry, monkeypatch):
        for hour in range(100):
            note(counting, at_us=now_us() + hour * HOUR_US)
            with pytest.raises(DataError):
                await counting.flush()
    assert sum((await calls(counting)).values()) in range(1, 10)


async def test_a_stop_writes_down_what_came_last(registry: Registry, other: Registry) -> None:
    counting = keeper(registry)
    note(counting, 4)
    await counting.stop()
    assert await calls(keeper(other)) == Counter(bank=4)


async def test_old_hours_become_days_and_older_days_go(registry: Registry) -> None:
    counting = keeper(registry)
    hour = now_us() // HOUR_US
    midnight = hour - hour % DAY_HOURS
    keep_hours, keep = SETTINGS.keep_hours_for_s // 3600, SETTINGS.keep_for_s // 3600
    old_day = midnight - keep_hours - 10 * DAY_HOURS
    for at, times in ((old_day, 1), (old_day + 23, 2), (old_day + 24, 4), (hour - 1, 8), (hour, 16)):
        note(counting, times, at_us=at * HOUR_US)
    note(counting, 32, at_us=(midnight - keep - 2 * DAY_HOURS) * HOUR_US)
    await counting.flush()
    await counting.fold()
    assert await hours(registry) == [(24, 3), (24, 4), (1, 8), (1, 16)]
    # What comes late, and folding again, adds to the day.
    note(counting, 1, at_us=(old_day + 5) * HOUR_US)
    await counting.flush()
    await counting.fold()
    await counting.fold()
    assert await hours(registry) == [(24, 4), (24, 4), (1, 8), (1, 16)]


async def test_nothing_is_told_of_the_time_before_counting_began(registry: Registry) -> None:
    counting = keeper(registry)
    before = now_us()
    loaded = await counting.load()
    assert 0 < loaded.since_us <= before
    assert (await counting.load(before)).since_us == before


async def test_nothing_is_told_of_the_time_that_is_not_kept_any_more(registry: Registry) -> None:
    ahead_s = 10 * 365 * 86_400
    late = UsageKeeper(registry, SETTINGS, clock=lambda: now_us() / 1e6 + ahead_s)
    since_us = (await late.load()).since_us
    assert abs(since_us / 1e6 - (now_us() / 1e6 + ahead_s - SETTINGS.keep_for_s)) < 60


async def test_a_use_from_before_the_moment_asked_for_is_left_out(registry: Registry) -> None:
    counting = keeper(registry)
    now = now_us()
    note(counting, service="early", at_us=now)
    note(counting, service="late", at_us=now + 2)
    uses = await counting.load(now + 1)
    assert [use.service for use in uses.uses("shop.events")] == ["late"]


async def test_a_caller_who_goes_away_while_counts_are_written_loses_none(registry: Registry) -> None:
    counting = keeper(registry)
    for turns in range(30):
        note(counting)
        asking = asyncio.create_task(counting.load())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await calls(counting) == Counter(bank=30)


async def test_calls_around_a_service_are_those_on_its_collections_and_its_own_on_others(registry: Registry) -> None:
    keeping = keeper(registry)
    note(keeping, 2, service="bank")
    note(keeping, 3, service="shop")
    for owner, service in (("bank", "shop"), ("web", "shop"), ("web", "bank"), ("shopping", "web")):
        record = CollectionRecord(owner, "events", "sqlite")
        keeping.counter.note(service, record, "count", Count(record.target, None), now_us())
    found = await keeping.load_around("shop")
    assert {id_: {use.service: use.calls for use in uses} for id_, uses in found.by_collection.items()} == {
        "shop.events": {"bank": 2, "shop": 3},
        "bank.events": {"shop": 1},
        "web.events": {"shop": 1},
    }
    assert {use.path for uses in found.by_collection.values() for use in uses} == {""}


async def test_what_is_not_asked_for_is_not_read(registry: Registry) -> None:
    keeping = keeper(registry)
    note(keeping)
    bare, whole = await keeping.load(paths=False, shapes=False), await keeping.load()
    assert {use.path for use in bare.by_collection["shop.events"]} == {""}
    assert {use.path for use in whole.by_collection["shop.events"]} == {"", "kind"}
    assert (len(bare.shapes("shop.events")), len(whole.shapes("shop.events"))) == (0, 1)
    assert bare.uses("shop.events") == whole.uses("shop.events")
