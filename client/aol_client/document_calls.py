"""What can a service do with documents? Every method is one call of the broker, or pages of one."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Iterable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from aol.data.v1 import data_broker_pb2 as pb
from aol_client.arguments import Sort, text_argument, whole_number
from aol_client.bulk import BulkInsert, Documents
from aol_client.changes import change_request, insert_request
from aol_client.encoding import encode_argument
from aol_client.pages import Document
from aol_client.queries import count_request, explain_request, get_request, query_request, read_pages, whole_answer
from aol_client.query_plan import QueryPlan, query_plan
from aol_client.security_context import Context
from aol_wire.ids import uuid7

Answer = TypeVar("Answer")


class DocumentCalls(ABC):
    """The part of the client that stores and reads documents. Its public face is `AOLDataClient`."""

    async def insert(
        self,
        collection: str,
        document: Mapping[str, Any],
        *,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> str:
        """Insert a document; return its id: its `_id`, or else a new UUIDv7.

        A document that was read may be inserted again: `_created_at`, `_updated_at` and `_version` are left aside.
        Where the collection keeps access control lists, `_acl` says who else may reach the document:
        `{"read": ["team:ops"], "write": ["user:ann"]}`.
        """
        request = insert_request(collection, document)
        response = await self._call("StoreData", request, pb.StoreDataResponse, timeout, context)
        return response.document_id

    async def insert_many(
        self,
        collection: str,
        documents: Documents,
        *,
        atomic: bool = False,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> list[str]:
        """Insert documents of any iterable or async iterable; return their ids, in their order.

        They go in chunks, a few at a time, each with the `timeout`. With `atomic` all go in one call of at most
        10,000 documents and 16 MiB, and all or none are stored.

        :raises BulkWriteError: some documents were not stored; it tells which, and why.
        """

        async def send(request: pb.StoreBatchRequest) -> pb.StoreBatchResponse:
            return await self._call("StoreBatch", request, pb.StoreBatchResponse, timeout, context)

        bulk = BulkInsert(text_argument("collection", collection), uuid7(), send)
        return await (bulk.run_atomic(documents) if atomic else bulk.run(documents))

    async def get(
        self, collection: str, document_id: str, *, timeout: float | None = None, context: Context | None = None
    ) -> Document | None:
        """Return the document of this id, or None."""
        request = get_request(collection, document_id)
        found = await self._read(request, timeout, context)
        return found[0] if found else None

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
        context: Context | None = None,
    ) -> list[Document]:
        """Return the documents that match `filters`; every one without `limit`.

        With a `projection`, documents hold the named paths and `_id`. `sort` is `{"timestamp": "desc"}`, or pairs.
        `deleted` is `exclude`, `include` or `only`, for soft-delete collections.
        """
        request = query_request(
            collection, filters, projection=projection, sort=sort, limit=limit, skip=skip, deleted=deleted
        )
        return await self._read(request, timeout, context)

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
        context: Context | None = None,
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
        async with aclosing(self._pages(request, timeout, context)) as pages:
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
        context: Context | None = None,
    ) -> Document | None:
        """Return the first document that matches, or None."""
        request = query_request(collection, filters, projection=projection, sort=sort, limit=1, skip=0, deleted=deleted)
        found = await self._read(request, timeout, context)
        return found[0] if found else None

    async def count(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        deleted: str = "exclude",
        timeout: float | None = None,
        context: Context | None = None,
    ) -> int:
        """Return how many documents match."""
        request = count_request(collection, filters, deleted=deleted)
        response = await self._call("CountData", request, pb.CountDataResponse, timeout, context)
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
        context: Context | None = None,
    ) -> QueryPlan:
        """Return how `query` with these arguments is answered, and the index that would serve it better.

        The query is run, as far as its first page. Not every database can tell (`UnsupportedError`).
        """
        request = explain_request(collection, filters, sort=sort, limit=limit, skip=skip, deleted=deleted)
        return query_plan(await self._call("ExplainQuery", request, pb.ExplainQueryResponse, timeout, context))

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
        context: Context | None = None,
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
        response = await self._call("UpdateData", request, pb.UpdateDataResponse, timeout, context)
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
        context: Context | None = None,
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
        response = await self._call("DeleteData", request, pb.DeleteDataResponse, timeout, context)
        return response.deleted_count

    async def restore(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        allow_all: bool = False,
        max_affected: int | None = None,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> int:
        """Bring back the soft-deleted documents that match; return how many did. The guards are those of `update`."""
        request = change_request(
            pb.RestoreDataRequest, collection, filters, allow_all=allow_all, max_affected=max_affected
        )
        response = await self._call("RestoreData", request, pb.RestoreDataResponse, timeout, context)
        return response.restored_count

    async def purge(
        self,
        collection: str,
        filters: Mapping[str, Any] | None = None,
        *,
        allow_all: bool = False,
        max_affected: int | None = None,
        timeout: float | None = None,
        context: Context | None = None,
    ) -> int:
        """Remove the soft-deleted documents that match for good; return how many did. It needs `admin`.

        Others are left alone: delete first. The guards are those of `update`.
        """
        request = change_request(
            pb.PurgeDataRequest, collection, filters, allow_all=allow_all, max_affected=max_affected
        )
        response = await self._call("PurgeData", request, pb.PurgeDataResponse, timeout, context)
        return response.purged_count

    async def _read(
        self, request: pb.QueryDataRequest, timeout: float | None, context: Context | None
    ) -> list[Document]:
        """Return the documents of all pages."""
        response = await self._call("QueryData", request, pb.QueryDataResponse, timeout, context)
        if not response.next_page_token:  # as a rule, and then there is nothing to go through
            return whole_answer(request, response)
        found: list[Document] = []
        async with aclosing(self._pages(request, timeout, context, response)) as pages:
            async for documents in pages:
                found += documents
        return found

    def _pages(
        self,
        request: pb.QueryDataRequest,
        timeout: float | None,
        context: Context | None,
        first: pb.QueryDataResponse | None = None,
    ) -> AsyncGenerator[list[Document], None]:
        async def send(page_request: pb.QueryDataRequest) -> pb.QueryDataResponse:
            return await self._call("QueryData", page_request, pb.QueryDataResponse, timeout, context)

        return read_pages(request, send, first)

    @abstractmethod
    def _call(
        self, rpc: str, request: Any, answer: type[Answer], timeout: float | None, context: Context | None
    ) -> Coroutine[Any, Any, Answer]:
        """Call the broker."""
