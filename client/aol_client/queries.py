"""How is a query asked, and read to its end? Page by page, until there is no more or the limit is reached."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from typing import Any

from aol.data.v1.data_broker_pb2 import CountDataRequest, ExplainQueryRequest, QueryDataRequest, QueryDataResponse
from aol.data.v1.document_pb2 import DELETED_MODE_EXCLUDE
from aol_client.arguments import Sort, deleted_mode, projection_paths, sort_keys, text_argument, whole_number
from aol_client.begun import begun
from aol_client.encoding import check_id, encode_argument
from aol_client.failures import malformed_answer
from aol_client.pages import Document, documents_of
from aol_wire.ids import uuid7
from aol_wire.limits import PAGE_MAX_DOCUMENTS
from aol_wire.metadata import ID

Send = Callable[[QueryDataRequest], Coroutine[Any, Any, QueryDataResponse]]


def query_request(
    collection: str,
    filters: Mapping[str, Any] | None,
    *,
    projection: Iterable[str] | None,
    sort: Sort | None,
    limit: int | None,
    skip: int,
    deleted: str,
    page_size: int | None = None,
) -> QueryDataRequest:
    """Return the request for the first page.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return QueryDataRequest(
        collection=text_argument("collection", collection),
        filter=encode_argument("filter", filters),
        sort=sort_keys(sort),
        projection=projection_paths(projection),
        limit=whole_number("limit", limit),
        skip=whole_number("skip", skip) or 0,
        deleted=deleted_mode(deleted),
        # The broker's own page is never larger than this: asking for more is asking for the largest.
        page_size=min(whole_number("page_size", page_size) or 0, PAGE_MAX_DOCUMENTS),
        request_id=uuid7(),
    )


def get_request(collection: str, document_id: str) -> QueryDataRequest:
    """Return what `query_request` does for the document of this id: a service asks for nothing more often.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    filters = {ID: check_id(document_id)}
    return QueryDataRequest(
        collection=text_argument("collection", collection),
        filter=encode_argument("filter", filters),
        limit=1,
        deleted=DELETED_MODE_EXCLUDE,
        request_id=uuid7(),
    )


def count_request(collection: str, filters: Mapping[str, Any] | None, *, deleted: str) -> CountDataRequest:
    """Return the request for how many documents match.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return CountDataRequest(
        collection=text_argument("collection", collection),
        filter=encode_argument("filter", filters),
        deleted=deleted_mode(deleted),
        request_id=uuid7(),
    )


def explain_request(
    collection: str,
    filters: Mapping[str, Any] | None,
    *,
    sort: Sort | None,
    limit: int | None,
    skip: int,
    deleted: str,
) -> ExplainQueryRequest:
    """Return the request for how a query is answered.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return ExplainQueryRequest(
        collection=text_argument("collection", collection),
        filter=encode_argument("filter", filters),
        sort=sort_keys(sort),
        limit=whole_number("limit", limit),
        skip=whole_number("skip", skip) or 0,
        deleted=deleted_mode(deleted),
        request_id=uuid7(),
    )


def whole_answer(request: QueryDataRequest, response: QueryDataResponse) -> list[Document]:
    """Return the documents of an answer that has no further pages.

    :raises DataClientError: it is malformed.
    """
    documents = _documents(request, response)
    return documents[: request.limit] if request.HasField("limit") else documents


async def read_pages(
    request: QueryDataRequest, send: Send, first: QueryDataResponse | None = None
) -> AsyncGenerator[list[Document], None]:
    """Yield the documents of each page. While the caller has one, the next one is on its way, and no more than that.

    :param first: the first page, of a caller who will read all pages. Without it, the second page is asked for when it
        is wanted: whoever leaves within the first one has not asked for more.
    :raises DataClientError: a page could not be had, or is malformed.
    """
    left = request.limit if request.HasField("limit") else None
    coming: asyncio.Task[QueryDataResponse] | None = None
    ahead = first is not None
    try:
        response = await send(request) if first is None else first
        while True:
            shown = len(response.page.id) if left is None else min(left, len(response.page.id))
            left = None if left is None else left - shown
            more = bool(response.next_page_token) and left != 0
            if more and response.next_page_token == request.page_token:
                raise malformed_answer(request.request_id)  # a broker that does not move on would be asked for ever
            request.page_token = response.next_page_token
            if more and ahead:
                coming = await begun(send(request))
            documents = _documents(request, response)
            yield documents if len(documents) == shown else documents[:shown]
            if not more:
                return
            ahead = True
            response = await (send(request) if coming is None else coming)
            coming = None
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


def _documents(request: QueryDataRequest, response: QueryDataResponse) -> list[Document]:
    try:
        return documents_of(response.page, frozenset(request.projection[:]))
    except ValueError:
        raise malformed_answer(request.request_id) from None
