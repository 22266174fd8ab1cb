"""How does a client make its calls in frames? By a channel whose calls share a stream, which generated stubs take."""

import asyncio
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import code_pb2

from aol_wire.frames.calls import Failure, Outcome, Success
from aol_wire.frames.client_stream import ClientStream, Headers, PendingCall
from aol_wire.metadata import (
    REQUEST_ID_HEADER,
    REVISION_HEADER,
    STATUS_DETAILS_TRAILER,
    TRACEPARENT_HEADER,
    parse_revision,
)

Metadata = Sequence[tuple[str, str | bytes]]

EXCHANGE = "/aol.frames.v1.Frames/Exchange"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class FramesChannel:
    """The calls of one gRPC channel, in frames. It offers `unary_unary`, and no other kind of call.

    Calls with the same headers share a stream, which the first call opens; when it is lost, its calls fail with
    UNAVAILABLE and the next call opens another one. Everything runs on the event loop of the first call.
    """

    def __init__(self, channel: grpc.aio.Channel, *, max_frame_bytes: int, fall_back: bool = False) -> None:
        """`max_frame_bytes` is what the channel lets through.

        With `fall_back`, calls are made one by one from when the server says that it has no frames.
        """
        self.framed = True
        self._channel = channel
        self._exchange: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(EXCHANGE)
        self._max_frame_bytes = max_frame_bytes
        self._fall_back = fall_back
        self._stream: ClientStream | None = None
        self._retired: set[ClientStream] = set()
        self._seen: tuple[Metadata | None, Headers, int, str] = (None, (), 0, "")

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = None,
    ) -> "FramedMethod":
        """Return a method, to be called as those of the gRPC channel are."""
        unary = self._channel.unary_unary(method, request_serializer, response_deserializer)
        return FramedMethod(self, method, request_serializer, response_deserializer, unary)

    def ask_again(self) -> None:
        """Find out anew whether the server has frames, as it may be another one now."""
        self.framed = True

    def retire(self) -> None:
        """End the streams when their calls are done; a later call opens a new one."""
        if self._stream is not None:
            self._retire(self._stream)

    async def close(self) -> None:
        """Cancel the calls under way, and end the streams."""
        streams = {*self._retired, *({self._stream} if self._stream is not None else ())}
        self._stream = None
        await asyncio.gather(*(stream.close() for stream in streams))

    def submit(self, call: "FramedCall", metadata: Metadata | None) -> None:
        """Make a call on the stream of its headers."""
        # Callers tend to pass the same tuple again.
        if self._seen[0] is not metadata or not isinstance(metadata, tuple):
            self._seen = self._split(metadata)
        _, headers, revision, call.traceparent = self._seen
        self._stream_of(headers).submit(call, revision)

    def give_back(self, stream: ClientStream, calls: Iterable[PendingCall]) -> None:
        """Make calls that a stream did not begin on another one."""
        for call in calls:
            self._stream_of(stream.headers).submit(call, stream.revision)

    def lost(self, stream: ClientStream, code: int) -> None:
        """Note that a stream is over."""
        self._retired.discard(stream)
        if self._stream is stream:
            self._stream = None
        if code == code_pb2.UNIMPLEMENTED and self._fall_back:
            self.framed = False

    def _stream_of(self, headers: Headers) -> ClientStream:
        stream = self._stream
        if stream is not None and stream.open and stream.headers == headers:
            return stream
        if stream is not None:
            self._retire(stream)
        self._stream = ClientStream(self._exchange, headers, self._max_frame_bytes, self)
        return self._stream

    def _retire(self, stream: ClientStream) -> None:
        self._stream = None
        if not stream.over:
            self._retired.add(stream)
            stream.retire()

    def _split(self, metadata: Metadata | None) -> tuple[Metadata | None, Headers, int, str]:
        """Take apart what is of the stream and what is of the call."""
        headers: list[tuple[str, str | bytes]] = []
        revision, traceparent = 0, ""
        for key, value in metadata or ():
            if key == REVISION_HEADER and isinstance(value, str):
                revision = parse_revision(value)
            elif key == TRACEPARENT_HEADER and isinstance(value, str) and value.isascii():
                traceparent = value
            else:
                headers.append((key, value))
        return metadata, tuple(headers), revision, traceparent


