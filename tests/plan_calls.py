"""How do tests plan manifests and apply plans? Calls of an operator, by the line."""

from aol.admin.v1 import plan_pb2 as pb
from aol_wire.errors import DataError
from line import Line

DESTRUCTIVE = pb.CHANGE_GRADE_DESTRUCTIVE


def request(*texts: str, replaces_all: bool = False) -> pb.PlanManifestsRequest:
    made = pb.PlanManifestsRequest(replaces_all=replaces_all)
    for number, manifest in enumerate(texts):
        made.manifests.add(manifest=manifest, source=f"{number}.yaml")
    return made


async def planned(line: Line, *texts: str, replaces_all: bool = False) -> pb.Plan:
    reply = await line.operate("PlanManifests", request(*texts, replaces_all=replaces_all))
    assert reply.error is None, reply.error
    return pb.PlanManifestsResponse.FromString(reply.payload).plan


async def applied(line: Line, plan: pb.Plan, allow: pb.ChangeGrade = DESTRUCTIVE) -> pb.ApplyPlanResponse:
    reply = await line.operate("ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=allow))
    assert reply.error is None, reply.error
    return pb.ApplyPlanResponse.FromString(reply.payload)


async def refused(line: Line, plan: pb.Plan, allow: pb.ChangeGrade = DESTRUCTIVE) -> DataError:
    return await line.operator_refusal("ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=allow))
