"""Which exception is a failed call? By the reason in its status details, else by its gRPC status code."""

from collections.abc import Mapping
from typing import NamedTuple

import grpc
from google.rpc import code_pb2

from aol_client.exceptions import (
    CollectionNotFoundError,
    ConflictError,
    DataClientError,
    DeadlineExceededError,
    InvalidRequestError,
    OverloadedError,
    PermissionDeniedError,
    PreconditionFailedError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedError,
)
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import from_status

_CLASS_OF_CODE: Mapping[int, type[DataClientError]] = {
    code_pb2.INVALID_ARGUMENT: InvalidRequestError,
    code_pb2.UNAUTHENTICATED: UnauthenticatedError,
    code_pb2.PERMISSION_DENIED: PermissionDeniedError,
    code_pb2.NOT_FOUND: CollectionNotFoundError,
    code_pb2.ALREADY_EXISTS: ConflictError,
    code_pb2.ABORTED: ConflictError,
    code_pb2.FAILED_PRECONDITION: PreconditionFailedError,
    code_pb2.UNIMPLEMENTED: UnsupportedError,
    code_pb2.RESOURCE_EXHAUSTED: OverloadedError,
    code_pb2.UNAVAILABLE: UnavailableError,
    code_pb2.DEADLINE_EXCEEDED: DeadlineExceededError,
}

_HINTS: Mapping[Reason, str] = {
    Reason.NO_CREDENTIALS: "Give the client a token: AOLDataClient(..., token=...).",
    Reason.BAD_CREDENTIALS: "Check the client's token.",
}


# What gRPC says of a connection that could not be made, and what that means. Nothing but a hint depends on it.
_HANDSHAKES: Mapping[str, str] = {
    "CERTIFICATE_VERIFY_FAILED": (
        "its certificate is of nobody that this client believes, or has expired; name the file of the authority that "
        "vouches for it, TLS(ca_file=...) or AOL_TLS_CA_FILE"
    ),
    "Hostname Verification": (
        "its certificate is for another name than that host's; call it by the name in its certificate, or say that "
        "name, TLS(server_name=...) or AOL_TLS_SERVER_NAME"
    ),
    "WRONG_VERSION_NUMBER": "what listens there does not speak TLS; leave tls and AOL_TLS_* out, or have it speak TLS",
    "Socket closed": (
        "the connection was closed: check that it still runs. If it speaks TLS, give tls= or AOL_TLS_CA_FILE; if it "
        "asks for a certificate, also TLS(certificate_file=..., key_file=...), or AOL_TLS_CERTIFICATE_FILE and "
        "AOL_TLS_KEY_FILE"
    ),
}


class CallFacts(NamedTuple):
    """What the client knows of a call without its answer."""

    endpoint: str
    request_id: str
    timeout_s: float
    writes: bool


def from_data_error(error: DataError, *, request_id: str = "", writes: bool = False) -> DataClientError:
    """Return the exception for an error of the contract."""
    hint = _HINTS.get(error.reason)
    details = {key: value for key, value in error.metadata.items() if key != "request_id"}
    return _CLASS_OF_CODE.get(error.code, DataClientError)(
        f"{error.message.removesuffix('.')}. {hint}" if hint else error.message,
        reason=error.reason,
        request_id=request_id,
        applied=error.applied or (Applied.UNKNOWN if writes else None),
        violations=error.violations,
        retry_after_s=error.retry_after_s,
        details=details,
    )


def from_status_bytes(data: bytes, *, request_id: str) -> DataClientError:
    """Return the exception for one document of a batch that was not stored."""
    error = from_status(data)
    if error is None:
        return malformed_answer(request_id, writes=True)
    return from_data_error(error, request_id=request_id, writes=True)


def from_rpc_error(error: grpc.aio.AioRpcError, call: CallFacts) -> DataClientError:
    """Return the exception for a failed call.

    Text of a server that is not ours is left out of the message, as it may hold anything; it stays in `__cause__`.
    """
    details = _status_details(error)
    known = from_status(details) if details else None
    if known is not None:
        return from_data_error(known, request_id=call.request_id, writes=call.writes)
    exception = _from_code(error.code(), call, handshake_hint(error.details()))
    exception.__cause__ = error
    return exception


def handshake_hint(said: str | None) -> str:
    """Return what to do about a connection that could not be made, by what gRPC says; empty if that tells nothing."""
    return next((hint for sign, hint in _HANDSHAKES.items() if sign in (said or "")), "")


def malformed_answer(request_id: str, *, writes: bool = False) -> DataClientError:
    """Return the exception for an answer that breaks the contract."""
    return DataClientError(
        "the broker's answer is malformed; report this to those who run it, with the request id",
        reason=Reason.INTERNAL_BUG,
        request_id=request_id,
        applied=Applied.UNKNOWN if writes else None,
    )


def _status_details(error: grpc.aio.AioRpcError) -> bytes | None:
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_TRAILER and isinstance(value, bytes):
            return value
    return None


def _from_code(code: grpc.StatusCode, call: CallFacts, hint: str) -> DataClientError:
    number: int = code.value[0]
    # A server that goes away in mid-call may answer CANCELLED; a cancellation of our own never arrives here.
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        kind: type[DataClientError] = UnavailableError
        message = f"cannot reach the AOL broker at {call.endpoint}: " + (
            hint
            or "check that it runs, that the endpoint is right (host:port), and that no firewall or proxy is between"
        )
    elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
        kind = DeadlineExceededError
        message = (
            f"no answer from the AOL broker at {call.endpoint} within {call.timeout_s:g} s: check that it can be "
            "reached; a call that does much needs a longer timeout="
        )
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        kind = UnsupportedError
        message = f"the server at {call.endpoint} does not know this call: is it an AOL broker, and as new as this SDK?"
    else:
        kind = DataClientError if number == code_pb2.NOT_FOUND else _CLASS_OF_CODE.get(number, DataClientError)
        message = f"the server at {call.endpoint} answered {code.name} without a reason: is it an AOL broker?"
    return kind(
        message,
        reason=Reason.DEADLINE if kind is DeadlineExceededError else code.name,
        request_id=call.request_id,
        applied=Applied.UNKNOWN if call.writes else None,
    )