class FramedMethod:
    """One method of a `FramesChannel`."""

    def __init__(
        self,
        channel: FramesChannel,
        method: str,
        serialize: Callable[[Any], bytes] | None,
        deserialize: Callable[[bytes], Any] | None,
        unary: "grpc.aio.UnaryUnaryMultiCallable[Any, Any]",
    ) -> None:
        self.name = method
        self.deserialize = deserialize
        self.unary = unary
        self._channel = channel
        self._serialize = serialize

    def __call__(self, request: Any, *, timeout: float | None = None, metadata: Metadata | None = None) -> Any:
        """Begin the call; awaiting what is returned gives the response, or raises `grpc.aio.AioRpcError`."""
        if not self._channel.framed:
            return self.unary(request, timeout=timeout, metadata=metadata)
        data = request if self._serialize is None else self._serialize(request)
        deadline = None if timeout is None else time.monotonic() + timeout
        call = FramedCall(self, data, deadline, request, metadata)
        self._channel.submit(call, metadata)
        return call


class FramedCall(PendingCall):
    """A call under way, with what callers use of `grpc.aio.UnaryUnaryCall`.

    `revision` is that of the trailers, which is had at no cost once the call has succeeded: 0, there is none in them;
    None, they have to be asked.
    """

    __slots__ = ("_metadata", "_method", "_outcome", "_unary", "_undecoded", "revision")

    def __init__(
        self, method: FramedMethod, data: bytes, deadline: float | None, request: Any, metadata: Metadata | None
    ) -> None:
        """`data` is the encoded `request`, which is kept for a server that has no frames."""
        super().__init__(method.name, data, deadline)
        self.stream = None
        self._outcome: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._method = method
        self._undecoded = request
        self._metadata = metadata
        self._unary: Any = None
        self.revision: int | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            outcome = yield from self._outcome
        except asyncio.CancelledError:
            self.cancel()
            raise
        if isinstance(outcome, Success):
            self.revision = outcome.revision
            deserialize = self._method.deserialize
            return outcome.response if deserialize is None else _decoded(deserialize, outcome.response)
        if outcome is not None:
            raise _rpc_error(outcome)
        if self._unary is None:
            left_s = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
            self._unary = self._method.unary(self._undecoded, timeout=left_s, metadata=self._metadata)
        response = yield from self._unary.__await__()
        return response

    def settle(self, outcome: Outcome | None) -> None:
        """Say what became of the call; None: the server has no frames."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def cancel(self) -> bool:
        """Give the call up; return whether it was under way."""
        if self.stream is not None:
            self.stream.abandon(self)
        return self._outcome.cancel()

    async def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return the trailers, once the call is done."""
        outcome = await self._outcome
        if outcome is None:
            return tuple(await self._unary.trailing_metadata()) if self._unary is not None else ()
        return _trailers(outcome)


def _decoded(deserialize: Callable[[bytes], Any], response: bytes) -> Any:
    try:
        return deserialize(response)
    except DecodeError:
        return None  # as gRPC itself does


def _trailers(outcome: Outcome) -> tuple[tuple[str, str | bytes], ...]:
    trailers: list[tuple[str, str | bytes]] = []
    if outcome.request_id:
        trailers.append((REQUEST_ID_HEADER, outcome.request_id))
    if outcome.revision:
        trailers.append((REVISION_HEADER, str(outcome.revision)))
    if isinstance(outcome, Failure) and outcome.details:
        trailers.append((STATUS_DETAILS_TRAILER, outcome.details))
    return tuple(trailers)


def _rpc_error(failure: Failure) -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(*_trailers(failure))
    code = _CODES.get(failure.code, grpc.StatusCode.UNKNOWN)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details=failure.message)
