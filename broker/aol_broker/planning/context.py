"""What does a comparison go by beside the manifests? The registry as it is, and as the whole plan leaves it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from aol_broker.manifest.declaration import Manifest
from aol_broker.planning.consumers import Consumers
from aol_broker.registry.deployments import Deployments
from aol_broker.registry.snapshot import Permission, Snapshot


@dataclass(frozen=True, slots=True)
class Context:
    """`planned` are the manifests that the plan applies, by service; `documents`, by collection, how many a collection
    holds that is no longer declared, as far as that is known; `at_us` is the time, in microseconds since 1970."""

    snapshot: Snapshot
    deployments: Deployments
    consumers: Consumers
    planned: Mapping[str, Manifest] = field(default_factory=dict)
    documents: Mapping[str, int] = field(default_factory=dict)
    at_us: int = 0

    def shares(self, collection_id: str, service: str, permission: Permission) -> bool:
        """Whether the owner's manifest lets a service have a permission, once the plan is applied."""
        owner, _, name = collection_id.partition(".")
        held: Set[Permission]
        if owner in self.planned:
            held = {
                item.permission
                for collection in self.planned[owner].collections
                if collection.name == name
                for item in collection.sharing
                if item.service == service
            }
        else:
            key = (collection_id, service)
            held = self.deployments.shared.get(key, frozenset())
            if any(permission.covers(lost) for lost in self.deployments.revoked.get(key, ())):
                return False
        return any(item.covers(permission) for item in held)

    def asks(self, service: str, collection_id: str) -> frozenset[Permission]:
        """Return what a service asks for on a collection, once the plan is applied."""
        if service in self.planned:
            requests = self.planned[service].access_requests
            return frozenset(item.permission for item in requests if item.collection_id == collection_id)
        return self.deployments.requested.get((collection_id, service), frozenset())
