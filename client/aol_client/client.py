"""What can a service do with its data? The client: every method is one call of the broker, or pages of one."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

from aol.data.v1 import data_broker_pb2 as pb
from aol_client.arguments import Sort, endpoint_argument, seconds, service_argument, text_argument, whole_number
from aol_client.bulk import BulkInsert, Documents
from aol_client.calls import Caller, Headers
from aol_client.changes import change_request, insert_request
from aol_client.collection_info import CollectionInfo, collection_info
from aol_client.collection_requests import Granting, collection_request, grant_request, revoke_request
from aol_client.connections import Connections, Transport
from aol_client.credentials import Credentials, Token
from aol_client.encoding import check_id, encode_argument
from aol_client.failures import malformed_answer
from aol_client.pages import Document
from aol_client.queries import count_request, explain_request, query_request, read_pages
from aol_client.query_plan import QueryPlan, query_plan
from aol_client.retries import EFFECT_OF_RPC
from aol_client.tls import TLS, client_tls
from aol_wire.ids import uuid7
from aol_wire.metadata import ID

DEFAULT_TIMEOUT_S = 10.0

Answer = TypeVar("Answer")


class AOLDataClient:
    """Stores and reads documents through the AOL broker, in the name of one service.

    Making a client opens nothing; the first call does, on the event loop that runs it. Use it as an async context
    manager, or `close()` it. One client serves any number of concurrent calls.

    Collections are named `events` (one's own) or `other-service.events`. Documents, filters and updates are dicts of
    JSON values; `datetime`, `date` (as UTC, with microseconds) and `UUID` become text.

    `timeout` is in seconds and bounds each call of the broker together with its repetitions; every method takes
    another one for itself. Reading many pages makes a call a page. Reads, inserts, grants and requests of collections
    are repeated while the broker is unavailable; updates, deletes, restores and purges only if it is sure that they
    changed nothing.

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
        :raises ConfigurationError: files that are named cannot be used.
        """
        self._endpoint = endpoint_argument("aol_core_endpoint", aol_core_endpoint)
        self._service_name = service_argument("service_name", service_name)
        self._timeout_s = seconds("timeout", timeout)
        self._connections = Connections(self._endpoint, transport, client_tls(tls))
        self._caller = Caller(self._endpoint, Headers(self._service_name, Credentials(token, token_file)))
        # Tests of services put a mock here; otherwise each event loop has a stub of its own.
        self._stub: Any = None

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
        """Close the connection, which cancels the calls under way. A later call opens a new one."""
        await self._connections.close()

    async def request_collection(
        self,
        name: str,
        schema_hint: Mapping[str, Any] | None = None,
        indexes: Iterable[Mapping[str, Any]] | None = None,
        *,
        description: str = "",
        timeout: float | None = None,
    ) -> str:
        """Make sure that the service has a collection of this name with these indexes; return its full name.

        Repeating it changes nothing. `schema_hint` maps field paths to `string`, `number`, `boolean`, `datetime`,
        `object` or `array`; `indexes` are as in a manifest, for example `{"fields": ["at"], "type": "ascending"}`.
        """
        request = collection_request(name, schema_hint, indexes, description)
        response = await self._call("RequestCollection", request, pb.RequestCollectionResponse, timeout)
        return response.collection_id

    async def insert(self, collection: str, document: Mapping[str, Any], *, timeout: float | None = None) -> str:
        """Insert a document; return its id: its `_id`, or else a new UUIDv7.

        A document that was read may be inserted again: `_created_at`, `_updated_at` and `_version` are left aside.
        """
        request = insert_request(collection, document)
        response = await self._call("StoreData", request, pb.StoreDataResponse, timeout)
        return response.document_id

    async def insert_many(
        self, collection: str, documents: Documents, *, atomic: bool = False, timeout: float | None = None
    ) -> list[str]:
        """Insert documents of any iterable or async iterable; return their ids, in their order.

        They go in chunks, a few at a time, each with the `timeout`. With `atomic` all go in one call of at most
        10,000 documents and 16 MiB, and all or none are stored.

        :raises BulkWriteError: some documents were not stored; it tells which, and why.
        """

        async def send(request: pb.StoreBatchRequest) -> pb.StoreBatchResponse:
            return await self._call("StoreBatch", request, pb.StoreBatchResponse, timeout)

        bulk = BulkInsert(text_argument("collection", collection), uuid7(), send)
        return await (bulk.run_atomic(documents) if atomic else bulk.run(documents))

    async def get(self, collection: str, document_id: str, *, timeout: float | None = None) -> Document | None:
        """Return the document of this id, or None."""
        return await self.find_one(collection, {ID: check_id(document_id)}, timeout=timeout)

    async def query(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        projection: Iterable[str] | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
        skip: int = 0,
        deleted: str = "exclude",
        timeout: float | None = None,
    ) -> list[Document]:
        """Return the documents that match `filters`; every one without `limit`.

        With a `projection`, documents hold the named paths and `_id`. `sort` is `{"timestamp": "desc"}`, or pairs.
        `deleted` is `exclude`, `include` or `only`, for soft-delete collections.
        """
        request = query_request(
            collection, filters, projection=projection, sort=sort, limit=limit, skip=skip, deleted=deleted
        )
        found: list[Document] = []
        async with aclosing(self._pages(request, timeout, to_the_end=True)) as pages:
            async for documents in pages:
                found += documents
        return found

    async def stream(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        projection: Iterable[str] | None = None,
        sort: Sort | None = None,
        limit: int | None = None,
        skip: int = 0,
        deleted: str = "exclude",
        page_size: int | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[Document, None]:
        """Yield what `query` returns, holding one page of at most `page_size` documents, and the next one from the
        second on."""
        request = query_request(
            collection,
            filters,
            projection=projection,
            sort=sort,
            limit=limit,
            skip=skip,
            deleted=deleted,
            page_size=page_size,
        )
        async with aclosing(self._pages(request, timeout, to_the_end=False)) as pages:
            async for documents in pages:
                for document in documents:
                    yield document

    async def find_one(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        projection: Iterable[str] | None = None,
        sort: Sort | None = None,
        deleted: str = "exclude",
        timeout: float | None = None,
    ) -> Document | None:
        """Return the first document that matches, or None."""
        found = await self.query(
            collection, filters, projection=projection, sort=sort, limit=1, deleted=deleted, timeout=timeout
        )
        return found[0] if found else None

    async def count(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        deleted: str = "exclude",
        timeout: float | None = None,
    ) -> int:
        """Return how many documents match."""
        request = count_request(collection, filters, deleted=deleted)
        response = await self._call("CountData", request, pb.CountDataResponse, timeout)
        return response.count

    async def explain(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        sort: Sort | None = None,
        limit: int | None = None,
        skip: int = 0,
        deleted: str = "exclude",
        timeout: float | None = None,
    ) -> QueryPlan:
        """Return how `query` with these arguments is answered, and the index that would serve it better.

        The query is run, as far as its first page. Not every database can tell (`UnsupportedError`).
        """
        request = explain_request(collection, filters, sort=sort, limit=limit, skip=skip, deleted=deleted)
        return query_plan(await self._call("ExplainQuery", request, pb.ExplainQueryResponse, timeout))

    async def update(
        self,
        collection: str,
        filters: Mapping[str, Any] | None,
        update_data: Mapping[str, Any],
        *,
        allow_all: bool = False,
        max_affected: int | None = None,
        if_version: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Change the documents that match; return how many did.

        `update_data` maps paths to new values, or holds the operators `$set`, `$unset`, `$inc`, `$push`. An empty
        filter needs `allow_all`. If more than `max_affected` match, nothing changes. `if_version` needs the filter
        `{"_id": ...}` and changes the document only if its `_version` is still this.
        """
        request = change_request(
            pb.UpdateDataRequest,
            collection,
            filters,
            allow_all=allow_all,
            max_affected=max_affected,
            update=encode_argument("update", update_data),
            if_version=whole_number("if_version", if_version),
        )
        response = await self._call("UpdateData", request, pb.UpdateDataResponse, timeout)
        return response.updated_count

    async def delete(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        allow_all: bool = False,
        max_affected: int | None = None,
        if_version: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Delete the documents that match; return how many did. The guards are those of `update`.

        A soft-delete collection hides them instead, until `restore` or `purge`; meanwhile their ids stay taken.
        """
        request = change_request(
            pb.DeleteDataRequest,
            collection,
            filters,
            allow_all=allow_all,
            max_affected=max_affected,
            if_version=whole_number("if_version", if_version),
        )
        response = await self._call("DeleteData", request, pb.DeleteDataResponse, timeout)
        return response.deleted_count

    async def restore(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        allow_all: bool = False,
        max_affected: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Bring back the soft-deleted documents that match; return how many did. The guards are those of `update`."""
        request = change_request(
            pb.RestoreDataRequest, collection, filters, allow_all=allow_all, max_affected=max_affected
        )
        response = await self._call("RestoreData", request, pb.RestoreDataResponse, timeout)
        return response.restored_count

    async def purge(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        allow_all: bool = False,
        max_affected: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Remove the soft-deleted documents that match for good; return how many did. It needs `admin`.

        Others are left alone: delete first. The guards are those of `update`.
        """
        request = change_request(
            pb.PurgeDataRequest, collection, filters, allow_all=allow_all, max_affected=max_affected
        )
        response = await self._call("PurgeData", request, pb.PurgeDataResponse, timeout)
        return response.purged_count

    async def grant_access(
        self, collection: str, target_service: str, permission: str, **options: Unpack[Granting]
    ) -> bool:
        """Give another service `read`, `write` or `admin`, within limits (`Granting`); return whether that is new."""
        request = grant_request(collection, target_service, permission, options)
        response = await self._call("GrantAccess", request, pb.GrantAccessResponse, options.get("timeout"))
        return response.granted

    async def revoke_access(
        self, collection: str, target_service: str, permission: str | None = None, *, timeout: float | None = None
    ) -> bool:
        """Take a permission back, or all of them; return whether there was anything to take back."""
        request = revoke_request(collection, target_service, permission)
        response = await self._call("RevokeAccess", request, pb.RevokeAccessResponse, timeout)
        return response.revoked

    async def list_collections(self, *, timeout: float | None = None) -> list[CollectionInfo]:
        """Return the collections that the service may use, ordered by their full names."""
        request = pb.ListCollectionsRequest(request_id=uuid7())
        response = await self._call("ListCollections", request, pb.ListCollectionsResponse, timeout)
        try:
            return [collection_info(collection) for collection in response.collections]
        except ValueError:
            raise malformed_answer(request.request_id) from None

    async def describe_collection(self, collection: str, *, timeout: float | None = None) -> CollectionInfo:
        """Return one collection, with the state of its indexes."""
        request = pb.DescribeCollectionRequest(collection=text_argument("collection", collection), request_id=uuid7())
        response = await self._call("DescribeCollection", request, pb.DescribeCollectionResponse, timeout)
        try:
            return collection_info(response.collection)
        except ValueError:
            raise malformed_answer(request.request_id) from None

    def _pages(
        self, request: pb.QueryDataRequest, timeout: float | None, *, to_the_end: bool
    ) -> AsyncGenerator[list[Document], None]:
        async def send(page_request: pb.QueryDataRequest) -> pb.QueryDataResponse:
            return await self._call("QueryData", page_request, pb.QueryDataResponse, timeout)

        return read_pages(request, send, to_the_end=to_the_end)

    async def _call(self, rpc: str, request: Any, answer: type[Answer], timeout: float | None) -> Answer:
        """Call the broker; `answer` tells the type checker what the stub, which is not typed, returns."""
        stub = self._connections.stub() if self._stub is None else self._stub
        timeout_s = self._timeout_s if timeout is None else seconds("timeout", timeout)
        return cast("Answer", await self._caller.call(getattr(stub, rpc), request, EFFECT_OF_RPC[rpc], timeout_s))
