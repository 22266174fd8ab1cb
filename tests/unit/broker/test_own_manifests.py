"""Does a service deploy its own manifest by its own credentials, and nothing else of anybody's?"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2, seed_pb2
from aol.admin.v1 import plan_pb2 as pb
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_broker.identities.opaque_tokens import OpaqueTokens
from aol_broker.identities.routing import Identities
from aol_broker.identities.token_text import digest, new_token, token_id
from aol_broker.registry.snapshot import Permission
from aol_broker.request import Peer, Reply
from aol_wire.errors import DataError, Reason
from line import ADMIN, DATA, TOKEN, Line
from manifest_samples import text
from plan_calls import DESTRUCTIVE, applied, planned, request

ITEMS: dict[str, Any] = {
    "name": "items",
    "schemaHint": {"title": "string", "price": "number"},
    "indexes": [{"fields": ["title"], "type": "ascending"}],
    "sharing": [{"service": "bank", "permission": "read"}],
}
BOOKS: dict[str, Any] = {
    "name": "books",
    "sharing": [{"service": "shop", "permission": "read", "fields": ["sum"], "where": {"secret": "no"}}],
    "seeds": [{"condition": "if_empty", "data": {"sum": 1}}],
}
SHOP = text("shop", "1", [ITEMS], [{"collection": "bank.books", "permission": "read", "reason": "sums"}])
BANK = text("bank", "1", [BOOKS], [{"collection": "shop.items", "permission": "read", "reason": "sums"}])
FEWER = text("shop", "2", [{**ITEMS, "schemaHint": {"title": "string"}}])
SAFE = pb.CHANGE_GRADE_SAFE


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Both services as they begin, deployed by an operator."""
    made = Line(tmp_path)
    await made.start()
    await applied(made, await planned(made, SHOP, BANK))
    yield made
    await made.stop()


async def by(line: Line, service: str, method: str, message: Any) -> Reply:
    return await line.pipeline.handle(ADMIN + method, message.SerializeToString(), Peer("test", service=service))


async def plan_of(line: Line, *texts: str, service: str = "shop") -> pb.Plan:
    reply = await by(line, service, "PlanManifests", request(*texts))
    assert reply.error is None, reply.error
    return pb.PlanManifestsResponse.FromString(reply.payload).plan


def version_of(service: str, version: int) -> pb.PlanManifestsRequest:
    return pb.PlanManifestsRequest(manifests=[pb.ManifestToPlan(service=service, version=version)])


async def refused(line: Line, method: str, message: Any, service: str = "shop") -> DataError:
    """Why a call of a service is refused, which leaves the registry as it was."""
    before = line.registry.snapshot
    reply = await by(line, service, method, message)
    assert reply.error is not None
    assert line.registry.snapshot == before
    assert line.records()[-1]["outcome"] != "ok"
    return reply.error


async def test_a_service_plans_applies_and_rolls_back_its_own_manifest_and_sees_its_history(line: Line) -> None:
    for planning in (request(text("shop", "2", [ITEMS, {"name": "more"}])), version_of("shop", 1)):
        made = pb.PlanManifestsResponse.FromString((await by(line, "shop", "PlanManifests", planning)).payload).plan
        reply = await by(line, "shop", "ApplyPlan", pb.ApplyPlanRequest(plan=made, allow=DESTRUCTIVE))
        assert reply.error is None, reply.error
    assert not line.registry.snapshot.collections["shop.more"].declared
    record = line.records()[-1]
    assert (record["operation"], record["principal"], record["grant"]) == ("apply_plan", "service:shop", "service")
    assert record["filters"]["manifests"][0]["service"] == "shop"
    reply = await by(line, "shop", "ListManifestVersions", pb.ListManifestVersionsRequest(service="shop"))
    versions = pb.ListManifestVersionsResponse.FromString(reply.payload).versions
    assert [(item.version, item.applied_by) for item in versions] == [
        (3, "service:shop"),
        (2, "service:shop"),
        (1, "operator"),
    ]
    retiring = pb.RetireManifestVersionRequest(service="shop", version=1)
    assert (await by(line, "shop", "RetireManifestVersion", retiring)).error is None


