"""How does an error travel? DataError <-> google.rpc.Status, without importing grpc."""

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from aol_wire.errors import DOMAIN, Applied, DataError, Reason, Violation

_APPLIED_KEY = "applied"
_REQUEST_ID_KEY = "request_id"


def to_status(error: DataError, request_id: str = "") -> status_pb2.Status:
    """Return the status message of an error; `request_id` is added to its metadata when given."""
    metadata = dict(error.metadata)
    if error.applied is not None:
        metadata[_APPLIED_KEY] = error.applied.value
    if request_id:
        metadata[_REQUEST_ID_KEY] = request_id
    info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=error.reason.value, metadata=metadata)
    details = [_pack(info)]
    if error.violations:
        bad_request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=item.path, description=item.description)
                for item in error.violations
            ]
        )
        details.append(_pack(bad_request))
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMicroseconds(round(error.retry_after_s * 1_000_000))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=error.code, message=error.message, details=details)


def from_status(data: bytes) -> DataError | None:
    """Return the error that an encoded google.rpc.Status carries; None when it is not one of this contract."""
    try:
        status = status_pb2.Status.FromString(data)
    except DecodeError:
        return None
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    found, retry_after_s = False, None
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            found = _unpack(detail, info)
        elif detail.Is(bad_request.DESCRIPTOR):
            _unpack(detail, bad_request)
        elif detail.Is(retry.DESCRIPTOR) and _unpack(detail, retry):
            retry_after_s = retry.retry_delay.ToMicroseconds() / 1_000_000
    if not found or info.domain != DOMAIN or info.reason not in Reason.__members__:
        return None
    metadata = dict(info.metadata)
    applied = metadata.pop(_APPLIED_KEY, None)
    return DataError(
        Reason(info.reason),
        status.message,
        violations=tuple(Violation(item.field, item.description) for item in bad_request.field_violations),
        metadata=metadata,
        retry_after_s=retry_after_s,
        applied=Applied(applied) if applied in {item.value for item in Applied} else None,
    )


def code_name(code: int) -> str:
    """Return the name of a gRPC status code, for example `NOT_FOUND`."""
    return str(code_pb2.Code.Name(code))


def _pack(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _unpack(detail: AnyMessage, message: Message) -> bool:
    try:
        return detail.Unpack(message)
    except DecodeError:
        return False
