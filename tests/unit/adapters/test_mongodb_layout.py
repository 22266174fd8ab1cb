"""Does MongoDB hold documents so that other tools read them, and does the adapter read what those have written?"""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from pymongo.errors import WriteError

from aol_wire.adapter import Delete, Deleted, Insert, Target, Update, Write
from aol_wire.errors import Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.storage import Storage, Tenancy
from mongodb_adapters import TARGET, documents, failure_of, insert, opened, query, spec, update
from mongodb_server import native

FOREIGN: dict[str, tuple[Any, Any]] = {
    "decimal": (Decimal128("1.10"), {"$numberDecimal": "1.10"}),
    "date": (datetime(2025, 11, 22, 1, 2, 3, 4000, tzinfo=UTC), {"$date": "2025-11-22T01:02:03.004Z"}),
    "id": (ObjectId("0123456789abcdef01234567"), {"$oid": "0123456789abcdef01234567"}),
    "binary": (Binary(b"\x00\xff", 5), {"$binary": {"base64": "AP8=", "subType": "05"}}),
    "bytes": (b"ab", {"$binary": {"base64": "YWI=", "subType": "00"}}),
    "regex": (Regex("^a", "i"), {"$regularExpression": {"pattern": "^a", "options": "i"}}),
    "time": (Timestamp(1, 2), {"$timestamp": {"t": 1, "i": 2}}),
    "max": (MaxKey(), {"$maxKey": 1}),
    "not a number": (float("nan"), None),
    "infinite": (float("inf"), None),
    "short": (7, 7),
    "code": (Code("x"), "x"),
}


async def test_documents_lie_as_themselves_in_their_services_database(mongodb_uri: str, mongodb_prefix: str) -> None:
    document = {"n": 1, "d": 1.0, "big": 2**53 + 1, "s": "é", "list": [1, {"b": None}], "flag": True, "none": None}
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        acl = {"read": ["user:bob", 7], "write": "none"}
        stamped = Insert("1", '{"n":1}', 5, owner="ann", acl=orjson.dumps(acl).decode())
        await adapter.write(insert({"a": document}))
        await adapter.write(Write(Target("shop", "orders", "north"), [stamped]))
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        found = await stored.find_one({"_id": "a"})
        assert found == {"_id": "a", **document, "_aol": {"v": 1, "c": 1, "u": 1}}
        assert [type(found[name]) for name in ("n", "d", "big")] == [Int64, float, Int64]
        open_to = {"r": ["o:ann", "e:user:bob"], "e": ["o:ann"]}
        of_tenant = await stored.find_one({"_aol.t": "north"})
        assert of_tenant == {
            "_id": "north\0" + "1",
            "n": 1,
            "_aol": {"v": 1, "c": 5, "u": 5, "o": "ann", "a": acl, "t": "north", "i": "1", **open_to},
        }
        handed = Update(parse_filter('{"_id": "1"}'), (), 6, acl="", owner="")
        await adapter.write(Write(Target("shop", "orders", "north"), [handed]))
        of_nobody = await stored.find_one({"_aol.t": "north"})
        assert (of_nobody or {})["_aol"] == {"v": 2, "c": 5, "u": 6, "t": "north", "i": "1"}
        assert documents(await adapter.find(query({"_id": "a"}))) == {"a": document}


