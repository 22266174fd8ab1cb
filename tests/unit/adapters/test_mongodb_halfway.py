"""What is left when a step of the MongoDB adapter fails half way, and does the next call put it right?"""

import asyncio
from collections.abc import Awaitable

import pytest
from pymongo.errors import WriteError

from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.server import Abilities
from aol_wire.adapter import Capability, Target
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.indexes import IndexState
from aol_wire.storage import Storage, Tenancy
from mongodb_adapters import TARGET, documents, failure_of, insert, opened, query, spec, update
from mongodb_server import native, refusing

NORTH = Target("shop", "orders", "north")
UNIQUE = {"fields": ["n"], "type": "unique"}
ASCENDING = {"fields": ["n"], "type": "ascending"}


async def refused(call: Awaitable[object]) -> DataError:
    error = await failure_of(call)
    assert error is not None
    return error


@pytest.mark.parametrize("step", ["create", "createIndexes"])
async def test_a_tenant_whose_place_was_half_made_has_its_unique_indexes_before_its_first_document(
    step: str, mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec(UNIQUE, storage=Storage(tenancy=Tenancy.DATABASE)))
        async with refusing(mongodb_uri, step):
            assert (await refused(adapter.write(insert({"1": {"n": 1}}, target=NORTH)))).applied is not Applied.YES
        assert await failure_of(adapter.write(insert({"1": {"n": 1}}, target=NORTH))) is None
        error = await refused(adapter.write(insert({"2": {"n": 1}}, target=NORTH)))
        assert error.reason is Reason.UNIQUE_VIOLATION


