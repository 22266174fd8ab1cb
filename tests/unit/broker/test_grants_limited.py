"""Grants with limits, to one service or many: how they are given, which of them counts, and when they end."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import access_pb2, admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.access.choosing import scope_of, widest
from aol_broker.access.limits import Limits
from aol_broker.access.limits_parser import parse_limits
from aol_broker.access.service_patterns import check_grantee, covers
from aol_broker.authorize import Right, authorize
from aol_broker.manifest.parse import parse_manifest
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Origin, Permission, Snapshot
from aol_broker.request import Principal
from aol_broker.resolve import CollectionName
from aol_wire.errors import DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.ids import now_us
from granted import GUEST, OWNER, PERMISSIONS, answer, found, grant, operate, refused, store
from line import DATA, Line

THINGS = f"{OWNER}.things"
EVENTS = CollectionRecord("owner", "events", adapter="memory", schema_hint={"at": "datetime"})
NAME = CollectionName("owner", "events")
COUNT = pb.CountDataRequest(collection=THINGS)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    await answer(line, OWNER, "RequestCollection", pb.RequestCollectionRequest(name="things"))
    await store(line, "things", {"_id": "1", "a": 1, "b": 1}, {"_id": "2", "a": 2, "b": 2})
    yield line
    await line.stop()


def held(number: int = 1, service: str = "other", permission: str = "read", **limits: Any) -> Grant:
    where = json.dumps(limits["where"]) if "where" in limits else ""
    parsed = parse_limits(limits.get("fields", ()), where, limits.get("expires_us", 0))
    given = ("owner.events", service, Permission(permission), GrantState.ACTIVE, Origin.GRANT)
    return Grant(*given, "service:owner", limits=parsed, number=number)


def snapshot(*grants: Grant) -> Snapshot:
    by_service: dict[tuple[str, str], tuple[Grant, ...]] = {}
    for item in grants:
        key = (item.collection_id, item.service)
        by_service[key] = (*by_service.get(key, ()), item)
    return Snapshot(1, {}, {"owner.events": EVENTS}, by_service)


def chosen(*grants: Grant, right: Right = Right.READ, service: str = "other") -> str:
    return authorize(right, Principal(service), NAME, snapshot(*grants)).grant


# Which of several counts.


def test_an_unlimited_grant_goes_before_all_others() -> None:
    limited = (held(2, fields=["a"]), held(3, where={"a": 1}), held(5, permission="admin", fields=["a", "b"]))
    assert chosen(*limited, held(4)) == "grant:read#4"
    assert chosen(held(4, expires_us=now_us() + 10**9), *limited) == "grant:read#4"


def test_of_two_where_one_shows_all_that_the_other_does_that_one_counts() -> None:
    assert chosen(held(1, fields=["a.b"]), held(2, permission="admin", fields=["a"])) == "grant:admin#2"
    assert chosen(held(9, fields=["a"], where={"x": 1}), held(2, fields=["a"])) == "grant:read#2"
    assert chosen(held(9, fields=["a", "b"], where={"x": 1}), held(2, where={"x": 1})) == "grant:read#2"


def test_limits_are_never_added_up() -> None:
    one, other = held(1, fields=["a"]), held(2, where={"x": 1})
    scope = authorize(Right.READ, Principal("other"), NAME, snapshot(one, other)).scope
    assert scope == scope_of(other, EVENTS)
    assert scope.fields is None
    assert scope.conditions


def test_the_choice_does_not_depend_on_the_order() -> None:
    grants = [held(1, fields=["a"]), held(2, fields=["b", "c"]), held(3, where={"x": 1}), held(4, fields=["b"])]
    names = {getattr(widest(grants[turn:] + grants[:turn]), "name", "") for turn in range(len(grants))}
    assert names == {"grant:read#3"}
    assert widest([]) is None


def test_limits_that_differ_have_scopes_that_differ_and_times_alone_do_not() -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"fields": ["a"]},
        {"fields": ["b"]},
        {"where": {"a": 1}},
        {"fields": ["a"], "where": {"a": 1}},
    ]
    scopes = [scope_of(held(**limits), EVENTS) for limits in kinds]
    assert len({scope.identity for scope in scopes}) == len(scopes)
    later = scope_of(held(7, fields=["a"], expires_us=now_us() + 1), EVENTS)
    assert later.identity == scopes[1].identity


def test_a_condition_compares_times_as_the_collection_keeps_them() -> None:
    scope = scope_of(held(where={"at": {"$gte": "2026-01-01"}}), EVENTS)
    assert matches(scope.conditions[0], {"at": "2026-01-01T00:00:00.000000Z"}, frozenset())


def test_a_condition_that_is_not_understood_any_more_lets_nothing_through() -> None:
    broken = Grant(
        *("owner.events", "other", Permission.READ, GrantState.ACTIVE, Origin.GRANT), limits=Limits(where="{")
    )
    [condition] = scope_of(broken, EVENTS).conditions
    assert not matches(condition, {"_id": "1", "a": 1}, frozenset())


# When it ends.


def test_a_grant_gives_nothing_from_its_end_on_and_the_denial_says_so() -> None:
    state = snapshot(held(expires_us=1_000))
    assert authorize(Right.READ, Principal("other"), NAME, state, at_us=999).record is EVENTS
    with pytest.raises(DataError, match=r"until 1970-01-01T00:00:00\.001000Z; that grant has expired") as caught:
        authorize(Right.READ, Principal("other"), NAME, state, at_us=1_000)
    assert caught.value.reason is Reason.GRANT_MISSING
    assert caught.value.metadata["command"] == "aol grant owner.events other read"


async def test_an_expired_grant_is_listed_as_expired_and_lists_no_collection(line: Line) -> None:
    await grant(line, "things", "read", expires_us=now_us() - 1)
    assert (await refused(line, GUEST, "CountData", COUNT)).metadata["expired"]
    assert (await answer(line, GUEST, "ListCollections", pb.ListCollectionsRequest())).collections == []
    reply = await line.operate("ListGrants", admin_pb2.ListGrantsRequest())
    [listed] = admin_pb2.ListGrantsResponse.FromString(reply.payload).grants
    assert listed.state == access_pb2.GRANT_STATE_EXPIRED


async def test_a_page_token_ends_with_the_limits_that_it_was_made_under(line: Line) -> None:
    query = pb.QueryDataRequest(collection=THINGS, page_size=1)
    for first, then, reason in (
        ({}, {"fields": ("a",)}, Reason.BAD_PAGE_TOKEN),
        ({"fields": ("a", "b")}, {"fields": ("a",)}, Reason.BAD_PAGE_TOKEN),
        ({}, {"where": {"a": 1}}, Reason.BAD_PAGE_TOKEN),
        ({}, {"expires_us": now_us() - 1}, Reason.GRANT_MISSING),
        ({"fields": ("a",)}, None, Reason.GRANT_MISSING),
    ):
        await grant(line, "things", "read", **first)
        query.page_token = ""
        query.page_token = (await answer(line, GUEST, "QueryData", query)).next_page_token
        if then is None:
            await line.registry.revoke(THINGS, GUEST)
        else:
            await grant(line, "things", "read", **then)
        assert (await refused(line, GUEST, "QueryData", query)).reason is reason
    await grant(line, "things", "read", fields=("a",))
    query.page_token = ""
    query.page_token = (await answer(line, GUEST, "QueryData", query)).next_page_token
    await grant(line, "things", "read", fields=("a",), expires_us=now_us() + 10**9)
    assert list((await answer(line, GUEST, "QueryData", query)).page.id) == ["2"]


# How it is given.


def request(**values: Any) -> pb.GrantAccessRequest:
    given = {"collection": "things", "target_service": GUEST, "permission": PERMISSIONS["read"], **values}
    return pb.GrantAccessRequest(**given)


@pytest.mark.parametrize(
    ("values", "reason", "place"),
    [
        ({"fields": ["a", "b..c"]}, Reason.BAD_PATH, "fields.1"),
        ({"fields": ["a.0"]}, Reason.BAD_PATH, "fields.0"),
        ({"fields": ["_secret"]}, Reason.BAD_PATH, "fields.0"),
        ({"fields": [""]}, Reason.BAD_PATH, "fields.0"),
        ({"fields": [f"f{number}" for number in range(257)]}, Reason.TOO_LARGE, "fields"),
        ({"where": "{"}, Reason.BAD_FILTER, "where"),
        ({"where": "[]"}, Reason.BAD_FILTER, "where"),
        ({"where": "{}"}, Reason.BAD_FILTER, "where"),
        ({"where": '{"a": {"$near": 1}}'}, Reason.BAD_FILTER, "where.a.$near"),
        ({"where": '{"$not": {"$text": "x"}}'}, Reason.BAD_FILTER, "where"),
        ({"where": '{"_version": 1}'}, Reason.BAD_PATH, "where"),
        ({"where": '{"_owner": "x"}'}, Reason.BAD_PATH, "where"),
        ({"where": json.dumps({"a": "x" * 5000})}, Reason.TOO_LARGE, "where"),
        ({"expires_us": -1}, Reason.BAD_REQUEST, "expires_us"),
        ({"expires_us": 1}, Reason.BAD_REQUEST, "expires_us"),
        ({"expires_us": 1 << 62}, Reason.BAD_REQUEST, "expires_us"),
        ({"target_service": "*x"}, Reason.BAD_PATH, "service"),
        ({"target_service": "-*"}, Reason.BAD_PATH, "target_service"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_limits_that_are_none_are_refused_with_their_place(
    line: Line, values: dict[str, Any], reason: Reason, place: str
) -> None:
    error = await refused(line, OWNER, "GrantAccess", request(**values))
    assert error.reason is reason
    assert [violation.path for violation in error.violations] == [place]
    assert line.registry.snapshot.grants == {}


async def test_granting_again_within_other_limits_replaces_and_within_the_same_changes_nothing(line: Line) -> None:
    said = []
    for values in ({"fields": ["b", "a.x", "a"]}, {"fields": ["a", "b"]}, {"where": '{"b":1,"a":2}'}, {}):
        response = await answer(line, OWNER, "GrantAccess", request(**values))
        said.append((response.granted, response.replaced))
    assert said == [(True, False), (False, False), (True, True), (True, True)]
    [only] = line.registry.snapshot.grants_of(THINGS, GUEST)
    assert only.limits == Limits()
    assert only.number == line.registry.snapshot.revision


async def test_the_record_of_a_grant_says_its_limits(line: Line) -> None:
    values = {"fields": ["a"], "where": '{"password": "x", "b": 1}', "expires_us": now_us() + 10**9}
    await answer(line, OWNER, "GrantAccess", request(**values))
    filters = line.records()[-1]["filters"]
    assert (filters["target_service"], filters["permission"], filters["fields"]) == (GUEST, "read", ["a"])
    assert filters["where"]["b"] == 1
    assert "$hmac" in filters["where"]["password"]
    assert filters["expires_us"] == values["expires_us"]


LIMITS: dict[str, dict[str, Any]] = {
    "fields": {"fields": ("a",)},
    "where": {"where": {"a": 1}},
    "expires": {"expires_us": now_us() + 10**10},
}


@pytest.mark.parametrize("kind", LIMITS)
async def test_a_limited_admin_passes_nothing_on_and_takes_nothing_away(line: Line, kind: str) -> None:
    await grant(line, "things", "admin", **LIMITS[kind])
    for rpc, message in (
        ("GrantAccess", request(collection=THINGS, permission=PERMISSIONS["admin"])),
        ("GrantAccess", request(collection=THINGS, target_service="third")),
        ("RevokeAccess", pb.RevokeAccessRequest(collection=THINGS, target_service="third")),
    ):
        error = await refused(line, GUEST, rpc, message)
        assert error.reason is Reason.GRANT_MISSING
        assert "within limits" in error.message
    await grant(line, "things", "admin")
    assert (await answer(line, GUEST, "GrantAccess", request(collection=THINGS, target_service="third"))).granted


MANIFEST = f"""\
metadata: {{name: {OWNER}}}
spec:
  dataRequirements:
    collections:
      - name: things
        sharing:
          - {{service: {GUEST}, permission: read, fields: [a], where: {{b: {{$gte: 2}}}}, expires: "{{expires}}"}}
