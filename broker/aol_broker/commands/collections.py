"""How are collections made and shown? RequestCollection, ListCollections, DescribeCollection."""

from dataclasses import replace

import structlog

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.access.holding import held_on
from aol_broker.backends import Backends, needed_by, require
from aol_broker.commands import known
from aol_broker.dispatch import Dispatch
from aol_broker.hints import check_expiring
from aol_broker.presentation import collection_to_proto, within_one_answer
from aol_broker.registry.declaring import requested
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.resolve import resolve
from aol_wire.adapter import Ensured
from aol_wire.errors import DataError, Reason
from aol_wire.index_parser import index_from_proto
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus
from aol_wire.limits import COLLECTION_MAX_INDEXES, DESCRIPTION_MAX_CHARACTERS
from aol_wire.schema_hint import read_schema_hint
from aol_wire.storage_parser import check_storage

_log = structlog.get_logger("aol.collections")


class RequestCollection:
    """Makes sure that a collection of the caller exists, with these indexes."""

    def __init__(self, registry: Registry, backends: Backends, dispatch: Dispatch, *, allow_undeclared: bool) -> None:
        self._registry = registry
        self._backends = backends
        self._dispatch = dispatch
        self._allow_undeclared = allow_undeclared

    async def admit(
        self, request: Request[pb.RequestCollectionRequest], record: CollectionRecord | None
    ) -> CollectionRecord:
        """Check the declaration and return the collection as it should be."""
        arguments, name = request.arguments, resolve(request.collection, request.principal.service)
        if record is None and not self._allow_undeclared:
            raise _undeclared(name.collection, request.principal.service)
        hint = read_schema_hint(arguments.schema_hint)
        asked = CollectionRecord(
            name.service,
            name.collection,
            adapter=self._backends.default,
            description=_description(arguments.description),
            schema_hint=hint.types,
            field_rules=hint.rules,
            indexes=_indexes(arguments),
        )
        wanted = requested(record, asked)
        check_expiring(wanted)
        # Another schema hint must still name the field datetime by which the collection is partitioned.
        check_storage(wanted.storage, wanted.datetime_paths)
        require(self._backends.of(wanted), needed_by(wanted))
        return wanted

    async def dispatch(
        self, request: Request[pb.RequestCollectionRequest], record: CollectionRecord | None, work: CollectionRecord
    ) -> Answer:
        """Make it in the database first, so that whoever sees it in the registry can use it."""
        if record != work:
            warn_of_failed_indexes(work, await self._dispatch.ensure(work))
        created = False
        if record != work:
            _, created = await self._registry.declare_collection(work, request.principal.name)
        return Answer(pb.RequestCollectionResponse(collection_id=work.collection_id, created=created), int(created))


class ListCollections:
    """Lists the collections that the caller may use."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.ListCollectionsRequest], record: CollectionRecord | None) -> None:
        """Every service may ask."""

    async def dispatch(
        self, request: Request[pb.ListCollectionsRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look them up."""
        snapshot, service = self._registry.snapshot, request.principal.service
        ids = sorted({*snapshot.owned_by(service), *snapshot.granted_to(service)})
        found = (record for collection_id in ids if (record := snapshot.collections.get(collection_id)) is not None)
        usable = (
            (record, held) for record in found if (held := held_on(snapshot, record, request.principal)).permissions
        )
        collections = within_one_answer(
            (collection_to_proto(held.seen(record), held.permissions) for record, held in usable),
            "Describe the collections one by one.",
        )
        return Answer(pb.ListCollectionsResponse(collections=collections), len(collections))


class DescribeCollection:
    """Describes one collection, with the state of its indexes."""

    def __init__(self, registry: Registry, dispatch: Dispatch) -> None:
        self._registry = registry
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.DescribeCollectionRequest], record: CollectionRecord | None) -> None:
        """Authorization has said all there is to say."""

    async def dispatch(
        self, request: Request[pb.DescribeCollectionRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Ask the adapter how the declared indexes stand."""
        held = held_on(self._registry.snapshot, known(record), request.principal)
        record = known(record)
        stands = {status.spec: status for status in await self._dispatch.inspect(record)}
        # One that the adapter does not know yet is about to be built.
        seen = held.seen(record)
        indexes = [stands.get(spec, IndexStatus(spec, IndexState.BUILDING)) for spec in seen.indexes]
        if held.limited:
            # It counts documents that the caller may not reach.
            indexes = [replace(index, offenders=0) for index in indexes]
        collection = collection_to_proto(seen, held.permissions, indexes)
        return Answer(pb.DescribeCollectionResponse(collection=collection), 1)


def warn_of_failed_indexes(record: CollectionRecord, ensured: Ensured) -> None:
    """Log the indexes that stored documents do not fit; DescribeCollection shows them too."""
    for status in ensured.indexes:
        if status.state is IndexState.FAILED:
            _log.warning(
                "index not built: stored documents do not fit it",
                collection=record.collection_id,
                index=status.spec.name,
                offenders=status.offenders,
            )


def _description(text: str) -> str:
    if len(text) > DESCRIPTION_MAX_CHARACTERS:
        raise DataError.invalid(Reason.TOO_LARGE, "description", f"at most {DESCRIPTION_MAX_CHARACTERS:,} characters")
    if "\0" in text:
        raise DataError.invalid(Reason.BAD_REQUEST, "description", "it holds a NUL character")
    return text


def _indexes(arguments: pb.RequestCollectionRequest) -> tuple[IndexSpec, ...]:
    # Counted before they are parsed, because a request may hold hundreds of thousands.
    if len(arguments.indexes) > COLLECTION_MAX_INDEXES:
        raise DataError.invalid(Reason.TOO_LARGE, "indexes", f"at most {COLLECTION_MAX_INDEXES} a collection")
    return tuple(dict.fromkeys(index_from_proto(index) for index in arguments.indexes))


def _undeclared(collection: str, service: str) -> DataError:
    return DataError(
        Reason.GRANT_MISSING,
        f"Collection '{collection}' is in no manifest, and this broker makes only collections that a manifest "
        f"declares (collections.allow_undeclared is false). Add it to {service}'s manifest under "
        f"dataRequirements.collections:\n    - name: {collection}\nand apply the manifest.",
        metadata={"collection": f"{service}.{collection}", "service": service},
    )
