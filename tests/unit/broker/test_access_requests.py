"""Who may see and answer requests for access, what is each told, and what is written down of it?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import access_pb2, admin_pb2
from aol.data.v1 import access_request_pb2 as pb
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_broker.registry.snapshot import Permission
from aol_broker.request import Peer, Reply
from aol_broker.verbs import VERBS
from aol_wire.errors import DataError, Reason
from aol_wire.limits import REFUSAL_REASON_MAX_CHARACTERS
from aol_wire.status import CLIENT_TRAILER_MAX_BYTES, from_status, to_trailers
from line import DATA, TOKEN, Line
from manifest_samples import text

READ, WRITE = collection_pb2.PERMISSION_READ, collection_pb2.PERMISSION_WRITE
ASSERT = collection_pb2.PERMISSION_ASSERT_CONTEXT
OWNER = text("shop", "1", [{"name": "items"}, {"name": "orders"}])
OPERATOR = ""
ANSWERS: dict[str, Any] = {
    "ListAccessRequests": pb.ListAccessRequestsResponse,
    "ApproveAccess": pb.ApproveAccessResponse,
    "RefuseAccess": pb.RefuseAccessResponse,
}


def asking(*requests: tuple[str, str], service: str = "bank", reason: str = "sums") -> str:
    asked = [{"collection": id_, "permission": permission, "reason": reason} for id_, permission in requests]
    return text(service, "1", [], asked)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    await manifests(line, OWNER, asking(("shop.items", "read"), ("shop.items", "write"), ("crm.people", "read")))
    yield line
    await line.stop()


async def manifests(line: Line, *texts: str) -> list[Any]:
    answers = []
    for item in texts:
        reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=item))
        assert reply.error is None, reply.error
        answers.append(admin_pb2.ApplyManifestResponse.FromString(reply.payload))
    return answers


async def call(line: Line, who: str, rpc: str, message: Any) -> Reply:
    """Call in the name of a service, or as an operator."""
    peer = Peer("test", who) if who else Peer("test", authorization=f"Bearer {TOKEN}")
    return await line.pipeline.handle(DATA + rpc, message.SerializeToString(), peer)


async def answered(line: Line, who: str, rpc: str, **values: Any) -> Any:
    reply = await call(line, who, rpc, getattr(pb, f"{rpc}Request")(**values))
    assert reply.error is None, reply.error
    return ANSWERS[rpc].FromString(reply.payload)


async def failed(line: Line, who: str, rpc: str, **values: Any) -> DataError:
    reply = await call(line, who, rpc, getattr(pb, f"{rpc}Request")(**values))
    assert reply.error is not None
    return reply.error


async def listed(line: Line, who: str, **wanted: Any) -> list[str]:
    found = (await answered(line, who, "ListAccessRequests", **wanted)).requests
    words = collection_pb2.Permission.Name
    return [f"{item.service} {words(item.permission)[11:].lower()} {item.collection}" for item in found]


ITEMS: Any = {"collection": "shop.items", "target_service": "bank"}
ASKED = ["bank read shop.items", "bank write shop.items"]


async def test_an_owner_sees_what_is_asked_of_it_a_requester_what_it_asks_and_an_operator_all(line: Line) -> None:
    await manifests(line, asking(("shop.orders", "read"), service="fleet"))
    assert await listed(line, "shop") == [*ASKED, "fleet read shop.orders"]
    assert await listed(line, "bank") == ["bank read crm.people", *ASKED]
    assert await listed(line, "fleet") == ["fleet read shop.orders"]
    assert await listed(line, "third") == []
    assert await listed(line, "third", collection="shop.items", owner="shop", target_service="bank") == []
    assert await listed(line, OPERATOR) == ["bank read crm.people", *ASKED, "fleet read shop.orders"]
    assert await listed(line, OPERATOR, owner="crm") == ["bank read crm.people"]
    assert await listed(line, "shop", collection="orders") == ["fleet read shop.orders"]
    assert await listed(line, OPERATOR, target_service="fleet") == ["fleet read shop.orders"]


@pytest.mark.parametrize("rpc", ["ApproveAccess", "RefuseAccess"])
@pytest.mark.parametrize("who", ["bank", "third", "fleet"])
async def test_nobody_else_answers_a_request_and_is_not_told_whether_there_is_one(
    line: Line, rpc: str, who: str
) -> None:
    # Not even a service that may give access there: it does so in its own name.
    await line.registry.grant("shop.items", "fleet", Permission.ADMIN, "service:shop")
    before = line.registry.snapshot
    there = await failed(line, who, rpc, **ITEMS, reason="So.")
    absent = await failed(line, who, rpc, collection="shop.absent", target_service="bank", reason="So.")
    assert there.reason is absent.reason is Reason.GRANT_MISSING
    assert there.message.replace("items", "absent") == absent.message
    assert line.registry.snapshot is before
    nobody = await line.pipeline.handle(DATA + rpc, b"", Peer("test"))
    assert nobody.error is not None
    assert await listed(line, "shop") == ASKED


@pytest.mark.parametrize(("who", "name"), [("shop", "service:shop"), (OPERATOR, "operator")])
async def test_the_owner_and_operators_approve_and_refuse(line: Line, who: str, name: str) -> None:
    refused = await answered(line, who, "RefuseAccess", **ITEMS, permission=WRITE, reason="Only we write.")
    assert (list(refused.refused), list(refused.already)) == ([WRITE], [])
    approved = await answered(line, who, "ApproveAccess", **ITEMS, permission=READ, reason="Fine.")
    assert (list(approved.approved), list(approved.already)) == ([READ], [])
    held, asked = line.registry.snapshot.grants_of("shop.items", "bank")
    assert (held.granted_by, held.reason, held.answers_request) == (name, "Fine.", True)
    assert asked.refusal is not None
    assert (asked.refusal.refused_by, asked.refusal.reason) == (name, "Only we write.")
    assert await listed(line, "shop") == []
    [shown] = (await answered(line, "bank", "ListAccessRequests", owner="shop", include_refused=True)).requests
    assert (shown.state, shown.refusal.reason) == (pb.ACCESS_REQUEST_STATE_REFUSED, "Only we write.")
    again = await answered(line, who, "ApproveAccess", **ITEMS)
    assert (list(again.approved), list(again.already)) == ([WRITE], [READ])


async def test_an_approval_within_limits_gives_no_more(line: Line) -> None:
    await answered(line, "shop", "ApproveAccess", **ITEMS, permission=READ, fields=["name"], where='{"region": "eu"}')
    [held, _] = line.registry.snapshot.grants_of("shop.items", "bank")
    assert (held.limits.fields, held.limits.where) == ((("name",),), '{"region":"eu"}')
    # Within others it takes the place of the one before, as a grant does.
    assert list((await answered(line, "shop", "ApproveAccess", **ITEMS, permission=READ)).approved) == [READ]
    for bad in ({"expires_us": 1}, {"fields": ["a..b"]}, {"where": "["}, {"reason": "x" * 1001}, {"permission": 99}):
        assert (await failed(line, "shop", "ApproveAccess", **{**ITEMS, **bad})).reason in {
            *(Reason.BAD_REQUEST, Reason.BAD_PATH, Reason.BAD_FILTER, Reason.TOO_LARGE),
        }


async def test_what_is_of_no_documents_is_not_approved_within_limits_of_documents(line: Line) -> None:
    await manifests(line, asking(("shop.items", "assert-context"), ("shop.items", "admin")))
    error = await failed(line, "shop", "ApproveAccess", **ITEMS, fields=["a"])
    assert (error.reason, error.violations[0].path) == (Reason.BAD_REQUEST, "fields")
    # All of them or none.
    assert len(await listed(line, "shop")) == 2
    assert list((await answered(line, "shop", "ApproveAccess", **ITEMS, permission=ASSERT)).approved) == [ASSERT]
    assert list((await answered(line, "shop", "ApproveAccess", **ITEMS, fields=["a"])).already) == [ASSERT]


async def test_a_collection_that_is_not_there_is_refused_and_not_approved(line: Line) -> None:
    people = {"collection": "crm.people", "target_service": "bank"}
    for who in ("crm", OPERATOR):
        error = await failed(line, who, "ApproveAccess", **people)
        assert error.reason is Reason.COLLECTION_NOT_FOUND
        assert "`aol requests`" in error.message
    assert list((await answered(line, "crm", "RefuseAccess", **people, reason="We keep none.")).refused) == [READ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("", Reason.BAD_REQUEST),
        ("   ", Reason.BAD_REQUEST),
        ("two\nlines", Reason.BAD_REQUEST),
        ("\x1b[2J", Reason.BAD_REQUEST),
        ("nul\0", Reason.BAD_REQUEST),
        ("\N{RIGHT-TO-LEFT OVERRIDE}abc", Reason.BAD_REQUEST),
        ("x" * (REFUSAL_REASON_MAX_CHARACTERS + 1), Reason.TOO_LARGE),
    ],
    ids=["empty", "blank", "lines", "escape", "nul", "override", "long"],
)
async def test_a_reason_that_cannot_be_shown_is_refused(line: Line, reason: str, expected: Reason) -> None:
    error = await failed(line, "shop", "RefuseAccess", **ITEMS, reason=reason)
    assert (error.reason, error.violations[0].path) == (expected, "reason")
    assert reason.strip() == "" or reason not in error.message
    assert await listed(line, "shop") == ASKED


async def test_a_denial_tells_who_refused_when_and_why_and_how_to_go_on_however_long_the_reason(line: Line) -> None:
    why = "\N{GRINNING FACE}" * REFUSAL_REASON_MAX_CHARACTERS
    await answered(line, "shop", "RefuseAccess", **ITEMS, permission=READ, reason=why)
    query = data_pb2.QueryDataRequest(collection="shop.items")
    reply = await call(line, "bank", "QueryData", query)
    error = reply.error
    assert error is not None
    assert error.reason is Reason.GRANT_PENDING
    assert "service:shop refused it at 20" in error.message
    assert why in error.message
    assert error.metadata["refused_by"] == "service:shop"
    command = "aol requests approve bank shop.items --permission read"
    assert error.metadata["command"] == command
    # What a client gets of it fits, and says what to do.
    message, status = to_trailers(error)
    assert len(message) + len(status) < CLIENT_TRAILER_MAX_BYTES
    told = from_status(status)
    assert told is not None
    assert (told.reason, command in told.message) == (Reason.GRANT_PENDING, True)
    # A permission that was not refused is still waited for.
    write = await call(line, "bank", "DeleteData", data_pb2.DeleteDataRequest(collection="shop.items", allow_all=True))
    assert write.error is not None
    assert "has not agreed yet" in write.error.message


async def test_it_is_shown_that_a_request_was_refused_wherever_access_is_shown(line: Line) -> None:
    await answered(line, "shop", "RefuseAccess", **ITEMS, permission=READ, reason="No.")
    [again] = await manifests(line, asking(("shop.items", "read"), ("shop.items", "write"), ("crm.people", "read")))
    assert [item.permission for item in again.refused_grants] == [READ]
    assert [item.permission for item in again.pending_grants] == [READ, WRITE]
    for rpc, request, response in (
        ("ListGrants", admin_pb2.ListGrantsRequest(collection="shop.items"), admin_pb2.ListGrantsResponse),
        ("ListAccess", access_pb2.ListAccessRequest(collection="shop.items"), access_pb2.ListAccessResponse),
    ):
        found = response.FromString((await line.operate(rpc, request)).payload)
        [shown] = [item for item in getattr(found, rpc[4:].lower()) if item.state == access_pb2.GRANT_STATE_REFUSED]
        assert (shown.name, shown.refusal.refused_by, shown.refusal.reason) == ("", "service:shop", "No.")
    explain = access_pb2.ExplainAccessRequest(service="bank", verb="query", collection="shop.items")
    told = access_pb2.ExplainAccessResponse.FromString((await line.operate("ExplainAccess", explain)).payload)
    assert told.reason == "GRANT_PENDING"
    assert any("refused by service:shop" in step.text and "(No.)" in step.text for step in told.steps)


@pytest.mark.parametrize("verb", ["approve_access", "refuse_access", "request_collection"])
async def test_what_only_owners_may_is_explained_to_others(line: Line, verb: str) -> None:
    await line.registry.grant("shop.items", "bank", Permission.ADMIN, "service:shop")
    explain = access_pb2.ExplainAccessRequest(service="bank", verb=verb, collection="shop.items")
    reply = await line.operate("ExplainAccess", explain)
    assert reply.error is None, reply.error
    told = access_pb2.ExplainAccessResponse.FromString(reply.payload)
    assert (told.allowed, told.reason) == (False, "GRANT_MISSING")


async def test_each_verb_on_a_collection_is_explained_to_one_that_holds_admin(line: Line) -> None:
    await line.registry.grant("shop.items", "bank", Permission.ADMIN, "service:shop")
    for operation in {verb.operation for verb in VERBS.values() if verb.names}:
        explain = access_pb2.ExplainAccessRequest(service="bank", verb=operation, collection="shop.items")
        reply = await line.operate("ExplainAccess", explain)
        assert reply.error is None or reply.error.reason is Reason.BAD_REQUEST, (operation, reply.error)


async def test_answers_are_recorded_with_who_is_to_have_what_and_without_the_reason(line: Line) -> None:
    await answered(line, "shop", "RefuseAccess", **ITEMS, permission=WRITE, reason="unmentionable")
    await answered(line, OPERATOR, "ApproveAccess", **ITEMS, permission=READ, reason="unmentionable")
    await failed(line, "third", "ApproveAccess", **ITEMS)
    await listed(line, "shop", target_service="bank")
    refuse, approve, denied, lists = line.records()[-4:]
    assert (refuse["operation"], refuse["principal"], refuse["grant"]) == ("refuse_access", "service:shop", "owner")
    assert refuse["filters"] == {"permission": "write", "refused": ["write"], "target_service": "bank"}
    assert (approve["operation"], approve["principal"], approve["grant"]) == ("approve_access", "operator", "operator")
    assert approve["filters"] == {"approved": ["read"], "permission": "read", "target_service": "bank"}
    assert (denied["outcome"], denied["collection"]) == ("denied", "shop.items")
    assert lists["filters"] == {"collection": "", "owner": "", "target_service": "bank"}
    assert "unmentionable" not in json.dumps(line.records())
