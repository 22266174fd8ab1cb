"""Does the broker go on serving others, whatever a connection does that speaks HTTP/2 and no more of gRPC?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.server import Broker
from aol_broker.settings import load_settings
from aol_client import AOLDataClient

pytestmark = pytest.mark.integration

WITHIN_S = 20.0
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_HEADERS = 4
REFUSED_STREAM, ENHANCE_YOUR_CALM = 7, 11


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def header(name: bytes, value: bytes) -> bytes:
    """A header that is written out (RFC 7541, section 6.2.2)."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
CALL = b"".join(
    (
        header(b":method", b"POST"),
        header(b":scheme", b"http"),
        header(b":path", b"/aol.data.v1.DataBroker/ListCollections"),
        header(b":authority", b"broker"),
        header(b"content-type", b"application/grpc"),
        header(b"te", b"trailers"),
        header(b"aol-service", b"ship"),
    )
)


@contextlib.asynccontextmanager
async def running(folder: Path, *, max_in_flight: int = 8) -> AsyncIterator[Broker]:
    values = {
        "data_dir": str(folder / "data"),
        "listen": "127.0.0.1:0",
        "authentication": {"verifiers": [{"type": "insecure"}]},
        "limits": {"max_in_flight": max_in_flight},
    }
    broker = Broker(load_settings(None, values), in_process={"memory": MemoryAdapter()})
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@contextlib.asynccontextmanager
async def opened(broker: Broker, said: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = broker.endpoint.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(OPENING + said)
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def until_closed(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(WITHIN_S):
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass


async def serves(broker: Broker) -> None:
    async with AOLDataClient(broker.endpoint, "ship", timeout=WITHIN_S) as client:
        await client.request_collection("orders")
        await client.insert("orders", {"n": 1})


async def test_half_of_a_request_lasts_no_longer_than_its_sender_answers_pings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aol_broker.server.PING_AFTER_S", 0.2)
    monkeypatch.setattr("aol_broker.server.PING_TIMEOUT_S", 0.2)
    halves = {
        "no request at all": b"",
        "headers without an end": frame(HEADERS, 0, 1, CALL[:20]),
        "a call without a message": frame(HEADERS, END_HEADERS, 1, CALL),
        "half of a message": frame(HEADERS, END_HEADERS, 1, CALL) + frame(DATA, 0, 1, b"\0\0\0\1\0half"),
    }
    async with running(tmp_path) as broker:
        for said in halves.values():
            async with opened(broker, said) as (reader, _):
                await until_closed(reader)
        await serves(broker)


async def test_a_connection_has_no_more_calls_open_than_it_is_told_and_others_are_served(tmp_path: Path) -> None:
    calls = b"".join(frame(HEADERS, END_HEADERS, number, CALL) for number in range(1, 4_000, 2))
    async with running(tmp_path) as broker, opened(broker, calls) as (reader, _):
        await serves(broker)
        refused = 0
        async with asyncio.timeout(WITHIN_S):
            while refused < 2_000 - 100:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                if head[3] == RST_STREAM:
                    assert int.from_bytes(payload, "big") in (REFUSED_STREAM, ENHANCE_YOUR_CALM)
                    refused += 1
        await serves(broker)


async def test_headers_that_do_not_end_hold_nobody_up(tmp_path: Path) -> None:
    more = frame(CONTINUATION, 0, 1, header(b"padding", b"x" * 100) * 100)
    async with running(tmp_path) as broker, opened(broker, frame(HEADERS, 0, 1, CALL)) as (_, writer):
        async with asyncio.timeout(WITHIN_S):
            with contextlib.suppress(ConnectionError):
                for _ in range(2_000):
                    writer.write(more)
                    await writer.drain()
        await serves(broker)


async def test_metadata_beyond_all_measure_ends_the_call_and_not_the_broker(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, grpc.aio.insecure_channel(broker.endpoint) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/aol.data.v1.DataBroker/ListCollections"
        )
        for headers in ((("aol-service", "ship"), ("padding", "x" * 64_000)), (("aol-service", "s" * 60_000),)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await method(b"", metadata=headers, timeout=WITHIN_S)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await serves(broker)
