"""Which commands shard a collection, and what does a server without shards say? No cluster is there to run them on."""

import pytest
from pymongo.errors import OperationFailure

from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.preparing import make
from aol_adapters.mongodb.sharding import check_indexes, check_unmoved, commands
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState, IndexStatus
from aol_wire.storage import Storage
from mongodb_adapters import failure_of, opened, spec
from mongodb_listeners import listened_to

PLACE = Place("aol_shop", "orders")


@pytest.mark.parametrize(
    ("shard_key", "key"), [("_id", {"_id": "hashed"}), ("customer.id", {"customer.id": 1, "_id": 1})]
)
def test_a_collection_is_sharded_by_these_commands(shard_key: str, key: dict[str, object]) -> None:
    assert commands(PLACE, shard_key) == [
        {"enableSharding": "aol_shop"},
        {"shardCollection": "aol_shop.orders", "key": key},
    ]


async def test_the_commands_go_to_the_database_of_administrators_once_the_collection_is_there(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    """The server of the tests is no mongos, and refuses the first of them."""
    known = Collection("shop", "orders", 1, (), Storage(shard_key="_id"))
    async with listened_to(mongodb_uri, mongodb_prefix) as (adapter, commands, _):
        place = Place(f"{mongodb_prefix}_shop", "orders")
        with pytest.raises(OperationFailure):
            await make(adapter._server, place, known)
        sent = list(commands.sent)
        assert sent.index("create") < sent.index("enableSharding")
        assert commands.sent["enableSharding"]["enableSharding"] == place.database
        assert commands.sent["enableSharding"]["$db"] == "admin"


def test_a_sharded_collection_has_no_unique_index() -> None:
    unique = IndexStatus(parse_index({"fields": ["a"], "type": "unique"}, "index"), IndexState.BUILDING)
    check_indexes(Collection("shop", "orders", 1, (unique,)))
    with pytest.raises(DataError) as caught:
        check_indexes(Collection("shop", "orders", 1, (unique,), Storage(shard_key="_id")))
    assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED


def test_an_update_leaves_the_value_of_the_shard_key() -> None:
    known = Collection("shop", "orders", 1, (), Storage(shard_key="a.b"))
    check_unmoved(known, {"a": {"b": 1}}, {"a": {"b": 1.0}, "c": 2})
    check_unmoved(Collection("shop", "orders", 1, (), Storage(shard_key="_id")), {"a": 1}, {"a": 2})
    check_unmoved(Collection("shop", "orders", 1), {"a": 1}, {"a": 2})
    changed: list[dict[str, Json]] = [{"a": {"b": 2}}, {"a": {}}, {}]
    for after in changed:
        with pytest.raises(DataError) as caught:
            check_unmoved(known, {"a": {"b": 1}}, after)
        assert caught.value.reason is Reason.BAD_DOCUMENT


async def test_a_server_that_is_no_mongos_refuses_a_shard_key(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        error = await failure_of(adapter.ensure_collection(spec(storage=Storage(shard_key="_id"))))
        assert error is not None
        assert error.reason is Reason.CAPABILITY_UNSUPPORTED
        assert "mongos" in error.message