ANOTHERS: dict[str, tuple[str, Any]] = {
    "a new manifest of another": ("PlanManifests", request(text("bank", "2", []))),
    "a manifest of a service that there is not": ("PlanManifests", request(text("nobody", "1", []))),
    "the very text that another has": ("PlanManifests", request(BANK)),
    "its own, and another's beside it": ("PlanManifests", request(SHOP, text("bank", "2", []))),
    "another's before its own": ("PlanManifests", request(text("bank", "2", []), SHOP)),
    "a version of another's": ("PlanManifests", version_of("bank", 1)),
    "a version of another's that there is not": ("PlanManifests", version_of("bank", 99)),
    "a manifest of another on its way back, named as its own": (
        "PlanManifests",
        pb.PlanManifestsRequest(manifests=[pb.ManifestToPlan(manifest=BANK, service="shop", version=1)]),
    ),
    "the history of another": ("ListManifestVersions", pb.ListManifestVersionsRequest(service="bank")),
    "a version of another that runs no more": (
        "RetireManifestVersion",
        pb.RetireManifestVersionRequest(service="bank", version=1),
    ),
    "seeds of another": ("SeedCollection", seed_pb2.SeedCollectionRequest(collection="bank.books")),
    "seeds of a collection of another that there is not": (
        "SeedCollection",
        seed_pb2.SeedCollectionRequest(collection="bank.none"),
    ),
}


@pytest.mark.parametrize("what", ANOTHERS)
async def test_what_is_anothers_is_refused_with_whose_the_credentials_are(line: Line, what: str) -> None:
    error = await refused(line, *ANOTHERS[what])
    assert error.reason is Reason.GRANT_MISSING
    assert "shop" in error.message
    assert line.records()[-1]["principal"] == "service:shop"


