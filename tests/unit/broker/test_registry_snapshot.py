"""Does a snapshot answer at once, and stay as it is?"""

from dataclasses import FrozenInstanceError

import pytest

from aol_broker.registry.snapshot import (
    CollectionRecord,
    Grant,
    GrantState,
    Origin,
    Permission,
    Snapshot,
)

EVENTS = CollectionRecord("shop", "events", "sqlite", schema_hint={"at": "datetime", "a.b": "datetime", "n": "number"})


def _grant(collection_id: str, service: str) -> Grant:
    return Grant(collection_id, service, Permission.READ, GrantState.ACTIVE, Origin.GRANT)


@pytest.mark.parametrize(
    ("held", "wanted", "covered"),
    [
        ("read", "read", True),
        ("read", "write", False),
        ("read", "admin", False),
        ("write", "read", False),
        ("write", "write", True),
        ("write", "admin", False),
        ("admin", "read", True),
        ("admin", "write", True),
        ("admin", "admin", True),
    ],
)
def test_only_admin_covers_another_permission(held: str, wanted: str, covered: bool) -> None:
    assert Permission(held).covers(Permission(wanted)) is covered


def test_a_record_knows_its_id_and_its_datetime_paths() -> None:
    assert EVENTS.collection_id == "shop.events"
    assert EVENTS.datetime_paths == {("at",), ("a", "b")}


def test_a_collection_is_found_by_its_names_and_another_is_not() -> None:
    snapshot = Snapshot(1, {}, {"shop.events": EVENTS})
    assert snapshot.collection("shop", "events") is EVENTS
    assert snapshot.collection("shop", "event") is None
    assert snapshot.collection("shop.events", "") is None


def test_a_snapshot_cannot_be_changed() -> None:
    given = {"shop.events": EVENTS}
    snapshot = Snapshot(1, {}, given)
    given.clear()
    assert snapshot.collection("shop", "events") is EVENTS
    with pytest.raises(TypeError):
        snapshot.collections["shop.more"] = EVENTS  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        snapshot.revision = 2  # type: ignore[misc]


def test_a_snapshot_lists_what_a_service_owns_and_what_it_was_granted() -> None:
    records = [CollectionRecord("shop", name, "sqlite") for name in ("b", "a")] + [
        CollectionRecord("bank", "c", "sqlite")
    ]
    grants = {(id_, "bank"): (_grant(id_, "bank"),) for id_ in ("shop.b", "nobody.x", "shop.a")}
    snapshot = Snapshot(1, {}, {record.collection_id: record for record in records}, grants)
    assert snapshot.owned_by("shop") == ("shop.a", "shop.b")
    assert snapshot.owned_by("nobody") == ()
    assert snapshot.granted_to("bank") == ("nobody.x", "shop.a", "shop.b")
    assert snapshot.grants_of("shop.a", "bank") == (_grant("shop.a", "bank"),)
    assert snapshot.grants_of("shop.a", "shop") == ()
