"""What can a service do with its data? The client: every method is one call of the broker, or pages of one."""

from collections.abc import Coroutine, Iterable, Mapping
from copy import copy
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from aol.data.v1 import access_request_pb2, context_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_client.access_requests import (
    AccessRequest,
    RequestAnswer,
    access_requests,
    approval,
    list_request,
    refusal,
    request_answer,
)
from aol_client.arguments import endpoint_argument, seconds, service_argument, text_argument
from aol_client.calls import Caller, Headers
from aol_client.collection_info import CollectionInfo, collection_info
from aol_client.collection_requests import Granting, collection_request, grant_request, revoke_request
from aol_client.connections import Connections, Transport
from aol_client.credentials import Credentials, Token
from aol_client.document_calls import DocumentCalls
from aol_client.exceptions import ConfigurationError
from aol_client.failures import malformed_answer
from aol_client.retries import EFFECT_OF_RPC
from aol_client.security_context import Context, context_message
from aol_client.tls import TLS, clear_text_problem, client_tls
from aol_wire.ids import uuid7

DEFAULT_TIMEOUT_S = 10.0

_NOT_ABOUT_DOCUMENTS = frozenset(
    {
        *("RequestCollection", "ListCollections", "DescribeCollection"),
        *("GrantAccess", "RevokeAccess", "ListAccessRequests", "ApproveAccess", "RefuseAccess"),
    }
)

Answer = TypeVar("Answer")


