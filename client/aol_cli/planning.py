"""How does the command plan, apply what was planned, and follow the indexes that are built for it?"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aol_cli.applying import Applied
from aol_cli.exits import Failure
from aol_cli.grants import grant_as_json
from aol_cli.operator_calls import OperatorCalls
from aol_cli.output import counted

if TYPE_CHECKING:
    from aol.admin.v1 import plan_pb2

_COLLECTIONS_A_CALL = 100
_NAMED = 5
_ASK_EVERY_S = (0.2, 2.0)
_PLAN_MAX_BYTES = 64 << 20

Tell = Callable[[str], None]


async def plan_texts(
    calls: OperatorCalls, manifests: Iterable[tuple[str, str]], *, replaces_all: bool = False
) -> "plan_pb2.Plan":
    """Return what applying manifests changes, each given as its source and text.

    :raises DataClientError: the broker cannot be reached, or refuses the token or a manifest.
    """
    from aol.admin.v1 import plan_pb2 as pb

    request = pb.PlanManifestsRequest(replaces_all=replaces_all)
    for source, text in manifests:
        request.manifests.add(source=source, manifest=text)
    return (await calls.admin("PlanManifests", request, pb.PlanManifestsResponse)).plan


async def plan_rollback(calls: OperatorCalls, service: str, version: int) -> "plan_pb2.Plan":
    """Return what applying an earlier version of a service's manifest changes.

    :raises DataClientError: the broker cannot be reached, refuses the token, or has no such version.
    """
    from aol.admin.v1 import plan_pb2 as pb

    request = pb.PlanManifestsRequest()
    request.manifests.add(service=service, version=version)
    return (await calls.admin("PlanManifests", request, pb.PlanManifestsResponse)).plan


async def apply_plan(calls: OperatorCalls, plan: "plan_pb2.Plan", allow: int, tell: Tell) -> list[Applied]:
    """Apply a plan, telling how far it is; return what each of its manifests came to.

    :raises DataClientError: it is refused, or the broker cannot be reached.
    """
    from aol.admin.v1 import plan_pb2 as pb

    request: Any = pb.ApplyPlanRequest(plan=plan, allow=allow)  # type: ignore[arg-type]
    answer = await calls.admin("ApplyPlan", request, pb.ApplyPlanResponse)
    while not answer.done:
        tell(f"  made {answer.prepared:,} of {counted(answer.to_prepare, 'collection')}")
        request.prepared, request.request_id = answer.prepared, ""
        answer = await calls.admin("ApplyPlan", request, pb.ApplyPlanResponse)
    if answer.already_applied:
        tell("  this plan had been applied before")
    done = {item.service: item for item in answer.manifests}
    applied = []
    for manifest in plan.manifests:
        item = done.get(manifest.service)
        version = item.version if item is not None else manifest.registered_version
        changed = item is not None and item.changed
        created = list(item.created_collections) if item is not None else []
        applied.append(Applied(manifest.source, manifest.service, version, changed, created))
    return applied


def unchanged(plan: "plan_pb2.Plan") -> list[Applied]:
    """Return what the manifests of a plan without changes come to."""
    return [Applied(item.source, item.service, item.registered_version, False, []) for item in plan.manifests]


async def add_grants(calls: OperatorCalls, applied: Sequence[Applied]) -> None:
    """Add what each service may use of others, and what it waits for."""
    from aol.admin.v1 import admin_pb2 as pb

    answer = await calls.admin("ListGrants", pb.ListGrantsRequest(), pb.ListGrantsResponse)
    for grant in map(grant_as_json, answer.grants):
        for item in applied:
            if item.service == grant["service"]:
                {"active": item.active, "refused": item.refused}.get(grant["state"], item.pending).append(grant)


async def follow_indexes(calls: OperatorCalls, plan: "plan_pb2.Plan", tell: Tell) -> list[str]:
    """Wait until the indexes of all collections that a plan changes are built; return those that could not be."""
    wanted = _collections_with_indexes(plan)
    wait_s, told = _ASK_EVERY_S[0], ""
    failed: list[str] = []
    while wanted:
        building = []
        for start in range(0, len(wanted), _COLLECTIONS_A_CALL):
            more, wrong = await _builds(calls, wanted[start : start + _COLLECTIONS_A_CALL])
            building += more
            failed += wrong
        wanted = sorted({collection for collection, _ in building})
        text = _building([name for _, name in building])
        if text not in ("", told):
            tell(text)
        told = text
        if wanted:
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _ASK_EVERY_S[1])
    return failed


def _building(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > _NAMED else ""
    return f"  building {len(names):,} index{'es' * (len(names) > 1)}: {', '.join(names[:_NAMED])}{more}"


async def _builds(calls: OperatorCalls, collections: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the indexes that are being built, each with its collection; and in words those that cannot be."""
    from aol.admin.v1 import plan_pb2 as pb
    from aol.data.v1 import collection_pb2

    request = pb.ListIndexesRequest(collections=collections)
    answer = await calls.admin("ListIndexes", request, pb.ListIndexesResponse)
    building, failed = [], []
    for collection in answer.collections:
        for index in collection.indexes:
            if index.state == collection_pb2.INDEX_STATE_BUILDING:
                building.append((collection.collection, f"{collection.collection} {index.name}"))
            elif index.state == collection_pb2.INDEX_STATE_FAILED:
                stored = counted(index.offenders, "stored document")
                failed.append(f"{collection.collection} {index.name}: {stored} do not fit it")
    return building, failed


def _collections_with_indexes(plan: "plan_pb2.Plan") -> list[str]:
    found = set()
    for change in plan.changes:
        service, *rest = change.path.split(".")
        if rest and rest[1:2] in ([], ["indexes"]):
            found.add(f"{service}.{rest[0]}")
    return sorted(found)


def write_plan(path: Path, plan: "plan_pb2.Plan") -> None:
    """Write a plan to a file, as JSON.

    :raises Failure: FAILED; it cannot be written.
    """
    from google.protobuf.json_format import MessageToJson

    try:
        path.write_text(MessageToJson(plan, preserving_proto_field_name=True) + "\n")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.") from None


def read_plan(path: Path) -> "plan_pb2.Plan":
    """Return the plan of a file.

    :raises Failure: FAILED; it cannot be read, or is none.
    """
    from google.protobuf.json_format import Parse, ParseError

    from aol.admin.v1 import plan_pb2 as pb

    try:
        with path.open("rb") as file:
            data = file.read(_PLAN_MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > _PLAN_MAX_BYTES:
        raise Failure(f"{path} is no plan: larger than {_PLAN_MAX_BYTES:,} bytes.")
    try:
        return Parse(data.decode(), pb.Plan())
    except (ParseError, UnicodeDecodeError, RecursionError):
        raise Failure(f"{path} is no plan: `aol plan PATH... --out FILE` writes one.") from None
