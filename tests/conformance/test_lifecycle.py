"""Does an adapter start, describe itself, and end as the contract says?"""

import asyncio

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Adapter, Capability, CollectionSpec, Count, Find, Write
from aol_wire.errors import DataError, Reason


async def test_it_describes_itself(adapter: Adapter) -> None:
    description = await adapter.describe()
    assert description.name
    assert description.version
    assert description.capabilities <= set(Capability)
    assert Capability.REGEX in description.capabilities or Capability.REGEX_FULL not in description.capabilities


async def test_a_started_adapter_passes_its_check(adapter: Adapter) -> None:
    await adapter.check()


async def test_closing_twice_is_harmless_and_a_closed_adapter_is_down(adapter: Adapter) -> None:
    await adapter.close()
    await adapter.close()
    with pytest.raises(DataError) as caught:
        await adapter.check()
    assert caught.value.reason is Reason.ADAPTER_DOWN


async def test_only_the_call_that_makes_a_collection_says_created(adapter: Adapter) -> None:
    trial = Trial(adapter)
    assert (await trial.ensure()).created
    assert not (await trial.ensure()).created


async def test_two_calls_at_once_both_succeed_and_one_creates(adapter: Adapter) -> None:
    trial = Trial(adapter)
    index = {"fields": ["a"], "type": "ascending"}
    ensured = await asyncio.gather(*(trial.ensure(index) for _ in range(8)))
    assert sum(result.created for result in ensured) == 1
    assert len({result.indexes for result in ensured}) == 1


async def test_a_collection_takes_a_description_and_a_schema_hint(adapter: Adapter) -> None:
    trial = Trial(adapter)
    spec = CollectionSpec(trial.target, {"a.b": "datetime"}, (), "what'; DROP TABLE it -- \n is for")
    assert (await adapter.ensure_collection(spec)).created
    assert (await trial.insert("1", {"a": {"b": "not a date"}})).affected == 1


async def test_dropping_removes_documents_and_indexes(trial: Trial) -> None:
    await trial.ensure({"fields": ["a"], "type": "ascending"})
    await trial.insert("1", {"a": 1})
    await trial.adapter.drop_collection(trial.target)
    with pytest.raises(DataError) as caught:
        await trial.count()
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
    assert (await trial.ensure()).created
    assert await trial.count() == 0
    assert (await trial.insert("1", {"a": [1]})).affected == 1


async def test_dropping_leaves_other_collections_alone(trial: Trial) -> None:
    other = trial.at(collection="items-2")
    await other.ensure()
    await other.insert("1", {})
    await trial.adapter.drop_collection(trial.target)
    assert await other.count() == 1


async def test_dropping_what_is_not_there_is_fine(trial: Trial) -> None:
    missing = trial.at(collection="missing")
    await trial.adapter.drop_collection(missing.target)
    await trial.adapter.drop_collection(missing.target)
    await trial.adapter.drop_collection(trial.at(service="nobody").target)


async def test_a_call_whose_time_is_over_changes_nothing(trial: Trial) -> None:
    await trial.insert("1", {})
    calls = (
        trial.adapter.find(Find(trial.target, timeout_s=0)),
        trial.adapter.count(Count(trial.target, timeout_s=0)),
        trial.adapter.write(Write(trial.target, [trial.insertion("2", {})], timeout_s=0)),
    )
    for call in calls:
        with pytest.raises(DataError) as caught:
            await call
        assert caught.value.reason is Reason.DEADLINE
    assert await trial.count() == 1
