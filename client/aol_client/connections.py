"""Which channel does a call use? One per event loop, opened by the first call of that loop."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, get_args

import grpc.aio

from aol.data.v1.data_broker_pb2_grpc import DataBrokerStub
from aol_client.exceptions import invalid_request
from aol_client.tls import ClientTls
from aol_wire.errors import Reason
from aol_wire.frames.calls import FRAME_OVERHEAD_BYTES
from aol_wire.frames.channel import FramesChannel
from aol_wire.limits import REQUEST_MAX_BYTES

Transport = Literal["auto", "frames", "unary"]
"""How calls travel: many in one message, one by one, or in frames if the broker has them."""

_MESSAGE_MAX_BYTES = REQUEST_MAX_BYTES + FRAME_OVERHEAD_BYTES
_OPTIONS = (
    # grpc waits 1 s to 2 min before it connects again; a broker that restarts is back sooner.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # The default of 4 MiB is less than a list of many collections.
    ("grpc.max_receive_message_length", _MESSAGE_MAX_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_MAX_BYTES),
)


# Longer than any call that a broker lets be made.
_LEAVE_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Connection:
    channel: grpc.aio.Channel
    frames: FramesChannel | None
    stub: Any


class Connections:
    """The channels to one broker."""

    def __init__(self, endpoint: str, transport: Transport = "auto", tls: ClientTls | None = None) -> None:
        """:raises InvalidRequestError: there is no such transport."""
        if transport not in get_args(Transport):
            raise invalid_request(Reason.BAD_REQUEST, "transport", f"must be one of {', '.join(get_args(Transport))}")
        self._endpoint = endpoint
        self._transport = transport
        self._tls = tls
        self._leaving: set[asyncio.Task[None]] = set()
        self._of_loop: dict[asyncio.AbstractEventLoop, _Connection] = {}

    def stub(self) -> Any:
        """Return the `DataBrokerStub` of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._tls is not None and self._tls.changed():
            self._leave(self._of_loop.pop(loop, None))
        connection = self._of_loop.get(loop)
        return self._open(loop).stub if connection is None else connection.stub

    def _open(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        # Channels of loops that have ended cannot be used or awaited any more; dropping them closes them.
        self._of_loop = {known: entry for known, entry in self._of_loop.items() if not known.is_closed()}
        if self._tls is None:
            channel = grpc.aio.insecure_channel(self._endpoint, options=_OPTIONS)
        else:
            channel = self._tls.channel(self._endpoint, _OPTIONS)
        frames = None
        if self._transport != "unary":
            fall_back = self._transport == "auto"
            frames = FramesChannel(channel, max_frame_bytes=_MESSAGE_MAX_BYTES, fall_back=fall_back)
        stub = DataBrokerStub(channel if frames is None else frames)  # type: ignore[no-untyped-call]
        connection = self._of_loop[loop] = _Connection(channel, frames, stub)
        return connection

    def _leave(self, connection: _Connection | None) -> None:
        """Have the calls under way end on the connection that they began on, and then close it."""
        if connection is not None:
            if connection.frames is not None:
                connection.frames.retire()
            leaving = asyncio.get_running_loop().create_task(connection.channel.close(_LEAVE_S))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Close the running loop's channel, and drop those of loops that have ended."""
        self._of_loop = {known: entry for known, entry in self._of_loop.items() if not known.is_closed()}
        connection = self._of_loop.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            if connection.frames is not None:
                await connection.frames.close()
            await connection.channel.close()
        own = {task for task in self._leaving if task.get_loop() is asyncio.get_running_loop()}
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
