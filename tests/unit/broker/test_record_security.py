"""May a call on a secured collection be made at all: does it say on whose behalf, and who is believed?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.context_pb2 import SecurityContext
from aol_wire.errors import Reason
from line import Line
from secured_line import ANN, ASSERT, BYPASS, ORDERS, as_operator, give, ids, insert, refusal, secured_line


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with secured_line(tmp_path) as line:
        yield line


CALLS: dict[str, Any] = {
    "StoreData": pb.StoreDataRequest(document="{}"),
    "StoreBatch": pb.StoreBatchRequest(documents=["{}"]),
    "QueryData": pb.QueryDataRequest(),
    "CountData": pb.CountDataRequest(),
    "UpdateData": pb.UpdateDataRequest(allow_all=True, update='{"n": 1}'),
    "DeleteData": pb.DeleteDataRequest(allow_all=True),
    "RestoreData": pb.RestoreDataRequest(allow_all=True),
    "PurgeData": pb.PurgeDataRequest(allow_all=True),
    "ExplainQuery": pb.ExplainQueryRequest(),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("context", "missing"),
    [
        (SecurityContext(), "tenant, user"),
        (SecurityContext(user="ann"), "tenant"),
        (SecurityContext(tenant="north", teams=["ops"]), "user"),
    ],
    ids=["none", "no tenant", "no user"],
)
async def test_a_call_on_documents_that_lacks_what_is_needed_is_refused_and_told_what(
    line: Line, method: str, context: SecurityContext, missing: str
) -> None:
    request = type(CALLS[method])()
    request.CopyFrom(CALLS[method])
    request.collection, before = "orders", line.adapter.calls
    request.context.CopyFrom(context)
    error = await line.refusal(method, request)
    assert (error.reason, error.metadata["missing"]) == (Reason.CONTEXT_REQUIRED, missing)
    assert f"lacks {missing}." in error.message
    assert "with_context(SecurityContext(" in error.message
    assert line.adapter.calls == before, "nothing was asked of the database"
    record = line.records()[-1]
    assert (record["outcome"], record["reason"]) == ("denied", "CONTEXT_REQUIRED")
    assert "user" not in record


async def test_an_attribute_that_a_condition_asks_for_is_needed_too(line: Line) -> None:
    count = pb.CountDataRequest(collection="regional", context=SecurityContext(user="ann"))
    error = await line.refusal("CountData", count)
    assert (error.reason, error.metadata["missing"]) == (Reason.CONTEXT_REQUIRED, "attributes.regions")
    assert "SecurityContext(attributes={'regions': ...})" in error.message


@pytest.mark.parametrize(
    ("collection", "context"),
    [
        ("plain", ANN),
        ("plain", SecurityContext(token="a.b.c")),
        ("own", ANN),
    ],
    ids=["no security", "a token and no security", "a tenant where there are none"],
)
async def test_a_context_that_would_narrow_nothing_is_refused(
    line: Line, collection: str, context: SecurityContext
) -> None:
    reason, message = await refusal(line, "CountData", pb.CountDataRequest(collection=collection, context=context))
    assert reason is Reason.CAPABILITY_UNSUPPORTED
    assert f"my-service.{collection}" in message
    assert "reach more than is meant" in message


async def test_calls_that_are_not_about_documents_take_no_context(line: Line) -> None:
    reason, _ = await refusal(
        line, "DescribeCollection", pb.DescribeCollectionRequest(collection="orders", context=ANN)
    )
    assert reason is Reason.CAPABILITY_UNSUPPORTED


@pytest.mark.parametrize(
    ("context", "place"),
    [
        (SecurityContext(tenant="n" * 257), "context.tenant"),
        (SecurityContext(user="a\nb"), "context.user"),
        (SecurityContext(teams=["ops", ""]), "context.teams.1"),
        (SecurityContext(roles=["x"] * 101), "context.roles"),
        (SecurityContext(attributes="[1]"), "context.attributes"),
        (SecurityContext(attributes='{"a": {"b": 1}}'), "context.attributes.a"),
        (SecurityContext(attributes='{"a": [[1]]}'), "context.attributes.a"),
        (SecurityContext(attributes='{"a": null}'), "context.attributes.a"),
        (SecurityContext(attributes='{"a": 1, "a": 2}'), "context.attributes"),
        (SecurityContext(attributes='{"user": "bob"}'), "context.attributes.user"),
        (SecurityContext(attributes="{"), "context.attributes"),
        (SecurityContext(attributes=json.dumps({"a": "b" * 9000})), "context.attributes"),
        (SecurityContext(user="ann", token="a.b.c"), "context"),
        (SecurityContext(user="ann", attributes='{"regions": "eu"}'), "context.attributes.regions"),
        (SecurityContext(user="ann", attributes=json.dumps({"regions": ["e"] * 1001})), "context.attributes.regions"),
    ],
    ids=str,
)
async def test_a_context_that_is_none_is_refused_with_its_place(
    line: Line, context: SecurityContext, place: str
) -> None:
    reason, message = await refusal(line, "CountData", pb.CountDataRequest(collection="regional", context=context))
    assert reason in (Reason.BAD_REQUEST, Reason.TOO_LARGE)
    assert message.startswith(f"{place}: ")
    assert "bob" not in message


async def test_a_token_is_not_believed_where_nothing_verifies_it(line: Line) -> None:
    count = pb.CountDataRequest(collection="orders", context=SecurityContext(token="a.b.c"))
    reason, message = await refusal(line, "CountData", count)
    assert reason is Reason.CAPABILITY_UNSUPPORTED
    assert "security.user_tokens" in message


# -- who may say on whose behalf, and who may bypass


async def test_only_the_owner_or_who_was_granted_it_says_on_whose_behalf(line: Line) -> None:
    await insert(line, ANN, {"_id": "1"})
    count = pb.CountDataRequest(collection=ORDERS, context=ANN)
    error = await line.refusal("CountData", count, service="app")
    assert (error.reason, error.metadata["permission"]) == (Reason.GRANT_MISSING, "assert-context")
    assert f"aol grant {ORDERS} app assert-context" in error.message
    await give(line, "app", ASSERT)
    assert await ids(line, ANN, service="app") == ["1"]
    revoke = pb.RevokeAccessRequest(collection="orders", target_service="app", permission=ASSERT)
    assert (await line.call("RevokeAccess", revoke)).error is None
    assert (await line.refusal("CountData", count, service="app")).reason is Reason.GRANT_MISSING


@pytest.mark.parametrize(
    ("service", "permission", "allowed"),
    [
        ("app", ASSERT, False),
        ("app", BYPASS, False),
        ("my-service", ASSERT, True),
        ("my-service", BYPASS, False),
    ],
    ids=[
        "admin gives assert-context",
        "admin gives bypass",
        "the owner gives assert-context",
        "the owner gives bypass",
    ],
)
async def test_who_may_give_what_admin_does_not_cover(
    line: Line, service: str, permission: collection_pb2.Permission, allowed: bool
) -> None:
    grant = pb.GrantAccessRequest(collection=ORDERS, target_service="third", permission=permission)
    reply = await line.call("GrantAccess", grant, service=service)
    assert (reply.error is None) is allowed
    if reply.error is not None:
        assert reply.error.reason is Reason.GRANT_MISSING
        assert "operator" in reply.error.message


async def test_an_operator_gives_the_owner_itself_bypass_security_and_nothing_else(line: Line) -> None:
    await insert(line, ANN, {"_id": "1"})
    await insert(line, SecurityContext(tenant="south", user="cy"), {"_id": "2"})
    await give(line, "my-service", BYPASS)
    assert await ids(line, None) == ["1", "2"], "without a context all there is"
    assert await ids(line, ANN) == ["1"], "with one no more than that"
    again = pb.GrantAccessRequest(
        collection=ORDERS, target_service="my-service", permission=collection_pb2.PERMISSION_READ
    )
    reply = await as_operator(line, "GrantAccess", again)
    assert reply.error is not None
    assert reply.error.reason is Reason.BAD_REQUEST
    revoke = pb.RevokeAccessRequest(collection=ORDERS, target_service="my-service", permission=BYPASS)
    assert (await as_operator(line, "RevokeAccess", revoke)).error is None
    assert (await line.refusal("CountData", pb.CountDataRequest(collection="orders"))).reason is Reason.CONTEXT_REQUIRED


async def test_whoever_bypasses_still_needs_the_permission_itself(line: Line) -> None:
    await give(line, "reporter", BYPASS)
    error = await line.refusal("CountData", pb.CountDataRequest(collection=ORDERS), service="reporter")
    assert (error.reason, error.metadata["permission"]) == (Reason.GRANT_MISSING, "read")
    await give(line, "reporter", collection_pb2.PERMISSION_READ)
    assert await ids(line, None, service="reporter") == []
    error = await line.refusal(
        "DeleteData", pb.DeleteDataRequest(collection=ORDERS, allow_all=True), service="reporter"
    )
    assert error.metadata["permission"] == "write"


async def test_nobody_inserts_without_saying_whose_the_document_is(line: Line) -> None:
    await give(line, "my-service", BYPASS)
    error = await line.refusal("StoreData", pb.StoreDataRequest(collection="orders", document="{}"))
    assert (error.reason, error.metadata["missing"]) == (Reason.CONTEXT_REQUIRED, "tenant, user")


async def test_records_say_for_whom_a_call_was_made_and_how_that_is_known(line: Line) -> None:
    await insert(line, ANN, {"_id": "1"})
    assert [
        (record["stage"], record["security"], record["tenant"], record["user"])
        for record in line.records()
        if record["operation"] == "insert"
    ] == [("completed", "asserted", "north", "ann")]
    await give(line, "my-service", BYPASS)
    await ids(line, None)
    record = line.records()[-1]
    assert (record["security"], record["tenant"], record["user"]) == ("bypass", "", "")
    await insert(line, None, {}, "plain")
    assert not {"security", "tenant", "user"} & line.records()[-1].keys()
