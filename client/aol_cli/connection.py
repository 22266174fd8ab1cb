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

    TLS is as the variables AOL_TLS_CA_FILE and its like say.

    :raises Failure: UNAVAILABLE; nothing answers there.
    """
    import grpc.aio

    async with _channel(endpoint) as channel:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                state = channel.get_state(try_to_connect=True)
                while state not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            state = grpc.ChannelConnectivity.TRANSIENT_FAILURE
        if state is not grpc.ChannelConnectivity.READY:
            raise Failure(await _what_is_wrong(channel, endpoint), ExitCode.UNAVAILABLE)
        yield channel


def _channel(endpoint: str) -> "grpc.aio.Channel":
    import grpc.aio

    from aol_client import ConfigurationError
    from aol_client.tls import client_tls

    options = (("grpc.max_receive_message_length", _ANSWER_MAX_BYTES),)
    try:
        tls = client_tls(None)
    except ConfigurationError as error:
        raise Failure(str(error)) from None
    return grpc.aio.insecure_channel(endpoint, options=options) if tls is None else tls.channel(endpoint, options)


async def _what_is_wrong(channel: "grpc.aio.Channel", endpoint: str) -> str:
    """Return why a channel cannot be used, as far as a call on it tells."""
    import grpc.aio

    from aol_client.failures import handshake_hint

    try:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        await check(b"", timeout=CONNECT_TIMEOUT_S)
    except grpc.aio.AioRpcError as error:
        if hint := handshake_hint(error.details()):
            return f"the broker at {endpoint} cannot be used: {hint}"
    return (
        f"no broker answers at {endpoint}. Is one running there (`aol up` starts one)? Name another with "
        "--endpoint HOST:PORT or AOL_ENDPOINT."
    )


async def check_reachable(endpoint: str) -> None:
    """Return if a server answers: the SDK would patiently try again, which is not what a person at a terminal wants.

    :raises Failure: UNAVAILABLE.
    """
    async with connected(endpoint):
        return
