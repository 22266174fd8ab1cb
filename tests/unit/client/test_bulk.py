"""Does `insert_many` store every document, or say which it did not?"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import (
    AOLDataClient,
    BulkWriteError,
    ConflictError,
    DataClientError,
    InvalidRequestError,
    PermissionDeniedError,
    UnavailableError,
)
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.status import to_status

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker

DENIED = DataError(Reason.GRANT_MISSING, "Permission denied for collection 'other.data'", applied=Applied.NO)


def failure(index: int, reason: Reason = Reason.DUPLICATE_ID) -> pb.BatchFailure:
    return pb.BatchFailure(index=index, status=to_status(DataError(reason, "taken")).SerializeToString())


async def test_documents_go_in_chunks_of_a_thousand_and_ids_come_in_order(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    ids = await client.insert_many("events", ({"_id": f"id{n}", "n": n} for n in range(2500)))
    assert ids == [f"id{n}" for n in range(2500)]
    requests = broker.requests("StoreBatch")
    assert sorted(len(request.documents) for request in requests) == [500, 1000, 1000]
    assert not any(request.atomic for request in requests)
    assert {document_id for request in requests for document_id in request.document_ids} == set(ids)


async def test_chunks_become_as_small_as_the_broker_says_and_no_document_is_lost(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    refusal = DataError(
        Reason.TOO_LARGE, "documents: at most 400", metadata={"max_batch_documents": "400"}, applied=Applied.NO
    )
    broker.answer("StoreBatch", refusal)
    ids = await client.insert_many("events", ({"_id": f"id{n}", "n": n} for n in range(1000)))
    assert ids == [f"id{n}" for n in range(1000)]
    first, *others = broker.requests("StoreBatch")
    assert len(first.documents) == 1000
    assert sorted(len(request.documents) for request in others) == [200, 400, 400]


async def test_a_limit_that_makes_no_sense_is_no_reason_to_go_on(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    for said in ("0", "9999", "-1", "many", ""):
        broker.calls.clear()
        broker.answer("StoreBatch", DataError(Reason.TOO_LARGE, "no", metadata={"max_batch_documents": said}))
        with pytest.raises(InvalidRequestError):
            await client.insert_many("events", [{"n": 1}, {"n": 2}])
        assert len(broker.calls) == 1


async def test_a_chunk_has_at_most_two_mebibytes(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    text = "x" * 900_000
    await client.insert_many("events", [{"v": text} for _ in range(5)])
    assert sorted(len(request.documents) for request in broker.requests("StoreBatch")) == [1, 2, 2]


async def test_async_iterables_are_taken_too_and_none_at_all_sends_nothing(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    async def rows() -> AsyncIterator[dict[str, Any]]:
        for n in range(3):
            yield {"_id": str(n)}

    assert await client.insert_many("events", rows()) == ["0", "1", "2"]
    assert await client.insert_many("events", []) == []
    assert await client.insert_many("events", [], atomic=True) == []
    assert len(broker.calls) == 1


async def test_chunks_are_the_same_whichever_way_documents_come(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    given = [{"_id": f"id{n}", "v": "é" * (n % 4_000)} if n % 7 else {"v": object()} for n in range(4_000)]

    async def rows() -> AsyncIterator[dict[str, Any]]:
        for document in given:
            yield document

    chunks: list[list[tuple[list[str], list[str]]]] = []
    for documents in (given, iter(given), rows()):
        broker.calls.clear()
        with pytest.raises(BulkWriteError) as caught:
            await client.insert_many("events", documents)
        assert [failed.index for failed in caught.value.failures] == list(range(0, 4_000, 7))
        assert caught.value.inserted_ids == tuple(f"id{n}" for n in range(4_000) if n % 7)
        requests = broker.requests("StoreBatch")
        chunks.append(sorted((list(request.document_ids), list(request.documents)) for request in requests))
    assert chunks[0] == chunks[1] == chunks[2]
    sizes = [sum(len(text.encode()) for text in texts) for _, texts in chunks[0]]
    assert max(sizes) <= 2 << 20 < min(sum(pair) for pair in itertools.combinations(sizes, 2))


async def test_at_most_four_chunks_are_in_flight_and_documents_are_taken_as_needed(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    taken = 0
    four_arrived, go_on = asyncio.Event(), asyncio.Event()
    in_flight = most = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for _ in range(10_000):
            taken += 1
            yield {}

    async def slow(request: Any, context: Any) -> Any:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        if in_flight == 4:
            four_arrived.set()
        await go_on.wait()
        in_flight -= 1
        return pb.StoreBatchResponse(document_ids=request.document_ids)

    broker.answer("StoreBatch", *[slow] * 10)
    task = asyncio.create_task(client.insert_many("events", rows(), timeout=60.0))
    await four_arrived.wait()
    assert taken <= 6_000
    go_on.set()
    assert len(await task) == 10_000
    assert most == 4


async def test_documents_that_fail_alone_are_told_apart(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("StoreBatch", pb.StoreBatchResponse(failures=[failure(1), failure(3, Reason.UNIQUE_VIOLATION)]))
    documents: list[Any] = [{"_id": "a"}, {"_id": "b"}, {"v": object()}, {"_id": "c"}, {"_id": "d"}, None]
    with pytest.raises(BulkWriteError) as caught:
        await client.insert_many("events", documents)
    error = caught.value
    assert [(item.index, type(item.error), item.error.reason) for item in error.failures] == [
        (1, ConflictError, "DUPLICATE_ID"),
        (2, InvalidRequestError, "BAD_DOCUMENT"),
        (4, ConflictError, "UNIQUE_VIOLATION"),
        (5, InvalidRequestError, "BAD_DOCUMENT"),
    ]
    assert error.inserted_ids == ("a", "c")
    assert error.applied == Applied.YES
    assert error.reason == "DUPLICATE_ID"
    assert error.request_id == broker.calls[0].request.request_id


async def test_a_call_that_is_refused_as_a_whole_before_anything_is_stored_is_that_error(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("StoreBatch", *[DENIED] * 10)
    with pytest.raises(PermissionDeniedError):
        await client.insert_many("other.data", ({} for _ in range(100_000)))
    assert len(broker.calls) <= 5, "what follows a failed call is not sent"


async def test_a_call_that_fails_after_others_were_stored_tells_what_was(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    first_is_stored = asyncio.Event()

    async def store(request: Any, context: Any) -> Any:
        first_is_stored.set()
        return pb.StoreBatchResponse(document_ids=request.document_ids)

    async def rows() -> AsyncIterator[dict[str, Any]]:
        for n in range(2000):
            if n == 1001:
                await first_is_stored.wait()
            yield {"_id": str(n)}

    broker.answer("StoreBatch", store, DENIED)
    with pytest.raises(BulkWriteError) as caught:
        await client.insert_many("events", rows())
    assert caught.value.inserted_ids == tuple(str(n) for n in range(1000))
    assert [item.index for item in caught.value.failures] == list(range(1000, 2000))
    assert isinstance(caught.value.__cause__, PermissionDeniedError)


async def test_a_chunk_is_sent_again_with_the_same_ids_when_the_broker_was_away(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    away = DataError(Reason.ADAPTER_DOWN, "away", applied=Applied.UNKNOWN, retry_after_s=0.0)
    broker.answer("StoreBatch", away)
    ids = await client.insert_many("events", [{}, {}])
    first, second = broker.requests("StoreBatch")
    assert first == second
    assert list(second.document_ids) == ids


async def test_an_atomic_insert_is_one_call(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    ids = await client.insert_many("events", ({} for _ in range(10_000)), atomic=True)
    (request,) = broker.requests("StoreBatch")
    assert request.atomic
    assert list(request.document_ids) == ids


async def test_an_atomic_insert_with_a_bad_document_sends_nothing(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await client.insert_many("events", [{}, {"v": object()}], atomic=True)
    assert caught.value.violations[0].path == "documents.1.v"
    assert not broker.calls


async def test_an_atomic_insert_that_is_too_large_for_one_call_sends_nothing(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    for documents in (({} for _ in range(10_001)), ({"v": "x" * 1_000_000} for _ in range(17))):
        with pytest.raises(InvalidRequestError) as caught:
            await client.insert_many("events", documents, atomic=True)
        assert caught.value.reason == "TOO_LARGE"
    assert not broker.calls


async def test_an_atomic_insert_fails_as_its_call_does(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("StoreBatch", DataError(Reason.UNIQUE_VIOLATION, "taken", applied=Applied.NO))
    with pytest.raises(ConflictError):
        await client.insert_many("events", [{}, {}], atomic=True)


@pytest.mark.parametrize("documents", [None, 5, {"a": 1}, "abc", b"abc"])
async def test_documents_that_cannot_be_many_are_refused(
    broker: "ScriptedBroker", client: AOLDataClient, documents: Any
) -> None:
    for atomic in (False, True):
        with pytest.raises(InvalidRequestError, match="documents"):
            await client.insert_many("events", documents, atomic=atomic)
    assert not broker.calls


async def test_an_error_of_the_callers_own_iterable_comes_out_as_it_is(client: AOLDataClient) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for _ in range(1500):
            yield {}
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await client.insert_many("events", rows())


async def test_cancelling_cancels_the_chunks_in_flight(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    arrived, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, context: Any) -> Any:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    broker.answer("StoreBatch", wait)
    task = asyncio.create_task(client.insert_many("events", [{}]))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await cancelled.wait()


@pytest.mark.parametrize(
    "failures",
    [
        [pb.BatchFailure(index=-1)],
        [pb.BatchFailure(index=2)],
        [pb.BatchFailure(index=0, status=b"\xff garbage")],
        [pb.BatchFailure(index=0)],
    ],
)
async def test_failures_that_break_the_contract_never_pass_for_success(
    broker: "ScriptedBroker", client: AOLDataClient, failures: list[pb.BatchFailure]
) -> None:
    broker.answer("StoreBatch", pb.StoreBatchResponse(failures=failures))
    with pytest.raises(DataClientError, match="malformed"):
        await client.insert_many("events", [{}, {}])


async def test_an_unreachable_broker_is_unavailable(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    await broker.stop()
    with pytest.raises(UnavailableError):
        await client.insert_many("events", [{}], timeout=0.2)
