"""What was applied, and how do its indexes stand? ListManifestVersions, RetireManifestVersion, ListIndexes."""

from collections.abc import Iterator, Sequence

from aol.admin.v1 import plan_pb2 as pb
from aol_broker.commands.own_manifests import check_owner
from aol_broker.dispatch import Dispatch
from aol_broker.presentation import collection_to_proto, within_one_answer
from aol_broker.registry.deployments import ManifestVersion
from aol_broker.registry.manifest_history import ManifestHistory
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us
from aol_wire.indexes import IndexState, IndexStatus
from aol_wire.names import check_service

COLLECTIONS_A_CALL = 100
_DAY_US = 86_400 * 1_000_000


class ListManifestVersions:
    """Lists the versions of a service's manifest."""

    def __init__(self, registry: Registry, *, deployed_days: float) -> None:
        self._history = ManifestHistory(registry)
        self._deployed_us = round(deployed_days * _DAY_US)

    async def admit(self, request: Request[pb.ListManifestVersionsRequest], record: CollectionRecord | None) -> None:
        """Operators may ask, for a service's name, and services for their own."""
        check_owner(request.principal, check_service(request.arguments.service), "service")

    async def dispatch(
        self, request: Request[pb.ListManifestVersionsRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look them up."""
        versions = await self._history.versions(request.arguments.service)
        shown = within_one_answer(
            _versions(versions, now_us() - self._deployed_us), "The service has more versions than can be listed."
        )
        return Answer(pb.ListManifestVersionsResponse(versions=shown), len(shown))


class RetireManifestVersion:
    """Notes that an older version of a service does not run any more."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.RetireManifestVersionRequest], record: CollectionRecord | None) -> None:
        """Operators may do it, for a service's name, and services for their own."""
        check_owner(request.principal, check_service(request.arguments.service), "service")
        if request.arguments.version < 1:
            raise DataError.invalid(Reason.BAD_REQUEST, "version", "versions count from 1")

    async def dispatch(
        self, request: Request[pb.RetireManifestVersionRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Write it down."""
        service, version = request.arguments.service, request.arguments.version
        retired = await self._registry.retire_manifest(service, version)
        response = pb.RetireManifestVersionResponse(retired=retired)
        return Answer(response, int(retired), {"service": service, "version": version})


class ListIndexes:
    """Tells how the declared indexes of collections stand."""

    def __init__(self, registry: Registry, dispatch: Dispatch) -> None:
        self._registry = registry
        self._dispatch = dispatch

    async def admit(
        self, request: Request[pb.ListIndexesRequest], record: CollectionRecord | None
    ) -> Sequence[CollectionRecord]:
        """Return the collections that there are; for a service, those of its own."""
        asked = request.arguments.collections
        if len(asked) > COLLECTIONS_A_CALL:
            raise DataError.invalid(Reason.TOO_LARGE, "collections", f"at most {COLLECTIONS_A_CALL} a call")
        known, principal = self._registry.snapshot.collections, request.principal
        found = [known[id_] for id_ in asked if id_ in known]
        return [record for record in found if principal.is_operator or record.service == principal.service]

    async def dispatch(
        self,
        request: Request[pb.ListIndexesRequest],
        record: CollectionRecord | None,
        work: Sequence[CollectionRecord],
    ) -> Answer:
        """Ask their adapters."""
        found = pb.ListIndexesResponse()
        for collection in work:
            stands = {status.spec: status for status in await self._dispatch.inspect(collection)}
            indexes = [stands.get(spec, IndexStatus(spec, IndexState.BUILDING)) for spec in collection.indexes]
            shown = collection_to_proto(collection, (), indexes).indexes
            found.collections.add(collection=collection.collection_id, indexes=shown)
        return Answer(found, len(found.collections))


def _versions(versions: Sequence[ManifestVersion], since_us: int) -> Iterator[pb.ManifestVersion]:
    """Yield them as they travel. An older one counts as running while what took its place is newer than `since_us`."""
    superseded_us: int | None = None
    for version in versions:
        running = superseded_us is None or (version.retired_us == 0 and superseded_us > since_us)
        superseded_us = version.applied_us
        yield pb.ManifestVersion(
            version=version.version,
            source=version.source,
            sha256=version.sha256,
            applied_by=version.applied_by,
            applied_us=version.applied_us,
            plan=version.plan,
            deployed=running,
            retired_us=version.retired_us,
        )
