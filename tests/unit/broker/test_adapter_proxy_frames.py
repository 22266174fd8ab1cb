"""Is an adapter the same in frames as one by one? A real servicer of the kit, with frames and without."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from aol_adapters.kit import AdapterServicer
from aol_broker.adapters import AdapterProxy
from aol_wire.adapter import CollectionSpec, Count, Find, Insert, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.frames.server import Serve
from line import TroubledAdapter

TARGET = Target("flight-ops", "flights")
Made = tuple[AdapterProxy, TroubledAdapter, AdapterServicer]


@pytest.fixture(params=["frames", "unary"])
async def made(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Made]:
    """A proxy, its adapter, and the servicer between them."""
    adapter = TroubledAdapter()
    await adapter.start()
    servicer = AdapterServicer(adapter)
    server = grpc.aio.server()
    servicer.register(server)
    if request.param == "frames":
        servicer.frames().register(server)
    address = f"unix:{tmp_path}/adapter.sock"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        proxy = AdapterProxy("toy", lambda: 1.5)
        proxy.connect(channel)
        await proxy.ensure_collection(CollectionSpec(TARGET))
        yield proxy, adapter, servicer
        proxy.disconnect()
    await server.stop(None)


def insert(document_id: str, timeout_s: float | None = 20) -> Write:
    return Write(TARGET, [Insert(document_id, "{}", 1)], timeout_s=timeout_s)


async def failure(call: object) -> DataError:
    with pytest.raises(DataError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def test_many_calls_at_once_are_answered_each(made: Made) -> None:
    proxy, _, _ = made
    await asyncio.gather(*(proxy.write(insert(f"d{number:03}")) for number in range(200)))
    counts = await asyncio.gather(*(proxy.count(Count(TARGET)) for _ in range(20)))
    assert set(counts) == {200}
    found = await proxy.find(Find(TARGET))
    assert len(found.page.id) == 200


async def test_an_error_comes_as_the_adapter_raised_it(made: Made) -> None:
    proxy, adapter, _ = made
    adapter.trouble = DataError(Reason.OVERLOADED, "The file is busy.", retry_after_s=0.5, applied=Applied.NO)
    error = await failure(proxy.write(insert("a")))
    assert (error.reason, error.message, error.retry_after_s, error.applied) == (
        Reason.OVERLOADED,
        "The file is busy.",
        0.5,
        Applied.NO,
    )


async def test_a_bug_of_the_adapter_tells_nothing(made: Made) -> None:
    proxy, adapter, _ = made
    adapter.trouble = RuntimeError("hunter2")
    error = await failure(proxy.find(Find(TARGET)))
    assert error.reason is Reason.INTERNAL_BUG
    assert "hunter2" not in str(error)


async def test_an_adapter_that_takes_too_long_is_out_of_time_and_others_go_on(made: Made) -> None:
    proxy, adapter, _ = made
    adapter.hang = asyncio.Event()
    error = await failure(proxy.write(insert("late", timeout_s=0.1)))
    assert (error.reason, error.applied) == (Reason.DEADLINE, Applied.UNKNOWN)
    adapter.hang = None
    await proxy.write(insert("next"))


async def test_a_cancelled_call_is_cancelled_in_the_adapter(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, adapter, _ = made
    begun, ended = asyncio.Event(), asyncio.Event()

    async def find(request: Find) -> None:
        del request
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(adapter, "find", find)
    task = asyncio.ensure_future(proxy.find(Find(TARGET)))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(20):
        await ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_line_that_is_closed_under_a_call_is_a_loss_and_not_a_cancellation(
    made: Made, request: pytest.FixtureRequest
) -> None:
    proxy, adapter, _ = made
    adapter.hang = asyncio.Event()
    call = asyncio.ensure_future(proxy.write(insert("a")))
    await adapter.hang.wait()
    channel = proxy._channel
    assert channel is not None
    await channel.close()
    error = await failure(call)
    assert (error.reason, error.applied) == (Reason.ADAPTER_DOWN, Applied.UNKNOWN)


async def test_calls_under_way_finish_after_a_disconnection(made: Made) -> None:
    proxy, adapter, _ = made
    adapter.hang = asyncio.Event()
    call = asyncio.ensure_future(proxy.write(insert("a")))
    await adapter.hang.wait()
    proxy.disconnect()
    assert (await failure(proxy.count(Count(TARGET)))).reason is Reason.ADAPTER_DOWN
    adapter.hang_no_more()
    assert len(await call) == 1


async def test_an_adapter_that_learned_frames_is_asked_again(tmp_path: Path) -> None:
    """The host describes an adapter after each loss of it."""
    adapter = TroubledAdapter()
    await adapter.start()
    address = f"unix:{tmp_path}/adapter.sock"
    proxy = AdapterProxy("toy", lambda: 1.5)
    streams: list[object] = []

    def counting(open_stream: Callable[[Any], Serve]) -> Callable[[Any], Serve]:
        def opened(context: object) -> Serve:
            streams.append(context)
            return open_stream(context)

        return opened

    async with grpc.aio.insecure_channel(address, options=(("grpc.min_reconnect_backoff_ms", 50),)) as channel:
        for framed in (False, True):
            server = grpc.aio.server()
            servicer = AdapterServicer(adapter)
            servicer.register(server)
            if framed:
                frames = servicer.frames()
                frames._open_stream = counting(frames._open_stream)
                frames.register(server)
            server.add_insecure_port(address)
            await server.start()
            await channel.channel_ready()
            if not framed:
                proxy.connect(channel)
            await proxy.describe()
            await proxy.ensure_collection(CollectionSpec(TARGET))
            assert await proxy.count(Count(TARGET)) == 0
            await server.stop(None)
            # Until the channel knows that it is gone, calls go to the one that was.
            while (state := channel.get_state()) is grpc.ChannelConnectivity.READY:
                await channel.wait_for_state_change(state)
    assert len(streams) == 1
