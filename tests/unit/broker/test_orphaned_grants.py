"""What a plan says of grants whose requests are gone, and what is left of them when it is applied."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import access_pb2, admin_pb2, plan_pb2
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_broker.planning.changes import Change, Grade
from aol_broker.registry.snapshot import Permission
from aol_wire.errors import Reason
from line import Line
from manifest_samples import text
from plan_calls import applied, planned, refused
from planned_worlds import NOW_US, seen, world

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
OWNER = text("shop", "1", [{"name": "items"}])
PATH = "bank.grants.shop.items.read"


def asking(*permissions: str, version: str = "1") -> str:
    asked = [{"collection": "shop.items", "permission": item, "reason": "sums"} for item in permissions]
    return text("bank", version, [], asked)


def removal(changes: dict[str, Change]) -> tuple[Grade, list[str]]:
    change = changes[PATH]
    assert change.action.name == "REMOVED"
    return change.grade, [str(item.known) for item in change.consumers]


def test_the_removal_of_an_orphan_needs_review_when_nobody_is_known_to_use_it() -> None:
    before = world(OWNER, asking(), answered=[("shop.items", "bank", READ)])
    assert removal(before.plan(asking(version="2"))) == (Grade.NEEDS_REVIEW, [])
    # It is told of, too, when the text is the one that is registered.
    assert removal(before.plan(asking())) == (Grade.NEEDS_REVIEW, [])


def test_it_breaks_a_service_whose_calls_were_seen() -> None:
    before = world(OWNER, asking(), answered=[("shop.items", "bank", READ)])
    used = seen(("bank", "query", "price", 3, NOW_US))
    grade, known = removal(before.plan(asking(version="2"), uses=used))
    assert (grade, set(known)) == (Grade.BREAKING, {"observed"})
    # What it was seen to write is nothing that reading lets it do; nor is what others were seen to read.
    other = seen(("bank", "update", "price", 3, NOW_US), ("third", "query", "price", 3, NOW_US))
    assert removal(before.plan(asking(version="2"), uses=other)) == (Grade.NEEDS_REVIEW, [])


def test_it_breaks_a_version_that_asks_for_it_and_may_be_running() -> None:
    before = world(OWNER, asking("read"), answered=[("shop.items", "bank", READ)])
    changes = before.plan(asking(version="2"))
    assert removal(changes) == (Grade.BREAKING, ["declared"])
    assert changes["bank.accessRequests.shop.items.read"].grade is Grade.SAFE
    assert removal(before.plan(asking(version="2"), replaces=["bank"])) == (Grade.NEEDS_REVIEW, [])


@pytest.mark.parametrize(
    "also", [("shop.items", "bank", ADMIN), ("shop.items", "*", READ)], ids=["by name", "by pattern"]
)
def test_who_keeps_as_much_by_another_grant_loses_nothing(also: tuple[str, str, Permission]) -> None:
    before = world(OWNER, asking("read"), answered=[("shop.items", "bank", READ)], granted=[also])
    used = seen(("bank", "query", "price", 3, NOW_US))
    assert removal(before.plan(asking(version="2"), uses=used)) == (Grade.SAFE, [])


def test_two_orphans_do_not_vouch_for_each_other() -> None:
    before = world(OWNER, asking(), answered=[("shop.items", "bank", READ), ("shop.items", "bank", ADMIN)])
    used = seen(("bank", "query", "price", 3, NOW_US))
    changes = before.plan(asking(version="2"), uses=used)
    assert {path: change.grade for path, change in changes.items() if "grants" in path} == {
        PATH: Grade.BREAKING,
        "bank.grants.shop.items.admin": Grade.BREAKING,
    }


@pytest.mark.parametrize("permissions", [["read"], ["read", "write"], ["admin"]], ids=",".join)
def test_a_grant_that_is_asked_for_is_not_removed(permissions: list[str]) -> None:
    before = world(OWNER, asking("read"), answered=[("shop.items", "bank", READ)])
    assert PATH not in before.plan(asking(*permissions, version="2"))


def test_a_grant_that_answered_no_request_is_not_removed() -> None:
    before = world(OWNER, asking("read"), granted=[("shop.items", "bank", READ)])
    changes = before.plan(asking(version="2"))
    assert PATH not in changes
    assert "it is still granted by a call" in changes["bank.accessRequests.shop.items.read"].reason


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    await applied(line, await planned(line, OWNER, asking("read")))
    await line.registry.grant("shop.items", "bank", READ, "operator")
    yield line
    await line.stop()


async def apply_by_itself(line: Line, manifest: str) -> Any:
    reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=manifest))
    assert reply.error is None, reply.error
    return admin_pb2.ApplyManifestResponse.FromString(reply.payload)


async def query(line: Line) -> str:
    reply = await line.call("QueryData", data_pb2.QueryDataRequest(collection="shop.items"), service="bank")
    return "" if reply.error is None else reply.error.reason


async def shown(line: Line) -> list[tuple[int, bool]]:
    reply = await line.operate("ListGrants", admin_pb2.ListGrantsRequest(collection="shop.items"))
    return [(item.state, item.orphaned) for item in admin_pb2.ListGrantsResponse.FromString(reply.payload).grants]


async def test_the_plan_that_takes_a_request_out_removes_its_grant_and_going_back_asks_anew(line: Line) -> None:
    assert await query(line) == ""
    plan = await planned(line, asking(version="2"))
    assert PATH in {change.path for change in plan.changes}
    assert await query(line) == ""
    await applied(line, plan)
    assert await query(line) == Reason.GRANT_MISSING
    # Whoever lost the answer asks again.
    assert (await applied(line, plan)).already_applied
    assert not (await planned(line, asking(version="2"))).changes
    await applied(line, await planned(line, asking("read")))
    assert await query(line) == Reason.GRANT_PENDING


async def test_a_manifest_by_itself_leaves_the_orphan_to_the_next_plan_which_is_applied_once(line: Line) -> None:
    assert not (await apply_by_itself(line, asking("read"))).orphaned_grants
    [left] = (await apply_by_itself(line, asking())).orphaned_grants
    assert (left.collection, left.service, left.orphaned) == ("shop.items", "bank", True)
    assert await shown(line) == [(access_pb2.GRANT_STATE_ACTIVE, True)]
    assert await query(line) == ""
    plan = await planned(line, OWNER, asking())
    assert [change.path for change in plan.changes] == [PATH]
    assert plan.changes[0].grade == plan_pb2.CHANGE_GRADE_BREAKING
    assert {item.known for item in plan.changes[0].consumers} == {"declared", "observed"}
    assert (await refused(line, plan, plan_pb2.CHANGE_GRADE_NEEDS_REVIEW)).reason is Reason.BAD_REQUEST
    assert await query(line) == ""
    done = await applied(line, plan)
    assert [(item.service, item.version, item.changed) for item in done.manifests] == [("bank", 3, True)]
    assert (await applied(line, plan)).already_applied
    assert await shown(line) == []
    assert not (await planned(line, OWNER, asking())).changes


async def test_a_rollback_to_what_asks_for_an_orphan_keeps_it(line: Line) -> None:
    await apply_by_itself(line, asking())
    assert await shown(line) == [(access_pb2.GRANT_STATE_ACTIVE, True)]
    await applied(line, await planned(line, asking("read")))
    assert await shown(line) == [(access_pb2.GRANT_STATE_ACTIVE, False)]
    assert await query(line) == ""


async def test_a_plan_of_other_services_tells_of_no_orphan_and_removes_none(line: Line) -> None:
    await apply_by_itself(line, asking())
    plan = await planned(line, text("shop", "2", [{"name": "items"}, {"name": "more"}]))
    assert not [change.path for change in plan.changes if "grants" in change.path]
    await applied(line, plan)
    assert await shown(line) == [(access_pb2.GRANT_STATE_ACTIVE, True)]


async def test_a_plan_is_refused_when_its_orphan_was_granted_again_since(line: Line) -> None:
    await apply_by_itself(line, asking())
    plan = await planned(line, asking())
    await line.registry.grant("shop.items", "bank", READ, "operator")
    answers = await asyncio.gather(refused(line, plan), refused(line, plan))
    assert {error.reason for error in answers} == {Reason.VERSION_MISMATCH}
    assert await shown(line) == [(access_pb2.GRANT_STATE_ACTIVE, False)]
    assert not (await planned(line, asking())).changes
