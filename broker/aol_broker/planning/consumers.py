"""Who uses a collection, or a field of it, and how is that known: declared, granted, or observed?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aol_broker.manifest.declaration import AccessRequest
from aol_broker.planning.changes import Consumer, Known
from aol_broker.registry.snapshot import Grant, GrantState, Origin, Permission, Snapshot

_WRITES = frozenset({"insert", "insert_many", "update", "delete", "restore", "purge"})


class Use(Protocol):
    """Calls of one service that were seen: the verb, the path that they named, how many, and when the last was."""

    @property
    def service(self) -> str:
        """Who called."""

    @property
    def verb(self) -> str:
        """What it called, as audit records name it: `query`, `insert`."""

    @property
    def path(self) -> str:
        """What they named; not a path where they read or wrote whole documents."""

    @property
    def calls(self) -> int:
        """How often."""

    @property
    def last_us(self) -> int:
        """When last, microseconds since 1970."""


class Observed(Protocol):
    """What was seen of calls."""

    def uses(self, collection_id: str, path: str | None) -> Sequence[Use]:
        """Return who used a collection, or a path of it or one below or above it."""


class Unobserved:
    """Nothing was seen."""

    def uses(self, collection_id: str, path: str | None) -> Sequence[Use]:
        """Return nothing."""
        del collection_id, path
        return ()


@dataclass(frozen=True, slots=True)
class DeployedRequests:
    """What a version of a service's manifest asks for, which may be running. `version` is 0 for the one planned."""

    service: str
    version: int
    requests: tuple[AccessRequest, ...]


class Consumers:
    """Everybody who uses something of somebody else. Lookups are dict hits."""

    def __init__(self, deployed: Iterable[DeployedRequests], snapshot: Snapshot, observed: Observed) -> None:
        self._snapshot = snapshot
        self._observed = observed
        self._declared: defaultdict[str, list[tuple[DeployedRequests, AccessRequest]]] = defaultdict(list)
        for version in deployed:
            for request in version.requests:
                self._declared[request.collection_id].append((version, request))
        self._holders: defaultdict[str, list[str]] = defaultdict(list)
        for collection_id, service in snapshot.grants:
            self._holders[collection_id].append(service)

    def readers(self, collection_id: str, path: str | None = None) -> tuple[Consumer, ...]:
        """Return who reads a collection, or may read a path of it; its owner aside."""
        return self._all(collection_id, Permission.READ, path)

    def writers(self, collection_id: str) -> tuple[Consumer, ...]:
        """Return who writes to a collection; its owner aside."""
        return self._all(collection_id, Permission.WRITE, None)

    def declaring(self, collection_id: str, service: str, permission: Permission) -> tuple[Consumer, ...]:
        """Return which deployed versions of a service ask for what a permission gives, and have it."""
        return tuple(
            _declared(version, request)
            for version, request in self._declared.get(collection_id, ())
            if version.service == service
            and permission.covers(request.permission)
            and self._holds(collection_id, service, request.permission)
        )

    def observed(self, collection_id: str, service: str, permission: Permission) -> tuple[Consumer, ...]:
        """Return what was seen of a service that a permission lets it do."""
        return tuple(item for item in self._seen(collection_id, None, permission) if item.service == service)

    def seen(self, collection_id: str, path: str) -> tuple[Consumer, ...]:
        """Return who was seen to name a path, or one below it; its owner too."""
        return tuple(
            _observed(use)
            for use in self._observed.uses(collection_id, path)
            if use.path == path or use.path.startswith(f"{path}.")
        )

    def granted_by_call(self, collection_id: str, service: str, permission: Permission) -> bool:
        """Whether a service holds a permission by a call, so that it does not depend on manifests."""
        return any(
            grant.origin is Origin.GRANT and grant.permission.covers(permission)
            for grant in self._snapshot.grants_of(collection_id, service)
        )

    def _holds(self, collection_id: str, service: str, permission: Permission, path: str | None = None) -> bool:
        """Whether a service has a permission, and is shown a path: who only waits for it is not broken by anything."""
        return any(
            grant.state is GrantState.ACTIVE and grant.permission.covers(permission) and _shows(grant, path)
            for grant in self._snapshot.grants_of(collection_id, service)
        )

    def _all(self, collection_id: str, permission: Permission, path: str | None) -> tuple[Consumer, ...]:
        owner = collection_id.partition(".")[0]
        found = [
            _declared(version, request)
            for version, request in self._declared.get(collection_id, ())
            if request.permission.covers(permission)
            and self._holds(collection_id, version.service, request.permission, path)
        ]
        for service in self._holders.get(collection_id, ()):
            found += (
                Consumer(service, Known.GRANTED, f"{grant.permission} was granted by {grant.granted_by}")
                for grant in self._snapshot.grants[collection_id, service]
                if grant.state is GrantState.ACTIVE
                and grant.origin is Origin.GRANT
                and grant.permission.covers(permission)
                and _shows(grant, path)
            )
        found += (item for item in self._seen(collection_id, path, permission) if item.service != owner)
        return tuple(dict.fromkeys(sorted(found, key=lambda item: (item.service, item.known, item.detail))))

    def _seen(self, collection_id: str, path: str | None, permission: Permission) -> list[Consumer]:
        kinds = {Permission.READ: (False,), Permission.WRITE: (True,), Permission.ADMIN: (False, True)}[permission]
        return [_observed(use) for use in self._observed.uses(collection_id, path) if (use.verb in _WRITES) in kinds]


def _shows(grant: Grant, path: str | None) -> bool:
    """Whether a grant is one for a path, or for something above it or below it."""
    if path is None or not grant.limits.fields:
        return True
    wanted = tuple(path.split("."))
    return any(wanted[: len(shown)] == shown[: len(wanted)] for shown in grant.limits.fields)


def _declared(version: DeployedRequests, request: AccessRequest) -> Consumer:
    which = f"version {version.version} of its manifest" if version.version else "its manifest"
    return Consumer(version.service, Known.DECLARED, f"{which} asks for {request.permission}")


def _observed(use: Use) -> Consumer:
    return Consumer(use.service, Known.OBSERVED, f"{use.verb}, {_times(use.calls)}", use.last_us)


def _times(calls: int) -> str:
    return "once" if calls == 1 else f"{calls:,} times"
