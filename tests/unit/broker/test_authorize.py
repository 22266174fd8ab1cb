"""Authorization: the owner has every right, others what they were granted, and nothing is told of foreign names."""

from dataclasses import replace

import pytest

from aol_broker.authorize import Right, authorize
from aol_broker.registry.snapshot import (
    CollectionRecord,
    Grant,
    GrantState,
    Origin,
    Permission,
    ServiceRecord,
    Snapshot,
)
from aol_broker.request import Principal
from aol_broker.resolve import CollectionName
from aol_wire.errors import DataError, Reason

EVENTS = CollectionRecord("owner", "events", adapter="memory")
NAME = CollectionName("owner", "events")
OTHER = Principal("other")
ON_COLLECTION = (Right.ANY, Right.READ, Right.WRITE, Right.ADMIN, Right.GRANT)


def snapshot(*grants: tuple[Permission, GrantState]) -> Snapshot:
    held = tuple(Grant("owner.events", "other", permission, state, Origin.GRANT) for permission, state in grants)
    return Snapshot(
        1,
        {"owner": ServiceRecord("owner", 1, 0)},
        {"owner.events": EVENTS},
        {("owner.events", "other"): held} if held else {},
    )


def refusal(right: Right, principal: Principal, name: CollectionName | None, state: Snapshot) -> DataError:
    with pytest.raises(DataError) as caught:
        authorize(right, principal, name, state)
    return caught.value


@pytest.mark.parametrize("right", ON_COLLECTION)
def test_the_owner_has_every_right(right: Right) -> None:
    assert authorize(right, Principal("owner"), NAME, snapshot()).record is EVENTS


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        (Permission.READ, {Right.ANY, Right.READ}),
        (Permission.WRITE, {Right.ANY, Right.WRITE}),
        (Permission.ADMIN, set(ON_COLLECTION)),
    ],
)
def test_a_grant_allows_what_it_covers_and_no_more(held: Permission, allowed: set[Right]) -> None:
    state = snapshot((held, GrantState.ACTIVE))
    for right in ON_COLLECTION:
        if right in allowed:
            assert authorize(right, OTHER, NAME, state).record is EVENTS
        else:
            assert refusal(right, OTHER, NAME, state).reason is Reason.GRANT_MISSING


@pytest.mark.parametrize("right", ON_COLLECTION)
def test_without_a_grant_every_right_is_missing(right: Right) -> None:
    assert refusal(right, OTHER, NAME, snapshot()).reason is Reason.GRANT_MISSING


def test_a_denial_says_what_would_ask_for_the_grant() -> None:
    error = refusal(Right.READ, OTHER, NAME, snapshot())
    assert "Permission denied for collection 'owner.events'" in error.message
    assert error.metadata["manifest"] == (
        "accessRequests:\n  - collection: owner.events\n    permission: read\n    reason: ..."
    )
    assert error.metadata["command"] == "aol grant owner.events other read"
    assert error.metadata["permission"] == "read"


def test_a_pending_request_says_what_the_owner_must_do() -> None:
    error = refusal(Right.READ, OTHER, NAME, snapshot((Permission.READ, GrantState.PENDING)))
    assert error.reason is Reason.GRANT_PENDING
    assert "sharing: [{service: other, permission: read}]" in error.message
    assert "aol grant owner.events other read" in error.message


def test_a_pending_read_says_nothing_about_a_write() -> None:
    error = refusal(Right.WRITE, OTHER, NAME, snapshot((Permission.READ, GrantState.PENDING)))
    assert error.reason is Reason.GRANT_MISSING


def test_a_foreign_name_never_tells_whether_it_exists() -> None:
    there = refusal(Right.READ, OTHER, NAME, snapshot())
    absent = refusal(Right.READ, OTHER, CollectionName("owner", "absent"), snapshot())
    assert there.reason is absent.reason
    assert there.message.replace("events", "absent") == absent.message


def test_ones_own_missing_collection_is_not_found() -> None:
    error = refusal(Right.WRITE, Principal("owner"), CollectionName("owner", "absent"), snapshot())
    assert error.reason is Reason.COLLECTION_NOT_FOUND
    assert error.message.startswith("Collection 'absent' not found. Request it first")


def test_nobody_requests_a_collection_in_anothers_namespace() -> None:
    admin = snapshot((Permission.ADMIN, GrantState.ACTIVE))
    assert refusal(Right.OWNER, OTHER, NAME, admin).reason is Reason.GRANT_MISSING


def test_an_operator_may_grant_and_nothing_else() -> None:
    operator = Principal("", is_operator=True)
    assert authorize(Right.GRANT, operator, NAME, snapshot()).record is EVENTS
    for right in (Right.READ, Right.WRITE, Right.ADMIN):
        assert refusal(right, operator, NAME, snapshot()).reason is Reason.NO_CREDENTIALS


def test_an_operator_who_acts_for_a_service_reads_no_more_than_it() -> None:
    operator = Principal("other", is_operator=True)
    assert refusal(Right.READ, operator, NAME, snapshot()).reason is Reason.GRANT_MISSING


def test_a_service_is_no_operator_whatever_its_name() -> None:
    assert refusal(Right.OPERATOR, Principal("operator"), None, snapshot()).reason is Reason.NO_CREDENTIALS


def by_what_right(right: Right, principal: Principal, state: Snapshot, name: CollectionName | None = NAME) -> str:
    return authorize(right, principal, name, state).grant


def test_it_is_told_by_what_right_a_call_was_allowed() -> None:
    operator = Principal("", is_operator=True)
    shared = Grant("owner.events", "other", Permission.READ, GrantState.ACTIVE, Origin.SHARING)
    granted = Grant("owner.events", "other", Permission.ADMIN, GrantState.ACTIVE, Origin.GRANT)
    state = replace(snapshot(), grants={("owner.events", "other"): (shared, granted)})
    assert by_what_right(Right.READ, Principal("owner"), state) == "owner"
    assert by_what_right(Right.OWNER, Principal("owner"), state, CollectionName("owner", "new")) == "owner"
    assert by_what_right(Right.READ, OTHER, state) == "sharing:read"
    assert by_what_right(Right.WRITE, OTHER, state) == "grant:admin"
    assert by_what_right(Right.GRANT, operator, state) == "operator"
    assert by_what_right(Right.OPERATOR, operator, state, None) == "operator"
    assert by_what_right(Right.SERVICE, OTHER, state, None) == "service"
