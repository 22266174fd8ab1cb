"""Who holds what, whatever was said in whatever order? The rules of grants as tables, then against a real registry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.registry.access_changes import Granted
from aol_broker.registry.grants import AccessFact, Share, grants_for
from aol_broker.registry.snapshot import CollectionRecord, GrantState, Permission, Refusal
from aol_broker.registry.store import Registry
from aol_wire.errors import DataError, Reason

PERMISSIONS = st.lists(st.sampled_from(Permission), unique=True)


@pytest.mark.parametrize(
    ("shared", "revoked", "requested", "granted", "expected"),
    [
        # Nothing said, nothing held.
        ("", "", "", "", []),
        # Sharing without a request gives nothing.
        ("read", "", "", "", []),
        # A request alone waits.
        ("", "", "read", "", ["pending request read"]),
        # A request that sharing covers holds, with the permission that was asked for.
        ("read", "", "read", "", ["active sharing read"]),
        ("admin", "", "read", "", ["active sharing read"]),
        # A request that sharing does not cover waits.
        ("read", "", "write", "", ["pending request write"]),
        ("write", "", "read", "", ["pending request read"]),
        ("read write", "", "admin", "", ["pending request admin"]),
        # Each request counts by itself.
        ("read", "", "read write", "", ["active sharing read", "pending request write"]),
        # A grant by call holds, asked for or not, and answers the requests that it covers.
        ("", "", "", "read", ["active grant read"]),
        ("", "", "read", "read", ["active grant read"]),
        ("", "", "read write", "admin", ["active grant admin"]),
        ("", "", "write", "read", ["active grant read", "pending request write"]),
        # Both ways at once are both shown.
        ("read", "", "read", "read", ["active grant read", "active sharing read"]),
        # A revocation takes what sharing gives, and what covers it.
        ("read", "read", "read", "", ["pending request read"]),
        ("admin", "read", "admin", "", ["pending request admin"]),
        ("admin", "write", "read", "", ["active sharing read"]),
        ("admin", "write", "read write", "", ["active sharing read", "pending request write"]),
        # A grant made after a revocation counts.
        ("read", "read", "read", "read", ["active grant read"]),
    ],
)
def test_grants_follow_from_what_was_said(
    shared: str, revoked: str, requested: str, granted: str, expected: list[str]
) -> None:
    grants = grants_for(
        "shop.events",
        "bank",
        shared=[Share(Permission(item)) for item in shared.split()],
        revoked=[Permission(item) for item in revoked.split()],
        requested=[AccessFact(Permission(item), "why", 1) for item in requested.split()],
        granted=[AccessFact(Permission(item), "why", 1, "shop") for item in granted.split()],
    )
    assert [f"{grant.state} {grant.origin} {grant.permission}" for grant in grants] == expected


@given(PERMISSIONS, PERMISSIONS, PERMISSIONS, PERMISSIONS, PERMISSIONS)
def test_every_request_is_answered_and_nothing_holds_without_a_cause(
    shared: list[Permission],
    revoked: list[Permission],
    requested: list[Permission],
    granted: list[Permission],
    refused: list[Permission],
) -> None:
    grants = grants_for(
        "shop.events",
        "bank",
        shared=[Share(item) for item in shared],
        revoked=revoked,
        requested=[AccessFact(item, "", 1) for item in requested],
        granted=[AccessFact(item, "", 1, "shop") for item in granted],
        refused={item: Refusal("shop", "No.", 1) for item in refused},
    )
    turned_down = {grant.permission for grant in grants if grant.state is GrantState.REFUSED}
    active = {grant.permission for grant in grants if grant.state is GrantState.ACTIVE}
    pending = {grant.permission for grant in grants if grant.state is GrantState.PENDING}
    for item in requested:
        assert item in pending | turned_down or any(held.covers(item) for held in active)
    assert turned_down <= set(refused)
    assert not pending & set(refused)
    for item in pending | turned_down:
        assert item in requested
        assert not any(held.covers(item) for held in active)
    for item in active - set(granted):
        assert item in requested
        assert any(share.covers(item) for share in shared)
        assert not any(item.covers(lost) for lost in revoked)
    assert set(granted) <= active


def _owner(*shared: str) -> Manifest:
    sharing = tuple(Sharing("bank", Permission(item)) for item in shared)
    return Manifest("shop", "1", (DeclaredCollection("events", sharing=sharing),))


def _asker(*wanted: str) -> Manifest:
    return Manifest("bank", "1", (), tuple(AccessRequest("shop.events", Permission(item), "why") for item in wanted))


def _held(registry: Registry) -> list[str]:
    grants = registry.snapshot.grants_of("shop.events", "bank")
    return [f"{grant.state} {grant.origin} {grant.permission}" for grant in grants]


async def _apply(registry: Registry, manifest: Manifest, text: str = "") -> None:
    await registry.apply_manifest(manifest, text or repr(manifest), "manifest.yaml", "operator")


@pytest.mark.parametrize("order", [(_owner("read"), _asker("read")), (_asker("read"), _owner("read"))])
async def test_the_order_of_two_manifests_does_not_matter(registry: Registry, order: tuple[Manifest, ...]) -> None:
    for manifest in order:
        await _apply(registry, manifest)
    assert _held(registry) == ["active sharing read"]


async def test_a_request_on_an_unknown_service_waits_for_its_owner(registry: Registry) -> None:
    applied = await registry.apply_manifest(_asker("read"), "a", "manifest.yaml", "operator")
    assert [grant.permission for grant in applied.pending] == ["read"]
    assert applied.active == ()
    assert "shop" not in registry.snapshot.services
    await _apply(registry, _owner())
    assert _held(registry) == ["pending request read"]
    await _apply(registry, _owner("read"))
    assert _held(registry) == ["active sharing read"]
    again = await registry.apply_manifest(_asker("read"), "a", "manifest.yaml", "operator")
    assert [grant.permission for grant in again.active] == ["read"]
    assert again.pending == ()


async def test_sharing_that_is_taken_out_withdraws_what_only_it_gave(registry: Registry) -> None:
    await _apply(registry, _owner("read", "write"))
    await _apply(registry, _asker("read", "write"))
    await registry.grant("shop.events", "bank", Permission.WRITE, "shop")
    await _apply(registry, _owner())
    assert _held(registry) == ["active grant write", "pending request read"]


async def test_a_request_that_is_taken_out_withdraws_what_only_it_gave(registry: Registry) -> None:
    await _apply(registry, _owner("read", "write"))
    await _apply(registry, _asker("read", "write"))
    await registry.grant("shop.events", "bank", Permission.WRITE, "shop")
    await _apply(registry, _asker())
    assert _held(registry) == ["active grant write"]


async def test_a_grant_answers_a_pending_request_and_its_revocation_asks_it_again(registry: Registry) -> None:
    await _apply(registry, _owner())
    await _apply(registry, _asker("read"))
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop", "they asked") is Granted.NEW
    grant = registry.snapshot.grants_of("shop.events", "bank")[0]
    assert (grant.granted_by, grant.reason) == ("shop", "they asked")
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.UNCHANGED
    assert await registry.revoke("shop.events", "bank", Permission.READ) is True
    assert _held(registry) == ["pending request read"]
    assert await registry.revoke("shop.events", "bank", Permission.READ) is False


async def test_a_revocation_outlives_the_same_manifest_and_ends_with_another_text(registry: Registry) -> None:
    await _apply(registry, _owner("read"), "text 1")
    await _apply(registry, _asker("read"), "ask 1")
    assert await registry.revoke("shop.events", "bank", Permission.READ) is True
    assert _held(registry) == ["pending request read"]
    await _apply(registry, _owner("read"), "text 1")
    await _apply(registry, _asker("read"), "ask 2")
    assert _held(registry) == ["pending request read"]
    await _apply(registry, _owner("read"), "text 2")
    assert _held(registry) == ["active sharing read"]


async def test_a_revocation_counts_before_the_request_comes(registry: Registry) -> None:
    await _apply(registry, _owner("read"))
    assert await registry.revoke("shop.events", "bank") is True
    await _apply(registry, _asker("read"))
    assert _held(registry) == ["pending request read"]


async def test_after_a_revocation_the_permission_is_not_held_in_any_way(registry: Registry) -> None:
    await _apply(registry, _owner("admin"))
    await _apply(registry, _asker("read", "write", "admin"))
    await registry.grant("shop.events", "bank", Permission.ADMIN, "shop")
    assert await registry.revoke("shop.events", "bank", Permission.WRITE) is True
    assert _held(registry) == ["active sharing read", "pending request admin", "pending request write"]


async def test_revoking_without_a_permission_takes_everything(registry: Registry) -> None:
    await _apply(registry, _owner("read"))
    await _apply(registry, _asker("read"))
    for permission in Permission:
        await registry.grant("shop.events", "bank", permission, "shop")
    assert await registry.revoke("shop.events", "bank", None) is True
    assert _held(registry) == ["pending request read"]


async def test_a_grant_after_a_revocation_counts(registry: Registry) -> None:
    await _apply(registry, _owner("read"))
    await _apply(registry, _asker("read"))
    await registry.revoke("shop.events", "bank", None)
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    assert _held(registry) == ["active grant read"]


async def test_nothing_is_granted_to_an_owner_or_revoked_from_it(registry: Registry) -> None:
    await registry.declare_collection(CollectionRecord("shop", "events", "sqlite"), "shop")
    revision = registry.snapshot.revision
    with pytest.raises(DataError) as granting:
        await registry.grant("shop.events", "shop", Permission.READ, "shop")
    with pytest.raises(DataError) as revoking:
        await registry.revoke("shop.events", "shop")
    assert granting.value.reason is revoking.value.reason is Reason.BAD_REQUEST
    assert registry.snapshot.revision == revision


async def test_a_grant_of_one_service_is_not_of_another(registry: Registry) -> None:
    await registry.declare_collection(CollectionRecord("shop", "events", "sqlite"), "shop")
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    assert registry.snapshot.grants_of("shop.events", "ban") == ()
    assert registry.snapshot.grants_of("shop.event", "bank") == ()
    assert await registry.revoke("shop.events", "ban") is False
    assert _held(registry) == ["active grant read"]
