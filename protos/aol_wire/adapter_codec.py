"""How do calls travel to an adapter? The requests and answers of `aol_wire.adapter` <-> aol.adapter.v1 messages.

Both directions are total: what is malformed is a `DataError` with BAD_REQUEST, never another exception.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import attrgetter, is_
from typing import TypeVar

import orjson
from google.protobuf.message import DecodeError, Message

from aol.adapter.v1 import adapter_pb2 as pb
from aol.data.v1 import collection_pb2, document_pb2
from aol_wire.adapter import (
    Capability,
    CollectionSpec,
    Count,
    Deleted,
    Description,
    Ensured,
    Explanation,
    Find,
    Found,
    Outcome,
    SortKey,
    Target,
    Write,
)
from aol_wire.adapter_codec_filters import fill_filter, malformed, path_from_proto
from aol_wire.adapter_codec_writes import (
    ONE,
    add_mutations,
    add_outcome,
    mutations_from_proto,
    optional_filter,
    optional_message,
    outcome_from_proto,
)
from aol_wire.errors import DataError
from aol_wire.index_parser import index_from_proto, index_to_proto
from aol_wire.indexes import IndexState, IndexStatus
from aol_wire.limits import POSITION_MAX_BYTES
from aol_wire.names import check_collection, check_service
from aol_wire.storage_parser import storage_from_proto, storage_to_proto

M = TypeVar("M", bound=Message)

_DELETED = {
    Deleted.EXCLUDE: document_pb2.DELETED_MODE_EXCLUDE,
    Deleted.INCLUDE: document_pb2.DELETED_MODE_INCLUDE,
    Deleted.ONLY: document_pb2.DELETED_MODE_ONLY,
}
_DELETED_BACK: Mapping[int, Deleted] = {
    document_pb2.DELETED_MODE_UNSPECIFIED: Deleted.EXCLUDE,
    **{number: mode for mode, number in _DELETED.items()},
}
_CAPABILITIES = {pb.Capability.Value(f"CAPABILITY_{capability.name}"): capability for capability in Capability}
_STATES = {collection_pb2.IndexState.Value(f"INDEX_STATE_{state.name}"): state for state in IndexState}
_optional_columns = attrgetter("created_us", "updated_us", "version", "owner", "tenant", "acl", "deleted_us")

_TARGETS_KEPT = 4096


def decode(kind: type[M], data: bytes) -> M:
    """Return a message of this kind.

    :raises DataError: BAD_REQUEST; the bytes are none.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise malformed("request", f"{len(data)} bytes are not a {kind.DESCRIPTOR.name}") from error


def description_to_proto(description: Description) -> pb.DescribeResponse:
    """Return the message of what an adapter says of itself."""
    return pb.DescribeResponse(
        name=description.name,
        version=description.version,
        capabilities=sorted(f"CAPABILITY_{capability.name}" for capability in description.capabilities),
    )


def description_from_proto(message: pb.DescribeResponse) -> Description:
    """Return what an adapter says of itself. Capabilities that only a later contract knows are left out."""
    known = (_CAPABILITIES.get(number) for number in message.capabilities)
    return Description(message.name, message.version, frozenset(item for item in known if item is not None))


def target_to_proto(target: Target) -> pb.Target:
    """Return the message of a target."""
    message = pb.Target()
    _fill_target(message, target)
    return message


def target_from_proto(message: pb.Target) -> Target:
    """Return a target.

    :raises DataError: BAD_REQUEST. An adapter makes file and table names of these, so they are checked on its side too.
    """
    return _target(message.service, message.collection, message.tenant if message.HasField("tenant") else None)


@lru_cache(maxsize=_TARGETS_KEPT)
def _target(service: str, collection: str, tenant: str | None) -> Target:
    try:
        return Target(check_service(service), check_collection(collection), tenant)
    except DataError as error:
        raise malformed("target", "the service or the collection is no name") from error


def _fill_target(message: pb.Target, target: Target) -> None:
    message.service, message.collection = target.service, target.collection
    if target.tenant is not None:
        message.tenant = target.tenant


def collection_to_proto(spec: CollectionSpec) -> pb.EnsureCollectionRequest:
    """Return the request that makes a collection."""
    return pb.EnsureCollectionRequest(
        target=target_to_proto(spec.target),
        schema_hint=orjson.dumps(dict(spec.schema_hint)).decode() if spec.schema_hint else "",
        indexes=[index_to_proto(index) for index in spec.indexes],
        description=spec.description,
        storage=storage_to_proto(spec.storage),
        owners=spec.owners,
        acls=spec.acls,
    )