async def test_what_other_tools_store_reads_as_extended_json(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        values = {name: value for name, (value, _) in FOREIGN.items()}
        await client[f"{mongodb_prefix}_shop"]["orders"].insert_one({"_id": "theirs", **values})
        found = documents(await adapter.find(query({"_id": "theirs"})))["theirs"]
        assert found == {name: json for name, (_, json) in FOREIGN.items()}


# JavaScript reads as the string that it nearly is, and sorts as what it is.
@pytest.mark.parametrize("name", sorted(FOREIGN.keys() - {"code"}))
async def test_it_sorts_pages_and_is_counted_as_its_json_is(name: str, mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"n": {"v": 1}, "s": {"v": "s"}, "l": {"v": []}, "o": {"v": {}}}))
        await client[f"{mongodb_prefix}_shop"]["orders"].insert_one({"_id": "theirs", "v": FOREIGN[name][0]})
        ids: list[str] = []
        position = b""
        while len(ids) < 10:
            found = await adapter.find(query(None, "v", limit=1, position=position))
            ids += found.page.id
            position = found.next_position
            if not position:
                break
        assert sorted(ids) == ["l", "n", "o", "s", "theirs"]
        assert await adapter.count(query({"v": {"$exists": True}})) == 5  # type: ignore[arg-type]


async def test_an_update_leaves_what_other_tools_stored_as_it_is(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec())
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        kept = {"date": FOREIGN["date"][0].replace(tzinfo=None), "in": [{"x": FOREIGN["decimal"][0]}]}
        await stored.insert_one({"_id": "theirs", **kept})
        (outcome,) = await adapter.write(update({"_id": "theirs"}, {"$set": {"ours": 1}}))
        assert outcome.affected == 1
        found = await stored.find_one({"_id": "theirs"})
        assert found is not None
        assert {name: found[name] for name in kept} == kept
        error = await failure_of(adapter.write(update({"_id": "theirs"}, {"$inc": {"date": 1}})))
        assert error is not None
        assert error.reason is Reason.BAD_DOCUMENT


@pytest.mark.parametrize("value", [[1], {"x": 1}, FOREIGN["decimal"][0], float("nan"), "x" * 1025])
async def test_the_server_lets_nobody_write_what_an_index_does_not_take(
    value: Any, mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        await adapter.ensure_collection(spec({"fields": ["a.b"], "type": "ascending"}))
        stored = client[f"{mongodb_prefix}_shop"]["orders"]
        with pytest.raises(WriteError):
            await stored.insert_one({"_id": "theirs", "a": {"b": value}})
        with pytest.raises(WriteError):
            await stored.insert_one({"a": {"b": 1}})
        await stored.insert_one({"_id": "theirs", "a": {"b": 1}})


@pytest.mark.parametrize(
    ("tenancy", "place"),
    [(Tenancy.DATABASE, ("~tenant_north", "shop.orders")), (Tenancy.SCHEMA, ("_shop", "orders@north"))],
)
async def test_tenants_that_are_kept_apart_have_places_of_their_own(
    tenancy: Tenancy, place: tuple[str, str], mongodb_uri: str, mongodb_prefix: str
) -> None:
    north = Target("shop", "orders", "north")
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter, native(mongodb_uri) as client:
        unique = {"fields": ["n"], "type": "unique"}
        await adapter.ensure_collection(spec(unique, storage=Storage(tenancy=tenancy)))
        await adapter.write(insert({"1": {"n": 1}}, target=north))
        await adapter.write(insert({"1": {"n": 1}}, target=Target("shop", "orders", "south")))
        stored = client[mongodb_prefix + place[0]][place[1]]
        assert [it["_aol"]["t"] async for it in stored.find()] == ["north"]
        error = await failure_of(adapter.write(insert({"2": {"n": 1}}, target=north)))
        assert error is not None
        assert error.reason is Reason.UNIQUE_VIOLATION
        await adapter.drop_collection(TARGET)
        assert await stored.find_one() is None


async def test_pages_can_be_sorted_by_every_time_that_a_document_has(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {}, "2": {}}))
        await adapter.write(Write(TARGET, [Delete(None, 5, soft=True)]))
        for name in ("_created_at", "_updated_at", "_deleted_at", "_version"):
            first = await adapter.find(query(None, name, limit=1, deleted=Deleted.ONLY))
            second = await adapter.find(query(None, name, limit=1, deleted=Deleted.ONLY, position=first.next_position))
            assert [*first.page.id, *second.page.id] == ["1", "2"], name
