"""Does each call on documents say on whose behalf it is made, and no other?"""

from typing import TYPE_CHECKING, Any

import pytest

from aol.data.v1 import context_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, InvalidRequestError, SecurityContext

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker

ANN = SecurityContext("north", "ann", teams=["ops"], roles={"lead"}, attributes={"regions": ["eu"], "level": 2})
SENT = context_pb2.SecurityContext(
    tenant="north", user="ann", teams=["ops"], roles=["lead"], attributes='{"regions":["eu"],"level":2}'
)
BOB = {"tenant": "north", "user": "bob"}

ON_DOCUMENTS: list[tuple[str, tuple[Any, ...], str]] = [
    ("insert", ({"n": 1},), "StoreData"),
    ("insert_many", ([{"n": 1}],), "StoreBatch"),
    ("get", ("1",), "QueryData"),
    ("query", (), "QueryData"),
    ("find_one", (), "QueryData"),
    ("count", (), "CountData"),
    ("explain", (), "ExplainQuery"),
    ("update", ({"n": 1}, {"n": 2}), "UpdateData"),
    ("delete", ({"n": 1},), "DeleteData"),
    ("restore", ({"n": 1},), "RestoreData"),
    ("purge", ({"n": 1},), "PurgeData"),
]
ON_COLLECTIONS: list[tuple[str, tuple[Any, ...], str]] = [
    ("request_collection", ("notes",), "RequestCollection"),
    ("grant_access", ("notes", "other", "read"), "GrantAccess"),
    ("revoke_access", ("notes", "other"), "RevokeAccess"),
    ("list_collections", (), "ListCollections"),
    ("describe_collection", ("notes",), "DescribeCollection"),
]


@pytest.mark.parametrize(("method", "arguments", "rpc"), ON_DOCUMENTS, ids=lambda value: str(value)[:20])
async def test_a_context_goes_with_the_calls_of_a_view_or_with_one(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, arguments: tuple[Any, ...], rpc: str
) -> None:
    view = client.with_context(ANN)
    await getattr(view, method)("notes", *arguments)
    await getattr(view, method)("notes", *arguments, context=BOB)
    await getattr(client, method)("notes", *arguments, context=ANN)
    await getattr(client, method)("notes", *arguments)
    bob = context_pb2.SecurityContext(tenant="north", user="bob")
    assert [request.context for request in broker.requests(rpc)] == [SENT, bob, SENT, context_pb2.SecurityContext()]


async def test_a_stream_and_each_of_its_pages_carry_it(
    broker: "ScriptedBroker", client: AOLDataClient, page_of: Any
) -> None:
    broker.answer("QueryData", page_of(1, token="next"), page_of(2))
    assert [document["n"] async for document in client.with_context(ANN).stream("notes")] == [1, 2]
    assert [request.context for request in broker.requests("QueryData")] == [SENT, SENT]


@pytest.mark.parametrize(("method", "arguments", "rpc"), ON_COLLECTIONS, ids=lambda value: str(value)[:20])
async def test_calls_about_collections_check_it_and_do_not_send_it(
    broker: "ScriptedBroker", client: AOLDataClient, method: str, arguments: tuple[Any, ...], rpc: str
) -> None:
    await getattr(client.with_context(ANN), method)(*arguments)
    await getattr(client, method)(*arguments, context=ANN)
    assert [request.HasField("context") for request in broker.requests(rpc)] == [False, False]
    with pytest.raises(InvalidRequestError):
        await getattr(client, method)(*arguments, context="ann")


async def test_a_token_goes_alone_and_is_not_shown(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    context = SecurityContext(token="header.claims.signature")
    await client.with_context(context).count("notes")
    [request] = broker.requests("CountData")
    assert request.context == context_pb2.SecurityContext(token="header.claims.signature")
    assert "signature" not in repr(context)


async def test_closing_a_view_leaves_the_connection_open(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("CountData", *(pb.CountDataResponse(count=number) for number in range(3)))
    async with client.with_context(ANN) as view:
        assert await view.count("notes") == 0
    assert await client.count("notes") == 1
    assert await view.count("notes") == 2
    assert isinstance(view, AOLDataClient)


@pytest.mark.parametrize(
    ("context", "place"),
    [
        ("ann", "context"),
        (SecurityContext(), "context"),
        ({}, "context"),
        ({"user": ""}, "context"),
        ({"usr": "ann"}, "context"),
        ({"user": 1}, "context.user"),
        ({"user": "\ud800"}, "context.user"),
        ({"user": "ann", "teams": "ops"}, "context.teams"),
        ({"user": "ann", "roles": [1]}, "context.roles"),
        ({"user": "ann", "attributes": ["x"]}, "context.attributes"),
        ({"user": "ann", "attributes": {"x": {1}}}, "context.attributes.x"),
        ({"token": b"x"}, "context.token"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
async def test_what_is_no_context_is_refused_before_the_call(
    broker: "ScriptedBroker", client: AOLDataClient, context: Any, place: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.with_context(context)
    assert refused.value.violations[0].path == place
    with pytest.raises(InvalidRequestError):
        await client.count("notes", context=context)
    assert broker.calls == []
