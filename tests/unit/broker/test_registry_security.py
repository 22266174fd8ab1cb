"""Does every broker of a registry know what security a collection keeps, whatever becomes of its manifest?"""

import pytest

from aol_broker.manifest.declaration import DeclaredCollection, Manifest
from aol_broker.registry.database import Database
from aol_broker.registry.schema import take_down
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy, TenantRule

POLICIES = [
    SecurityPolicy(TenantRule.REQUIRED, owner=True, acl=True, attributes=('{"a":"$context.x"}', '{"ü":1}')),
    SecurityPolicy(TenantRule.OPTIONAL),
    SecurityPolicy(owner=True),
    NO_SECURITY,
]


@pytest.mark.parametrize("policy", POLICIES, ids=range(len(POLICIES)))
async def test_another_broker_reads_the_policy_as_it_was_declared(
    registry: Registry, other: Registry, policy: SecurityPolicy
) -> None:
    manifest = Manifest("shop", collections=(DeclaredCollection("items", security=policy),))
    await registry.apply_manifest(manifest, "text", "manifest.yaml", "operator")
    seen = (await other.refresh(registry.snapshot.revision)).collections["shop.items"]
    assert seen.security == policy
    assert bool(seen.security) is (policy is not NO_SECURITY)


async def test_a_collection_keeps_its_security_when_its_manifest_or_its_service_says_nothing_of_it(
    registry: Registry,
) -> None:
    manifest = Manifest("shop", collections=(DeclaredCollection("items", security=POLICIES[0]),))
    await registry.apply_manifest(manifest, "text", "manifest.yaml", "operator")
    await registry.declare_collection(CollectionRecord("shop", "items", "sqlite", description="again"), "service:shop")
    await registry.apply_manifest(Manifest("shop"), "none", "manifest.yaml", "operator")
    record = registry.snapshot.collections["shop.items"]
    assert (record.description, record.declared, record.security) == ("again", False, POLICIES[0])


async def test_what_does_not_know_of_security_gets_no_registry_in_which_there_is_some(
    registry: Registry, registry_url: str
) -> None:
    manifest = Manifest("shop", collections=(DeclaredCollection("items", security=POLICIES[2]),))
    await registry.apply_manifest(manifest, "text", "manifest.yaml", "operator")
    database = Database(registry_url)
    with pytest.raises(RuntimeError, match=r"shop\.items"):
        async with database.migrating() as connection:
            await connection.run_sync(take_down, "0005")
    await database.close()
