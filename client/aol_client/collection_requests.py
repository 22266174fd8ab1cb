"""How is a collection asked for, and shared? Requests about collections themselves, not their documents."""

from collections.abc import Iterable, Mapping
from typing import Any

from aol.data.v1 import data_broker_pb2 as pb
from aol_client.arguments import index_specs, permission_value, text_argument
from aol_client.encoding import encode_argument
from aol_wire.errors import Reason
from aol_wire.ids import uuid7


def collection_request(
    name: str, schema_hint: Mapping[str, Any] | None, indexes: Iterable[Mapping[str, Any]] | None, description: str
) -> pb.RequestCollectionRequest:
    """Return the request for a collection of the caller's own.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return pb.RequestCollectionRequest(
        name=text_argument("name", name),
        schema_hint=encode_argument("schema_hint", schema_hint, Reason.BAD_REQUEST),
        indexes=index_specs(indexes),
        description=text_argument("description", description),
        request_id=uuid7(),
    )


def grant_request(collection: str, target_service: str, permission: str, reason: str) -> pb.GrantAccessRequest:
    """Return the request that gives a permission.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return pb.GrantAccessRequest(
        collection=text_argument("collection", collection),
        target_service=text_argument("target_service", target_service),
        permission=permission_value(permission),
        reason=text_argument("reason", reason),
        request_id=uuid7(),
    )


def revoke_request(collection: str, target_service: str, permission: str | None) -> pb.RevokeAccessRequest:
    """Return the request that takes a permission back, or all of them.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return pb.RevokeAccessRequest(
        collection=text_argument("collection", collection),
        target_service=text_argument("target_service", target_service),
        permission=None if permission is None else permission_value(permission),
        request_id=uuid7(),
    )
