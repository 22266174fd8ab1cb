"""A broker that answers what a test tells it to, on a real port."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.document_pb2 import Page
from aol_client import AOLDataClient
from aol_wire.errors import DataError
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import to_status

Answer = Message | DataError | Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Message]]


@dataclass(frozen=True)
class Call:
    """A call as it arrived."""

    rpc: str
    request: Any
    headers: dict[str, str | bytes]


@dataclass
class ScriptedBroker:
    """Answers each RPC with the next scripted answer, else with an empty message (inserts with their ids).

    It has no frames; `refused` are the methods that were asked for and are not there.
    """

    endpoint: str = ""
    calls: list[Call] = field(default_factory=list)
    script: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    trailers: list[tuple[str, str | bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _server: grpc.aio.Server | None = None

    def answer(self, rpc: str, *answers: Answer) -> None:
        self.script[rpc].extend(answers)

    def requests(self, rpc: str) -> list[Any]:
        return [call.request for call in self.calls if call.rpc == rpc]

    async def start(self, address: str = "127.0.0.1:0") -> None:
        self._server = grpc.aio.server(options=(("grpc.max_receive_message_length", 64 << 20),))
        service = pb.DESCRIPTOR.services_by_name["DataBroker"]
        handlers = {
            method.name: grpc.unary_unary_rpc_method_handler(
                self._handler(method.name, GetMessageClass(method.output_type)),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=lambda message: (
                    message if isinstance(message, bytes) else message.SerializeToString()
                ),
            )
            for method in service.methods
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
        self._server.add_generic_rpc_handlers((_Refusals(self.refused),))
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port(address)}"
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def _handler(self, rpc: str, empty: type[Message]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            headers = dict(context.invocation_metadata() or ())
            self.calls.append(Call(rpc, request, headers))
            context.set_trailing_metadata(tuple(self.trailers))
            answer = self.script[rpc].pop(0) if self.script[rpc] else None
            if isinstance(answer, DataError):
                await fail(context, answer, self.trailers)
            if answer is None:
                return _stored(request) or empty()
            return answer if isinstance(answer, Message) else await answer(request, context)  # type: ignore[operator]

        return handle


class _Refusals(grpc.GenericRpcHandler):
    """Takes down which methods no other handler has."""

    def __init__(self, refused: list[str]) -> None:
        self._refused = refused

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        self._refused.append(handler_call_details.method)


async def fail(
    context: grpc.aio.ServicerContext[Any, Any], error: DataError, trailers: list[tuple[str, str | bytes]]
) -> None:
    code = next(code for code in grpc.StatusCode if code.value[0] == error.code)
    details = (STATUS_DETAILS_TRAILER, to_status(error, "from-broker").SerializeToString())
    await context.abort(code, error.message, trailing_metadata=(*trailers, details))


def _stored(request: Any) -> Message | None:
    if isinstance(request, pb.StoreDataRequest):
        return pb.StoreDataResponse(success=True, document_id=request.document_id)
    if isinstance(request, pb.StoreBatchRequest):
        return pb.StoreBatchResponse(document_ids=request.document_ids, stored_count=len(request.documents))
    return None


@pytest.fixture
async def broker() -> AsyncIterator[ScriptedBroker]:
    scripted = ScriptedBroker()
    await scripted.start()
    yield scripted
    await scripted.stop()


@pytest.fixture
async def client(broker: ScriptedBroker) -> AsyncIterator[AOLDataClient]:
    async with AOLDataClient(broker.endpoint, "test-service", timeout=5.0) as opened:
        yield opened


@pytest.fixture
def page_of() -> Callable[..., pb.QueryDataResponse]:
    """Makes the answer to a query: a document `{"n": n}` for each number, with metadata."""

    def make(*numbers: int, token: str = "") -> pb.QueryDataResponse:
        page = Page(
            id=[f"id{number}" for number in numbers],
            json=[f'{{"n": {number}}}' for number in numbers],
            created_us=[1_000_000] * len(numbers),
            updated_us=[2_000_000] * len(numbers),
            version=[1] * len(numbers),
        )
        return pb.QueryDataResponse(page=page, next_page_token=token)

    return make
