"""Is a call that was begun on its way before its caller goes on, and nobody's when the caller goes away?"""

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient
from aol_client.begun import begun


async def test_a_chunk_of_documents_is_sent_before_the_next_one_is_made() -> None:
    client = AOLDataClient("localhost:1", "svc")
    sent: list[int] = []
    sent_when_made: dict[int, int] = {}

    async def store(request: Any, **_: Any) -> pb.StoreBatchResponse:
        sent.append(len(request.document_ids))
        return pb.StoreBatchResponse(document_ids=request.document_ids)

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(3000):
            sent_when_made[number] = len(sent)
            yield {}

    client._stub = AsyncMock(StoreBatch=store)
    assert len(await client.insert_many("events", rows())) == 3000
    # The first document of a chunk is what closes the one before it.
    assert [sent_when_made[number] for number in (1000, 1001, 2000, 2001)] == [0, 1, 1, 2]


async def test_whoever_is_cancelled_while_a_call_is_begun_leaves_no_call_behind() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(begun(call()))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()