"""
ASKING = f"""\
metadata: {{name: {GUEST}}}
spec: {{dataRequirements: {{accessRequests: [{{collection: {THINGS}, permission: read}}]}}}}
"""


async def test_a_manifest_shares_within_limits(line: Line) -> None:
    manifest = MANIFEST.replace("{expires}", "2100-01-01T00:00:00Z")
    for text in (ASKING, manifest):
        assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=text))).error is None
    assert await found(line, GUEST, THINGS) == [{"_id": "2", "a": 2}]
    [shared] = line.registry.snapshot.grants_of(THINGS, GUEST)
    assert shared.name == f"sharing:read#{line.registry.snapshot.revision}"
    past = MANIFEST.replace("{expires}", "2000-01-01T00:00:00Z")
    assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=past))).error is None
    assert (await refused(line, GUEST, "CountData", COUNT)).metadata["expired"]


# To many services.


def test_a_pattern_covers_the_names_that_begin_so() -> None:
    for pattern, service, expected in (
        ("*", "anything", True),
        ("reporting-*", "reporting-eu", True),
        ("reporting-*", "reporting", False),
        ("rep*", "reporting", True),
        ("reporting", "reporting-eu", False),
    ):
        assert covers(pattern, service) is expected
    for good in ("*", "a*", "reporting-*", "svc"):
        assert check_grantee(good) == good


async def test_only_an_operator_grants_to_many_and_the_owner_can_take_it_back(line: Line) -> None:
    many = request(collection=THINGS, target_service="gu*")
    assert (await refused(line, OWNER, "GrantAccess", many)).reason is Reason.GRANT_MISSING
    await grant(line, "things", "admin", service="admin")
    assert (await refused(line, "admin", "GrantAccess", many)).reason is Reason.GRANT_MISSING
    assert (await operate(line, DATA + "GrantAccess", many)).error is None
    assert len(await found(line, GUEST, THINGS)) == 2
    listed = await answer(line, GUEST, "ListCollections", pb.ListCollectionsRequest())
    assert [item.collection_id for item in listed.collections] == [THINGS]
    assert (await refused(line, "other", "CountData", COUNT)).reason is Reason.GRANT_MISSING
    # From one of them it cannot be taken, and the answer says by what it has it still.
    one = pb.RevokeAccessRequest(collection="things", target_service=GUEST)
    response = await answer(line, OWNER, "RevokeAccess", one)
    assert (response.revoked, list(response.still_by)) == (False, ["gu*"])
    all_of_them = pb.RevokeAccessRequest(collection="things", target_service="gu*")
    assert (await answer(line, OWNER, "RevokeAccess", all_of_them)).revoked
    assert (await refused(line, GUEST, "CountData", COUNT)).reason is Reason.GRANT_MISSING


async def test_no_service_can_be_called_as_a_pattern_is(line: Line) -> None:
    await grant(line, "things", "read", service="*")
    for name in ("*", "gu*"):
        assert (await refused(line, name, "CountData", COUNT)).reason is Reason.BAD_CREDENTIALS


def test_a_manifest_cannot_share_with_many() -> None:
    with pytest.raises(DataError, match=r"sharing\[0\]\.service"):
        parse_manifest(MANIFEST.replace(f"service: {GUEST}", 'service: "*"').replace("{expires}", "2100-01-01"), "m")


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("fields: [a..b]", r"sharing\[0\]\.fields\[0\]"),
        ("fields: []", r"sharing\[0\]\.fields"),
        ("where: {a: {$near: 1}}", r"sharing\[0\]\.where: a\.\$near"),
        ("where: {$text: x}", r"sharing\[0\]\.where"),
        ("where: {a..b: 1}", r"sharing\[0\]\.where: a\.\.b"),
        ("where: {}", r"sharing\[0\]\.where"),
        ("expires: soon", r"sharing\[0\]\.expires"),
    ],
)
def test_a_manifest_says_where_its_limits_are_none(said: str, place: str) -> None:
    text = MANIFEST.partition(", fields")[0] + f", {said}}}\n"
    with pytest.raises(DataError, match=place):
        parse_manifest(text, "m")
