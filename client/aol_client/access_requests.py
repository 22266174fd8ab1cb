"""What do services ask for, and how is that answered? Requests for access, and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aol.data.v1 import access_request_pb2 as pb
from aol_client.arguments import permission_value, text_argument
from aol_client.collection_info import permission_names
from aol_client.collection_requests import Granting, grant_request
from aol_wire.ids import uuid7

_STATES = {pb.ACCESS_REQUEST_STATE_PENDING: "pending", pb.ACCESS_REQUEST_STATE_REFUSED: "refused"}
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A permission that a service's manifest asks for and that the service does not have.

    `collection` is its full name, and need not exist; `service` asks for `permission`, since `created_at`, and says why
    (`reason`). `state` is `pending` or `refused`. Of a refused one, `refused_by` (`service:my-service`, `operator`),
    `refused_at` and `refusal` say by whom, when, and why.
    """

    collection: str
    service: str
    permission: str
    state: str
    reason: str
    created_at: datetime
    refused_by: str = ""
    refused_at: datetime | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What an answer to requests came to: the permissions that it answers, and those that had been answered `already`:
    approved ones that the service had, refused ones that had been refused for the same reason."""

    answered: tuple[str, ...]
    already: tuple[str, ...]


def list_request(owner: str, service: str, *, refused: bool) -> pb.ListAccessRequestsRequest:
    """Return the request for a list; of an empty `owner` or `service`, for those of all."""
    return pb.ListAccessRequestsRequest(
        owner=owner, target_service=service, include_refused=bool(refused), request_id=uuid7()
    )


def approval(collection: str, service: str, permission: str | None, options: Granting) -> pb.ApproveAccessRequest:
    """Return the request that grants what a service asks for.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    # What is given is given as by `grant_access`; without a permission it is what is asked for.
    granted = grant_request(collection, service, "read" if permission is None else permission, options)
    return pb.ApproveAccessRequest(
        collection=granted.collection,
        target_service=granted.target_service,
        permission=None if permission is None else granted.permission,
        reason=granted.reason,
        fields=granted.fields,
        where=granted.where,
        expires_us=granted.expires_us,
        request_id=granted.request_id,
    )


def refusal(collection: str, service: str, permission: str | None, reason: str) -> pb.RefuseAccessRequest:
    """Return the request that refuses what a service asks for.

    :raises InvalidRequestError: an argument is of a wrong type or kind.
    """
    return pb.RefuseAccessRequest(
        collection=text_argument("collection", collection),
        target_service=text_argument("service", service),
        permission=None if permission is None else permission_value(permission),
        reason=text_argument("reason", reason),
        request_id=uuid7(),
    )


def access_requests(response: pb.ListAccessRequestsResponse) -> list[AccessRequest]:
    """Return the requests of a list."""
    return [
        AccessRequest(
            item.collection,
            item.service,
            permission_names([item.permission])[0],
            _STATES.get(item.state, "unknown"),
            item.reason,
            _moment(item.created_us),
            item.refusal.refused_by,
            _moment(item.refusal.created_us) if item.HasField("refusal") else None,
            item.refusal.reason,
        )
        for item in response.requests
    ]


def request_answer(answered: Sequence[int], already: Sequence[int]) -> RequestAnswer:
    """Return what an answer came to."""
    return RequestAnswer(permission_names(answered), permission_names(already))


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
