"""What of its documents does a secured collection tell, and whom; and what may its security be changed to?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.context_pb2 import SecurityContext
from aol_wire.errors import Applied, Reason
from aol_wire.status import from_status
from line import Line
from secured_line import ANN, ASSERT, BOB, BYPASS, MANIFEST, ORDERS, give, ids, insert, refusal, secured_line


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with secured_line(tmp_path) as line:
        yield line


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


# -- who changes whom a document lets in


async def update(line: Line, context: SecurityContext | None, changes: dict[str, Any]) -> int:
    request = pb.UpdateDataRequest(
        collection="orders", filter='{"_id": "1"}', update=json.dumps(changes), context=context
    )
    reply = await line.call("UpdateData", request)
    if reply.error is not None:
        raise reply.error
    return pb.UpdateDataResponse.FromString(reply.payload).updated_count


async def test_only_the_owner_and_who_bypasses_change_whom_a_document_lets_in(line: Line) -> None:
    await insert(line, ANN, {"_id": "1", "_acl": {"write": ["user:bob"]}})
    to_cy = {"_acl": {"read": ["user:cy"]}}
    assert await update(line, BOB, {"n": 1}) == 1
    assert await update(line, BOB, to_cy) == 0, "who may write may not"
    assert await update(line, BOB, {"$set": {**to_cy, "n": 2}}) == 0
    assert await ids(line, SecurityContext(tenant="north", user="cy")) == []
    assert await update(line, ANN, {"$set": {**to_cy, "n": 2}}) == 1
    assert await ids(line, SecurityContext(tenant="north", user="cy")) == ["1"]
    assert await ids(line, BOB) == []
    await give(line, "my-service", BYPASS)
    assert await update(line, None, {"$unset": {"_acl": True}, "$inc": {"n": 1}}) == 1
    assert await ids(line, SecurityContext(tenant="north", user="cy")) == []
    assert await ids(line, ANN) == ["1"]


@pytest.mark.parametrize(
    ("collection", "changes", "place"),
    [
        ("orders", {"_acl": "user:bob"}, "_acl"),
        ("orders", {"_acl": {"read": ["bob"]}}, "_acl.read.0"),
        ("orders", {"$set": {"_acl": {"reads": []}}}, "_acl"),
        ("orders", {"_acl.read": ["user:bob"]}, "_acl.read"),
        ("orders", {"$push": {"_acl": "user:bob"}}, "_acl"),
        ("orders", {"$set": {"_acl": {}}, "$unset": {"_acl": 1}}, "_acl"),
        ("orders", {"_owner": "bob"}, "_owner"),
        ("orders", {"_tenant": "south"}, "_tenant"),
        ("own", {"_acl": {"read": ["user:bob"]}}, "_acl"),
    ],
    ids=str,
)
async def test_metadata_is_changed_in_no_other_way(
    line: Line, collection: str, changes: dict[str, Any], place: str
) -> None:
    context = ANN if collection == "orders" else SecurityContext(user="ann")
    request = pb.UpdateDataRequest(collection=collection, allow_all=True, update=json.dumps(changes), context=context)
    reason, message = await refusal(line, "UpdateData", request)
    assert reason in (Reason.BAD_FILTER, Reason.BAD_PATH)
    assert message.startswith(f"{place}: ")
