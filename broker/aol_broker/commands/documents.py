"""How are documents changed? StoreData, StoreBatch, UpdateData, DeleteData."""

from collections.abc import Sequence

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.admission import Admitted, admit_document, admit_update
from aol_broker.backends import Backends, require
from aol_broker.commands import known
from aol_broker.dispatch import Dispatch
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.request import Answer, Request
from aol_wire.adapter import Capability, Delete, Insert, Outcome, Update
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Compare, Filter, Operator
from aol_wire.ids import now_us
from aol_wire.limits import BATCH_MAX_DOCUMENTS
from aol_wire.metadata import ID
from aol_wire.status import to_status
from aol_wire.update_parser import parse_update


class StoreData:
    """Inserts one document."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.StoreDataRequest], record: CollectionRecord | None) -> Insert:
        """Check the document."""
        admitted = admit_document(request.arguments.document, request.arguments.document_id, known(record))
        return Insert(admitted.id, admitted.json, now_us())

    async def dispatch(
        self, request: Request[pb.StoreDataRequest], record: CollectionRecord | None, work: Insert
    ) -> Answer:
        """Insert it."""
        outcome = await self._dispatch.write_one(known(record), work, timeout_s=request.remaining_s)
        response = pb.StoreDataResponse(success=True, document_id=work.id, was_duplicate=outcome.was_duplicate)
        return Answer(response, result_count=1)


class StoreBatch:
    """Inserts many documents: all that are good, or with `atomic` all or none."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(
        self, request: Request[pb.StoreBatchRequest], record: CollectionRecord | None
    ) -> list[Admitted | DataError]:
        """Check the documents; with `atomic` the first bad one refuses them all."""
        arguments, record = request.arguments, known(record)
        documents, ids = arguments.documents, arguments.document_ids
        if len(documents) > BATCH_MAX_DOCUMENTS:
            raise DataError.invalid(Reason.TOO_LARGE, "documents", f"at most {BATCH_MAX_DOCUMENTS:,} in one batch")
        if ids and len(ids) != len(documents):
            raise DataError.invalid(Reason.BAD_REQUEST, "document_ids", "give none, or one for each document")
        if arguments.atomic:
            require(self._backends.of(record), frozenset({Capability.ATOMIC}))
        admitted: list[Admitted | DataError] = []
        for index, text in enumerate(documents):
            try:
                admitted.append(admit_document(text, ids[index] if ids else "", record))
            except DataError as error:
                if arguments.atomic:
                    raise _of_document(error, index) from None
                admitted.append(error)
        return admitted

    async def dispatch(
        self, request: Request[pb.StoreBatchRequest], record: CollectionRecord | None, work: list[Admitted | DataError]
    ) -> Answer:
        """Insert those that were admitted."""
        now = now_us()
        inserts = [Insert(item.id, item.json, now) for item in work if isinstance(item, Admitted)]
        outcomes: list[Outcome] = []
        if inserts:
            outcomes = await self._dispatch.write(
                known(record), inserts, timeout_s=request.remaining_s, atomic=request.arguments.atomic
            )
        return _batch_answer(work, outcomes)


def _batch_answer(work: Sequence[Admitted | DataError], outcomes: Sequence[Outcome]) -> Answer:
    response = pb.StoreBatchResponse()
    remaining = iter(outcomes)
    for index, item in enumerate(work):
        error = item if isinstance(item, DataError) else next(remaining).error
        response.document_ids.append(item.id if isinstance(item, Admitted) else "")
        if error is None:
            response.stored_count += 1
        else:
            response.failures.add(index=index, status=to_status(error).SerializeToString())
    return Answer(response, result_count=response.stored_count)


def _of_document(error: DataError, index: int) -> DataError:
    return DataError(
        error.reason,
        f"documents[{index}]: {error.message}",
        violations=error.violations,
        metadata={**error.metadata, "index": str(index)},
    )


class UpdateData:
    """Changes the documents that match a filter."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.UpdateDataRequest], record: CollectionRecord | None) -> Update:
        """Check the filter, the guards and the update."""
        arguments, record = request.arguments, known(record)
        guarded = _guarded_filter(arguments, record, self._backends)
        operations = parse_update(arguments.update, record.datetime_paths)
        return Update(
            guarded,
            admit_update(operations, record),
            now_us(),
            max_affected=arguments.max_affected if arguments.HasField("max_affected") else None,
            if_version=arguments.if_version if arguments.HasField("if_version") else None,
        )

    async def dispatch(
        self, request: Request[pb.UpdateDataRequest], record: CollectionRecord | None, work: Update
    ) -> Answer:
        """Update them."""
        outcome = await self._dispatch.write_one(known(record), work, timeout_s=request.remaining_s)
        return Answer(pb.UpdateDataResponse(updated_count=outcome.affected), outcome.affected)


class DeleteData:
    """Deletes the documents that match a filter, or marks them where the collection says so."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.DeleteDataRequest], record: CollectionRecord | None) -> Delete:
        """Check the filter and the guards."""
        arguments, record = request.arguments, known(record)
        return Delete(
            _guarded_filter(arguments, record, self._backends),
            now_us(),
            soft=record.soft_delete,
            max_affected=arguments.max_affected if arguments.HasField("max_affected") else None,
            if_version=arguments.if_version if arguments.HasField("if_version") else None,
        )

    async def dispatch(
        self, request: Request[pb.DeleteDataRequest], record: CollectionRecord | None, work: Delete
    ) -> Answer:
        """Delete them."""
        outcome = await self._dispatch.write_one(known(record), work, timeout_s=request.remaining_s)
        return Answer(pb.DeleteDataResponse(deleted_count=outcome.affected), outcome.affected)


def _guarded_filter(
    arguments: pb.UpdateDataRequest | pb.DeleteDataRequest, record: CollectionRecord, backends: Backends
) -> Filter | None:
    """Return the parsed filter of a change, when the guards of the design allow it."""
    parsed = parse_filter(arguments.filter, record.datetime_paths)
    if parsed is None and not arguments.allow_all:
        raise DataError.invalid(
            Reason.FILTER_REQUIRED, "filter", "it is empty, which means every document; say allow_all if that is meant"
        )
    if parsed is not None:
        require(backends.of(record), required_by_filter(parsed))
    if arguments.HasField("max_affected") and arguments.max_affected < 0:
        raise DataError.invalid(Reason.BAD_REQUEST, "max_affected", "it is 0 or more")
    names_one = isinstance(parsed, Compare) and parsed.path == (ID,) and parsed.operator is Operator.EQ
    if arguments.HasField("if_version") and not names_one:
        raise DataError.invalid(Reason.BAD_FILTER, "filter", "if_version needs a filter of just _id: {'_id': ...}")
    return parsed
