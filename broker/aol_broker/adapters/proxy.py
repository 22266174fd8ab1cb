"""How does the broker call an adapter in another process? The `Adapter` interface over a gRPC channel."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import structlog
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from aol.adapter.v1 import adapter_pb2 as pb
from aol_broker.adapters.joined import JoinedCalls
from aol_wire import adapter_codec as codec
from aol_wire.adapter import (
    Adapter,
    CollectionSpec,
    Count,
    Description,
    Ensured,
    Explanation,
    Find,
    Found,
    Outcome,
    Target,
    Write,
)
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.frames.channel import FramesChannel
from aol_wire.handshake import MESSAGE_MAX_BYTES, PROTOCOL
from aol_wire.indexes import IndexStatus
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import from_status

# Describe and health are answered from memory; an adapter that takes longer hangs.
CONTROL_TIMEOUT_S = 2.0

_SERVICE = f"/{PROTOCOL}.Adapter/"
_METHODS = {method.name: _SERVICE + method.name for method in pb.DESCRIPTOR.services_by_name["Adapter"].methods}
_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
_CONTROL = {"Describe": _METHODS["Describe"], _HEALTH_METHOD: _HEALTH_METHOD}

Call = Callable[..., Awaitable[bytes]]

_log = structlog.get_logger("aol.adapters.proxy")


class AdapterProxy(Adapter):
    """An adapter elsewhere. Until `connect` and after `disconnect`, every call is ADAPTER_DOWN at once.

    Errors of writes say whether they were applied: no, when nothing was sent; unknown, when the line broke or the time
    was over in between. `start` and `close` do nothing: the process and the channel are the host's.
    """

    def __init__(self, name: str, retry_after_s: Callable[[], float]) -> None:
        self._name = name
        self._retry_after_s = retry_after_s
        self._calls: dict[str, Call] = {}
        self._channel: grpc.aio.Channel | None = None
        self._frames: FramesChannel | None = None
        self._joined = JoinedCalls(self._write, self._find)

    def connect(self, channel: grpc.aio.Channel) -> None:
        """Send calls through this channel from here on: in frames, if the adapter has them."""
        self._channel = channel
        frames = self._frames = FramesChannel(channel, max_frame_bytes=MESSAGE_MAX_BYTES, fall_back=True)
        self._calls = {name: frames.unary_unary(path) for name, path in _METHODS.items()}
        # Whether it is alive is asked beside the calls, not in a row with them.
        self._calls.update({name: channel.unary_unary(path) for name, path in _CONTROL.items()})

    def disconnect(self) -> None:
        """Refuse calls from here on. Calls under way end as the channel lets them."""
        self._channel = None
        if self._frames is not None:
            self._frames.retire()

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def describe(self) -> Description:
        """Ask the adapter. The host does after each loss, as it may be another program then."""
        if self._frames is not None:
            self._frames.ask_again()
        answer = await self._call("Describe", pb.DescribeRequest(), CONTROL_TIMEOUT_S)
        return codec.description_from_proto(self._decode(pb.DescribeResponse, answer))

    async def check(self) -> None:
        """Return if the adapter can use its database now.

        :raises DataError: ADAPTER_DOWN; or DEADLINE when there is no answer.
        """
        if not await self.serving():
            raise self._down("says that its database cannot be used now; its log says why", None)

    async def serving(self) -> bool:
        """Ask the adapter's health service.

        :raises DataError: ADAPTER_DOWN when it cannot be reached, DEADLINE when there is no answer.
        """
        request = health_pb2.HealthCheckRequest(service=f"{PROTOCOL}.Adapter")
        answer = await self._call(_HEALTH_METHOD, request, CONTROL_TIMEOUT_S)
        status = self._decode(health_pb2.HealthCheckResponse, answer).status
        return bool(status == health_pb2.HealthCheckResponse.SERVING)

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        """Make a collection. Building an index may take long: the caller bounds the time by cancelling."""
        answer = await self._call("EnsureCollection", codec.collection_to_proto(spec), None, writes=True)
        try:
            return codec.ensured_from_proto(self._decode(pb.EnsureCollectionResponse, answer, Applied.UNKNOWN))
        except DataError as error:
            raise self._nonsense(error, Applied.UNKNOWN) from error

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        """Ask how the indexes of a collection stand."""
        request = pb.InspectCollectionRequest(target=codec.target_to_proto(target))
        answer = self._decode(
            pb.InspectCollectionResponse, await self._call("InspectCollection", request, CONTROL_TIMEOUT_S)
        )
        try:
            return codec.inspected_from_proto(answer)
        except DataError as error:
            raise self._nonsense(error, None) from error

    async def drop_collection(self, target: Target) -> None:
        """Drop a collection."""
        request = pb.DropCollectionRequest(target=codec.target_to_proto(target))
        await self._call("DropCollection", request, None, writes=True)

    async def write(self, request: Write) -> list[Outcome]:
        """Apply mutations."""
        return await self._joined.write(request)

    async def find(self, request: Find) -> Found:
        """Find a page."""
        return await self._joined.find(request)

    async def _write(self, request: Write) -> list[Outcome]:
        answer = await self._call("Write", codec.write_to_proto(request), request.timeout_s, writes=True)
        try:
            return codec.outcomes_from_bytes(answer, len(request.mutations))
        except DataError as error:
            raise self._nonsense(error, Applied.UNKNOWN) from error

    async def _find(self, request: Find) -> Found:
        answer = await self._call("Find", codec.find_to_proto(request), request.timeout_s)
        message = self._decode(pb.FindResponse, answer)
        try:
            return codec.found_from_proto(message)
        except DataError as error:
            raise self._nonsense(error, None) from error

    async def count(self, request: Count) -> int:
        """Count documents."""
        answer = await self._call("Count", codec.count_to_proto(request), request.timeout_s)
        return self._decode(pb.CountResponse, answer).count

    async def explain(self, request: Find) -> Explanation:
        """Tell how a query is answered."""
        message = pb.ExplainRequest(find=codec.find_to_proto(request))
        answer = self._decode(pb.ExplainResponse, await self._call("Explain", message, request.timeout_s))
        try:
            return codec.explanation_from_proto(answer)
        except DataError as error:
            raise self._nonsense(error, None) from error

    async def _call(self, method: str, request: Message, timeout_s: float | None, *, writes: bool = False) -> bytes:
        untouched, unsure = (Applied.NO, Applied.UNKNOWN) if writes else (None, None)
        if self._channel is None:
            raise self._down("is not running", untouched)
        if self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise self._down("cannot be reached", untouched)
        data = request.SerializeToString()
        if len(data) > MESSAGE_MAX_BYTES:
            raise DataError(
                Reason.TOO_LARGE,
                f"The request has {len(data)} bytes, the adapter takes {MESSAGE_MAX_BYTES}. Send less at a time.",
                applied=untouched,
            )
        if timeout_s is not None and timeout_s <= 0:
            raise DataError(Reason.DEADLINE, "The time was over before the adapter was asked.", applied=untouched)
        try:
            return await self._calls[method](data, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise self._failure(error, unsure) from None
        except asyncio.CancelledError:
            # A channel that is closed under a call cancels it; only a cancelled task is the caller's own wish.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._down("went away during the call", unsure) from None

    def _failure(self, error: grpc.aio.AioRpcError, unsure: Applied | None) -> DataError:
        """What a failed call means. gRPC's own text is left aside: it may hold anything."""
        carried = _carried(error)
        if carried is not None:
            return carried
        match error.code():
            case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
                return self._down("went away during the call", unsure)
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return DataError(
                    Reason.DEADLINE, f"The adapter '{self._name}' did not answer within the time given.", applied=unsure
                )
            case grpc.StatusCode.RESOURCE_EXHAUSTED:
                return DataError(
                    Reason.TOO_LARGE, "The request or its answer is larger than a message may be.", applied=unsure
                )
            case grpc.StatusCode.UNIMPLEMENTED:
                return DataError(
                    Reason.CAPABILITY_UNSUPPORTED,
                    f"The adapter '{self._name}' does not have this method.",
                    applied=None if unsure is None else Applied.NO,
                )
            case code:
                _log.error("adapter.unexpected_status", adapter=self._name, status=code.name)
                return DataError(
                    Reason.INTERNAL_BUG, f"The adapter '{self._name}' failed without a reason.", applied=unsure
                )

    def _down(self, what: str, applied: Applied | None) -> DataError:
        return DataError(
            Reason.ADAPTER_DOWN,
            f"The adapter '{self._name}' {what}.",
            metadata={"adapter": self._name},
            retry_after_s=self._retry_after_s(),
            applied=applied,
        )

    def _decode(self, kind: type[codec.M], data: bytes, applied: Applied | None = None) -> codec.M:
        try:
            return codec.decode(kind, data)
        except DataError as error:
            raise self._nonsense(error, applied) from error

    def _nonsense(self, error: DataError, applied: Applied | None) -> DataError:
        _log.error("adapter.malformed_answer", adapter=self._name, problem=error.message)
        return DataError(Reason.INTERNAL_BUG, f"The adapter '{self._name}' gave a malformed answer.", applied=applied)


def _carried(error: grpc.aio.AioRpcError) -> DataError | None:
    """The error of the contract that the trailers carry, if any."""
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_TRAILER and isinstance(value, bytes):
            return from_status(value)
    return None
