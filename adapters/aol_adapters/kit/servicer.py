"""How does an adapter answer gRPC? Bytes in, an `Adapter` call, bytes out; a failure is a status of the contract."""

from collections.abc import Awaitable, Callable, Mapping

import grpc
import structlog

from aol.adapter.v1 import adapter_pb2 as pb
from aol_wire import adapter_codec as codec
from aol_wire.adapter import Adapter
from aol_wire.errors import DataError, Reason
from aol_wire.faults import describe_fault
from aol_wire.frames.calls import Failure, FrameLimits, Outcome, Success
from aol_wire.frames.server import FramesServer
from aol_wire.frames.server_side import IncomingCall
from aol_wire.handshake import MESSAGE_MAX_BYTES, TRAILER_MAX_BYTES
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import to_trailers

SERVICE = pb.DESCRIPTOR.services_by_name["Adapter"].full_name

Context = grpc.aio.ServicerContext[bytes, bytes]
Method = Callable[[bytes, float | None], Awaitable[bytes]]

# Of one broker, in frames, at a time; the broker holds back the others. It has a limit of its own.
MAX_CALLS = 4096

_STATUS_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

_log = structlog.get_logger("aol.adapter")


class AdapterServicer:
    """`aol.adapter.v1.Adapter` in front of an adapter.

    Its methods take and return bytes: gRPC itself would answer a message that it cannot decode with INTERNAL and the
    text of an exception.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.methods: Mapping[str, Method] = {
            "Describe": self._describe,
            "EnsureCollection": self._ensure_collection,
            "InspectCollection": self._inspect_collection,
            "DropCollection": self._drop_collection,
            "Write": self._write,
            "Find": self._find,
            "Count": self._count,
            "Explain": self._explain,
        }

    def register(self, server: grpc.aio.Server) -> None:
        """Add the methods to a server that has not started yet."""
        handlers = {name: _handler(name, method) for name, method in self.methods.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    def frames(self) -> FramesServer:
        """Return the service for calls in frames, which the same methods answer."""
        methods = {f"/{SERVICE}/{name}": (name, method) for name, method in self.methods.items()}

        async def serve(call: IncomingCall) -> Outcome:
            answer = await _answer(*methods[call.method], call.request, _usable_s(call.timeout_s))
            if isinstance(answer, bytes):
                return Success(answer)
            return Failure(answer.code, *to_trailers(answer, max_bytes=TRAILER_MAX_BYTES))

        return FramesServer(methods, lambda _: serve, FrameLimits(MAX_CALLS, MESSAGE_MAX_BYTES))

    async def _describe(self, data: bytes, timeout_s: float | None) -> bytes:
        del timeout_s  # the caller's deadline cancels the call
        codec.decode(pb.DescribeRequest, data)
        return codec.description_to_proto(await self._adapter.describe()).SerializeToString()

    async def _ensure_collection(self, data: bytes, timeout_s: float | None) -> bytes:
        del timeout_s
        spec = codec.collection_from_proto(codec.decode(pb.EnsureCollectionRequest, data))
        return codec.ensured_to_proto(await self._adapter.ensure_collection(spec)).SerializeToString()

    async def _inspect_collection(self, data: bytes, timeout_s: float | None) -> bytes:
        del timeout_s
        target = codec.target_from_proto(codec.decode(pb.InspectCollectionRequest, data).target)
        return codec.inspected_to_proto(await self._adapter.inspect_collection(target)).SerializeToString()

    async def _drop_collection(self, data: bytes, timeout_s: float | None) -> bytes:
        del timeout_s
        request = codec.decode(pb.DropCollectionRequest, data)
        await self._adapter.drop_collection(codec.target_from_proto(request.target))
        return pb.DropCollectionResponse().SerializeToString()

    async def _write(self, data: bytes, timeout_s: float | None) -> bytes:
        request = codec.write_from_proto(codec.decode(pb.WriteRequest, data), timeout_s)
        return codec.outcomes_to_bytes(await self._adapter.write(request))

    async def _find(self, data: bytes, timeout_s: float | None) -> bytes:
        request = codec.find_from_proto(codec.decode(pb.FindRequest, data), timeout_s)
        return codec.found_to_proto(await self._adapter.find(request)).SerializeToString()

    async def _count(self, data: bytes, timeout_s: float | None) -> bytes:
        request = codec.count_from_proto(codec.decode(pb.CountRequest, data), timeout_s)
        return pb.CountResponse(count=await self._adapter.count(request)).SerializeToString()

    async def _explain(self, data: bytes, timeout_s: float | None) -> bytes:
        request = codec.find_from_proto(codec.decode(pb.ExplainRequest, data).find, timeout_s)
        return codec.explanation_to_proto(await self._adapter.explain(request)).SerializeToString()


def _handler(name: str, method: Method) -> "grpc.RpcMethodHandler[bytes, bytes]":
    async def serve(data: bytes, context: Context) -> bytes:
        answer = await _answer(name, method, data, _usable_s(context.time_remaining()))
        return answer if isinstance(answer, bytes) else await _abort(context, answer)

    return grpc.unary_unary_rpc_method_handler(serve)


async def _answer(name: str, method: Method, data: bytes, timeout_s: float | None) -> bytes | DataError:
    """Call a method; whatever goes wrong is an error of the contract. Cancelled, the adapter ends its work."""
    try:
        return await method(data, timeout_s)
    except DataError as error:
        return error
    except Exception as error:  # its text may hold what a user stored: it goes nowhere
        _log.error("adapter.bug", method=name, fault=describe_fault(error))
        return DataError(Reason.INTERNAL_BUG, "The adapter failed on a bug of its own; its log says where.")


def _usable_s(left_s: float | None) -> float | None:
    """What the adapter may use. A little less than is left, so that its own DEADLINE, which knows whether the change
    was made, comes before the caller's clock runs out."""
    return None if left_s is None else left_s - min(0.1, left_s * 0.1)


async def _abort(context: Context, error: DataError) -> bytes:
    message, details = to_trailers(error, max_bytes=TRAILER_MAX_BYTES)
    await context.abort(_STATUS_CODES[error.code], message, ((STATUS_DETAILS_TRAILER, details),))
