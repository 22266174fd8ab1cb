"""Does PostgreSQL put documents into partitions of time, ahead of time, and drop those whose time is over?"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from typing import Any

import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.postgres import partitions
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_wire.adapter import CollectionSpec, Insert, Outcome, Target, Write
from aol_wire.datetimes import to_us
from aol_wire.errors import DataError, Reason
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage
from postgres_server import rows

DAY_US = 86_400_000_000
TARGET = Target("shop", "orders")


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now_us = to_us("2026-03-30T12:00:00Z") or 0

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def adapter(postgres_database: str, clock: Clock) -> AsyncIterator[PostgresAdapter]:
    adapter = PostgresAdapter(Settings(dsn=postgres_database, clock=clock, upkeep_interval_s=3600))
    await adapter.start()
    yield adapter
    await adapter.close()


def id_at(us: int, number: int = 1) -> str:
    """A UUIDv7 of a time."""
    return str(uuid.UUID(int=(us // 1000 << 80) | (7 << 76) | (0b10 << 62) | number))


async def kept(adapter: PostgresAdapter, storage: Storage, *indexes: dict[str, Any]) -> Trial:
    """A collection of orders that is kept so, with a field `at`."""
    specs = tuple(parse_index(index, "index") for index in indexes)
    hint = {"at": "datetime", "total": "number"}
    await adapter.ensure_collection(CollectionSpec(TARGET, hint, specs, storage=storage))
    return Trial(adapter, TARGET)


async def names(dsn: str) -> list[str]:
    """The partitions of the table of orders."""
    found = await rows(
        dsn,
        "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
        'WHERE i.inhparent = \'"aol_shop"."orders"\'::regclass ORDER BY 1',
    )
    return [row[0] for row in found]


async def test_partitions_are_made_ahead_of_time(
    adapter: PostgresAdapter, clock: Clock, postgres_database: str
) -> None:
    await kept(adapter, Storage(CREATED_AT, PartitionInterval.DAY))
    assert await names(postgres_database) == ["orders:p:2026-03-30", "orders:p:2026-03-31"]
    clock.now_us += DAY_US
    await adapter.sweep()
    assert (await names(postgres_database))[-1] == "orders:p:2026-04-01"


async def test_a_month_is_as_long_as_it_is(adapter: PostgresAdapter, clock: Clock, postgres_database: str) -> None:
    await kept(adapter, Storage(CREATED_AT, PartitionInterval.MONTH))
    assert await names(postgres_database) == ["orders:p:2026-03-01", "orders:p:2026-04-01"]


async def test_a_partition_goes_with_its_documents_when_all_its_times_are_over(
    adapter: PostgresAdapter, clock: Clock, postgres_database: str
) -> None:
    trial = await kept(adapter, Storage("at", PartitionInterval.DAY, 2 * 86_400))
    await trial.insert("old", {"at": "2026-03-29T00:00:00.000000Z"})
    await trial.insert("new", {"at": "2026-03-30T00:00:00.000000Z"})
    # The last moment of the 29th is not two days ago yet.
    clock.now_us = to_us("2026-03-31T23:59:59Z") or 0
    await adapter.sweep()
    assert await trial.ids() == ["new", "old"]
    clock.now_us = to_us("2026-04-01T00:00:00Z") or 0
    await adapter.sweep()
    assert await trial.ids() == ["new"]
    assert "orders:p:2026-03-29" not in await names(postgres_database)
    assert await rows(postgres_database, "SELECT 1 FROM pg_class WHERE relname = 'orders:p:2026-03-29'") == []


@pytest.mark.parametrize(
    ("storage", "condition"),
    [
        (Storage(CREATED_AT, PartitionInterval.DAY), {"_id": "ID"}),
        (Storage(CREATED_AT, PartitionInterval.DAY), {"_created_at": {"$gte": "2026-04-08T00:00:00Z"}}),
        (Storage("at", PartitionInterval.DAY), {"at": {"$gt": "2026-04-08T12:00:00.000000Z"}}),
    ],
    ids=["id", "created_at", "field"],
)
async def test_a_query_looks_only_into_the_partitions_that_can_have_what_it_wants(
    adapter: PostgresAdapter, clock: Clock, storage: Storage, condition: dict[str, Any]
) -> None:
    trial = await kept(adapter, storage, {"fields": ["total"], "type": "ascending"})
    first_us = clock.now_us
    for day in range(10):
        clock.now_us = first_us + day * DAY_US
        at = f"2026-{'03' if day < 2 else '04'}-{30 + day if day < 2 else day - 1:02}T13:00:00.000000Z"
        insert = Insert(id_at(clock.now_us), f'{{"at":"{at}","total":{day}}}', clock.now_us)
        (outcome,) = await adapter.write(Write(TARGET, [insert]))
        assert outcome.error is None
    wanted = {"_id": id_at(first_us)} if "_id" in condition else condition
    assert len(await trial.ids(wanted)) == 1
    explanation = await adapter.explain(trial.query(wanted))
    # Ids and times of creation may differ by a day.
    assert explanation.examined_documents <= 3


async def test_an_index_that_is_added_is_built_in_each_partition_and_used(
    adapter: PostgresAdapter, postgres_database: str
) -> None:
    trial = await kept(adapter, Storage("at", PartitionInterval.MONTH))
    documents = {f"{n:04}": {"at": f"2026-0{1 + n % 3}-01T00:00:00.000000Z", "total": n} for n in range(900)}
    await trial.fill(documents)
    index = parse_index({"fields": ["total"], "type": "ascending"}, "index")
    ensured = await adapter.ensure_collection(CollectionSpec(TARGET, {"at": "datetime", "total": "number"}, (index,)))
    assert [status.state for status in ensured.indexes] == [IndexState.READY]
    await trial.insert("later", {"at": "2026-12-24T00:00:00.000000Z", "total": 5})
    explanation = await adapter.explain(trial.query({"total": 5}))
    assert (explanation.index, explanation.returned_documents) == (index, 2)
    found = await rows(
        postgres_database,
        'SELECT indisvalid FROM pg_index WHERE indexrelid = \'"aol_shop"."orders:index:1"\'::regclass',
    )
    assert found[0][0] is True


async def test_values_are_unique_within_a_partition(adapter: PostgresAdapter) -> None:
    trial = await kept(adapter, Storage("at", PartitionInterval.MONTH), {"fields": ["total"], "type": "unique"})
    await trial.insert("1", {"at": "2026-01-01T00:00:00.000000Z", "total": 1})
    with pytest.raises(DataError) as caught:
        await trial.insert("2", {"at": "2026-01-31T00:00:00.000000Z", "total": 1})
    assert (caught.value.reason, caught.value.metadata) == (Reason.UNIQUE_VIOLATION, {"index": "unique(total)"})
    await trial.insert("3", {"at": "2026-02-01T00:00:00.000000Z", "total": 1})


async def test_documents_of_one_id_in_two_partitions_are_both_found_and_paged_through(adapter: PostgresAdapter) -> None:
    trial = await kept(adapter, Storage("at", PartitionInterval.MONTH))
    for month in range(1, 7):
        await trial.insert("same", {"at": f"2026-0{month}-01T00:00:00.000000Z", "total": 7})
    for sort in ((), ("total",), ("-total",), ("_id",), ("-at",)):
        pages = await trial.pages(replace(trial.query(None, *sort), limit=1))
        texts = [text for found in pages for text in found.page.json]
        assert len(set(texts)) == 6, sort
    assert await trial.count({"_id": "same"}) == 6
    assert await trial.ids({"_id": "same"}) == ["same"] * 6


async def test_a_time_that_moves_takes_the_document_along_atomically(adapter: PostgresAdapter) -> None:
    trial = await kept(adapter, Storage("at", PartitionInterval.MONTH))
    await trial.fill({f"{n}": {"at": "2026-01-01T00:00:00.000000Z", "total": n} for n in range(250)})
    assert await trial.update({"total": {"$gte": 100}}, {"at": "2031-07-01T00:00:00.000000Z"}) == 150
    assert await trial.count({"at": {"$gte": "2031-01-01T00:00:00.000000Z"}}) == 150
    assert await trial.count() == 250


async def test_there_are_only_so_many_partitions(adapter: PostgresAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "MOST_PARTITIONS", 4)
    trial = await kept(adapter, Storage("at", PartitionInterval.DAY))
    await trial.insert("1", {"at": "2026-01-01T00:00:00.000000Z"})
    await trial.insert("2", {"at": "2026-01-02T00:00:00.000000Z"})
    with pytest.raises(DataError) as caught:
        await trial.insert("3", {"at": "2026-01-03T00:00:00.000000Z"})
    assert caught.value.reason is Reason.QUOTA
    assert "4" in caught.value.message


async def test_two_adapters_that_need_the_same_partition_at_once_both_get_it(
    adapter: PostgresAdapter, postgres_database: str, clock: Clock
) -> None:
    await kept(adapter, Storage("at", PartitionInterval.DAY))
    other = PostgresAdapter(Settings(dsn=postgres_database, clock=clock, upkeep_interval_s=3600))
    await other.start()

    def insert(to: PostgresAdapter, prefix: str) -> Awaitable[list[Outcome]]:
        days = range(1, 10)
        return to.write(
            Write(TARGET, [Insert(f"{prefix}{n}", f'{{"at":"2027-01-{n:02}T00:00:00.000000Z"}}', 1) for n in days])
        )

    done = await asyncio.gather(*(insert(to, prefix) for to in (adapter, other) for prefix in "ab"))
    assert [outcome.error for outcomes in done for outcome in outcomes if outcome.error] == []
    assert await Trial(other, TARGET).count() == 18
    await other.close()


async def test_a_partition_that_somebody_dropped_is_made_again(
    adapter: PostgresAdapter, postgres_database: str
) -> None:
    trial = await kept(adapter, Storage("at", PartitionInterval.DAY))
    await trial.insert("1", {"at": "2026-01-01T00:00:00.000000Z"})
    await rows(postgres_database, 'DROP TABLE "aol_shop"."orders:p:2026-01-01"')
    await trial.insert("2", {"at": "2026-01-01T00:00:00.000000Z"})
    assert await trial.ids() == ["2"]
