"""How do tests ask what manifests would change? A registry in which some are applied, without a database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.planning.changes import Change
from aol_broker.planning.planner import Candidate, plan
from aol_broker.registry.declaring import declared
from aol_broker.registry.deployments import Deployments, ManifestVersion, abstract_of
from aol_broker.registry.grants import AccessFact, Share, grants_for
from aol_broker.registry.snapshot import GrantKey, Permission, ServiceRecord, Snapshot
from aol_broker.usage.uses import ShapeUse, Use, Uses

NOW_US = 1_800_000_000_000_000


def parsed(manifest: str) -> Manifest:
    return parse_manifest(manifest, "manifest.yaml")


@dataclass(frozen=True)
class World:
    """A registry in which some manifests are applied."""

    manifests: Mapping[str, Manifest]
    snapshot: Snapshot
    deployments: Deployments

    def plan(self, *texts: str, uses: Uses | None = None, **options: Any) -> dict[str, Change]:
        """The changes that manifests make, by their paths."""
        planned = [parsed(item) for item in texts]
        candidates = [Candidate(item, self.manifests.get(item.service), 1) for item in planned]
        options = {"at_us": NOW_US, **options}
        changes = plan(candidates, self.snapshot, self.deployments, uses or Uses.of(0, ()), **options)
        return {change.path: change for change in changes}


def version(manifest: Manifest, number: int = 1, sha256: str = "") -> ManifestVersion:
    return ManifestVersion(manifest.service, number, "", sha256, "operator", 1, "", 0, abstract_of(manifest))


def world(
    *texts: str,
    older: Sequence[str] = (),
    granted: Sequence[tuple[str, str, Permission]] = (),
    answered: Sequence[tuple[str, str, Permission]] = (),
    revoked: Sequence[tuple[str, str, Permission]] = (),
) -> World:
    manifests = {item.service: item for item in map(parsed, texts)}
    facts: defaultdict[GrantKey, Any] = defaultdict(lambda: defaultdict(list))
    collections = {}
    for manifest in manifests.values():
        for collection in manifest.collections:
            record = declared(None, manifest.service, collection, "sqlite")
            collections[record.collection_id] = record
            for item in collection.sharing:
                facts[record.collection_id, item.service]["shared"].append(Share(item.permission, item.limits))
        for request in manifest.access_requests:
            facts[request.collection_id, manifest.service]["requested"].append(AccessFact(request.permission, "", 1))
    for collection_id, service, permission in granted:
        facts[collection_id, service]["granted"].append(AccessFact(permission, "", 1, "operator"))
    for collection_id, service, permission in answered:
        fact = AccessFact(permission, "", 1, "operator", number=2, answers_request=True)
        facts[collection_id, service]["granted"].append(fact)
    for collection_id, service, permission in revoked:
        facts[collection_id, service]["revoked"].append(permission)
    grants = {key: grants_for(*key, **parts) for key, parts in facts.items()}
    snapshot = Snapshot(1, {name: ServiceRecord(name, 1, 1) for name in manifests}, collections, grants)

    def permissions(kind: str) -> dict[GrantKey, frozenset[Permission]]:
        found = {key: [getattr(item, "permission", item) for item in parts[kind]] for key, parts in facts.items()}
        return {key: frozenset(items) for key, items in found.items() if items}

    deployments = Deployments(
        1,
        {name: version(manifest, 2) for name, manifest in manifests.items()},
        tuple(version(parsed(item)) for item in older),
        permissions("shared"),
        permissions("revoked"),
        permissions("requested"),
    )
    return World(manifests, snapshot, deployments)


def seen(*uses: tuple[str, str, str, int, int], shapes: Sequence[ShapeUse] = ()) -> Uses:
    """Calls on shop.items: each has a service, a verb, a path, how many they are, and when the last was."""
    # Each call is counted as such too, whatever it names.
    calls = {(service, verb): Use(service, verb, "", number, last) for service, verb, _, number, last in uses}
    found = [*(Use(*use) for use in uses), *calls.values()]
    return Uses.of(0, (("shop.items", use) for use in found), (("shop.items", use) for use in shapes))
