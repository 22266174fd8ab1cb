"""How is a broker reached? A channel that is known to be answered, or at once a sentence about what to check."""

import asyncio
import typing
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aol_cli.exits import ExitCode, Failure

if typing.TYPE_CHECKING:
    import grpc.aio

CONNECT_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 30.0
_ANSWER_MAX_BYTES = 64 << 20


@asynccontextmanager
async def connected(endpoint: str) -> "AsyncIterator[grpc.aio.Channel]":
    """Yield a channel to a server that speaks gRPC.

    :raises Failure: UNAVAILABLE; nothing answers there.
    """
    import grpc.aio

    options = (("grpc.max_receive_message_length", _ANSWER_MAX_BYTES),)
    async with grpc.aio.insecure_channel(endpoint, options=options) as channel:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                state = channel.get_state(try_to_connect=True)
                while state not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            state = grpc.ChannelConnectivity.TRANSIENT_FAILURE
        if state is not grpc.ChannelConnectivity.READY:
            raise Failure(
                f"no broker answers at {endpoint}. Is one running there (`aol up` starts one)? Name another with "
                "--endpoint HOST:PORT or AOL_ENDPOINT.",
                ExitCode.UNAVAILABLE,
            )
        yield channel


async def check_reachable(endpoint: str) -> None:
    """Return if a server answers: the SDK would patiently try again, which is not what a person at a terminal wants.

    :raises Failure: UNAVAILABLE.
    """
    async with connected(endpoint):
        return
