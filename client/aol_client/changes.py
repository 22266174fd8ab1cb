"""How is a change of documents asked for? An insert with an id, others with a filter and what keeps them narrow."""

from collections.abc import Mapping
from typing import Any, TypeVar

from aol.data.v1 import data_broker_pb2 as pb
from aol_client.arguments import text_argument, whole_number
from aol_client.encoding import encode_argument, encode_document
from aol_wire.ids import uuid7

Change = TypeVar("Change", pb.UpdateDataRequest, pb.DeleteDataRequest, pb.RestoreDataRequest, pb.PurgeDataRequest)


def insert_request(collection: str, document: Mapping[str, Any]) -> pb.StoreDataRequest:
    """Return the request for an insert; a document without `_id` gets a UUIDv7.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    document_id, text, _ = encode_document(document)
    return pb.StoreDataRequest(
        collection=text_argument("collection", collection),
        document=text,
        document_id=document_id,
        request_id=uuid7(),
    )


def change_request(
    kind: type[Change],
    collection: str,
    filters: Mapping[str, Any] | None,
    *,
    allow_all: bool,
    max_affected: int | None,
    **others: Any,
) -> Change:
    """Return a request of this kind for the documents that match `filters`; `others` are fields of that kind alone.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return kind(
        collection=text_argument("collection", collection),
        filter=encode_argument("filter", filters),
        allow_all=bool(allow_all),
        max_affected=whole_number("max_affected", max_affected),
        request_id=uuid7(),
        **others,
    )
