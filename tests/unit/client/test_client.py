"""Does every method send what it is given, and return what is answered?"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest

from aol.data.v1 import collection_pb2, document_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, CollectionInfo, DataClientError, IndexInfo, InvalidRequestError
from aol_client.retries import EFFECT_OF_RPC

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker


def test_making_a_client_needs_no_event_loop_and_opens_nothing() -> None:
    client = AOLDataClient("aol-core:50051", "test-service")
    assert repr(client) == "AOLDataClient('aol-core:50051', 'test-service')"


async def test_a_mocked_stub_answers_an_insert() -> None:
    client = AOLDataClient("aol-core:50051", "test-service")
    client._stub = AsyncMock()
    client._stub.StoreData.return_value = AsyncMock(success=True, document_id="doc123")
    assert await client.insert("test_collection", {"key": "value"}) == "doc123"
    (request,) = client._stub.StoreData.call_args.args
    assert (request.collection, request.document) == ("test_collection", '{"key":"value"}')


@pytest.mark.parametrize(
    "name", ["", "Upper", "a/b", "a..b", "x" * 64, "a'b", "a;b", "a\0", "\N{CYRILLIC SMALL LETTER DZE}ervice", "a\n"]
)
def test_a_name_that_no_service_can_have_is_refused_at_once(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        AOLDataClient("localhost:1", name)


@pytest.mark.parametrize("endpoint", ["", None, 50051])
def test_an_endpoint_that_is_none_is_refused_at_once(endpoint: Any) -> None:
    with pytest.raises(InvalidRequestError, match="aol_core_endpoint"):
        AOLDataClient(endpoint, "test-service")


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), "10", True])
async def test_a_timeout_is_a_finite_number_above_zero(timeout: Any) -> None:
    with pytest.raises(InvalidRequestError, match="timeout"):
        AOLDataClient("localhost:1", "test-service", timeout=timeout)
    with pytest.raises(InvalidRequestError, match="timeout"):
        await AOLDataClient("localhost:1", "test-service").count("events", timeout=timeout)


def test_it_is_known_of_every_rpc_whether_it_may_be_repeated() -> None:
    service = pb.DESCRIPTOR.services_by_name["DataBroker"]
    assert EFFECT_OF_RPC.keys() == {method.name for method in service.methods}


async def test_an_insert_sends_the_document_without_its_metadata_and_leaves_it_as_it_is(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    document = {"_id": "a", "_created_at": "x", "_updated_at": "y", "_version": 3, "n": 1}
    before = dict(document)
    assert await client.insert("events", document) == "a"
    request = broker.requests("StoreData")[0]
    assert (request.collection, request.document_id, request.document) == ("events", "a", '{"n":1}')
    assert document == before


async def test_an_insert_without_an_id_makes_ids_that_ascend(client: AOLDataClient) -> None:
    ids = [await client.insert("events", {"n": n}) for n in range(5)]
    assert ids == sorted(set(ids))
    assert all(len(made) == 36 for made in ids)


async def test_other_reserved_keys_are_left_for_the_broker_to_refuse(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    await client.insert("events", {"_owner": "me"})
    assert broker.requests("StoreData")[0].document == '{"_owner":"me"}'


async def test_a_collection_is_requested_with_hint_and_indexes_as_a_manifest_has_them(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("RequestCollection", pb.RequestCollectionResponse(collection_id="test-service.events"))
    collection_id = await client.request_collection(
        name="events",
        schema_hint={"at": "datetime"},
        indexes=[{"fields": ["at"], "type": "ascending"}, {"fields": ("kind", "at"), "type": "compound"}],
    )
    assert collection_id == "test-service.events"
    request = broker.requests("RequestCollection")[0]
    assert (request.name, request.schema_hint) == ("events", '{"at":"datetime"}')
    assert [index.type for index in request.indexes] == [
        collection_pb2.INDEX_TYPE_ASCENDING,
        collection_pb2.INDEX_TYPE_COMPOUND,
    ]
    assert [field.path for field in request.indexes[1].fields] == ["kind", "at"]


@pytest.mark.parametrize(
    "indexes", [[{"fields": ["a"], "type": "hash"}], ["a"], [None], "ab", 5, [{"fields": [object()], "type": "unique"}]]
)
async def test_indexes_that_are_none_are_refused_before_the_call(
    broker: "ScriptedBroker", client: AOLDataClient, indexes: Any
) -> None:
    with pytest.raises(InvalidRequestError, match="indexes"):
        await client.request_collection("events", indexes=indexes)
    assert not broker.calls


async def test_a_query_sends_all_that_it_is_given(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    await client.query(
        collection="metrics",
        filters={"value": {"$gt": 100}, "at": {"$gte": datetime(2025, 11, 22, tzinfo=UTC)}},
        projection=["value", "at"],
        sort={"at": "desc", "value": "asc"},
        limit=50,
        skip=7,
        deleted="include",
    )
    request = broker.requests("QueryData")[0]
    assert request.filter == '{"value":{"$gt":100},"at":{"$gte":"2025-11-22T00:00:00.000000Z"}}'
    assert list(request.projection) == ["value", "at"]
    assert [(key.path, key.descending) for key in request.sort] == [("at", True), ("value", False)]
    assert (request.limit, request.skip) == (50, 7)
    assert request.deleted == document_pb2.DELETED_MODE_INCLUDE


async def test_a_query_without_a_limit_sends_none(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    await client.query("metrics")
    request = broker.requests("QueryData")[0]
    assert not request.HasField("limit")
    assert request.filter == ""


async def test_get_and_find_one_return_a_document_or_none(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: Callable[..., pb.QueryDataResponse]
) -> None:
    broker.answer("QueryData", page_of(1), page_of(), page_of(2), page_of())
    found = await client.get("events", "id1")
    assert found is not None
    assert found["n"] == 1
    assert await client.get("events", "id2") is None
    assert (await client.find_one("events", {"n": 2}, sort={"n": "asc"}) or {})["n"] == 2
    assert await client.find_one("events") is None
    requests = broker.requests("QueryData")
    assert requests[0].filter == '{"_id":"id1"}'
    assert all(request.limit == 1 for request in requests)


@pytest.mark.parametrize("document_id", ["", "x" * 257, "a\0", "\ud800", 5, None])
async def test_an_id_that_no_document_can_have_is_refused_before_the_call(
    broker: "ScriptedBroker", client: AOLDataClient, document_id: Any
) -> None:
    with pytest.raises(InvalidRequestError, match="_id"):
        await client.get("events", document_id)
    with pytest.raises(InvalidRequestError, match="_id"):
        await client.insert("events", {"_id": document_id})
    assert not broker.calls


async def test_an_update_sends_its_guards(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("UpdateData", pb.UpdateDataResponse(updated_count=1))
    assert await client.update("events", {"_id": "a"}, {"n": 2}, max_affected=1, if_version=0) == 1
    await client.update("events", {}, {"n": 2}, allow_all=True)
    guarded, open_ = broker.requests("UpdateData")
    assert (guarded.filter, guarded.update, guarded.allow_all) == ('{"_id":"a"}', '{"n":2}', False)
    assert (guarded.max_affected, guarded.if_version) == (1, 0)
    assert guarded.HasField("if_version")
    assert open_.allow_all
    assert not open_.HasField("max_affected")
    assert not open_.HasField("if_version")


async def test_a_delete_sends_its_guards(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("DeleteData", pb.DeleteDataResponse(deleted_count=5))
    assert await client.delete("events", {"n": {"$lt": 2}}, max_affected=9, if_version=2) == 5
    request = broker.requests("DeleteData")[0]
    assert (request.filter, request.max_affected, request.if_version) == ('{"n":{"$lt":2}}', 9, 2)


async def test_count_sends_filter_and_deleted_mode(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("CountData", pb.CountDataResponse(count=3))
    assert await client.count("events", {"n": 1}, deleted="only") == 3
    request = broker.requests("CountData")[0]
    assert (request.filter, request.deleted) == ('{"n":1}', document_pb2.DELETED_MODE_ONLY)


async def test_access_is_granted_and_revoked_by_the_names_of_permissions(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("GrantAccess", pb.GrantAccessResponse(granted=True))
    broker.answer("RevokeAccess", pb.RevokeAccessResponse(revoked=True))
    assert await client.grant_access(collection="events", target_service="service-b", permission="read") is True
    assert await client.revoke_access("events", "service-b") is True
    assert await client.revoke_access("events", "service-b", "admin") is False
    (grant,) = broker.requests("GrantAccess")
    assert (grant.collection, grant.target_service) == ("events", "service-b")
    assert grant.permission == collection_pb2.PERMISSION_READ
    assert [request.permission for request in broker.requests("RevokeAccess")] == [
        collection_pb2.PERMISSION_UNSPECIFIED,
        collection_pb2.PERMISSION_ADMIN,
    ]


def _collection(**changes: Any) -> collection_pb2.Collection:
    index = collection_pb2.IndexStatus(
        spec=collection_pb2.IndexSpec(
            fields=[collection_pb2.IndexField(path="at", descending=True)], type=collection_pb2.INDEX_TYPE_DESCENDING
        ),
        name="descending(at desc)",
        state=collection_pb2.INDEX_STATE_READY,
    )
    given: dict[str, Any] = {
        "collection_id": "test-service.events",
        "owner": "test-service",
        "schema_hint": '{"at":"datetime"}',
        "indexes": [index],
        "permissions": [collection_pb2.PERMISSION_READ, collection_pb2.PERMISSION_ADMIN],
        "adapter": "sqlite",
        "validation": "off",
        "field_rules": '{"at":{"type":"datetime","required":true}}',
        "secrets": "warn",
    }
    return collection_pb2.Collection(**(given | changes))


async def test_collections_are_listed_and_described_with_names_for_every_number(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("ListCollections", pb.ListCollectionsResponse(collections=[_collection()]))
    broker.answer("DescribeCollection", pb.DescribeCollectionResponse(collection=_collection()))
    expected = CollectionInfo(
        collection_id="test-service.events",
        owner="test-service",
        description="",
        schema_hint={"at": "datetime"},
        indexes=(IndexInfo("descending(at desc)", "descending", (("at", "desc"),), None, "ready", 0),),
        permissions=("read", "admin"),
        adapter="sqlite",
        soft_delete=False,
        validation="off",
        declared=False,
        field_rules={"at": {"type": "datetime", "required": True}},
        secrets="warn",
    )
    assert await client.list_collections() == [expected]
    assert await client.describe_collection("events") == expected


async def test_numbers_of_a_newer_broker_are_unknown_and_a_broken_hint_is_malformed(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer(
        "DescribeCollection",
        pb.DescribeCollectionResponse(collection=_collection(permissions=[77])),
        *(pb.DescribeCollectionResponse(collection=_collection(schema_hint=hint)) for hint in ("[]", "{")),
    )
    assert (await client.describe_collection("events")).permissions == ("unknown",)
    for _ in range(2):
        with pytest.raises(DataClientError, match="malformed"):
            await client.describe_collection("events")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("query", {"collection": 5}),
        ("query", {"collection": "\ud800"}),
        ("query", {"collection": "a", "filters": "n = 1"}),
        ("query", {"collection": "a", "filters": ["n"]}),
        ("query", {"collection": "a", "projection": "n"}),
        ("query", {"collection": "a", "projection": [1]}),
        ("query", {"collection": "a", "projection": 1}),
        ("query", {"collection": "a", "sort": "n"}),
        ("query", {"collection": "a", "sort": 1}),
        ("query", {"collection": "a", "sort": {"n": "down"}}),
        ("query", {"collection": "a", "sort": {"n": -1}}),
        ("query", {"collection": "a", "sort": {1: "asc"}}),
        ("query", {"collection": "a", "sort": [("n", "asc", "x")]}),
        ("query", {"collection": "a", "limit": -1}),
        ("query", {"collection": "a", "limit": "1"}),
        ("query", {"collection": "a", "limit": True}),
        ("query", {"collection": "a", "limit": 1 << 63}),
        ("query", {"collection": "a", "skip": 1.5}),
        ("query", {"collection": "a", "deleted": "yes"}),
        ("query", {"collection": "a", "deleted": []}),
        ("update", {"collection": "a", "filters": {}, "update_data": None, "max_affected": -1}),
        ("update", {"collection": "a", "filters": {"n": {1}}, "update_data": {}}),
        ("delete", {"collection": "a", "filters": {}, "if_version": "1"}),
        ("insert", {"collection": None, "document": {}}),
        ("insert", {"collection": "a", "document": [1]}),
        ("grant_access", {"collection": "a", "target_service": "b", "permission": "own"}),
        ("grant_access", {"collection": "a", "target_service": "b", "permission": ["read"]}),
        ("grant_access", {"collection": "a", "target_service": None, "permission": "read"}),
    ],
)
async def test_an_argument_of_a_wrong_kind_is_refused_before_the_call(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await getattr(client, method)(**arguments)
    assert caught.value.violations
    assert caught.value.applied == "no"
    assert not broker.calls
