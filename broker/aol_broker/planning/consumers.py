"""Who uses a collection, or a field of it, and how is that known: declared, granted, or observed?"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aol_broker.access.limits import Limits
from aol_broker.drift.indexes import is_used
from aol_broker.manifest.declaration import AccessRequest
from aol_broker.planning.changes import Consumer, Known
from aol_broker.planning.limits import loses, narrowed, shows_some
from aol_broker.registry.snapshot import Grant, GrantState, Origin, Permission, Snapshot
from aol_broker.usage.counter import Count
from aol_broker.usage.uses import CALL, ELSEWHERE, WHOLE, Use, Uses
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.paths import format_path

_WRITES = frozenset({"insert", "insert_many", "update", "delete", "restore", "purge"})
_NAMED = {CALL: "", WHOLE: " of whole documents", ELSEWHERE: " of fields that are not recorded"}


@dataclass(frozen=True, slots=True)
class DeployedRequests:
    """What a version of a service's manifest asks for, which may be running. `version` is 0 for the one planned."""

    service: str
    version: int
    requests: tuple[AccessRequest, ...]


class Consumers:
    """Everybody who uses something of somebody else. Lookups are dict hits.

    What was seen of a service counts as far as it may still do that: who has no access any more loses nothing.
    """

    def __init__(self, deployed: Iterable[DeployedRequests], snapshot: Snapshot, uses: Uses, at_us: int) -> None:
        """:param at_us: the time by which grants are over, in microseconds since 1970."""
        self._snapshot = snapshot
        self._uses = uses
        self._at_us = at_us
        self._declared: defaultdict[str, list[tuple[DeployedRequests, AccessRequest]]] = defaultdict(list)
        for version in deployed:
            for request in version.requests:
                self._declared[request.collection_id].append((version, request))
        self._holders: defaultdict[str, list[str]] = defaultdict(list)
        for collection_id, service in snapshot.grants:
            self._holders[collection_id].append(service)

    def readers(self, collection_id: str, path: str | None = None) -> tuple[Consumer, ...]:
        """Return who reads a collection; or who may read a path of it or names it in any call. Its owner aside."""
        return self._all(collection_id, Permission.READ, path)

    def writers(self, collection_id: str) -> tuple[Consumer, ...]:
        """Return who writes to a collection; its owner aside."""
        return self._all(collection_id, Permission.WRITE, None)

    def users(self, collection_id: str) -> tuple[Consumer, ...]:
        """Return who reads a collection or writes to it; its owner aside."""
        return tuple(dict.fromkeys((*self.readers(collection_id), *self.writers(collection_id))))

    def lacking(
        self, collection_id: str, consumers: Iterable[Consumer], permissions: Collection[Permission]
    ) -> tuple[Consumer, ...]:
        """Return those consumers of a collection that hold none of some permissions."""
        return tuple(
            item
            for item in consumers
            if not any(self._holds(collection_id, item.service, permission) for permission in permissions)
        )

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
        """Return what was seen of a service that a permission lets it do, while it has that."""
        return tuple(
            _observed(use)
            for use in self._uses.uses(collection_id)
            if use.service == service
            and permission.covers(_needed(use))
            and self._holds(collection_id, service, _needed(use))
        )

    def losing(
        self, collection_id: str, service: str, permission: Permission, old: Limits, new: Limits
    ) -> tuple[Consumer, ...]:
        """Return what was seen of a service by a permission that meets fields which new limits of it do not show."""
        return tuple(
            _observed(use)
            for use in self._uses.by_collection.get(collection_id, ())
            if use.service == service and permission.covers(_needed(use)) and loses(old, new, use.path)
        )

    def served(self, collection_id: str, index: IndexSpec) -> tuple[Consumer, ...]:
        """Return whose filters and sort orders an index may have been of use for, its owner's too."""
        counts: defaultdict[tuple[str, str], Count] = defaultdict(Count)
        first = ", ".join(format_path(field.path) for field in index.fields[: None if _has_words(index) else 1])
        for use in self._uses.shapes(collection_id):
            if is_used(index, (use,)) and self._may_call(collection_id, use.service):
                named = "fields that are not recorded" if use.shape is None else first
                way = "looks for words in" if _has_words(index) else "filters or sorts by"
                counts[use.service, f"{way} {named}"].add(use.calls, use.last_us)
        return tuple(
            Consumer(service, Known.OBSERVED, f"{what}, {_times(count.calls)}", count.last_us)
            for (service, what), count in sorted(counts.items())
        )

    def granted_by_call(
        self,
        collection_id: str,
        service: str,
        permission: Permission,
        limits: Limits | None = None,
        *,
        besides: Collection[Grant] = (),
    ) -> bool:
        """Whether a service holds a permission by a call, `besides` what ends, and depends on no manifest: within no
        narrower limits than these, or in any."""
        return any(
            grant.origin is Origin.GRANT
            and grant.permission.covers(permission)
            and grant not in besides
            and self._is_active(grant)
            and (limits is None or not narrowed(limits, grant.limits))
            for grant in self._snapshot.grants_of(collection_id, service)
        )

    def _holds(self, collection_id: str, service: str, permission: Permission, path: str | None = None) -> bool:
        """Whether a service has a permission, on a path: who only waits for it is not broken by anything."""
        return any(
            self._is_active(grant) and grant.permission.covers(permission) and shows_some(grant.limits, path)
            for grant in self._snapshot.grants_of(collection_id, service)
        )

    def _may_call(self, collection_id: str, service: str) -> bool:
        return service == collection_id.partition(".")[0] or any(
            self._holds(collection_id, service, permission) for permission in (Permission.READ, Permission.WRITE)
        )

    def _is_active(self, grant: Grant) -> bool:
        return grant.state_at(self._at_us) is GrantState.ACTIVE

    def _all(self, collection_id: str, permission: Permission, path: str | None) -> tuple[Consumer, ...]:
        found = [
            _declared(version, request)
            for version, request in self._declared.get(collection_id, ())
            if request.permission.covers(permission)
            and self._holds(collection_id, version.service, request.permission, path)
        ]
        for service in self._holders.get(collection_id, ()):
            found += (
                Consumer(service, Known.GRANTED, f"{grant.permission} was granted by {grant.granted_by}")
                for grant in self._snapshot.grants.get((collection_id, service), ())
                if grant.origin is Origin.GRANT
                and self._is_active(grant)
                and grant.permission.covers(permission)
                and shows_some(grant.limits, path)
            )
        found += self._seen(collection_id, permission, path)
        return tuple(dict.fromkeys(sorted(found, key=lambda item: (item.service, item.known, item.detail))))

    def _seen(self, collection_id: str, permission: Permission, path: str | None) -> Iterable[Consumer]:
        owner = collection_id.partition(".")[0]
        for use in self._uses.uses(collection_id, path):
            by = _needed(use)
            # To name a field is to need it, be it for an update; to write a document as a whole is not.
            names = path is not None and use.path not in _NAMED
            if (
                (by is permission or names)
                and use.service != owner
                and self._holds(collection_id, use.service, by, path)
            ):
                yield _observed(use)


def _declared(version: DeployedRequests, request: AccessRequest) -> Consumer:
    which = f"version {version.version} of its manifest" if version.version else "its manifest"
    return Consumer(version.service, Known.DECLARED, f"{which} asks for {request.permission}")


def _observed(use: Use) -> Consumer:
    named = _NAMED.get(use.path, f" naming {use.path}")
    return Consumer(use.service, Known.OBSERVED, f"{use.verb}{named}, {_times(use.calls)}", use.last_us)


def _needed(use: Use) -> Permission:
    return Permission.WRITE if use.verb in _WRITES else Permission.READ


def _has_words(index: IndexSpec) -> bool:
    return index.type is IndexType.TEXT


def _times(calls: int) -> str:
    return "once" if calls == 1 else f"{calls:,} times"
