"""How are many documents inserted? In chunks, a few of them in flight, each document's failure told apart."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aol.data.v1 import data_broker_pb2
from aol_client.begun import begun
from aol_client.encoding import encode_document
from aol_client.exceptions import BulkFailure, BulkWriteError, DataClientError, InvalidRequestError, invalid_request
from aol_client.failures import from_status_bytes, malformed_answer
from aol_wire.errors import Reason
from aol_wire.limits import BATCH_MAX_DOCUMENTS, REQUEST_MAX_BYTES
from aol_wire.metadata import BATCH_LIMIT

Documents = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
Send = Callable[[data_broker_pb2.StoreBatchRequest], Awaitable[data_broker_pb2.StoreBatchResponse]]

_CHUNK_MAX_DOCUMENTS = 1_000
_CHUNK_MAX_BYTES = 2 << 20
_MAX_IN_FLIGHT = 4


@dataclass(slots=True)
class _Chunk:
    """Documents of one call, each with its place in the documents given."""

    places: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, place: int, document_id: str, text: str, size_bytes: int) -> None:
        self.places.append(place)
        self.ids.append(document_id)
        self.texts.append(text)
        self.size_bytes += size_bytes

    def parts(self, most_documents: int) -> Iterator["_Chunk"]:
        """Yield chunks of at most so many documents."""
        for start in range(0, len(self.ids), most_documents):
            part = slice(start, start + most_documents)
            yield _Chunk(self.places[part], self.ids[part], self.texts[part])


class BulkInsert:
    """One `insert_many` under way."""

    def __init__(self, collection: str, request_id: str, send: Send) -> None:
        self._collection = collection
        self._request_id = request_id
        self._send = send
        self._chunk = _Chunk()
        self._most_documents = _CHUNK_MAX_DOCUMENTS
        self._place = -1
        self._inserted: dict[int, str] = {}
        self._failed: dict[int, DataClientError] = {}
        self._stopped_by: DataClientError | None = None

    async def run(self, documents: Documents) -> list[str]:
        """Insert the documents, which are taken as they are needed; return their ids, in their order.

        :raises BulkWriteError: some were not stored.
        :raises DataClientError: the first call failed as a whole, and nothing was stored.
        """
        in_flight: set[asyncio.Task[None]] = set()
        try:
            async with aclosing(self._chunks(documents)) as chunks:
                async for chunk in chunks:
                    if len(in_flight) >= _MAX_IN_FLIGHT:
                        in_flight = await _some_done(in_flight)
                    if self._stopped_by is not None:
                        break
                    in_flight.add(await begun(self._store(chunk)))
            while in_flight:
                in_flight = await _some_done(in_flight)
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)
        return self._result()

    async def run_atomic(self, documents: Documents) -> list[str]:
        """Insert all documents or none, in one call; return their ids, in their order.

        :raises InvalidRequestError: one of them is not acceptable, or they are too many for one call.
        :raises DataClientError: the call failed, and nothing was stored unless `applied` says otherwise.
        """
        chunk = _Chunk()
        async for document in _each(documents):
            if len(chunk.ids) >= BATCH_MAX_DOCUMENTS:
                raise _too_large(f"an atomic insert takes at most {BATCH_MAX_DOCUMENTS} documents")
            place = len(chunk.ids)
            try:
                chunk.add(place, *encode_document(document))
            except InvalidRequestError as error:
                raise _at(place, error) from None
            if chunk.size_bytes > REQUEST_MAX_BYTES:
                raise _too_large(f"an atomic insert takes at most {REQUEST_MAX_BYTES} bytes")
        if not chunk.ids:
            return []
        request = self._request(chunk, atomic=True)
        if request.ByteSize() > REQUEST_MAX_BYTES:
            raise _too_large(f"an atomic insert takes at most {REQUEST_MAX_BYTES} bytes")
        self._note_answer(chunk, await self._send(request))
        return self._result()

    async def _chunks(self, documents: Documents) -> AsyncGenerator[_Chunk, None]:
        if isinstance(documents, AsyncIterable):
            async for document in documents:
                for full in self._fill((document,)):
                    yield full
        else:
            for full in self._fill(_iterable(documents)):
                yield full
        if self._chunk.ids:
            yield self._chunk

    def _fill(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[_Chunk]:
        """Put the next documents into the chunk that is being filled; yield each one that a document did not fit into.

        All in one loop, as what it does besides encoding would otherwise cost as much as that.
        """
        chunk = self._chunk
        for document in documents:
            self._place += 1
            try:
                document_id, text, size_bytes = encode_document(document)
            except InvalidRequestError as error:
                self._failed[self._place] = error
                continue
            count = len(chunk.ids)
            if count and (count >= self._most_documents or chunk.size_bytes + size_bytes > _CHUNK_MAX_BYTES):
                yield chunk
                chunk = self._chunk = _Chunk()
            chunk.add(self._place, document_id, text, size_bytes)

    async def _store(self, chunk: _Chunk) -> None:
        try:
            answer = await self._send(self._request(chunk, atomic=False))
            self._note_answer(chunk, answer)
        except DataClientError as error:
            most = _most_documents(error)
            if 0 < most < len(chunk.ids):
                # The broker takes fewer at once from this service, and said so before it took any.
                self._most_documents = min(most, self._most_documents)
                await self._store_parts(chunk.parts(most))
                return
            self._stopped_by = self._stopped_by or error
            self._failed.update(dict.fromkeys(chunk.places, error))

    async def _store_parts(self, parts: Iterator[_Chunk]) -> None:
        for part in parts:
            if self._stopped_by is not None:
                return
            await self._store(part)

    def _request(self, chunk: _Chunk, *, atomic: bool) -> data_broker_pb2.StoreBatchRequest:
        return data_broker_pb2.StoreBatchRequest(
            collection=self._collection,
            documents=chunk.texts,
            document_ids=chunk.ids,
            atomic=atomic,
            request_id=self._request_id,
        )

    def _note_answer(self, chunk: _Chunk, answer: data_broker_pb2.StoreBatchResponse) -> None:
        if not answer.failures:
            self._inserted.update(zip(chunk.places, chunk.ids, strict=True))
            return
        failures = {item.index: item.status for item in answer.failures}
        if not failures.keys() <= set(range(len(chunk.ids))):
            raise malformed_answer(self._request_id, writes=True)
        for index, (place, document_id) in enumerate(zip(chunk.places, chunk.ids, strict=True)):
            if index in failures:
                self._failed[place] = from_status_bytes(failures[index], request_id=self._request_id)
            else:
                self._inserted[place] = document_id

    def _result(self) -> list[str]:
        inserted_ids = [self._inserted[place] for place in sorted(self._inserted)]
        if not self._failed:
            return inserted_ids
        if self._stopped_by is not None and not inserted_ids:
            raise self._stopped_by
        failures = tuple(
            BulkFailure(place, error) for place, error in sorted(self._failed.items(), key=lambda it: it[0])
        )
        rest = "; the documents after a failed call were not sent" if self._stopped_by else ""
        raise BulkWriteError(
            f"{len(failures)} documents were not stored, {len(inserted_ids)} were{rest}. "
            f"The first, document {failures[0].index}: {failures[0].error.args[0]}",
            failures=failures,
            inserted_ids=tuple(inserted_ids),
            request_id=self._request_id,
        ) from self._stopped_by


async def _some_done(tasks: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Wait until one of the tasks is done; return the others."""
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    return others


async def _each(documents: Documents) -> AsyncGenerator[Mapping[str, Any], None]:
    if isinstance(documents, AsyncIterable):
        async for document in documents:
            yield document
    else:
        for document in _iterable(documents):
            yield document


def _most_documents(error: DataClientError) -> int:
    """Return how many documents the broker takes in one call, when an error says it; else 0."""
    said = error.details.get(BATCH_LIMIT, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


def _iterable(documents: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(documents, Iterable) and not isinstance(documents, Mapping | str | bytes):
        return documents
    kind = type(documents).__qualname__
    raise invalid_request(Reason.BAD_DOCUMENT, "documents", f"an iterable of dicts is needed, not {kind}")


def _at(place: int, error: InvalidRequestError) -> InvalidRequestError:
    violation = error.violations[0]
    return invalid_request(
        Reason(error.reason), f"documents.{place}{violation.path.removeprefix('document')}", violation.description
    )


def _too_large(description: str) -> InvalidRequestError:
    return invalid_request(Reason.TOO_LARGE, "documents", description)
