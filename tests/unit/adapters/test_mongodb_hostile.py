"""Whatever other tools have put where the MongoDB adapter keeps documents, is every call answered in order?"""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.moving.copying import copy
from aol_broker.registry.moves import Progress
from aol_wire.adapter import Delete, Deleted, Write
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from mongodb_adapters import TARGET, documents, failure_of, insert, opened, query, spec, update
from mongodb_server import native

NO_METADATA: dict[str, Any] = {
    "text": "x",
    "list": [{"v": 1}],
    "null": None,
    "words": {"v": "one", "c": "two", "u": [3], "i": 5, "o": 6, "a": ObjectId(), "w": 7},
    "numbers": {"v": float("nan"), "c": float("inf"), "u": 1e300, "d": Decimal128("1")},
    "beyond": {"v": Int64(2**63 - 1), "c": -1, "u": 2.5},
    "empty": {"o": "", "a": None},
}


@pytest.mark.parametrize("name", NO_METADATA)
async def test_metadata_that_is_none_of_ours_is_taken_for_missing(
    name: str, mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        await stored.insert_one({"_id": "theirs", "n": 1, "_aol": NO_METADATA[name]})
        for request in (query({"_id": "theirs"}, deleted=Deleted.INCLUDE), query({"n": 1}, deleted=Deleted.INCLUDE)):
            page = (await adapter.find(request)).page
            assert list(page.json) == ['{"n":1}']
            assert page.id == ["theirs"]
        for key in ("_version", "_created_at", "_updated_at", "_owner"):
            found = await adapter.find(query(None, key, deleted=Deleted.INCLUDE))
            assert len(found.page.id) == 1
        assert await failure_of(adapter.write(insert({"theirs": {"n": 2}}))) is not None
        for change in (update({"n": 1}, {"$inc": {"n": 1}}, timeout_s=5), update({"n": 2}, {"n": 3}, timeout_s=5)):
            error = await failure_of(adapter.write(change))
            assert error is None
        removal = Write(TARGET, [Delete(parse_filter('{"n": {"$gt": 0}}'), 3)], timeout_s=5)
        assert await failure_of(adapter.write(removal)) is None


async def test_a_document_whose_id_is_no_string_is_none_of_ours(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        theirs = [{"_id": id_, "n": 1} for id_ in (ObjectId(), 7, None, {"a": "1"}, Decimal128("1"), True)]
        await stored.insert_many([*theirs, {"_id": "1", "n": 1}, {"_id": "2", "n": 1}])
        await adapter.ensure_collection(spec())
        ids: list[str] = []
        position = b""
        while True:
            found = await adapter.find(query(None, limit=1, position=position))
            ids += found.page.id
            position = found.next_position
            if not position:
                break
        assert ids == ["1", "2"]
        assert await adapter.count(query({"n": 1})) == 2  # type: ignore[arg-type]
        (outcome,) = await adapter.write(update({"n": 1}, {"n": 2}))
        assert outcome.affected == 2
        assert await stored.count_documents({"n": 1}) == len(theirs)


LOOKALIKES: dict[str, Any] = {
    "looks like an id": {"$oid": "no"},
    "looks like a number": {"$numberLong": "x"},
    "dotted": {"a.b": 1},
    "empty key": {"": 1},
    "deep": {"a": {"b": {"c": [[{"$date": 1}]]}}},
}


@pytest.mark.parametrize("name", LOOKALIKES)
async def test_keys_that_no_service_may_write_are_read_as_they_stand(
    name: str, mongodb_uri: str, mongodb_prefix: str
) -> None:
    value = LOOKALIKES[name]
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        await stored.insert_one({"_id": "theirs", "v": value, "n": 1})
        assert documents(await adapter.find(query({"n": 1}, "v")))["theirs"]["v"] == value
        before = await stored.find_one({"_id": "theirs"}, {"v": 1})
        error = await failure_of(adapter.write(update({"n": 1}, {"n": 2})))
        # What may not stand in a document is not written again, and is not lost either.
        assert error is None or error.reason is Reason.BAD_DOCUMENT
        assert await stored.find_one({"_id": "theirs"}, {"v": 1}) == before


async def test_what_json_does_not_have_is_not_copied_to_another_database_as_something_else(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    other = MemoryAdapter()
    await other.start()
    await other.ensure_collection(spec())
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {"n": 1}}))
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        for value in (Decimal128("1.10"), ObjectId(), datetime(2025, 11, 22, tzinfo=UTC), [{"in": b"x"}]):
            await stored.replace_one({"_id": "theirs"}, {"v": value}, upsert=True)
            with pytest.raises(DataError) as caught:
                await copy(adapter, other, TARGET, Progress(), until=0, left_s=lambda: 5.0)
            assert caught.value.reason is Reason.BAD_DOCUMENT
            assert "document.v" in caught.value.message
        await stored.delete_one({"_id": "theirs"})
        _, is_all = await copy(adapter, other, TARGET, Progress(), until=0, left_s=lambda: 5.0)
        assert is_all
        assert documents(await other.find(query())) == {"1": {"n": 1}}
