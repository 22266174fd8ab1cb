"""Does the broker make the right error of whatever a process at the other end answers?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from aol.adapter.v1 import adapter_pb2 as pb
from aol.data.v1.document_pb2 import Page
from aol_broker.adapters import AdapterProxy
from aol_wire.adapter import CollectionSpec, Count, Find, Insert, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.frames.channel import EXCHANGE
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import to_status

TARGET = Target("flight-ops", "flights")
WRITE = Write(TARGET, [Insert("a", "{}", 1)], timeout_s=20)
COUNT = Count(TARGET, timeout_s=20)
SECRET = "hunter2"

Context = grpc.aio.ServicerContext[bytes, bytes]
Answer = Callable[[bytes, Context], Awaitable[bytes]]


class Peer(grpc.GenericRpcHandler):
    """A server that answers every method of an adapter with `answer`; it has no frames."""

    def __init__(self) -> None:
        self.answer: Answer = _nothing

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        if handler_call_details.method == EXCHANGE:
            return None
        return grpc.unary_unary_rpc_method_handler(self._call)

    async def _call(self, data: bytes, context: Context) -> bytes:
        return await self.answer(data, context)

    def says(self, data: bytes) -> None:
        async def answer(_data: bytes, _context: Context) -> bytes:
            return data

        self.answer = answer

    def fails(self, code: grpc.StatusCode, trailer: bytes | None = None) -> None:
        async def answer(_data: bytes, context: Context) -> bytes:
            trailers = () if trailer is None else ((STATUS_DETAILS_TRAILER, trailer),)
            await context.abort(code, SECRET, trailers)

        self.answer = answer


async def _nothing(_data: bytes, _context: Context) -> bytes:
    return b""


@pytest.fixture
async def peer() -> AsyncIterator[tuple[Peer, grpc.aio.Channel]]:
    handler = Peer()
    server = grpc.aio.server(handlers=(handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield handler, channel
    await server.stop(None)


@pytest.fixture
def proxy(peer: tuple[Peer, grpc.aio.Channel]) -> AdapterProxy:
    made = AdapterProxy("toy", lambda: 1.5)
    made.connect(peer[1])
    return made


async def failure(call: Awaitable[object]) -> DataError:
    with pytest.raises(DataError) as caught:
        await call
    assert SECRET not in f"{caught.value} {caught.value.metadata} {caught.value.violations}"
    return caught.value


@pytest.mark.parametrize(
    ("code", "reason", "applied"),
    [
        (grpc.StatusCode.UNAVAILABLE, Reason.ADAPTER_DOWN, Applied.UNKNOWN),
        (grpc.StatusCode.CANCELLED, Reason.ADAPTER_DOWN, Applied.UNKNOWN),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Reason.DEADLINE, Applied.UNKNOWN),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.TOO_LARGE, Applied.UNKNOWN),
        (grpc.StatusCode.UNIMPLEMENTED, Reason.CAPABILITY_UNSUPPORTED, Applied.NO),
        (grpc.StatusCode.INTERNAL, Reason.INTERNAL_BUG, Applied.UNKNOWN),
        (grpc.StatusCode.UNKNOWN, Reason.INTERNAL_BUG, Applied.UNKNOWN),
        (grpc.StatusCode.PERMISSION_DENIED, Reason.INTERNAL_BUG, Applied.UNKNOWN),
    ],
)
async def test_a_status_without_details_is_translated_and_its_text_left_behind(
    peer: tuple[Peer, grpc.aio.Channel],
    proxy: AdapterProxy,
    code: grpc.StatusCode,
    reason: Reason,
    applied: Applied,
) -> None:
    peer[0].fails(code)
    written, counted = await failure(proxy.write(WRITE)), await failure(proxy.count(COUNT))
    assert (written.reason, written.applied) == (reason, applied)
    assert (counted.reason, counted.applied) == (reason, None)
    assert written.retry_after_s == (1.5 if reason is Reason.ADAPTER_DOWN else None)


async def test_an_error_of_the_contract_comes_as_the_adapter_raised_it(
    peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy
) -> None:
    error = DataError(Reason.OVERLOADED, "The file is busy.", retry_after_s=0.5, applied=Applied.NO)
    peer[0].fails(grpc.StatusCode.RESOURCE_EXHAUSTED, to_status(error).SerializeToString())
    got = await failure(proxy.write(WRITE))
    assert (got.reason, got.message, got.retry_after_s, got.applied) == (
        Reason.OVERLOADED,
        "The file is busy.",
        0.5,
        Applied.NO,
    )


@pytest.mark.parametrize("trailer", [b"", b"\xff", b"\x08\x0d"])
async def test_details_that_are_none_of_the_contract_do_not_count(
    peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy, trailer: bytes
) -> None:
    peer[0].fails(grpc.StatusCode.INTERNAL, trailer)
    assert (await failure(proxy.count(COUNT))).reason is Reason.INTERNAL_BUG


async def test_answers_that_are_malformed_are_bugs_of_the_adapter(
    peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy
) -> None:
    peer[0].says(b"\xff\xff")
    calls = [
        proxy.describe(),
        proxy.check(),
        proxy.count(COUNT),
        proxy.find(Find(TARGET)),
        proxy.ensure_collection(CollectionSpec(TARGET)),
        proxy.write(WRITE),
    ]
    errors = [await failure(call) for call in calls]
    assert {error.reason for error in errors} == {Reason.INTERNAL_BUG}
    assert [error.applied for error in errors[-2:]] == [Applied.UNKNOWN, Applied.UNKNOWN]


async def test_answers_that_do_not_fit_the_question_are_bugs_of_the_adapter(
    peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy
) -> None:
    peer[0].says(b"")
    error = await failure(proxy.write(WRITE))
    assert (error.reason, error.applied) == (Reason.INTERNAL_BUG, Applied.UNKNOWN)
    peer[0].says(pb.FindResponse(page=Page(id=["a"])).SerializeToString())
    assert (await failure(proxy.find(Find(TARGET)))).reason is Reason.INTERNAL_BUG
    unknown = pb.EnsureCollectionResponse()
    unknown.indexes.add()
    peer[0].says(unknown.SerializeToString())
    assert (await failure(proxy.ensure_collection(CollectionSpec(TARGET)))).reason is Reason.INTERNAL_BUG


async def test_a_database_that_is_not_serving_is_down(peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy) -> None:
    peer[0].says(health_pb2.HealthCheckResponse(status="NOT_SERVING").SerializeToString())
    assert not await proxy.serving()
    assert (await failure(proxy.check())).reason is Reason.ADAPTER_DOWN
    peer[0].says(health_pb2.HealthCheckResponse(status="SERVING").SerializeToString())
    await proxy.check()


async def test_an_answer_beyond_the_size_of_a_message_is_too_large(
    peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy
) -> None:
    peer[0].says(pb.FindResponse(page=Page(id=["a"], json=["x" * 5_000_000])).SerializeToString())
    assert (await failure(proxy.find(Find(TARGET)))).reason is Reason.TOO_LARGE


async def test_a_channel_that_is_closed_under_a_call_is_a_loss_and_not_a_cancellation(
    peer: tuple[Peer, grpc.aio.Channel], proxy: AdapterProxy
) -> None:
    entered = asyncio.Event()

    async def answer(_data: bytes, _context: Context) -> bytes:
        entered.set()
        await asyncio.Event().wait()
        return b""

    peer[0].answer = answer
    call = asyncio.create_task(proxy.write(WRITE))
    await entered.wait()
    await peer[1].close()
    error = await failure(call)
    assert (error.reason, error.applied) == (Reason.ADAPTER_DOWN, Applied.UNKNOWN)


async def test_a_line_that_is_known_to_be_broken_is_not_used(tmp_path: Path) -> None:
    proxy = AdapterProxy("toy", lambda: 1.5)
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/nobody.sock") as channel:
        proxy.connect(channel)
        errors = [await failure(proxy.write(WRITE)) for _ in range(3)]
    assert {error.reason for error in errors} == {Reason.ADAPTER_DOWN}
    assert errors[-1].applied is Applied.NO


async def test_a_proxy_without_a_line_refuses_every_call() -> None:
    proxy = AdapterProxy("toy", lambda: 1.5)
    await proxy.start()
    reads = (proxy.describe(), proxy.check(), proxy.count(COUNT), proxy.find(Find(TARGET)))
    for read in reads:
        error = await failure(read)
        assert (error.reason, error.applied, error.retry_after_s) == (Reason.ADAPTER_DOWN, None, 1.5)
    writes = (proxy.write(WRITE), proxy.drop_collection(TARGET), proxy.ensure_collection(CollectionSpec(TARGET)))
    for write in writes:
        assert (await failure(write)).applied is Applied.NO
    await proxy.close()
