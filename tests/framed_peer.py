"""How do tests get the other end of a stream of frames? A server that holds calls, and a client that breaks rules."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.calls import Failure, FrameLimits, Outcome, Success
from aol_wire.frames.channel import EXCHANGE, FramesChannel
from aol_wire.frames.server import FramesServer, Serve
from aol_wire.frames.server_side import IncomingCall

MAX_FRAME_BYTES = 8 << 20
OPTIONS = (("grpc.max_receive_message_length", MAX_FRAME_BYTES), ("grpc.so_reuseport", 0))
CODES = {code.value[0]: code for code in grpc.StatusCode}


class FramedPeer:
    """A server with frames. `Echo` answers with the request, `Hold` too, once `release` is set, `Fail` with a failure,
    `Break` with an exception, and `Fill` with as many bytes as the request says.
    """

    METHODS = frozenset(f"/t.T/{name}" for name in ("Echo", "Hold", "Fail", "Break", "Fill"))

    def __init__(self, max_calls: int = 64, *, keeps_deadlines: bool = False, lasting: Sequence[str] = ()) -> None:
        self.endpoint = ""
        self.headers: list[dict[str, str | bytes]] = []
        self.begun: list[IncomingCall] = []
        self.cancelled: list[bytes] = []
        self.finished: list[bytes] = []
        self.release = asyncio.Event()
        self.held = asyncio.Condition()
        limits = FrameLimits(max_calls, MAX_FRAME_BYTES)
        self.frames = FramesServer(self.METHODS, self._open, limits, keeps_deadlines=keeps_deadlines, lasting=lasting)
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str = "127.0.0.1:0", *, framed: bool = True) -> None:
        server = self._server = grpc.aio.server(options=OPTIONS)
        if framed:
            self.frames.register(server)
        echo: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._echo_unary)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Echo": echo}),))
        self.endpoint = f"127.0.0.1:{server.add_insecure_port(address)}"
        await server.start()

    async def stop(self, grace_s: float | None = None) -> None:
        if self._server is not None:
            await self._server.stop(grace_s)

    async def until_begun(self, count: int) -> None:
        """Wait until so many calls were begun."""
        async with self.held:
            await self.held.wait_for(lambda: len(self.begun) >= count)

    async def until_cancelled(self, count: int) -> None:
        """Wait until so many calls were cancelled under way."""
        async with self.held:
            await self.held.wait_for(lambda: len(self.cancelled) >= count)

    async def until_finished(self, count: int) -> None:
        """Wait until so many calls that were held came to their end."""
        async with self.held:
            await self.held.wait_for(lambda: len(self.finished) >= count)

    def _open(self, context: "grpc.aio.ServicerContext[bytes, bytes]") -> Serve:
        self.headers.append(dict(context.invocation_metadata() or ()))
        return self._serve

    async def _serve(self, call: IncomingCall) -> Outcome:
        self.begun.append(call)
        try:
            async with self.held:
                self.held.notify_all()
            return await self._outcome(call)
        except asyncio.CancelledError:
            self.cancelled.append(call.request)
            async with self.held:
                self.held.notify_all()
            raise

    async def _outcome(self, call: IncomingCall) -> Outcome:
        match call.method:
            case "/t.T/Hold":
                await self.release.wait()
                self.finished.append(call.request)
                async with self.held:
                    self.held.notify_all()
            case "/t.T/Fail":
                return Failure(5, "not here", b"details", "the-request", 9)
            case "/t.T/Break":
                raise RuntimeError("hunter2")
            case "/t.T/Fill":
                return Success(b"x" * int(call.request))
        return Success(call.request, "the-request", 9)

    async def _echo_unary(self, data: bytes, _context: Any) -> bytes:
        return b"unary " + data


@asynccontextmanager
async def framed_channel(endpoint: str, *, fall_back: bool = False) -> AsyncIterator[FramesChannel]:
    """A client of a peer."""
    async with grpc.aio.insecure_channel(endpoint, options=OPTIONS) as channel:
        frames = FramesChannel(channel, max_frame_bytes=MAX_FRAME_BYTES, fall_back=fall_back)
        yield frames
        await frames.close()


class RawStream:
    """A stream on which a test sends what it likes."""

    def __init__(self, channel: grpc.aio.Channel, *headers: tuple[str, str]) -> None:
        exchange: Any = channel.stream_stream(EXCHANGE)
        self.rpc = exchange(metadata=headers)

    async def send(self, *frames: "pb.Frame | bytes") -> None:
        for frame in frames:
            await self.rpc.write(frame if isinstance(frame, bytes) else frame.SerializeToString())

    async def greet(self) -> pb.Frame:
        """Exchange hellos; return the server's."""
        frame = await self.receive()
        await self.send(pb.Frame(hello=pb.Hello(max_frame_bytes=MAX_FRAME_BYTES)))
        return frame

    async def receive(self) -> pb.Frame:
        return pb.Frame.FromString(await self.rpc.read())

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Read until the server ends the stream; return its status."""
        try:
            while await self.rpc.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError:
            pass
        return await self.rpc.code(), await self.rpc.details()


def frame_of_calls(method: str, *requests: bytes, ids: Sequence[int] = (), timeout_us: int = 0) -> pb.Frame:
    """A frame of calls of one method, with ids from 1 on if none are given."""
    count = len(requests)
    calls = pb.Calls(
        ids=ids or range(1, count + 1), methods=[method] * count, requests=requests, timeouts_us=[timeout_us] * count
    )
    return pb.Frame(calls=calls)
