"""What do operators ask for? ApplyManifest, ListServices, ListCollections, ListGrants."""

import asyncio
from dataclasses import dataclass, replace

from aol.admin.v1 import access_pb2
from aol.admin.v1 import admin_pb2 as pb
from aol.data.v1 import collection_pb2
from aol_broker.access.service_patterns import covers
from aol_broker.backends import Backends
from aol_broker.commands.collections import warn_of_failed_indexes
from aol_broker.commands.manifests import SourcedText, check_source, collections_of, parse_all
from aol_broker.dispatch import Dispatch
from aol_broker.manifest import Manifest
from aol_broker.presentation import collection_to_proto, grant_to_proto, within_one_answer
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantKey
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.security.changing import consequences
from aol_wire.filters import Json


@dataclass(frozen=True, slots=True)
class ManifestToApply:
    """A manifest that is well formed, and its collections as they should be."""

    manifest: Manifest
    source: str
    collections: tuple[CollectionRecord, ...]


class ApplyManifest:
    """Registers what a service's manifest declares."""

    def __init__(self, registry: Registry, backends: Backends, dispatch: Dispatch) -> None:
        self._registry = registry
        self._backends = backends
        self._dispatch = dispatch

    async def admit(
        self, request: Request[pb.ApplyManifestRequest], record: CollectionRecord | None
    ) -> ManifestToApply:
        """Check all of the manifest, and that the adapters can do what it asks."""
        text = SourcedText(request.arguments.manifest, check_source(request.arguments.source, "source"))
        [manifest] = await parse_all([text], request.principal)
        return ManifestToApply(manifest, text.source, collections_of(manifest, self._registry.snapshot, self._backends))

    async def dispatch(
        self, request: Request[pb.ApplyManifestRequest], record: CollectionRecord | None, work: ManifestToApply
    ) -> Answer:
        """Make the collections in their databases first, then register everything in one transaction."""
        known = self._registry.snapshot.collections
        for collection in work.collections:
            if known.get(collection.collection_id) != collection:
                warn_of_failed_indexes(collection, await self._dispatch.ensure(collection))
        applied = await self._registry.apply_manifest(
            work.manifest, request.arguments.manifest, work.source, request.principal.name
        )
        response = pb.ApplyManifestResponse(
            service=applied.service,
            version=applied.version,
            changed=applied.changed,
            created_collections=applied.created,
            active_grants=[grant_to_proto(grant) for grant in applied.active],
            pending_grants=[grant_to_proto(grant) for grant in applied.pending],
            refused_grants=[grant_to_proto(grant) for grant in applied.refused],
            orphaned_grants=[grant_to_proto(grant) for grant in applied.orphaned],
            notices=[
                notice
                for collection in work.collections
                if (before := known.get(collection.collection_id)) is not None
                for notice in consequences(before, collection)
            ],
        )
        details: dict[str, Json] = {"service": applied.service, "version": applied.version, "changed": applied.changed}
        return Answer(response, len(work.collections), details)


class ListServices:
    """Lists the services that the registry knows."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.ListServicesRequest], record: CollectionRecord | None) -> None:
        """Operators may ask."""

    async def dispatch(
        self, request: Request[pb.ListServicesRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look them up."""
        snapshot = self._registry.snapshot
        services = within_one_answer(
            (
                pb.Service(
                    name=service.name,
                    manifest_version=service.manifest_version,
                    collection_count=len(snapshot.owned_by(service.name)),
                    created_us=service.created_us,
                )
                for _, service in sorted(snapshot.services.items())
            ),
            "The registry holds more services than can be listed.",
        )
        return Answer(pb.ListServicesResponse(services=services), len(services))


class ListAllCollections:
    """Lists all collections, or those of one service."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.ListCollectionsRequest], record: CollectionRecord | None) -> None:
        """Operators may ask."""

    async def dispatch(
        self, request: Request[pb.ListCollectionsRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look them up."""
        snapshot, service = self._registry.snapshot, request.arguments.service

        def listed() -> list[collection_pb2.Collection]:
            ids = snapshot.owned_by(service) if service else sorted(snapshot.collections)
            return within_one_answer(
                (collection_to_proto(snapshot.collections[id_]) for id_ in ids),
                "Describe the collections one by one." if service else "List the collections of one service at a time.",
            )

        # In a thread, as there may be many: calls go on meanwhile.
        collections = await asyncio.to_thread(listed)
        return Answer(pb.ListCollectionsResponse(collections=collections), len(collections))


class ListGrants:
    """Lists grants, and access requests that are pending or refused."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.ListGrantsRequest], record: CollectionRecord | None) -> None:
        """Operators may ask, and services for what they hold themselves."""

    async def dispatch(
        self, request: Request[pb.ListGrantsRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look them up."""
        collection, service = request.arguments.collection, request.arguments.service
        holder = "" if request.principal.is_operator else request.principal.service
        held = self._registry.snapshot.grants

        def is_wanted(key: GrantKey) -> bool:
            return collection in ("", key[0]) and all(covers(key[1], name) for name in (service, holder) if name)

        def listed() -> list[access_pb2.Grant]:
            return within_one_answer(
                (
                    grant_to_proto(_told_to(grant, holder))
                    for key in sorted(filter(is_wanted, held))
                    for grant in held[key]
                ),
                "List the grants of one collection, or to one service, at a time.",
            )

        # In a thread, as there may be many: calls go on meanwhile.
        grants = await asyncio.to_thread(listed)
        return Answer(pb.ListGrantsResponse(grants=grants), len(grants))


def _told_to(grant: Grant, holder: str) -> Grant:
    """Return a grant as its holder may see it, empty for an operator: a condition may be on what is hidden from it."""
    return replace(grant, limits=replace(grant.limits, where="")) if holder and grant.limits.where else grant
