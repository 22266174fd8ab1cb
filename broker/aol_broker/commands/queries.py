"""How are documents found? QueryData, CountData, ExplainQuery."""

import hashlib
from dataclasses import dataclass

import structlog

from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1 import document_pb2
from aol_broker.advice import manifest_line, propose_index, wasteful
from aol_broker.backends import Backends, require
from aol_broker.commands import known
from aol_broker.dispatch import Dispatch
from aol_broker.page_tokens import PagePosition, PageTokens
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.request import Answer, Request
from aol_wire.adapter import Capability, Count, Deleted, Explanation, Find
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Filter
from aol_wire.index_parser import index_to_proto
from aol_wire.limits import PAGE_MAX_BYTES, PAGE_MAX_DOCUMENTS, SKIP_MAX_DOCUMENTS, SKIP_SLOW_DOCUMENTS
from aol_wire.paths import parse_projection, parse_sort

_DELETED = {
    document_pb2.DELETED_MODE_UNSPECIFIED: Deleted.EXCLUDE,
    document_pb2.DELETED_MODE_EXCLUDE: Deleted.EXCLUDE,
    document_pb2.DELETED_MODE_INCLUDE: Deleted.INCLUDE,
    document_pb2.DELETED_MODE_ONLY: Deleted.ONLY,
}

_FIRST_PAGE = PagePosition(b"", None)

_log = structlog.get_logger("aol.query")


@dataclass(frozen=True, slots=True)
class PageWanted:
    """A page to find, and how many documents are wanted from here on (None: all)."""

    find: Find
    remaining: int | None


@dataclass(frozen=True, slots=True)
class QueryToExplain:
    """A query as the adapter is asked to explain it, and the caller's own filter in it."""

    find: Find
    asked: Filter | None


class QueryData:
    """Finds documents, a page at a time."""

    def __init__(self, backends: Backends, dispatch: Dispatch, tokens: PageTokens) -> None:
        self._backends = backends
        self._dispatch = dispatch
        self._tokens = tokens

    async def admit(self, request: Request[pb.QueryDataRequest], record: CollectionRecord | None) -> PageWanted:
        """Check the query and its token."""
        arguments, record = request.arguments, known(record)
        parsed = _parsed_filter(arguments.filter, record, self._backends)
        page_size = _in_range(arguments.page_size, "page_size", PAGE_MAX_DOCUMENTS) or PAGE_MAX_DOCUMENTS
        # A page that is smaller than asked for is as good: whoever wants more follows its token.
        page_size = min(page_size, request.limits.max_page_documents or PAGE_MAX_DOCUMENTS)
        skip = _in_range(arguments.skip, "skip", SKIP_MAX_DOCUMENTS)
        sort = parse_sort((key.path, key.descending) for key in arguments.sort) if arguments.sort else ()
        projection = parse_projection(arguments.projection) if arguments.projection else ()
        page = _FIRST_PAGE
        if arguments.HasField("limit"):
            page = PagePosition(b"", _in_range(arguments.limit, "limit"))
        if arguments.page_token:
            page = self._tokens.open(arguments.page_token, _binding(request, record))
            skip = 0
        if skip > SKIP_SLOW_DOCUMENTS:
            _log.warning(
                "slow query: skip costs what it skips; follow page tokens or filter on the last value seen instead",
                collection=record.collection_id,
                service=request.principal.service,
                skip=skip,
            )
        find = Find(
            request.scope.target(record),
            request.scope.narrow(parsed, record.indexes),
            sort=request.scope.sorted_by(sort),
            projection=request.scope.projected(projection),
            limit=page_size if page.remaining is None else min(page_size, page.remaining),
            skip=skip,
            position=page.position,
            deleted=_deleted_mode(arguments.deleted),
            max_bytes=PAGE_MAX_BYTES,
            timeout_s=request.remaining_s,
        )
        return PageWanted(find, page.remaining)

    async def dispatch(
        self, request: Request[pb.QueryDataRequest], record: CollectionRecord | None, work: PageWanted
    ) -> Answer:
        """Find the page."""
        if work.remaining == 0:
            return Answer(pb.QueryDataResponse(page=document_pb2.Page()))
        found = await self._dispatch.find(known(record), work.find)
        count = len(found.page.id)
        remaining = None if work.remaining is None else work.remaining - count
        token = ""
        if found.next_position and remaining != 0:
            token = self._tokens.seal(PagePosition(found.next_position, remaining), _binding(request, known(record)))
        response = pb.QueryDataResponse(next_page_token=token)
        # Handed to the constructor, a page would be copied by encoding and decoding it.
        response.page.CopyFrom(found.page)
        if request.scope.fields is not None:
            request.scope.fields.cut(response.page)
        return Answer(response, count)


