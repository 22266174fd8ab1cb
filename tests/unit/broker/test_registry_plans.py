"""Does the registry apply a plan whole or not at all, and tell which versions there were, on each kind of database?"""

import asyncio

import pytest

from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.registry.deployments import Abstract, digest
from aol_broker.registry.manifest_history import ManifestHistory
from aol_broker.registry.plan_changes import ManifestToApply, PlanToApply
from aol_broker.registry.snapshot import Permission
from aol_broker.registry.store import Registry
from aol_wire.errors import Applied, DataError, Reason

ASKED = AccessRequest("shop.items", Permission.READ, "sums")
SHOP = Manifest("shop", "1", (DeclaredCollection("items", sharing=(Sharing("bank", Permission.READ),)),))
BANK = Manifest("bank", "1", (), (ASKED,))


def plan(registry: Registry, name: str, *manifests: Manifest, **changed: object) -> PlanToApply:
    items = [ManifestToApply(item, f"{item.service} {name}", f"{item.service}.yaml") for item in manifests]
    return PlanToApply(name, registry.snapshot.revision, items, **changed)  # type: ignore[arg-type]


async def test_a_plan_is_one_change_of_the_registry(registry: Registry, other: Registry) -> None:
    before = registry.snapshot.revision
    applied = await registry.apply_plan(plan(registry, "first", SHOP, BANK), "operator")
    assert [(item.service, item.version, item.created) for item in applied.manifests] == [
        ("shop", 1, ("shop.items",)),
        ("bank", 1, ()),
    ]
    assert registry.snapshot.revision == before + 1
    assert await other.refresh(before + 1) == registry.snapshot


async def test_a_plan_of_another_revision_changes_nothing(registry: Registry, other: Registry) -> None:
    late = plan(registry, "late", SHOP)
    await other.apply_plan(plan(other, "first", BANK), "operator")
    with pytest.raises(DataError) as refused:
        await registry.apply_plan(late, "operator")
    assert (refused.value.reason, refused.value.applied) == (Reason.VERSION_MISMATCH, Applied.NO)
    await registry.refresh(other.snapshot.revision)
    assert registry.snapshot == other.snapshot
    assert "shop" not in registry.snapshot.services


async def test_of_plans_that_are_applied_at_once_by_two_brokers_one_wins(registry: Registry, other: Registry) -> None:
    plans = [(registry, plan(registry, "one", SHOP)), (other, plan(other, "two", BANK))]
    results = await asyncio.gather(
        *(broker.apply_plan(item, "operator") for broker, item in plans), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["AppliedPlan", "DataError"]


async def test_a_plan_that_was_applied_is_told_from_one_that_was_not(registry: Registry, other: Registry) -> None:
    first = plan(registry, "first", SHOP)
    await registry.apply_plan(first, "operator")
    again = await other.apply_plan(first, "operator")
    assert (again.already, [(item.service, item.version) for item in again.manifests]) == (True, [("shop", 1)])
    assert (await other.refresh(registry.snapshot.revision)).revision == registry.snapshot.revision


async def test_what_was_applied_can_be_looked_up(registry: Registry) -> None:
    await registry.apply_plan(plan(registry, "first", SHOP, BANK), "operator")
    await registry.apply_plan(plan(registry, "second", SHOP), "service:deployer")
    found = await ManifestHistory(registry).deployments(0)
    assert found.revision == registry.snapshot.revision
    assert {name: item.version for name, item in found.newest.items()} == {"shop": 2, "bank": 1}
    assert found.newest["bank"].abstract == Abstract((), (ASKED,))
    assert [(item.service, item.version, item.plan) for item in found.older] == [("shop", 1, "first")]
    key = ("shop.items", "bank")
    assert (set(found.shared[key]), set(found.requested[key])) == ({Permission.READ}, {Permission.READ})
    newest, oldest = await ManifestHistory(registry).versions("shop")
    assert (newest.applied_by, newest.sha256, oldest.version) == ("service:deployer", digest("shop second"), 1)
    wanted = [("shop", 1), ("bank", 1), ("bank", 2)]
    assert await ManifestHistory(registry).texts(wanted) == {("shop", 1): "shop first", ("bank", 1): "bank first"}
    # Superseded longer ago than that.
    assert (await ManifestHistory(registry).deployments(newest.applied_us)).older == ()


async def test_a_version_that_is_retired_does_not_count_any_more(registry: Registry) -> None:
    for name in ("first", "second", "third"):
        await registry.apply_plan(plan(registry, name, SHOP), "operator")
    assert await registry.retire_manifest("shop", 1) is True
    assert await registry.retire_manifest("shop", 1) is False
    assert [item.version for item in (await ManifestHistory(registry).deployments(0)).older] == [2]
    for version, word in ((3, "newest"), (9, "no version 9")):
        with pytest.raises(DataError) as refused:
            await registry.retire_manifest("shop", version)
        assert refused.value.reason is Reason.BAD_REQUEST
        assert word in refused.value.message
    await registry.apply_plan(plan(registry, "fourth", SHOP, replaces=("shop",)), "operator")
    assert (await ManifestHistory(registry).deployments(0)).older == ()
    assert [item.retired_us > 0 for item in await ManifestHistory(registry).versions("shop")] == [
        False,
        True,
        True,
        True,
    ]
