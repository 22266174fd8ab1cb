"""Does a broker, or a part of it, say that it is healthy?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc.aio

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """What the health service says of one part. It is not `known` when the broker has never heard of it."""

    serving: bool
    detail: str
    known: bool = True


async def ask_health(channel: "grpc.aio.Channel", service: str) -> Health:
    """Ask the standard health service; the empty name stands for the broker as a whole."""
    import grpc.aio
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=_TIMEOUT_S)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return Health(False, "this broker has no such adapter", known=False)
        return Health(False, f"its health service answers {error.code().name}: is it an AOL broker?")
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return Health(True, "serving")
    return Health(False, "not serving; the broker's log says why")