async def test_the_first_writers_of_a_tenant_meet_its_unique_index_whoever_comes_first(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as one, opened(mongodb_uri, prefix=mongodb_prefix) as other:
        await one.ensure_collection(spec(UNIQUE, storage=Storage(tenancy=Tenancy.SCHEMA)))
        for tenant in ("a", "b", "c"):
            target = Target("shop", "orders", tenant)
            writes = (
                adapter.write(insert({f"{it}": {"n": 1}}, target=target)) for it in range(5) for adapter in (one, other)
            )
            errors = await asyncio.gather(*map(failure_of, writes))
            reasons = [error.reason for error in errors if error is not None]
            assert len(reasons) == 8, "a repeated insert of an equal document succeeds"
            assert set(reasons) == {Reason.UNIQUE_VIOLATION}


async def test_of_two_who_add_indexes_at_once_both_have_the_server_hold_to_their_rule(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as one, opened(mongodb_uri, prefix=mongodb_prefix) as other:
        await one.ensure_collection(spec())
        names = [f"f{number}" for number in range(8)]
        indexes = [{"fields": [name], "type": "ascending"} for name in names]
        pairs = zip(indexes, [one, other] * 4, strict=True)
        await asyncio.gather(*(adapter.ensure_collection(spec(index)) for index, adapter in pairs))
        await one.settle()
        await other.settle()
        async with native(mongodb_uri) as client:
            for name in names:
                with pytest.raises(WriteError):
                    await client[f"{mongodb_prefix}_shop"]["orders"].insert_one({"_id": name, name: [1]})
        assert {it.state for it in await one.inspect_collection(TARGET)} == {IndexState.READY}


async def test_an_index_whose_building_was_cut_off_ends_with_the_server_holding_to_its_rule(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        async with refusing(mongodb_uri, "create"):
            await refused(adapter.ensure_collection(spec(ASCENDING)))
        await adapter.sweep()
        await adapter.settle()
        assert [it.state for it in await adapter.inspect_collection(TARGET)] == [IndexState.READY]
        with pytest.raises(WriteError):
            await client[f"{mongodb_prefix}_shop"]["orders"].insert_one({"_id": "theirs", "n": [1]})


async def test_nobody_waits_long_for_a_server_that_builds_slowly(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix, at_once_s=0.01) as adapter:
        await adapter.ensure_collection(spec())
        async with refusing(mongodb_uri, "createIndexes", blockConnection=True, blockTimeMS=300):
            ensured = await adapter.ensure_collection(spec(ASCENDING))
            assert [it.state for it in ensured.indexes] == [IndexState.BUILDING]
            await adapter.settle()
        assert [it.state for it in await adapter.inspect_collection(TARGET)] == [IndexState.READY]


async def test_a_collection_whose_dropping_was_cut_off_is_gone_and_never_comes_back(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        for finish in (adapter.drop_collection(TARGET), adapter.ensure_collection(spec()), adapter.sweep()):
            await adapter.ensure_collection(spec())
            await adapter.write(insert({"1": {"n": 1}}))
            async with refusing(mongodb_uri, "drop"):
                await refused(adapter.drop_collection(TARGET))
            assert (await refused(adapter.find(query()))).reason is Reason.COLLECTION_NOT_FOUND
            assert (await refused(adapter.write(insert({"2": {}})))).reason is Reason.COLLECTION_NOT_FOUND
            await finish
            assert await stored.find_one() is None


async def test_who_drops_a_collection_late_does_not_drop_the_one_that_was_made_after_it(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as one, opened(mongodb_uri, prefix=mongodb_prefix) as other:
        await one.ensure_collection(spec())
        async with refusing(mongodb_uri, "drop", mode={"times": 1}, blockConnection=True, blockTimeMS=500):
            drops = [asyncio.create_task(adapter.drop_collection(TARGET)) for adapter in (one, other)]
            await asyncio.wait(drops, return_when=asyncio.FIRST_COMPLETED)
            await other.ensure_collection(spec())
            await other.write(insert({"1": {}}))
            await asyncio.gather(*drops)
        assert documents(await one.find(query())).keys() == {"1"}


async def test_an_index_that_is_left_of_a_dropped_collection_does_not_hold_the_next_one_up(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    """One is left when a collection is dropped while another process builds an index of it."""
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec(UNIQUE))
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        indexes = await stored.index_information()
        await adapter.drop_collection(TARGET)
        for name, index in indexes.items():
            await stored.create_index(index["key"], name=name, unique=name != "_id_")
        await stored.create_index("theirs", name="theirs")
        await adapter.ensure_collection(spec())
        assert await failure_of(adapter.write(insert({"1": {"n": 1}, "2": {"n": 1}}))) is None
        assert documents(await adapter.find(query())).keys() == {"1", "2"}
        assert (await stored.index_information()).keys() == {"_id_", "theirs"}


async def test_a_server_that_stumbles_when_it_is_asked_what_it_does_is_asked_again(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        labels = ["TransientTransactionError"]
        async with refusing(mongodb_uri, "insert", mode={"skip": 1}, errorCode=251, errorLabels=labels):
            await refused(adapter.describe())
        assert Capability.ATOMIC in (await adapter.describe()).capabilities


async def test_a_change_of_one_document_is_read_once_and_written_once(mongodb_uri: str, mongodb_prefix: str) -> None:
    """What is looked at twice may be many the second time, and then is not changed as a whole."""
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {"n": 1}}))
        await adapter.describe()
        async with refusing(mongodb_uri, "aggregate", mode={"skip": 1}):
            assert await failure_of(adapter.write(update({"n": 1}, {"n": 2}))) is None


async def test_what_was_changed_before_a_change_failed_is_not_denied(mongodb_uri: str, mongodb_prefix: str) -> None:
    """On a server without transactions."""
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {"n": 1}, "2": {"n": 1}}))
        without_transactions(adapter)
        async with refusing(mongodb_uri, "update", mode={"skip": 1}):
            error = await refused(adapter.write(update({"n": 1}, {"$inc": {"n": 1}})))
        assert error.applied is Applied.UNKNOWN
        assert sorted(it["n"] for it in documents(await adapter.find(query())).values()) == [1, 2]


def without_transactions(adapter: MongodbAdapter) -> None:
    adapter._server._abilities = Abilities(transactions=False, text=False, sharded=False)