def collection_from_proto(message: pb.EnsureCollectionRequest) -> CollectionSpec:
    """Return the collection that should exist.

    :raises DataError: BAD_REQUEST, or what `index_from_proto` says of an index, `storage_from_proto` of the storage.
    """
    hint = _schema_hint(message.schema_hint)
    datetimes = {tuple(path.split(".")) for path, kind in hint.items() if kind == "datetime"}
    return CollectionSpec(
        target_from_proto(message.target),
        hint,
        tuple(index_from_proto(index, f"indexes.{number}") for number, index in enumerate(message.indexes)),
        message.description,
        storage_from_proto(message.storage, datetimes),
        message.owners,
        message.acls,
    )


def index_status_to_proto(status: IndexStatus) -> collection_pb2.IndexStatus:
    """Return the message of an index as it stands."""
    return collection_pb2.IndexStatus(
        spec=index_to_proto(status.spec),
        name=status.spec.name,
        state=f"INDEX_STATE_{status.state.name}",
        offenders=status.offenders,
    )


def index_status_from_proto(message: collection_pb2.IndexStatus) -> IndexStatus:
    """Return an index as it stands.

    :raises DataError: BAD_REQUEST, or what `index_from_proto` says of the index.
    """
    state = _STATES.get(message.state)
    if state is None:
        raise malformed("indexes", "an index has no known state")
    return IndexStatus(index_from_proto(message.spec, "indexes"), state, message.offenders)


def ensured_to_proto(ensured: Ensured) -> pb.EnsureCollectionResponse:
    """Return the answer to the making of a collection."""
    return pb.EnsureCollectionResponse(
        indexes=[index_status_to_proto(status) for status in ensured.indexes], created=ensured.created
    )


def ensured_from_proto(message: pb.EnsureCollectionResponse) -> Ensured:
    """Return what the making of a collection found or made.

    :raises DataError: BAD_REQUEST.
    """
    return Ensured(tuple(index_status_from_proto(status) for status in message.indexes), message.created)


def inspected_to_proto(indexes: tuple[IndexStatus, ...]) -> pb.InspectCollectionResponse:
    """Return the answer to the inspection of a collection."""
    return pb.InspectCollectionResponse(indexes=[index_status_to_proto(status) for status in indexes])


def inspected_from_proto(message: pb.InspectCollectionResponse) -> tuple[IndexStatus, ...]:
    """Return how the indexes of a collection stand.

    :raises DataError: BAD_REQUEST.
    """
    return tuple(index_status_from_proto(status) for status in message.indexes)


def write_to_proto(request: Write) -> pb.WriteRequest:
    """Return the message of changes. The time left travels as the call's deadline."""
    message = pb.WriteRequest(atomic=request.atomic, return_ids=request.return_ids)
    _fill_target(message.target, request.target)
    add_mutations(message, request.mutations)
    return message


def write_from_proto(message: pb.WriteRequest, timeout_s: float | None) -> Write:
    """Return changes, to be made in so many seconds.

    :raises DataError: BAD_REQUEST.
    """
    mutations = mutations_from_proto(message.mutations)
    return Write(target_from_proto(message.target), mutations, message.atomic, message.return_ids, timeout_s)


def outcomes_to_bytes(outcomes: Sequence[Outcome]) -> bytes:
    """Return the answer to changes, encoded."""
    # What becomes of almost all inserts is one object of their adapter. Several encoded messages, one after the other,
    # are one message with the results of all: https://protobuf.dev/programming-guides/encoding/#last-one-wins
    if outcomes and all(map(is_, outcomes, repeat(outcomes[0]))):
        return _answer(outcomes[:1]) * len(outcomes)
    return _answer(outcomes)


def outcomes_from_bytes(data: bytes, expected: int) -> list[Outcome]:
    """Return what became of each change.

    :raises DataError: BAD_REQUEST when the bytes are no answer, or not one about as many changes.
    """
    # This is known at a glance, and needs no object for each result.
    if data == _ONE_ENCODED * expected:
        return [ONE] * expected
    message = decode(pb.WriteResponse, data)
    if len(message.results) != expected:
        raise malformed("results", f"{len(message.results)} results for {expected} mutations")
    return [outcome_from_proto(result) for result in message.results]


def _answer(outcomes: Sequence[Outcome]) -> bytes:
    message = pb.WriteResponse()
    for outcome in outcomes:
        add_outcome(message, outcome)
    return message.SerializeToString()


_ONE_ENCODED = _answer((ONE,))


