"""How are documents stored? StoreData, StoreBatch."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.admission import Admitted, admit_document, admit_documents
from aol_broker.backends import Backends, require
from aol_broker.commands import known
from aol_broker.dispatch import Dispatch
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.request import Answer, Request
from aol_broker.security.duplicates import own_duplicates
from aol_wire.adapter import Capability, Insert, Outcome
from aol_wire.errors import Applied, DataError, Reason, Violation
from aol_wire.ids import now_us
from aol_wire.limits import BATCH_MAX_DOCUMENTS
from aol_wire.metadata import BATCH_LIMIT
from aol_wire.status import to_status

# Checking documents holds the event loop; other calls get their turn after so much text, some ten milliseconds.
_SLICE_CHARACTERS = 256 << 10
# What a document costs besides its text, in characters.
_DOCUMENT_CHARACTERS = 256
# Failures beyond this are told by their reason alone, so that the answer stays one that a channel takes.
_FAILURES_FULL_BYTES = 2 << 20


class StoreData:
    """Inserts one document."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.StoreDataRequest], record: CollectionRecord | None) -> Insert:
        """Check the document."""
        arguments, scope = request.arguments, request.scope
        admitted = admit_document(arguments.document, arguments.document_id, known(record), scope)
        return Insert(admitted.id, admitted.json, now_us(), admitted.owner, admitted.acl)

    async def dispatch(
        self, request: Request[pb.StoreDataRequest], record: CollectionRecord | None, work: Insert
    ) -> Answer:
        """Insert it."""
        record, scope = known(record), request.scope
        outcome = await self._dispatch.write_one(record, scope, work, timeout_s=request.remaining_s)
        if outcome.was_duplicate:
            if scope.fields is not None:
                raise scope.fields.taken()
            [outcome] = await own_duplicates(
                self._dispatch, record, scope, [work], [outcome], timeout_s=request.remaining_s
            )
            if outcome.error is not None:
                raise outcome.error
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
        # A slice is a list, which is read much faster than a column.
        documents, ids = arguments.documents[:], arguments.document_ids[:]
        _check_count(len(documents), request)
        if ids and len(ids) != len(documents):
            raise DataError.invalid(Reason.BAD_REQUEST, "document_ids", "give none, or one for each document")
        if arguments.atomic:
            require(self._backends.of(record), frozenset({Capability.ATOMIC}))
            if request.scope.fields is not None:
                request.scope.fields.refuse_atomic()
        admitted: list[Admitted | DataError] = []
        for some in _slices(documents):
            if admitted:
                await asyncio.sleep(0)
            own_ids = ids[some] if ids else [""] * len(documents[some])
            for outcome in admit_documents(documents[some], own_ids, record, request.scope):
                if not isinstance(outcome, DataError):
                    admitted.append(outcome)
                elif arguments.atomic:
                    raise _of_document(outcome, len(admitted))
                else:
                    admitted.append(request.scope.told(outcome, record.indexes))
        return admitted

    async def dispatch(
        self, request: Request[pb.StoreBatchRequest], record: CollectionRecord | None, work: list[Admitted | DataError]
    ) -> Answer:
        """Insert those that were admitted."""
        now = now_us()
        inserts = [Insert(item.id, item.json, now, item.owner, item.acl) for item in work if isinstance(item, Admitted)]
        outcomes: list[Outcome] = []
        if inserts:
            record, scope, atomic = known(record), request.scope, request.arguments.atomic
            outcomes = await self._dispatch.write(record, scope, inserts, timeout_s=request.remaining_s, atomic=atomic)
            outcomes = await own_duplicates(
                self._dispatch, record, scope, inserts, outcomes, timeout_s=request.remaining_s
            )
            if scope.fields is not None:
                outcomes = [scope.fields.outcome(item, record.indexes) for item in outcomes]
            if atomic:
                _refuse_taken(outcomes)
        return _batch_answer(work, outcomes)


def _slices(documents: Sequence[str]) -> Iterator[slice]:
    start = characters = 0
    for index, text in enumerate(documents):
        characters += len(text) + _DOCUMENT_CHARACTERS
        if characters > _SLICE_CHARACTERS and index > start:
            yield slice(start, index)
            start, characters = index, len(text) + _DOCUMENT_CHARACTERS
    yield slice(start, len(documents))


def _check_count(count: int, request: Request[pb.StoreBatchRequest]) -> None:
    if count > BATCH_MAX_DOCUMENTS:
        raise DataError.invalid(Reason.TOO_LARGE, "documents", f"at most {BATCH_MAX_DOCUMENTS:,} in one batch")
    most = request.limits.max_batch_documents
    if most is not None and count > most:
        description = f"at most {most:,} in one batch of this service (limits, {BATCH_LIMIT})"
        raise DataError(
            Reason.TOO_LARGE,
            f"documents: {description}",
            violations=(Violation("documents", description),),
            # The SDK makes its batches smaller by this.
            metadata={BATCH_LIMIT: str(most)},
        )


def _refuse_taken(outcomes: Sequence[Outcome]) -> None:
    """Return if no document of an atomic batch was there already as somebody else's, which only its answer shows.

    :raises DataError: DUPLICATE_ID; the other documents are stored.
    """
    for index, outcome in enumerate(outcomes):
        if outcome.error is not None:
            error = _of_document(outcome.error, index)
            error.message += ". The other documents of the batch are stored"
            error.applied = Applied.YES
            raise error


def _batch_answer(work: Sequence[Admitted | DataError], outcomes: Sequence[Outcome]) -> Answer:
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    ids = [item.id for item in work if isinstance(item, Admitted)]
    if len(ids) == len(work) and not failed:
        return Answer(pb.StoreBatchResponse(document_ids=ids, stored_count=len(ids)), len(ids))
    response = pb.StoreBatchResponse()
    remaining = iter(outcomes)
    reasons: Counter[str] = Counter()
    failures_bytes = 0
    for index, item in enumerate(work):
        error = item if isinstance(item, DataError) else next(remaining).error
        response.document_ids.append(item.id if isinstance(item, Admitted) else "")
        if error is None:
            response.stored_count += 1
        else:
            reasons[error.reason.value] += 1
            full = failures_bytes <= _FAILURES_FULL_BYTES
            status = _encoded(error) if full else _without_text(error.reason, error.applied)
            failures_bytes += len(status)
            response.failures.add(index=index, status=status)
    return Answer(response, response.stored_count, {"failures": dict(reasons)} if reasons else {})


def _encoded(error: DataError) -> bytes:
    encoded: bytes = to_status(error).SerializeToString()
    return encoded


@cache
def _without_text(reason: Reason, applied: Applied | None) -> bytes:
    message = "The answer has no room for more of this failure than its reason."
    return _encoded(DataError(reason, message, applied=applied))


def _of_document(error: DataError, index: int) -> DataError:
    return DataError(
        error.reason,
        f"documents[{index}]: {error.message}",
        violations=error.violations,
        metadata={**error.metadata, "index": str(index)},
    )