class CountData:
    """Counts documents."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.CountDataRequest], record: CollectionRecord | None) -> Count:
        """Check the filter."""
        arguments, record = request.arguments, known(record)
        parsed = _parsed_filter(arguments.filter, record, self._backends)
        scope, deleted = request.scope, _deleted_mode(arguments.deleted)
        return Count(scope.target(record), scope.narrow(parsed, record.indexes), deleted, timeout_s=request.remaining_s)

    async def dispatch(
        self, request: Request[pb.CountDataRequest], record: CollectionRecord | None, work: Count
    ) -> Answer:
        """Count them."""
        count = await self._dispatch.count(known(record), work)
        return Answer(pb.CountDataResponse(count=count), count)


class ExplainQuery:
    """Tells how a query is answered, and which index would serve it better."""

    def __init__(self, backends: Backends, dispatch: Dispatch) -> None:
        self._backends = backends
        self._dispatch = dispatch

    async def admit(self, request: Request[pb.ExplainQueryRequest], record: CollectionRecord | None) -> QueryToExplain:
        """Check the query."""
        arguments, record = request.arguments, known(record)
        require(self._backends.of(record), frozenset({Capability.EXPLAIN}))
        limit = _in_range(arguments.limit, "limit") if arguments.HasField("limit") else PAGE_MAX_DOCUMENTS
        parsed = _parsed_filter(arguments.filter, record, self._backends)
        find = Find(
            request.scope.target(record),
            request.scope.narrow(parsed, record.indexes),
            sort=request.scope.sorted_by(parse_sort((key.path, key.descending) for key in arguments.sort)),
            limit=max(1, min(limit, PAGE_MAX_DOCUMENTS)),
            skip=_in_range(arguments.skip, "skip", SKIP_MAX_DOCUMENTS),
            deleted=_deleted_mode(arguments.deleted),
            max_bytes=PAGE_MAX_BYTES,
            timeout_s=request.remaining_s,
        )
        return QueryToExplain(find, parsed)

    async def dispatch(
        self, request: Request[pb.ExplainQueryRequest], record: CollectionRecord | None, work: QueryToExplain
    ) -> Answer:
        """Ask the adapter, and add advice."""
        explanation, indexes = await self._dispatch.explain(known(record), work.find), known(record).indexes
        worthwhile = wasteful(explanation)
        if request.scope.narrowed or (known(record).security.tenant and request.scope.tenant is not None):
            # Whatever depends on documents, or fields, that the caller does not reach would tell of them.
            explanation = request.scope.explained(explanation)
            worthwhile, indexes = explanation.index is None, request.scope.visible_indexes(indexes)
        proposed = None
        if not explanation.uses_key and worthwhile:
            proposed = propose_index(work.asked, work.find.sort, indexes)
        response = pb.ExplainQueryResponse(
            filter_pushed_down=explanation.filter_pushed_down,
            sort_pushed_down=explanation.sort_pushed_down,
            index=_served_by(explanation),
            estimated_documents=explanation.estimated_documents,
            examined_documents=explanation.examined_documents,
            returned_documents=explanation.returned_documents,
            proposed_index=None if proposed is None else index_to_proto(proposed),
            proposed_line="" if proposed is None else manifest_line(proposed),
        )
        return Answer(response, explanation.returned_documents)


def _served_by(explanation: Explanation) -> str:
    if explanation.uses_key:
        return "key"
    if explanation.index is not None:
        return explanation.index.name
    return "access" if explanation.uses_access else ""


def _parsed_filter(text: str, record: CollectionRecord, backends: Backends) -> Filter | None:
    parsed = parse_filter(text, record.datetime_paths)
    if parsed is not None:
        require(backends.of(record), required_by_filter(parsed))
    return parsed


def _deleted_mode(mode: document_pb2.DeletedMode) -> Deleted:
    if mode not in _DELETED:
        raise DataError.invalid(Reason.BAD_REQUEST, "deleted", "it is EXCLUDE, INCLUDE or ONLY")
    return _DELETED[mode]


def _in_range(value: int, path: str, maximum: int | None = None) -> int:
    if value < 0:
        raise DataError.invalid(Reason.BAD_REQUEST, path, "it is 0 or more")
    if maximum is not None and value > maximum:
        raise DataError.invalid(Reason.TOO_LARGE, path, f"at most {maximum:,}")
    return value


def _binding(request: Request[pb.QueryDataRequest], record: CollectionRecord) -> bytes:
    """Return what a page token is bound to: the caller, whose documents it reaches, the query apart from token and
    request id, and the adapter.

    A position is for the eyes of the adapter that made it: none other may be handed it after the collection has moved.
    """
    query = pb.QueryDataRequest()
    query.CopyFrom(request.arguments)
    query.ClearField("page_token")
    # Of the context counts who it is, which the scope says: a token that was renewed must not end the pages.
    query.ClearField("context")
    query.ClearField("request_id")
    digest = hashlib.sha256(f"{request.principal.name} {request.principal.service} {record.adapter}".encode())
    digest.update(b"\0" + request.scope.identity + b"\0" + query.SerializeToString(deterministic=True))
    return digest.digest()
