"""What would applying these manifests change? All changes of all services of a plan."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aol_broker.manifest.declaration import DeclaredCollection, Manifest
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.collections import collection
from aol_broker.planning.consumers import Consumers, DeployedRequests
from aol_broker.planning.context import Context
from aol_broker.planning.orphans import removed
from aol_broker.planning.sharing import requests
from aol_broker.registry.deployments import Deployments, ManifestVersion
from aol_broker.registry.snapshot import Snapshot
from aol_broker.usage.uses import Uses


@dataclass(frozen=True, slots=True)
class Candidate:
    """A manifest that is not what the registry has. `before` is the service's newest one; None when it has none."""

    manifest: Manifest
    before: Manifest | None
    registered_version: int = 0


def stands(version: ManifestVersion | None, sha256: str, snapshot: Snapshot) -> bool:
    """Whether a text is a service's newest, its collections are all there, and no grants are that it asks for no more:
    applying it changes nothing.

    Of versions of before abstracts were written down, it is not known; then this is False.
    """
    if version is None or version.sha256 != sha256 or version.abstract is None:
        return False
    records = (snapshot.collection(version.service, name) for name in version.abstract.collections)
    there = all(record is not None and record.declared for record in records)
    return there and not snapshot.orphaned_of(version.service)


def plan(
    candidates: Sequence[Candidate],
    snapshot: Snapshot,
    deployments: Deployments,
    uses: Uses,
    *,
    at_us: int,
    replaces: Collection[str] = (),
    documents: Mapping[str, int] | None = None,
) -> list[Change]:
    """Return what applying the candidates changes, service by service.

    Every deployment has its abstract. The versions that the candidates take the place of count as running, as all older
    ones do, except those of services that the plan `replaces`. `at_us` is the time, in microseconds since 1970.
    """
    planned = {item.manifest.service: item.manifest for item in candidates}
    running = list(_running(planned, deployments, replaces))
    consumers = Consumers(running, snapshot, uses, at_us)
    context = Context(snapshot, deployments, consumers, planned, dict(documents or {}), at_us)
    ordered = sorted(candidates, key=lambda item: item.manifest.service)
    return [change for item in ordered for change in _changes(item, context)]


def _running(
    planned: Mapping[str, Manifest], deployments: Deployments, replaces: Collection[str]
) -> Iterator[DeployedRequests]:
    for manifest in planned.values():
        yield DeployedRequests(manifest.service, 0, manifest.access_requests)
    for version in deployments.newest.values():
        if version.service not in planned or version.service not in replaces:
            yield _deployed(version)
    for version in deployments.older:
        if version.service not in replaces:
            yield _deployed(version)


def _deployed(version: ManifestVersion) -> DeployedRequests:
    requests_of = version.abstract.requests if version.abstract is not None else ()
    return DeployedRequests(version.service, version.version, requests_of)


def _changes(item: Candidate, context: Context) -> Iterator[Change]:
    manifest, service = item.manifest, item.manifest.service
    found = [*_collections(item, context), *requests(item.before, manifest, context), *removed(manifest, context)]
    old = item.before.version if item.before is not None else ""
    if manifest.version != old and item.before is not None:
        reason = "the service's own word for its version"
        yield Change(
            service,
            f"{service}.metadata.version",
            Action.CHANGED,
            Grade.SAFE,
            reason,
            old or "none",
            manifest.version or "none",
        )
    elif not found:
        action = Action.CHANGED if item.before is not None else Action.ADDED
        reason = (
            "its text is another, and says the same" if item.before is not None else "a service without collections"
        )
        yield Change(service, service, action, Grade.SAFE, reason, after="a new version")
    yield from found


def _collections(item: Candidate, context: Context) -> Iterator[Change]:
    service, snapshot = item.manifest.service, context.snapshot
    old, new = _by_name(item.before), _by_name(item.manifest)
    owned = {id_.partition(".")[2] for id_ in snapshot.owned_by(service)}
    for name in sorted({*old, *new, *owned}):
        record = snapshot.collection(service, name)
        yield from collection(service, record, old.get(name), new.get(name), context)


def _by_name(manifest: Manifest | None) -> dict[str, DeclaredCollection]:
    return {} if manifest is None else {item.name: item for item in manifest.collections}
