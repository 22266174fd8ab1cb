"""How does a collection end? DropCollection."""

from aol.admin.v1 import admin_pb2 as pb
from aol_broker.commands import known, newest
from aol_broker.dispatch import Dispatch
from aol_broker.presentation import collection_to_proto
from aol_broker.registry.move_changes import not_dropped
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_wire.errors import DataError
from aol_wire.filters import Json


class DropCollection:
    """Drops a collection with its documents, and forgets it; or says what that would be."""

    def __init__(self, registry: Registry, dispatch: Dispatch) -> None:
        self._registry = registry
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.DropCollectionRequest], record: CollectionRecord | None) -> None:
        """Operators may ask."""

    async def dispatch(
        self, request: Request[pb.DropCollectionRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Drop it in the database first: what failed half-way is in the registry still, and can be dropped again."""
        record = await newest(self._registry, known(record))
        move = await self._registry.move_of(record.collection_id)
        if move is not None:
            raise not_dropped(move)
        response = pb.DropCollectionResponse(collection=collection_to_proto(record))
        details: dict[str, Json] = {"adapter": record.adapter}
        if request.arguments.dry_run:
            count = await self._count(record, request.remaining_s)
            if count is not None:
                response.document_count = count
            return Answer(response, count or 0, details)
        with self._dispatch.dropping(record):
            await self._dispatch.drop(record)
            await self._registry.drop_collection(record.collection_id)
        response.dropped = True
        return Answer(response, 1, details)

    async def _count(self, record: CollectionRecord, timeout_s: float) -> int | None:
        try:
            # Half of what is left, so that an adapter that hangs does not take the answer with it.
            return await self._dispatch.count_all(record, timeout_s=timeout_s / 2)
        except DataError:
            return None
