"""Does a plan say what applying manifests changes, and is it applied as it is or not at all?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol.admin.v1 import plan_pb2 as pb
from line import Line

OWNER = """
metadata: {name: shop, version: "1"}
spec:
  dataRequirements:
    collections:
      - name: items
        schemaHint: {title: string, price: number, at: datetime}
        indexes: [{fields: [title], type: ascending}]
        sharing: [{service: bank, permission: read}]
"""
READER = """
metadata: {name: bank, version: "1"}
spec:
  dataRequirements:
    accessRequests: [{collection: shop.items, permission: read, reason: sums}]
"""


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def planned(line: Line, *texts: str, replaces_all: bool = False) -> pb.Plan:
    request = pb.PlanManifestsRequest(replaces_all=replaces_all)
    for number, text in enumerate(texts):
        request.manifests.add(manifest=text, source=f"{number}.yaml")
    reply = await line.operate("PlanManifests", request)
    assert reply.error is None, reply.error
    return pb.PlanManifestsResponse.FromString(reply.payload).plan


async def applied(line: Line, plan: pb.Plan, allow: pb.ChangeGrade = pb.CHANGE_GRADE_SAFE) -> pb.ApplyPlanResponse:
    reply = await line.operate("ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=allow))
    assert reply.error is None, reply.error
    return pb.ApplyPlanResponse.FromString(reply.payload)


def shown(plan: pb.Plan) -> list[tuple[str, str, str]]:
    return [
        (
            pb.ChangeAction.Name(change.action).removeprefix("CHANGE_ACTION_").lower(),
            change.path,
            pb.ChangeGrade.Name(change.grade).removeprefix("CHANGE_GRADE_").lower(),
        )
        for change in plan.changes
    ]


async def test_a_plan_of_new_services_is_safe_and_applied_whole(line: Line) -> None:
    plan = await planned(line, READER, OWNER)
    assert shown(plan) == [
        ("added", "bank.accessRequests.shop.items.read", "safe"),
        ("added", "shop.items", "safe"),
        ("added", "shop.items.sharing.bank.read", "safe"),
    ]
    done = await applied(line, plan)
    assert [(item.service, item.version, list(item.created_collections)) for item in done.manifests] == [
        ("bank", 1, []),
        ("shop", 1, ["shop.items"]),
    ]
    assert shown(await planned(line, READER, OWNER)) == []


async def test_removing_a_field_names_who_reads_it(line: Line) -> None:
    await applied(line, await planned(line, READER, OWNER))
    plan = await planned(line, OWNER.replace("price: number, ", ""))
    [change] = [item for item in plan.changes if item.path == "shop.items.schemaHint.price"]
    assert change.grade == pb.CHANGE_GRADE_BREAKING
    assert [(item.service, item.known, item.detail) for item in change.consumers] == [
        ("bank", "declared", "version 1 of its manifest asks for read")
    ]
