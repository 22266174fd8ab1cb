"""How does an error travel? DataError <-> google.rpc.Status, without importing grpc."""

from bisect import bisect_right
from collections.abc import Callable

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from aol_wire.errors import DOMAIN, Applied, DataError, Reason, Violation

_APPLIED_KEY = "applied"
_REQUEST_ID_KEY = "request_id"
_LEFT_OUT_KEY = "violations_left_out"

CLIENT_TRAILER_MAX_BYTES = 8 << 10
"""What gRPC clients accept in trailers, all of them together, unless they ask for more."""

_CUT_MARK = " …"
# What travels as it is in a `grpc-message`; every other byte takes three (gRPC over HTTP/2, "Status-Message").
_PLAIN_BYTES = bytes(byte for byte in range(0x20, 0x7F) if byte != ord("%"))
# A field's tag and length, and those of the message that holds it.
_FIELD_OVERHEAD_BYTES = 16


def to_status(error: DataError, request_id: str = "") -> status_pb2.Status:
    """Return the status message of an error; `request_id` is added to its metadata when given."""
    metadata = {_encodable(key): _encodable(value) for key, value in error.metadata.items()}
    if error.applied is not None:
        metadata[_APPLIED_KEY] = error.applied.value
    if request_id:
        metadata[_REQUEST_ID_KEY] = request_id
    info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=error.reason.value, metadata=metadata)
    details = [_pack(info)]
    if error.violations:
        bad_request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=_encodable(item.path), description=_encodable(item.description)
                )
                for item in error.violations
            ]
        )
        details.append(_pack(bad_request))
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMicroseconds(round(error.retry_after_s * 1_000_000))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=error.code, message=_encodable(error.message), details=details)


def to_trailers(error: DataError, request_id: str = "", max_bytes: int = CLIENT_TRAILER_MAX_BYTES) -> tuple[str, bytes]:
    """Return an error's `grpc-message` and its encoded google.rpc.Status, such that clients accept them.

    Beyond `max_bytes` of trailers, a client makes an error of its own of the call, and the reason is lost. So texts are
    cut, and violations left out, until both take up 7/8 of that at most as they travel: the message percent-encoded,
    the status in base64. `request_id` has at most REQUEST_ID_MAX_BYTES, and max_bytes is 8 KiB or more.
    """
    status_max_bytes = max_bytes * 7 // 16
    message = _cut(_encodable(error.message), _percent_encoded_bytes, max_bytes // 4)
    encoded = to_status(error, request_id).SerializeToString()
    if len(encoded) > status_max_bytes:
        encoded = to_status(_shortened(error, status_max_bytes), request_id).SerializeToString()
    return message, encoded


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


def _shortened(error: DataError, max_bytes: int) -> DataError:
    """Return the error with half of the room for its message, and what fits of its metadata and violations."""
    metadata: dict[str, str] = {}
    room = max_bytes // 8
    for key, value in error.metadata.items():
        room -= _utf8_bytes(key) + _utf8_bytes(value) + _FIELD_OVERHEAD_BYTES
        if room >= 0:
            metadata[key] = value
    kept: list[Violation] = []
    room = max_bytes // 8
    for item in error.violations:
        room -= _utf8_bytes(item.path) + _utf8_bytes(item.description) + _FIELD_OVERHEAD_BYTES
        if room < 0:
            metadata[_LEFT_OUT_KEY] = str(len(error.violations) - len(kept))
            break
        kept.append(item)
    return DataError(
        error.reason,
        _cut(_encodable(error.message), _utf8_bytes, max_bytes // 2),
        violations=tuple(kept),
        metadata=metadata,
        retry_after_s=error.retry_after_s,
        applied=error.applied,
    )


def _cut(text: str, size_of: Callable[[str], int], max_bytes: int) -> str:
    """Return the longest beginning of a text that takes up so many bytes at most, marked if it is not all of it."""
    if len(text) <= max_bytes and size_of(text) <= max_bytes:
        return text
    room = max_bytes - size_of(_CUT_MARK)
    beginning = text[:max_bytes]
    return (
        beginning[: bisect_right(range(1, len(beginning) + 1), room, key=lambda n: size_of(beginning[:n]))] + _CUT_MARK
    )


def _encodable(text: str) -> str:
    """Return a text that UTF-8 can hold: lone surrogates become question marks."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _utf8_bytes(text: str) -> int:
    return len(text.encode(errors="replace"))


def _percent_encoded_bytes(text: str) -> int:
    encoded = text.encode()
    return len(encoded) + 2 * len(encoded.translate(None, _PLAIN_BYTES))


def _pack(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _unpack(detail: AnyMessage, message: Message) -> bool:
    try:
        return detail.Unpack(message)
    except DecodeError:
        return False