def find_to_proto(request: Find) -> pb.FindRequest:
    """Return the message of a query. The time left travels as the call's deadline."""
    message = pb.FindRequest(
        limit=request.limit,
        skip=request.skip,
        position=request.position,
        deleted=_DELETED[request.deleted],
        max_bytes=request.max_bytes,
    )
    _fill_target(message.target, request.target)
    if request.filter is not None:
        message.filter.SetInParent()
        fill_filter(message.filter, request.filter)
    for key in request.sort:
        message.sort.add(descending=key.descending).path.segments.extend(key.path)
    for path in request.projection:
        message.projection.add().segments.extend(path)
    return message


def find_from_proto(message: pb.FindRequest, timeout_s: float | None) -> Find:
    """Return a query, to be answered in so many seconds.

    :raises DataError: BAD_REQUEST.
    """
    if message.limit < 1 or message.max_bytes < 1 or message.skip < 0:
        raise malformed("limit", "limit and max_bytes are at least 1, skip is at least 0")
    if len(message.position) > POSITION_MAX_BYTES:
        raise malformed("position", f"a position has at most {POSITION_MAX_BYTES} bytes")
    return Find(
        target_from_proto(message.target),
        optional_filter(message, "filter"),
        tuple(SortKey(path_from_proto(key.path, "sort"), key.descending) for key in message.sort),
        tuple(path_from_proto(path, "projection") for path in message.projection),
        message.limit,
        message.skip,
        message.position,
        _deleted(message.deleted),
        message.max_bytes,
        timeout_s,
    )


def found_to_proto(found: Found) -> pb.FindResponse:
    """Return the answer to a query."""
    message = pb.FindResponse(next_position=found.next_position)
    # Handed to the constructor, a page would be copied by encoding and decoding it.
    message.page.CopyFrom(found.page)
    return message


def found_from_proto(message: pb.FindResponse) -> Found:
    """Return a page.

    :raises DataError: BAD_REQUEST when its columns do not fit together or the position is too long.
    """
    page = message.page
    size = len(page.id)
    if len(page.json) != size or not {0, size}.issuperset(map(len, _optional_columns(page))):
        raise malformed("page", "a column has not as many entries as there are ids")
    if len(message.next_position) > POSITION_MAX_BYTES:
        raise malformed("next_position", f"a position has at most {POSITION_MAX_BYTES} bytes")
    return Found(page, message.next_position)


def count_to_proto(request: Count) -> pb.CountRequest:
    """Return the message of a query for a number. The time left travels as the call's deadline."""
    return pb.CountRequest(
        target=target_to_proto(request.target),
        filter=optional_message(request.filter),
        deleted=_DELETED[request.deleted],
    )


def count_from_proto(message: pb.CountRequest, timeout_s: float | None) -> Count:
    """Return a query for a number, to be answered in so many seconds.

    :raises DataError: BAD_REQUEST.
    """
    target = target_from_proto(message.target)
    return Count(target, optional_filter(message, "filter"), _deleted(message.deleted), timeout_s)


def explanation_to_proto(explanation: Explanation) -> pb.ExplainResponse:
    """Return the message of how a query is answered."""
    return pb.ExplainResponse(
        filter_pushed_down=explanation.filter_pushed_down,
        sort_pushed_down=explanation.sort_pushed_down,
        index=None if explanation.index is None else index_to_proto(explanation.index),
        estimated_documents=explanation.estimated_documents,
        examined_documents=explanation.examined_documents,
        returned_documents=explanation.returned_documents,
        uses_key=explanation.uses_key,
        uses_access=explanation.uses_access,
    )


def explanation_from_proto(message: pb.ExplainResponse) -> Explanation:
    """Return how a query is answered.

    :raises DataError: what `index_from_proto` says of the index.
    """
    return Explanation(
        message.filter_pushed_down,
        message.sort_pushed_down,
        index_from_proto(message.index, "index") if message.HasField("index") else None,
        message.estimated_documents,
        message.examined_documents,
        message.returned_documents,
        message.uses_key,
        message.uses_access,
    )


def _deleted(number: int) -> Deleted:
    mode = _DELETED_BACK.get(number)
    if mode is None:
        raise malformed("deleted", "this mode is not known")
    return mode


def _schema_hint(text: str) -> Mapping[str, str]:
    if not text:
        return {}
    try:
        hint = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise malformed("schema_hint", "it is not JSON") from error
    if not isinstance(hint, dict) or not all(isinstance(kind, str) for kind in hint.values()):
        raise malformed("schema_hint", "it is an object of path and type name")
    return hint
