"""What is a call in a frame, what becomes of it, and how is a broken frame told?"""

from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import DecodeError
from google.rpc import code_pb2

from aol.frames.v1 import frames_pb2 as pb

FRAME_TARGET_BYTES = 1 << 20
"""A frame takes no more calls or replies beyond this; a single larger one travels alone."""

FRAME_OVERHEAD_BYTES = 64 << 10
"""What a frame may add to the largest message in it: names, ids, a failure's details."""

TURNS = 2
"""How many turns of the event loop a writer that wakes lets pass while other calls are under way. No timer: an idle
loop turns at once. What it has at hand already (answers of other connections, the calls of their tasks) comes into the
same frame by that."""

TIMEOUT_MAX_S = 100 * 366 * 86_400.0
"""A hundred years: what is longer is no limit."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a side takes: calls without a reply at a time, and encoded bytes of a frame."""

    max_calls: int
    max_frame_bytes: int


class Success(NamedTuple):
    """A call's encoded response. `revision` is the highest registry revision known when its frame was made."""

    response: bytes
    request_id: str = ""
    revision: int = 0


class Failure(NamedTuple):
    """Why a call failed: `code` is a google.rpc.Code, `details` an encoded google.rpc.Status."""

    code: int
    message: str
    details: bytes = b""
    request_id: str = ""
    revision: int = 0


Outcome = Success | Failure


class FrameError(Exception):
    """The peer broke a rule; the stream ends with this status. The text repeats nothing of what the peer sent."""

    def __init__(self, message: str, code: int = code_pb2.INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def decode_frame(data: bytes) -> pb.Frame:
    """Return the frame.

    :raises FrameError: the bytes are not one.
    """
    try:
        return pb.Frame.FromString(data)
    except DecodeError:
        raise FrameError("A message of the stream is not a frame.") from None


def too_large(what: str, size_bytes: int, max_bytes: int) -> Failure:
    """Return the outcome of a call whose request or response no frame can hold."""
    return Failure(
        code_pb2.RESOURCE_EXHAUSTED, f"The {what} has {size_bytes:,} bytes; a frame takes {max_bytes:,} at most."
    )