async def test_without_a_plan_only_operators_apply(line: Line) -> None:
    error = await refused(line, "ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=SHOP))
    assert error.reason is Reason.NO_CREDENTIALS


async def test_a_plan_that_was_made_for_somebody_else_is_refused(line: Line) -> None:
    more = text("shop", "2", [ITEMS, {"name": "more"}])
    operators, banks = await planned(line, more), await plan_of(line, text("bank", "2", [BOOKS]), service="bank")
    for plan, maker in ((operators, "an operator"), (banks, "bank")):
        error = await refused(line, "ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=DESTRUCTIVE))
        assert (error.reason, maker in error.message) == (Reason.GRANT_MISSING, True)
    # An operator may apply anybody's.
    assert (await applied(line, banks)).done


async def test_a_plan_that_was_edited_is_refused(line: Line) -> None:
    plan = await plan_of(line, FEWER)
    edits: list[pb.Plan] = [pb.Plan.FromString(plan.SerializeToString()) for _ in range(5)]
    edits[0].manifests[0].service = "bank"
    edits[1].manifests[0].manifest = BANK
    edits[2].manifests.add(service="bank", manifest=text("bank", "2", []), changed=True)
    for change in edits[3].changes:
        change.grade = SAFE
    del edits[4].changes[:]
    for edited in edits:
        error = await refused(line, "ApplyPlan", pb.ApplyPlanRequest(plan=edited, allow=DESTRUCTIVE))
        assert (error.reason, "edited" in error.message) == (Reason.BAD_REQUEST, True)


async def test_what_breaks_others_needs_to_be_allowed_by_a_service_too(line: Line) -> None:
    plan = await plan_of(line, FEWER)
    assert max(change.grade for change in plan.changes) == pb.CHANGE_GRADE_BREAKING
    error = await refused(line, "ApplyPlan", pb.ApplyPlanRequest(plan=plan))
    assert error.reason is Reason.BAD_REQUEST
    reply = await by(line, "shop", "ApplyPlan", pb.ApplyPlanRequest(plan=plan, allow=pb.CHANGE_GRADE_BREAKING))
    assert reply.error is None


SECURED = {**ITEMS, "security": {"owner": True, "attributes": [{"region": "${regions}"}]}, "audit": "shape"}
OPENED = {
    "security that goes": ("shop.items.security", {**SECURED, "security": None}),
    "documents kept to their owners no longer": (
        "shop.items.security",
        {**SECURED, "security": {"attributes": [{"region": "${regions}"}]}},
    ),
    "lists that let others in": ("shop.items.security", {**SECURED, "security": {**SECURED["security"], "acl": True}}),
    "a condition that goes": ("shop.items.security", {**SECURED, "security": {"owner": True}}),
    "records that show less": ("shop.items.audit", {**SECURED, "audit": "metadata"}),
}


def without_none(collection: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in collection.items() if value is not None}


async def test_what_only_an_operator_may_change_a_service_may_not_by_its_manifest_neither(line: Line) -> None:
    await applied(line, await planned(line, text("shop", "2", [SECURED])))
    changed = {what: (where, text("shop", "3", [without_none(item)])) for what, (where, item) in OPENED.items()}
    for what, (where, manifest) in changed.items():
        error = await refused(line, "PlanManifests", request(manifest))
        assert (error.reason, where in error.message) == (Reason.GRANT_MISSING, True), what
    # By way of a manifest that does not name the collection neither.
    reply = await by(
        line,
        "shop",
        "ApplyPlan",
        pb.ApplyPlanRequest(plan=await plan_of(line, text("shop", "3", [])), allow=DESTRUCTIVE),
    )
    assert reply.error is None
    for what, (where, manifest) in changed.items():
        error = await refused(line, "PlanManifests", request(manifest))
        assert (error.reason, where in error.message) == (Reason.GRANT_MISSING, True), what
    assert (await planned(line, changed["security that goes"][1])).changes


@pytest.mark.parametrize(
    "share",
    [
        {"service": "*", "permission": "read"},
        {"service": "ba*", "permission": "read"},
        {"service": "bank", "permission": "bypass-security"},
        {"service": "shop", "permission": "bypass-security"},
    ],
    ids=str,
)
async def test_a_manifest_gives_nothing_that_is_an_operators_to_give(line: Line, share: dict[str, str]) -> None:
    error = await refused(line, "PlanManifests", request(text("shop", "2", [{**ITEMS, "sharing": [share]}])))
    assert error.reason is Reason.BAD_MANIFEST


async def test_a_plan_tells_a_service_who_breaks_and_nothing_of_others_manifests(line: Line) -> None:
    await applied(
        line, await planned(line, text("bank", "2", [BOOKS], [{"collection": "shop.items", "permission": "read"}]))
    )
    query = data_pb2.QueryDataRequest(collection="shop.items", filter='{"price": 1}')
    assert (await line.call("QueryData", query, service="bank")).error is None
    operators, own = await planned(line, FEWER), await plan_of(line, FEWER)
    assert [change.path for change in own.changes] == [change.path for change in operators.changes]
    [removed] = [change for change in own.changes if change.path == "shop.items.schemaHint.price"]
    assert {(item.service, item.known) for item in removed.consumers} == {("bank", "declared"), ("bank", "observed")}
    assert "version 1" in str(operators)
    assert "version 1" not in str(own)
    asking = text("shop", "2", [ITEMS], [{"collection": "bank.none", "permission": "read"}])
    assert "bank agrees" in str(await plan_of(line, asking))


async def test_a_service_is_told_of_its_own_grants_and_indexes_alone(line: Line) -> None:
    await line.registry.grant("bank.books", "till", Permission.READ, "operator")
    reply = await by(line, "shop", "ListGrants", admin_pb2.ListGrantsRequest())
    [grant] = admin_pb2.ListGrantsResponse.FromString(reply.payload).grants
    assert (grant.collection, grant.service, list(grant.fields), grant.where) == ("bank.books", "shop", ["sum"], "")
    for about in (admin_pb2.ListGrantsRequest(service="till"), admin_pb2.ListGrantsRequest(collection="shop.items")):
        reply = await by(line, "shop", "ListGrants", about)
        assert not admin_pb2.ListGrantsResponse.FromString(reply.payload).grants
    asked = pb.ListIndexesRequest(collections=["shop.items", "bank.books", "bank.none"])
    reply = await by(line, "shop", "ListIndexes", asked)
    indexes = pb.ListIndexesResponse.FromString(reply.payload).collections
    assert [item.collection for item in indexes] == ["shop.items"]


async def test_a_service_seeds_its_own_collections(line: Line) -> None:
    reply = await by(line, "bank", "SeedCollection", seed_pb2.SeedCollectionRequest(collection="bank.books"))
    assert reply.error is None
    assert seed_pb2.SeedCollectionResponse.FromString(reply.payload).inserted == 1


async def test_where_names_are_not_believed_the_token_says_whose_manifest_it_is(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.identities = Identities(TOKEN, tokens=OpaqueTokens(line.registry))
    await line.start()
    token, told = new_token(), {}
    await line.registry.mint_token(token_id(digest(token)), digest(token), service="shop", created_by="operator")
    for named, manifest in (("shop", SHOP), ("", SHOP), ("bank", SHOP), ("bank", BANK), ("shop", BANK), ("", BANK)):
        peer = Peer("test", service=named, authorization=f"Bearer {token}")
        reply = await line.pipeline.handle(ADMIN + "PlanManifests", request(manifest).SerializeToString(), peer)
        told[named, manifest] = reply.error and reply.error.reason
    await line.stop()
    assert told == {
        ("shop", SHOP): None,
        ("", SHOP): None,
        ("bank", SHOP): Reason.BAD_CREDENTIALS,
        ("bank", BANK): Reason.BAD_CREDENTIALS,
        ("shop", BANK): Reason.GRANT_MISSING,
        ("", BANK): Reason.GRANT_MISSING,
    }


async def test_manifests_that_take_long_to_read_leave_the_threads_to_others(line: Line) -> None:
    # An anchor is for the slow parser; each of these takes it a second or so.
    slow = SHOP.replace("metadata:", "metadata: &slow", 1) + "\n" + "# \n" + "rest: [" + "1, " * 30_000 + "1]\n"
    threads = min(32, (os.cpu_count() or 1) + 4)
    plans = [asyncio.create_task(by(line, "shop", "PlanManifests", request(slow))) for _ in range(threads + 1)]
    try:
        async with asyncio.timeout(20):
            while not any(thread.name.startswith("aol-manifests") for thread in threading.enumerate()):
                await asyncio.sleep(0)
        reply = await line.operate("ListGrants", admin_pb2.ListGrantsRequest())
        assert reply.error is None
        assert not any(plan.done() for plan in plans)
    finally:
        for plan in plans:
            plan.cancel()
        await asyncio.gather(*plans, return_exceptions=True)


async def test_the_condition_of_a_grant_that_goes_with_its_request_is_not_told(line: Line) -> None:
    asking = text("shop", "2", [ITEMS], [{"collection": "bank.books", "permission": "write", "reason": "sums"}])
    await applied(line, await planned(line, asking))
    grant = data_pb2.GrantAccessRequest(
        collection="bank.books",
        target_service="shop",
        permission=collection_pb2.PERMISSION_WRITE,
        where='{"secret": 1}',
    )
    reply = await line.pipeline.handle(
        DATA + "GrantAccess", grant.SerializeToString(), Peer("test", authorization=f"Bearer {TOKEN}")
    )
    assert reply.error is None, reply.error
    told = await plan_of(line, text("shop", "3", [ITEMS]))
    (change,) = (change for change in told.changes if ".grants." in change.path)
    assert change.before == "write on bank.books by operator"
    assert "secret" not in str(told)
