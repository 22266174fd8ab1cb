"""Do changes of single documents that wait together share a transaction, and does one that fails fail alone?"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_wire.adapter import CollectionSpec, Delete, Mutation, Outcome, Target, Update, Write
from aol_wire.errors import Reason
from aol_wire.filters import Compare, Operator
from aol_wire.index_parser import parse_index
from aol_wire.updates import Inc, Set
from postgres_server import rows

TARGET = Target("shop", "items")


@pytest.fixture
async def trial(postgres_database: str) -> AsyncIterator[Trial]:
    """A hundred items, each with a number of its own."""
    adapter = PostgresAdapter(Settings(dsn=postgres_database, upkeep_interval_s=3600))
    await adapter.start()
    index = parse_index({"fields": ["sku"], "type": "unique"}, "index")
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(index,)))
    trial = Trial(adapter, TARGET)
    await trial.fill({f"{number:03}": {"sku": number, "n": 0} for number in range(100)})
    yield trial
    await adapter.close()


def named(number: int) -> Compare:
    return Compare(("_id",), Operator.EQ, f"{number:03}")


async def at_once(trial: Trial, *mutations: Mutation) -> list[Outcome]:
    """Make each change by a call of its own, all at once."""
    answers = await asyncio.gather(*(trial.adapter.write(Write(TARGET, [it], return_ids=True)) for it in mutations))
    return [answer[0] for answer in answers]


async def test_many_updates_at_once_share_few_transactions(trial: Trial, postgres_database: str) -> None:
    before = (await rows(postgres_database, "SELECT pg_current_xact_id()::text::int8"))[0][0]
    outcomes = await at_once(trial, *(Update(named(number), (Inc(("n",), 1),), 7) for number in range(100)))
    after = (await rows(postgres_database, "SELECT pg_current_xact_id()::text::int8"))[0][0]
    assert [(it.affected, it.ids) for it in outcomes] == [(1, (f"{number:03}",)) for number in range(100)]
    assert await trial.count({"n": 1, "_version": 2}) == 100
    # One has its own; the other 99 wait meanwhile, and go together.
    assert after - before <= 10


async def test_updates_of_one_document_at_once_all_count(trial: Trial) -> None:
    outcomes = await at_once(trial, *[Update(named(1), (Inc(("n",), 1),), 7)] * 25)
    assert [it.affected for it in outcomes] == [1] * 25
    document = await trial.get("001")
    assert (document["n"], document["_version"]) == (25, 26)


async def test_one_that_fails_fails_alone(trial: Trial) -> None:
    outcomes = await at_once(
        trial,
        Update(named(0), (Inc(("n",), 1),), 7),
        Update(named(1), (Set(("sku",), 5),), 7),
        Update(named(2), (Set(("sku",), []),), 7),
        Update(named(3), (Inc(("sku", "x"), 1),), 7),
        Update(named(4), (Inc(("n",), 1),), 7, if_version=9),
        Update(named(6), (Inc(("n",), 1),), 7, max_affected=0),
        Update(named(700), (Inc(("n",), 1),), 7),
        Update(named(8), (Inc(("n",), 1),), 7, if_version=1),
    )
    assert [it.error.reason if it.error else it.affected for it in outcomes] == [
        1,
        Reason.UNIQUE_VIOLATION,
        Reason.BAD_DOCUMENT,
        Reason.BAD_DOCUMENT,
        Reason.VERSION_MISMATCH,
        Reason.MAX_AFFECTED_EXCEEDED,
        0,
        1,
    ]
    assert await trial.ids({"_version": 2}) == ["000", "008"]


async def test_deletes_at_once_each_tell_what_they_did(trial: Trial) -> None:
    outcomes = await at_once(trial, *[Delete(named(number), 7) for number in (1, 2, 1, 700, 3)])
    assert sorted(it.affected for it in outcomes) == [0, 0, 1, 1, 1]
    assert sorted(id_ for it in outcomes for id_ in it.ids) == ["001", "002", "003"]
    assert await trial.count() == 97


async def test_soft_deletes_at_once_are_marked_with_their_own_time(trial: Trial) -> None:
    await at_once(trial, *[Delete(named(number), 1000 + number, soft=True) for number in range(5)])
    marked = [(await trial.get(f"{number:03}"))["_deleted_at"] for number in range(5)]
    assert marked == [1000, 1001, 1002, 1003, 1004]
    await at_once(trial, *[Delete(named(number), 7, purge=True) for number in range(6)])
    assert await trial.count() == 95


async def test_updates_deletes_and_inserts_at_once_leave_no_half_of_anything(trial: Trial) -> None:
    mutations: list[Mutation] = []
    for number in range(100):
        mutations += [Update(named(number), (Set(("a",), 1), Set(("b",), 1)), 7), Delete(named(number), 7)]
    outcomes = await at_once(trial, *mutations)
    assert [it.affected for it in outcomes[1::2]] == [1] * 100
    assert await trial.count() == 0
