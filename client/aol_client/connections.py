"""Which channel does a call use? One per event loop, opened by the first call of that loop."""

import asyncio
from typing import Any

import grpc.aio

from aol.data.v1.data_broker_pb2_grpc import DataBrokerStub
from aol_wire.limits import REQUEST_MAX_BYTES

_OPTIONS = (
    # grpc waits 1 s to 2 min before it connects again; a broker that restarts is back sooner.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # The default of 4 MiB is less than a list of many collections.
    ("grpc.max_receive_message_length", REQUEST_MAX_BYTES),
    ("grpc.max_send_message_length", REQUEST_MAX_BYTES),
)


class Connections:
    """The channels to one broker."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._of_loop: dict[asyncio.AbstractEventLoop, tuple[grpc.aio.Channel, Any]] = {}

    def stub(self) -> Any:
        """Return the `DataBrokerStub` of the running event loop."""
        loop = asyncio.get_running_loop()
        connection = self._of_loop.get(loop)
        return self._open(loop) if connection is None else connection[1]

    def _open(self, loop: asyncio.AbstractEventLoop) -> Any:
        # Channels of loops that have ended cannot be used or awaited any more; dropping them closes them.
        self._of_loop = {known: entry for known, entry in self._of_loop.items() if not known.is_closed()}
        channel = grpc.aio.insecure_channel(self._endpoint, options=_OPTIONS)
        stub = DataBrokerStub(channel)  # type: ignore[no-untyped-call]
        self._of_loop[loop] = (channel, stub)
        return stub

    async def close(self) -> None:
        """Close the running loop's channel, and drop those of loops that have ended."""
        self._of_loop = {known: entry for known, entry in self._of_loop.items() if not known.is_closed()}
        connection = self._of_loop.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await connection[0].close()
