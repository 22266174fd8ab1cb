"""Is a plan applied exactly as it was made, all of it or not at all, and what is known of it afterwards?"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from sqlalchemy import update

from aol.admin.v1 import admin_pb2
from aol.admin.v1 import plan_pb2 as pb
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_broker.commands.plan_applying import ApplyPlan
from aol_broker.registry import tables
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.writer import Writer
from aol_wire.errors import DataError, Reason
from line import Line
from manifest_samples import manifests, text
from plan_calls import DESTRUCTIVE, applied, planned, refused

ITEMS: dict[str, Any] = {
    "name": "items",
    "schemaHint": {"title": "string", "price": "number"},
    "indexes": [{"fields": ["title"], "type": "ascending"}],
    "sharing": [{"service": "bank", "permission": "read"}],
}
OWNER = text("shop", "1", [ITEMS])
READER = text("bank", "1", [], [{"collection": "shop.items", "permission": "read", "reason": "sums"}])


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Line]:
    """A broker whose calls have as much time as they have by default: others keep it busy."""
    made = Line(tmp_path, default_deadline_s=30.0, max_deadline_s=30.0)
    await made.start()
    yield made
    await made.stop()


async def test_a_plan_of_several_services_is_applied_whole_and_then_there_is_nothing_to_do(line: Line) -> None:
    plan = await planned(line, READER, OWNER)
    assert [change.path for change in plan.changes] == [
        "bank.accessRequests.shop.items.read",
        "shop.items",
        "shop.items.sharing.bank.read",
    ]
    assert {change.grade for change in plan.changes} == {pb.CHANGE_GRADE_SAFE}
    done = await applied(line, plan, pb.CHANGE_GRADE_SAFE)
    assert [(item.service, item.version, list(item.created_collections)) for item in done.manifests] == [
        ("bank", 1, []),
        ("shop", 1, ["shop.items"]),
    ]
    again = await planned(line, READER, OWNER)
    assert (list(again.changes), [item.changed for item in again.manifests]) == ([], [False, False])


async def test_calls_go_on_while_a_plan_of_many_manifests_is_made(patient: Line) -> None:
    collections = [{**ITEMS, "name": f"c{number}"} for number in range(20)]
    planning = asyncio.create_task(planned(patient, *(text(f"s{number}", "1", collections) for number in range(100))))
    answered = 0
    while not planning.done():
        reply = await patient.call("ListCollections", data_pb2.ListCollectionsRequest())
        assert reply.error is None
        answered += 1
    assert len((await planning).changes) == 100 * 20 * 2
    assert answered > 20


async def test_a_plan_is_refused_when_the_registry_has_changed_since_and_changes_nothing(line: Line) -> None:
    plan = await planned(line, OWNER)
    await line.registry.declare_collection(CollectionRecord("other", "things", "memory"), "other")
    before = line.registry.snapshot
    error = await refused(line, plan)
    assert error.reason is Reason.VERSION_MISMATCH
    assert "Plan again" in error.message
    assert line.registry.snapshot == before


async def test_of_two_plans_that_are_applied_at_once_one_wins_and_the_other_is_told_to_plan_again(line: Line) -> None:
    plans = [await planned(line, text("shop", str(number), [ITEMS])) for number in range(5)]
    replies = await asyncio.gather(
        *(line.operate("ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=DESTRUCTIVE)) for plan in plans)
    )
    errors = [reply.error for reply in replies]
    assert errors.count(None) == 1
    assert {error.reason for error in errors if error is not None} == {Reason.VERSION_MISMATCH}
    assert line.registry.snapshot.services["shop"].manifest_version == 1


async def test_a_plan_that_was_applied_is_not_applied_again_and_its_caller_is_told_what_became_of_it(
    line: Line,
) -> None:
    plan = await planned(line, OWNER)
    await applied(line, plan)
    revision = line.registry.snapshot.revision
    again = await applied(line, plan)
    assert (again.done, again.already_applied, again.manifests[0].version) == (True, True, 1)
    assert line.registry.snapshot.revision == revision


EDITS = {
    "text": lambda plan: plan.manifests[0].MergeFrom(pb.PlannedManifest(manifest=OWNER + "# more\n")),
    "grade": lambda plan: plan.changes.pop(),
    "revision": lambda plan: plan.MergeFrom(pb.Plan(revision=plan.revision + 1)),
    "flag": lambda plan: plan.MergeFrom(pb.Plan(replaces_all=True)),
    "seal": lambda plan: plan.ClearField("seal"),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_plan_that_was_edited_is_refused(line: Line, edit: str) -> None:
    plan = await planned(line, OWNER)
    EDITS[edit](plan)
    error = await refused(line, plan)
    assert error.reason is Reason.BAD_REQUEST
    assert "edited" in error.message
    assert "shop" not in line.registry.snapshot.services


async def test_a_plan_of_another_registry_is_refused(line: Line, tmp_path: Path) -> None:
    other = Line(tmp_path / "other")
    await other.start()
    plan = await planned(other, OWNER)
    await other.stop()
    assert (await refused(line, plan)).reason is Reason.BAD_REQUEST


async def test_more_than_safe_changes_are_applied_only_when_that_is_allowed(line: Line) -> None:
    await applied(line, await planned(line, READER, OWNER))
    plan = await planned(line, text("shop", "1", [{**ITEMS, "sharing": []}]))
    for allow in (pb.CHANGE_GRADE_UNSPECIFIED, pb.CHANGE_GRADE_SAFE, pb.CHANGE_GRADE_NEEDS_REVIEW):
        error = await refused(line, plan, allow)
        assert error.reason is Reason.BAD_REQUEST
        assert "breaking" in error.message
    assert line.registry.snapshot.services["shop"].manifest_version == 1
    await applied(line, plan, pb.CHANGE_GRADE_BREAKING)
    assert line.registry.snapshot.services["shop"].manifest_version == 2


async def test_a_failure_half_way_leaves_nothing_of_a_plan_in_the_registry(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await planned(line, OWNER, READER)
    before = line.registry.snapshot
    service = Writer.service

    async def fails_at_the_second(writer: Writer, name: str) -> Any:
        if name == "bank":
            raise DataError(Reason.REGISTRY_UNAVAILABLE, "the database went away")
        return await service(writer, name)

    monkeypatch.setattr(Writer, "service", fails_at_the_second)
    assert (await refused(line, plan)).reason is Reason.REGISTRY_UNAVAILABLE
    monkeypatch.undo()
    await line.registry.refresh(before.revision + 1)
    assert line.registry.snapshot == before
    await applied(line, plan)


async def test_collections_are_made_in_steps_where_there_are_many(tmp_path: Path) -> None:
    line = Line(tmp_path)
    await line.start()
    try:
        command = line.pipeline._verbs["/aol.admin.v1.Admin/ApplyPlan"].command
        assert isinstance(command, ApplyPlan)
        command._prepare_for_s = 0.0
        plan = await planned(line, OWNER)
        first = await applied(line, plan)
        assert (first.done, first.prepared, first.to_prepare) == (False, 0, 1)
        assert "shop" not in line.registry.snapshot.services
        reply = await line.operate("ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=DESTRUCTIVE, prepared=1))
        assert pb.ApplyPlanResponse.FromString(reply.payload).done
    finally:
        await line.stop()


async def history(line: Line, service: str) -> list[pb.ManifestVersion]:
    reply = await line.operate("ListManifestVersions", pb.ListManifestVersionsRequest(service=service))
    assert reply.error is None
    return list(pb.ListManifestVersionsResponse.FromString(reply.payload).versions)


async def test_history_tells_who_applied_which_text_when_and_by_which_plan(line: Line) -> None:
    await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=OWNER, source="first.yaml"))
    second = text("shop", "2", [ITEMS])
    await applied(line, await planned(line, second))
    newest, oldest = await history(line, "shop")
    assert (newest.version, newest.source, newest.applied_by) == (2, "0.yaml", "operator")
    assert newest.sha256 == hashlib.sha256(second.encode()).hexdigest()
    assert (oldest.source, oldest.plan) == ("first.yaml", "")
    assert len(newest.plan) == 64
    assert newest.applied_us > oldest.applied_us
    assert [item.deployed for item in (newest, oldest)] == [True, True]


async def test_a_rollback_is_a_plan_of_an_earlier_version(line: Line) -> None:
    await applied(line, await planned(line, OWNER))
    await applied(line, await planned(line, text("shop", "2", [{**ITEMS, "description": "Wares"}])))
    back = pb.PlanManifestsRequest()
    back.manifests.add(service="shop", version=1)
    reply = await line.operate("PlanManifests", back)
    plan = pb.PlanManifestsResponse.FromString(reply.payload).plan
    assert [change.path for change in plan.changes] == ["shop.metadata.version", "shop.items.description"]
    await applied(line, plan)
    assert line.registry.snapshot.collections["shop.items"].description == ""
    assert [item.version for item in await history(line, "shop")] == [3, 2, 1]
    back.manifests[0].version = 9
    assert (await line.operator_refusal("PlanManifests", back)).reason is Reason.BAD_REQUEST


GONE = text("shop", "2", [{**ITEMS, "schemaHint": {"title": "string"}}])
ASKS_NO_MORE = text("bank", "2")


async def field_grade(line: Line, *texts: str, replaces_all: bool = False) -> str:
    """How bad it is that a field goes that the reader may read, while its newest manifest still asks for it."""
    plan = await planned(line, *texts, replaces_all=replaces_all)
    [change] = [item for item in plan.changes if item.path.startswith("bank.accessRequests")]
    return pb.ChangeGrade.Name(change.grade).removeprefix("CHANGE_GRADE_").lower()


async def test_a_version_counts_as_running_until_it_is_retired_or_all_are_replaced(line: Line) -> None:
    await applied(line, await planned(line, READER, OWNER))
    # The version that asks for it runs on for a while after the next one was applied.
    assert await field_grade(line, ASKS_NO_MORE) == "breaking"
    assert await field_grade(line, ASKS_NO_MORE, replaces_all=True) == "safe"
    await applied(line, await planned(line, text("bank", "3", [], json_requests())))
    retired = pb.RetireManifestVersionRequest(service="bank", version=1)
    assert (await line.operate("RetireManifestVersion", retired)).error is None
    assert [item.deployed for item in await history(line, "bank")] == [True, False]
    newest = pb.RetireManifestVersionRequest(service="bank", version=2)
    error = await line.operator_refusal("RetireManifestVersion", newest)
    assert "newest" in error.message


def json_requests() -> list[dict[str, Any]]:
    return [{"collection": "shop.items", "permission": "read", "reason": "sums"}]


async def test_a_plan_that_replaces_all_retires_older_versions_when_it_is_applied(line: Line) -> None:
    for version in ("1", "2"):
        await applied(line, await planned(line, text("shop", version, [ITEMS])))
    await applied(line, await planned(line, text("shop", "3", [ITEMS]), replaces_all=True))
    assert [item.deployed for item in await history(line, "shop")] == [True, False, False]


async def test_versions_of_before_abstracts_were_written_down_are_read_from_their_texts(line: Line) -> None:
    await applied(line, await planned(line, READER, OWNER))
    await applied(line, await planned(line, text("bank", "2", [], json_requests())))
    async with line.registry._database.writing() as connection:
        await connection.execute(update(tables.manifests).values(declares=""))
        await connection.commit()
    assert list((await planned(line, OWNER)).changes) == []
    [change] = [item for item in (await planned(line, GONE)).changes if item.path.endswith("price")]
    assert [consumer.detail for consumer in change.consumers] == [
        "version 1 of its manifest asks for read",
        "version 2 of its manifest asks for read",
    ]


Lines = tuple["asyncio.Runner", Line, Line]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lines]:
    """Two brokers: one is told by plans, the other by manifests."""
    with asyncio.Runner() as runner:
        both = [Line(tmp_path_factory.mktemp(name)) for name in ("plans", "manifests")]
        for item in both:
            runner.run(item.start())
        yield runner, both[0], both[1]
        for item in both:
            runner.run(item.stop())


def state(line: Line) -> Any:
    """What the registry says, without times and revisions: a plan of two manifests is one change."""
    snapshot = line.registry.snapshot
    grants = {key: [replace(grant, created_us=0, number=0) for grant in held] for key, held in snapshot.grants.items()}
    return dict(snapshot.collections), grants


async def both_ways(by_plan: Line, by_manifest: Line, texts: tuple[str, str]) -> None:
    await applied(by_plan, await planned(by_plan, *texts))
    for item in texts:
        assert (await by_manifest.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=item))).error is None
    assert state(by_plan) == state(by_manifest)
    again = await planned(by_plan, *texts)
    assert list(again.changes) == []


@settings(max_examples=20, deadline=None)
@given(manifests("one", "two"), manifests("two", "one"))
def test_applying_plans_leaves_what_applying_manifests_does_and_nothing_to_do(lines: Lines, one: str, two: str) -> None:
    """Each example goes on from where the one before it came to."""
    runner, by_plan, by_manifest = lines
    runner.run(both_ways(by_plan, by_manifest, (one, two)))
