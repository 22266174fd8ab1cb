"""How is a collection asked for, and shared? Requests about collections themselves, not their documents."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from aol.data.v1 import data_broker_pb2 as pb
from aol_client.arguments import index_specs, permission_value, text_argument
from aol_client.encoding import encode_argument
from aol_client.exceptions import invalid_request
from aol_client.security_context import Context
from aol_wire.errors import Reason
from aol_wire.ids import now_us, uuid7


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


class Granting(TypedDict, total=False):
    """How a permission is given, in `grant_access`.

    - `fields`: paths; only what is there and below can be seen or changed.
    - `where`: a filter; only documents that match can be seen or changed.
    - `expires`: when it ends, as a datetime with its time zone, or a timedelta from now.
    - `reason`: why; kept with the grant.
    - `timeout`: seconds for this call, in place of the client's own.
    - `context`: on whose behalf the call is made.

    Given again within other limits, it takes the place of the one before.
    """

    fields: Iterable[str] | None
    where: Mapping[str, Any] | None
    expires: datetime | timedelta | None
    reason: str
    timeout: float | None
    context: Context | None


def grant_request(collection: str, target_service: str, permission: str, options: Granting) -> pb.GrantAccessRequest:
    """Return the request that gives a permission.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    if unknown := sorted(options.keys() - Granting.__annotations__.keys()):
        raise TypeError(f"grant_access() got an unexpected keyword argument '{unknown[0]}'")
    return pb.GrantAccessRequest(
        collection=text_argument("collection", collection),
        target_service=text_argument("target_service", target_service),
        permission=permission_value(permission),
        reason=text_argument("reason", options.get("reason", "")),
        fields=_limiting_fields(options.get("fields")),
        where=encode_argument("where", options.get("where")),
        expires_us=_end_us(options.get("expires")),
        request_id=uuid7(),
    )


def _limiting_fields(fields: Iterable[str] | None) -> list[str]:
    if fields is None:
        return []
    if isinstance(fields, str | bytes) or not isinstance(fields, Iterable):
        raise invalid_request(Reason.BAD_REQUEST, "fields", "a list of paths is needed")
    paths = [text_argument("fields", path) for path in fields]
    if not paths:
        # What is sent for it would mean all fields.
        raise invalid_request(Reason.BAD_REQUEST, "fields", "name at least one path, or leave it out for all fields")
    return paths


def _end_us(expires: datetime | timedelta | None) -> int:
    if expires is None:
        return 0
    if isinstance(expires, timedelta):
        return now_us() + expires // timedelta(microseconds=1)
    if not isinstance(expires, datetime) or expires.tzinfo is None:
        raise invalid_request(
            Reason.BAD_REQUEST, "expires", "a datetime with its time zone is needed, or a timedelta from now"
        )
    return (expires - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


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
