"""What does the caller ask for? Bytes of a proto message -> Request; nothing else happens here."""

from functools import cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from aol_wire.errors import Applied, DataError, Reason
from aol_wire.limits import REQUEST_ID_MAX_BYTES

M = TypeVar("M", bound=Message)


def decode(message_type: type[M], payload: bytes) -> M:
    """Return the message that `payload` encodes.

    :raises DataError: BAD_REQUEST.
    """
    try:
        return message_type.FromString(payload)
    except DecodeError:
        raise DataError(
            Reason.BAD_REQUEST,
            f"The request's bytes are no {message_type.DESCRIPTOR.full_name}. Is the client made from another version "
            "of the .proto files?",
        ) from None


def refuse_context(arguments: Message) -> None:
    """Return if a request that is not about documents says nothing of on whose behalf it is made.

    :raises DataError: CAPABILITY_UNSUPPORTED.
    """
    if not _can_have_context(arguments.DESCRIPTOR) or not arguments.HasField("context"):
        return
    context: Message = getattr(arguments, "context")  # noqa: B009 - which messages have it, only the descriptor knows
    if context.ByteSize():
        raise DataError(
            Reason.CAPABILITY_UNSUPPORTED,
            "The call carries a security context (tenant, user, teams, roles, attributes or a token), but it is about "
            "no documents, so that there is nothing to narrow. Make it without a context.",
            applied=Applied.NO,
        )


@cache
def _can_have_context(descriptor: Descriptor) -> bool:
    return "context" in descriptor.fields_by_name


def check_request_id(request_id: str) -> str:
    """Return a caller's request id if it can stand in logs and headers: up to 128 printable ASCII characters.

    :raises DataError: BAD_REQUEST.
    """
    if len(request_id) > REQUEST_ID_MAX_BYTES or not (request_id.isascii() and request_id.isprintable()):
        raise DataError.invalid(
            Reason.BAD_REQUEST, "request_id", f"at most {REQUEST_ID_MAX_BYTES} printable ASCII characters"
        )
    return request_id
