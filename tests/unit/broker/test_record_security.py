"""Does a call on a secured collection reach what it may, by whom it is made for, and by what right that is believed?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.context_pb2 import SecurityContext
from aol_broker.request import Peer, Reply
from aol_wire.errors import Applied, Reason
from aol_wire.status import from_status
from line import DATA, TOKEN, Line

COLLECTIONS = """\
      - name: orders
        security: {tenant: required, owner: true, acl: true}
        sharing:
          - {service: app, permission: admin}
      - {name: own, softDelete: true, security: {owner: true}}
      - {name: regional, security: {attributes: [{region: {"$in": "$context.regions"}}]}}
      - {name: plain}
"""
MANIFEST = "metadata: {name: my-service}\nspec:\n  dataRequirements:\n    collections:\n" + COLLECTIONS
ASKING = """\
metadata: {name: app}
spec:
  dataRequirements:
    accessRequests: [{collection: my-service.orders, permission: admin}]
"""
ORDERS = "my-service.orders"
ANN, BOB = SecurityContext(tenant="north", user="ann"), SecurityContext(tenant="north", user="bob")
ASSERT, BYPASS = collection_pb2.PERMISSION_ASSERT_CONTEXT, collection_pb2.PERMISSION_BYPASS_SECURITY


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    for manifest in (MANIFEST, ASKING):
        assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=manifest))).error is None
    yield line
    await line.stop()


async def as_operator(line: Line, method: str, message: Any) -> Reply:
    peer = Peer("test", authorization=f"Bearer {TOKEN}")
    return await line.pipeline.handle(DATA + method, message.SerializeToString(), peer)


async def give(line: Line, service: str, permission: collection_pb2.Permission, collection: str = ORDERS) -> None:
    request = pb.GrantAccessRequest(collection=collection, target_service=service, permission=permission)
    assert (await as_operator(line, "GrantAccess", request)).error is None


async def insert(
    line: Line, context: SecurityContext | None, document: dict[str, Any], collection: str = ORDERS, **options: Any
) -> pb.StoreDataResponse:
    request = pb.StoreDataRequest(collection=collection, document=json.dumps(document), context=context)
    reply = await line.call("StoreData", request, **options)
    if reply.error is not None:
        raise reply.error
    return pb.StoreDataResponse.FromString(reply.payload)


async def ids(line: Line, context: SecurityContext | None, collection: str = ORDERS, **options: Any) -> list[str]:
    reply = await line.call("QueryData", pb.QueryDataRequest(collection=collection, context=context), **options)
    if reply.error is not None:
        raise reply.error
    return list(pb.QueryDataResponse.FromString(reply.payload).page.id)


async def refusal(line: Line, method: str, message: Any, **options: Any) -> tuple[Reason, str]:
    error = await line.refusal(method, message, **options)
    assert error.applied in (None, Applied.NO)
    return error.reason, error.message


# -- a call without the context that is needed


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


# -- what is stamped, and what may be said of it


async def test_a_document_that_was_read_is_inserted_again_by_whose_it_is_alone(line: Line) -> None:
    document = {"_id": "1", "_owner": "ann", "_tenant": "north", "_acl": {"read": ["user:bob"], "write": []}}
    assert not (await insert(line, ANN, document)).was_duplicate
    assert (await insert(line, ANN, document)).was_duplicate
    for context, path in ((BOB, "_owner"), (SecurityContext(tenant="south", user="ann"), "_tenant")):
        store = pb.StoreDataRequest(collection="orders", document=json.dumps(document), context=context)
        reason, message = await refusal(line, "StoreData", store)
        assert reason is Reason.FIELD_DENIED
        assert message.startswith(path)
        assert "ann" not in message
        assert "north" not in message


@pytest.mark.parametrize(
    ("collection", "document", "place"),
    [
        ("own", {"_tenant": "north"}, "_tenant"),
        ("own", {"_acl": {}}, "_acl"),
        ("plain", {"_owner": "ann"}, "document._owner"),
        ("orders", {"_acl": ["user:bob"]}, "_acl"),
        ("orders", {"_acl": {"own": []}}, "_acl"),
        ("orders", {"_acl": {"read": "user:bob"}}, "_acl.read"),
        ("orders", {"_acl": {"read": ["bob"]}}, "_acl.read.0"),
        ("orders", {"_acl": {"write": ["team:ops", "team:"]}}, "_acl.write.1"),
        ("orders", {"_acl": {"write": [{"user": "bob"}]}}, "_acl.write.0"),
        ("orders", {"_acl": {"read": [f"user:{number}" for number in range(257)]}}, "_acl.read"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_a_document_says_of_itself_must_be_what_is_kept(
    line: Line, collection: str, document: dict[str, Any], place: str
) -> None:
    context = {"orders": ANN, "own": SecurityContext(user="ann")}.get(collection)
    store = pb.StoreDataRequest(collection=collection, document=json.dumps(document), context=context)
    reason, message = await refusal(line, "StoreData", store)
    assert reason in (Reason.BAD_DOCUMENT, Reason.TOO_LARGE)
    assert message.startswith(f"{place}: ")
    assert "bob" not in message


async def test_whoever_may_write_may_read(line: Line) -> None:
    await insert(line, ANN, {"_id": "1", "_acl": {"write": ["user:bob", "user:bob"]}})
    request = pb.QueryDataRequest(collection="orders", context=BOB)
    page = pb.QueryDataResponse.FromString((await line.call("QueryData", request)).payload).page
    assert json.loads(page.acl[0]) == {"read": ["user:bob"], "write": ["user:bob"]}
    assert (page.owner[0], page.tenant[0]) == ("ann", "north")


async def test_an_equal_document_of_somebody_else_is_no_repeated_insert(line: Line) -> None:
    await insert(line, ANN, {"_id": "1", "n": 1})
    store = pb.StoreDataRequest(collection="orders", document='{"_id": "1", "n": 1}', context=BOB)
    error = await line.refusal("StoreData", store)
    assert (error.reason, error.applied) == (Reason.DUPLICATE_ID, Applied.NO)
    batch = pb.StoreBatchRequest(
        collection="orders", documents=['{"_id": "1", "n": 1}', '{"_id": "2"}', '{"_id": "2"}'], context=BOB
    )
    answer = pb.StoreBatchResponse.FromString((await line.call("StoreBatch", batch)).payload)
    assert answer.stored_count == 2
    [failure] = answer.failures
    told = from_status(failure.status)
    assert (failure.index, told and told.reason) == (0, Reason.DUPLICATE_ID)
    batch.atomic = True
    error = await line.refusal("StoreBatch", batch)
    assert (error.reason, error.metadata["index"], error.applied) == (Reason.DUPLICATE_ID, "0", Applied.YES)
    assert await ids(line, ANN) == ["1"]


# -- pages, and what the answers about queries tell


async def page(line: Line, context: SecurityContext | None, token: str, **options: Any) -> pb.QueryDataResponse:
    request = pb.QueryDataRequest(collection=ORDERS, page_size=1, page_token=token, context=context)
    reply = await line.call("QueryData", request, **options)
    if reply.error is not None:
        raise reply.error
    return pb.QueryDataResponse.FromString(reply.payload)


async def test_a_page_token_is_good_for_its_tenant_and_user_alone(line: Line) -> None:
    for number in range(3):
        await insert(line, ANN, {"_id": str(number), "_acl": {"read": ["user:bob"]}})
    await give(line, "my-service", BYPASS)
    await give(line, "app", ASSERT)
    token = (await page(line, ANN, "")).next_page_token
    others = [BOB, SecurityContext(tenant="south", user="ann"), None]
    swapped = [(context, token, "my-service") for context in others]
    swapped.append((ANN, (await page(line, None, "")).next_page_token, "my-service"))
    swapped.append((ANN, token, "app"))
    swapped.append((ANN, token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), "my-service"))
    for context, used, service in swapped:
        request = pb.QueryDataRequest(collection=ORDERS, page_size=1, page_token=used, context=context)
        reason, _ = await refusal(line, "QueryData", request, service=service)
        assert reason is Reason.BAD_PAGE_TOKEN
    assert list((await page(line, ANN, token)).page.id) == ["1"]
    assert list((await page(line, ANN, token)).page.id) == ["1"], "its own caller may use it again"


async def test_pages_go_on_when_what_is_said_of_the_user_is_renewed_and_by_the_new_word(line: Line) -> None:
    for number in range(3):
        await insert(line, ANN, {"_id": str(number), "_acl": {"read": ["team:ops"]}})
    before = SecurityContext(tenant="north", user="bob", teams=["ops"])
    token = (await page(line, before, "")).next_page_token
    after = SecurityContext(tenant="north", user="bob", teams=["dev", "ops"], attributes='{"at": 2}')
    assert list((await page(line, after, token)).page.id) == ["1"]
    left = SecurityContext(tenant="north", user="bob", teams=["dev"])
    assert list((await page(line, left, token)).page.id) == [], "who is in the team no more reads on no more"


async def test_a_revoked_right_ends_the_pages(line: Line) -> None:
    await insert(line, ANN, {"_id": "1"})
    await insert(line, ANN, {"_id": "2"})
    await give(line, "app", BYPASS)
    token = (await page(line, None, "", service="app")).next_page_token
    assert token
    revoke = pb.RevokeAccessRequest(collection="orders", target_service="app", permission=BYPASS)
    assert (await line.call("RevokeAccess", revoke)).error is None
    request = pb.QueryDataRequest(collection=ORDERS, page_size=1, page_token=token)
    reason, _ = await refusal(line, "QueryData", request, service="app")
    assert reason is Reason.CONTEXT_REQUIRED


async def test_a_deleted_document_comes_back_for_its_owner_alone(line: Line) -> None:
    ann, bob = SecurityContext(user="ann"), SecurityContext(user="bob")
    await insert(line, ann, {"_id": "1"}, "own")
    delete = pb.DeleteDataRequest(collection="own", filter='{"_id": "1"}', context=ann)
    assert (await line.call("DeleteData", delete)).error is None
    for context, count in ((bob, 0), (ann, 1)):
        restore = pb.RestoreDataRequest(collection="own", allow_all=True, context=context)
        answer = pb.RestoreDataResponse.FromString((await line.call("RestoreData", restore)).payload)
        assert answer.restored_count == count


# -- the declaration


async def test_security_is_shown_and_kept(line: Line) -> None:
    describe = pb.DescribeCollectionRequest(collection="orders")
    shown = pb.DescribeCollectionResponse.FromString((await line.call("DescribeCollection", describe)).payload)
    security = shown.collection.security
    assert (security.tenant, security.owner, security.acl) == (collection_pb2.TENANT_RULE_REQUIRED, True, True)
    assert ASSERT in shown.collection.permissions
    assert BYPASS not in shown.collection.permissions


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("name: plain", "name: plain, security: {tenant: optional}"),
        ("{tenant: required, owner: true, acl: true}", "{tenant: optional, owner: true, acl: true}"),
        ("{tenant: required, owner: true, acl: true}", "{owner: true, acl: true}"),
    ],
    ids=["on", "other", "off"],
)
async def test_whether_documents_have_tenants_stays_as_it_was(line: Line, said: str, instead: str) -> None:
    changed = admin_pb2.ApplyManifestRequest(manifest=MANIFEST.replace(said, instead))
    error = await line.operator_refusal("ApplyManifest", changed)
    assert error.reason is Reason.BAD_MANIFEST
    assert "security.tenant" in error.message
    assert "aol collection drop" in error.message


async def test_other_security_may_change_and_what_that_comes_to_is_told(line: Line) -> None:
    await insert(line, None, {"_id": "1", "region": "eu"}, "plain")
    changed = MANIFEST.replace("name: plain", 'name: plain, security: {owner: true, attributes: [{region: "eu"}]}')
    reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=changed))
    assert admin_pb2.ApplyManifestResponse.FromString(reply.payload).notices == [
        "my-service.plain: it keeps record-level security now, and refuses calls without a context",
        "my-service.plain: documents without an owner are reached only by services with bypass-security",
        'my-service.plain: documents are reached only where they meet {"region":"eu"}',
    ]
    assert await ids(line, SecurityContext(user="ann"), "plain") == []
    reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=MANIFEST))
    notices = admin_pb2.ApplyManifestResponse.FromString(reply.payload).notices
    assert "my-service.plain: documents are no longer kept to their owners" in notices
    assert await ids(line, None, "plain") == ["1"]