class AOLDataClient(DocumentCalls):
    """Stores and reads documents through the AOL broker, in the name of one service.

    Making a client opens nothing; the first call does, on the event loop that runs it. Use it as an async context
    manager, or `close()` it. One client serves any number of concurrent calls.

    Collections are named `events` (one's own) or `other-service.events`. Documents, filters and updates are dicts of
    JSON values; `datetime`, `date` (as UTC, with microseconds) and `UUID` become text.

    `timeout` is in seconds and bounds each call of the broker together with its repetitions; every method takes
    another one for itself. Reading many pages makes a call a page. Reads, inserts, grants and requests of collections
    are repeated while the broker is unavailable; updates, deletes, restores and purges only if it is sure that they
    changed nothing.

    Collections with record-level security need to know on whose behalf a call is made: `context` of a method, or of all
    calls, `client.with_context(...)`, takes a `SecurityContext` or a dict with its fields. Methods about collections
    themselves, and not about documents, check it and do not send it.

    Every method raises `DataClientError`, of which the classes in `aol_client` tell what went wrong.
    """

    def __init__(
        self,
        aol_core_endpoint: str,
        service_name: str,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        token: Token = None,
        token_file: str | PathLike[str] | None = None,
        tls: TLS | bool | None = None,
        transport: Transport = "auto",
    ) -> None:
        """Make a client of the broker at `aol_core_endpoint` (`host:port`) for the service `service_name`.

        `token` is sent as a bearer token with every call: a text, or a function that returns one. `token_file` holds
        one in its place, and is read again when it changes; with neither, AOL_TOKEN and AOL_TOKEN_FILE in the
        environment count. `tls` says that the broker speaks TLS, and whom to believe; without it, AOL_TLS_CA_FILE and
        its like count. `transport`: concurrent calls travel together in `frames`, or one by one (`unary`); `auto` is
        frames if the broker has them.

        :raises InvalidRequestError: an argument cannot be right.
        :raises ConfigurationError: files that are named cannot be used, or a token would go to another machine without
            TLS and without `tls=False`, which says that the network itself is private.
        """
        self._endpoint = endpoint_argument("aol_core_endpoint", aol_core_endpoint)
        self._service_name = service_argument("service_name", service_name)
        self._timeout_s = seconds("timeout", timeout)
        secure = client_tls(tls)
        self._connections = Connections(self._endpoint, transport, secure)
        credentials = Credentials(token, token_file)
        # A token of the service's, or one of an end user's in a context.
        self._token_problem = "" if secure is not None else clear_text_problem(self._endpoint, tls)
        if credentials.any:
            self._refuse_clear_text()
        self._caller = Caller(self._endpoint, Headers(self._service_name, credentials))
        # Tests of services put a mock here; otherwise each event loop has a stub of its own.
        self._stub: Any = None
        self._context: context_pb2.SecurityContext | None = None
        self._is_view = False

    @classmethod
    def from_config(
        cls,
        path: str | PathLike[str] = "config.yaml",
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        token: Token = None,
        token_file: str | PathLike[str] | None = None,
        tls: TLS | bool | None = None,
        transport: Transport = "auto",
    ) -> Self:
        """Make a client from a YAML file with `spec.dataClient.aolCoreEndpoint` and `metadata.name`.

        :raises OSError: the file cannot be read.
        :raises ConfigurationError: it is not YAML, or a key is missing.
        """
        from aol_client.config import read_config  # here, as most of what it imports serves nothing else

        config = read_config(path)
        endpoint, name = config.endpoint, config.service_name
        return cls(endpoint, name, timeout=timeout, token=token, token_file=token_file, tls=tls, transport=transport)

    def __repr__(self) -> str:
        return f"AOLDataClient({self._endpoint!r}, {self._service_name!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection, which cancels the calls under way. A later call opens a new one.

        Closing what `with_context` returned closes nothing: the connection is that of the client it was made of.
        """
        if not self._is_view:
            await self._connections.close()

    def with_context(self, context: Context) -> Self:
        """Return a client over the same connection whose calls are all made on behalf of this end user.

        It is cheap: make one for each request that a service serves. `context=` of a method goes before it.

        :raises InvalidRequestError: an argument cannot be right, or the context says nothing.
        """
        view = copy(self)
        view._context = context_message(context)
        view._is_view = True
        return view

    async def request_collection(
        self,
        name: str,
        schema_hint: Mapping[str, Any] | None = None,
        indexes: Iterable[Mapping[str, Any]] | None = None,
        *,
        description: str = "",
        timeout: float | None = None,
        context: Context | None = None,
    ) -> str:
        """Make sure that the service has a collection of this name with these indexes; return its full name.

        Repeating it changes nothing. `schema_hint` maps field paths to `string`, `number`, `boolean`, `datetime`,
        `object` or `array`; `indexes` are as in a manifest, for example `{"fields": ["at"], "type": "ascending"}`.
        """
        request = collection_request(name, schema_hint, indexes, description)
        response = await self._call("RequestCollection", request, pb.RequestCollectionResponse, timeout, context)
        return response.collection_id

    async def grant_access(
        self, collection: str, target_service: str, permission: str, **options: Unpack[Granting]
    ) -> bool:
        """Give another service `read`, `write`, `admin` or `assert-context`, within limits (`Granting`); return whether
        that is new."""
        request = grant_request(collection, target_service, permission, options)
        timeout, context = options.get("timeout"), options.get("context")
        response = await self._call("GrantAccess", request, pb.GrantAccessResponse, timeout, context)
        return response.granted

    async def revoke_access(
        self,
        collection: str,
        target_service: str,
        permission: str | None = None,
        *,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> bool:
        """Take a permission back, or all of them; return whether there was anything to take back."""
        request = revoke_request(collection, target_service, permission)
        response = await self._call("RevokeAccess", request, pb.RevokeAccessResponse, timeout, context)
        return response.revoked

    async def pending_requests(
        self, *, made: bool = False, refused: bool = False, timeout: float | None = None, context: Context | None = None
    ) -> list[AccessRequest]:
        """Return the requests of other services for collections of this one, which wait for its answer; with `made`,
        those that this service makes of others. `refused`: those that were refused, too."""
        names = ("", self._service_name) if made else (self._service_name, "")
        request, answer = list_request(*names, refused=refused), access_request_pb2.ListAccessRequestsResponse
        return access_requests(await self._call("ListAccessRequests", request, answer, timeout, context))

    async def approve_request(
        self, collection: str, service: str, permission: str | None = None, **options: Unpack[Granting]
    ) -> RequestAnswer:
        """Grant what a service's manifest asks for on an own collection, within limits (`Granting`): one permission, or
        all that it does not have. Repeating it changes nothing."""
        request, answer = approval(collection, service, permission, options), access_request_pb2.ApproveAccessResponse
        timeout, context = options.get("timeout"), options.get("context")
        response = await self._call("ApproveAccess", request, answer, timeout, context)
        return request_answer(response.approved, response.already)

    async def refuse_request(
        self,
        collection: str,
        service: str,
        permission: str | None = None,
        *,
        reason: str,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> RequestAnswer:
        """Refuse what a service's manifest asks for on an own collection: one permission, or all that it does not have.

        `reason` is what the service is told: one line of at most 500 characters. It stays refused until it is granted,
        shared by a newer manifest, or asked for anew. Repeating it changes nothing.
        """
        request, answer = refusal(collection, service, permission, reason), access_request_pb2.RefuseAccessResponse
        response = await self._call("RefuseAccess", request, answer, timeout, context)
        return request_answer(response.refused, response.already)

    async def list_collections(
        self, *, timeout: float | None = None, context: Context | None = None
    ) -> list[CollectionInfo]:
        """Return the collections that the service may use, ordered by their full names."""
        request = pb.ListCollectionsRequest(request_id=uuid7())
        response = await self._call("ListCollections", request, pb.ListCollectionsResponse, timeout, context)
        try:
            return [collection_info(collection) for collection in response.collections]
        except ValueError:
            raise malformed_answer(request.request_id) from None

    async def describe_collection(
        self, collection: str, *, timeout: float | None = None, context: Context | None = None
    ) -> CollectionInfo:
        """Return one collection, with the state of its indexes."""
        request = pb.DescribeCollectionRequest(collection=text_argument("collection", collection), request_id=uuid7())
        response = await self._call("DescribeCollection", request, pb.DescribeCollectionResponse, timeout, context)
        try:
            return collection_info(response.collection)
        except ValueError:
            raise malformed_answer(request.request_id) from None

    def _refuse_clear_text(self) -> None:
        if self._token_problem:
            raise ConfigurationError(self._token_problem)

    def _call(
        self, rpc: str, request: Any, answer: type[Answer], timeout: float | None, context: Context | None
    ) -> Coroutine[Any, Any, Answer]:
        """Call the broker; `answer` tells the type checker what the stub, which is not typed, returns."""
        message = self._context if context is None else context_message(context)
        if message is not None and rpc not in _NOT_ABOUT_DOCUMENTS:
            if message.token:
                self._refuse_clear_text()
            request.context.CopyFrom(message)
        stub = self._connections.stub() if self._stub is None else self._stub
        timeout_s = self._timeout_s if timeout is None else seconds("timeout", timeout)
        return self._caller.call(getattr(stub, rpc), request, EFFECT_OF_RPC[rpc], timeout_s)
