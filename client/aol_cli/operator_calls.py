"""How are calls of `aol.admin.v1.Admin` made, with the operator's token or as a service that deploys its manifest?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aol_cli.connection import CALL_TIMEOUT_S, connected

if TYPE_CHECKING:
    import grpc.aio

# Of the calls of `aol.admin.v1.Admin`, those that change something.
_WRITING = frozenset(
    {
        *("ApplyManifest", "ApplyPlan", "RetireManifestVersion", "SeedCollection"),
        *("DropCollection", "CopyCollection", "AbortCopy"),
        *("CreateToken", "RevokeToken"),
    }
)

A = TypeVar("A")


class OperatorCalls:
    """Calls of one broker in the operator's name. `revision` is the registry's, as the last answer told it."""

    def __init__(self, endpoint: str, token: str, channel: "grpc.aio.Channel", service: str = "") -> None:
        """`service` is in whose name the calls are, empty for the operator's; then the token may be empty, too.

        :raises ConfigurationError: the token would go to another machine without TLS."""
        from aol.admin.v1.admin_pb2_grpc import AdminStub
        from aol.data.v1.data_broker_pb2_grpc import DataBrokerStub
        from aol_client import ConfigurationError
        from aol_client.tls import clear_text_problem, client_tls
        from aol_wire.metadata import AUTHORIZATION_HEADER, SERVICE_HEADER

        if token and client_tls(None) is None and (problem := clear_text_problem(endpoint, None)):
            raise ConfigurationError(problem)
        self.revision = 0
        self._endpoint = endpoint
        shown = {AUTHORIZATION_HEADER: f"Bearer {token}" if token else "", SERVICE_HEADER: service}
        self._metadata = tuple((name, value) for name, value in shown.items() if value)
        self._admin: Any = AdminStub(channel)  # type: ignore[no-untyped-call]
        self._data: Any = DataBrokerStub(channel)  # type: ignore[no-untyped-call]

    async def admin(self, rpc: str, request: Any, answer: type[A]) -> A:
        """Call `aol.admin.v1.Admin`; `answer` tells the type checker what comes back.

        :raises DataClientError: the call failed.
        """
        return cast("A", await self._call(getattr(self._admin, rpc), request, writes=rpc in _WRITING))

    async def data(self, rpc: str, request: Any, answer: type[A]) -> A:
        """Call `aol.data.v1.DataBroker`, for what operators may do there too.

        :raises DataClientError: the call failed.
        """
        return cast("A", await self._call(getattr(self._data, rpc), request, writes=True))

    async def _call(self, method: Any, request: Any, *, writes: bool) -> Any:
        import grpc.aio

        from aol_client.failures import CallFacts, from_rpc_error, malformed_answer
        from aol_wire.ids import uuid7
        from aol_wire.metadata import REVISION_HEADER

        request.request_id = request.request_id or uuid7()
        facts = CallFacts(self._endpoint, request.request_id, CALL_TIMEOUT_S, writes)
        call = method(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata)
        try:
            answer = await call
            trailers = await call.trailing_metadata()
        except grpc.aio.AioRpcError as error:
            failure = from_rpc_error(error, facts)
            raise failure from failure.__cause__
        if answer is None:  # what grpc makes of bytes that it cannot decode
            raise malformed_answer(request.request_id, writes=writes)
        for key, value in trailers or ():
            if key == REVISION_HEADER and isinstance(value, str) and value.isascii() and value.isdigit():
                self.revision = int(value)
        return answer


@asynccontextmanager
async def operator_calls(endpoint: str, token: str, service: str = "") -> AsyncIterator[OperatorCalls]:
    """Yield a connection in the operator's name, or in that of a service.

    :raises Failure: UNAVAILABLE; no broker answers.
    :raises ConfigurationError: the token would go to another machine without TLS.
    """
    async with connected(endpoint) as channel:
        yield OperatorCalls(endpoint, token, channel, service)
