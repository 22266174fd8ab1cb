"""Which calls does a client's frame bring, and which frame of replies goes out next? The rules, without I/O."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from google.rpc import code_pb2

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.calls import (
    FRAME_OVERHEAD_BYTES,
    FRAME_TARGET_BYTES,
    TIMEOUT_MAX_S,
    FrameError,
    FrameLimits,
    Outcome,
    Success,
    decode_frame,
    too_large,
)


class IncomingCall(NamedTuple):
    """A call that came in a frame. `timeout_s` is None when the caller sets no limit."""

    id: int
    method: str
    request: bytes
    timeout_s: float | None
    traceparent: str
    revision: int


class ServerSide:
    """One stream, seen from the server. Each call that `receive` returns is replied to once, also a cancelled one."""

    def __init__(self, limits: FrameLimits) -> None:
        """`limits` is what this side takes."""
        self.outgoing_bytes = 0
        self._limits = limits
        self._peer_max_bytes = 0
        self._greeted = False
        self._last_id = 0
        self._in_flight: set[int] = set()
        self._replies: deque[tuple[int, Outcome]] = deque()
        self._left = False
        self._say_leaving = False
        self._no_more = False

    @property
    def finished(self) -> bool:
        """Whether the stream can end: no call comes any more, and all that came were replied to."""
        return (self._no_more or self._left) and not self._in_flight and not self._replies and not self._say_leaving

    @property
    def has_others(self) -> bool:
        """Whether there are calls whose replies are yet to come."""
        return bool(self._in_flight)

    def receive(self, data: bytes) -> tuple[list[IncomingCall], Sequence[int]]:
        """Take in a frame; return its calls, and the ids of calls to cancel that are under way.

        :raises FrameError: the client broke a rule.
        """
        if len(data) > self._limits.max_frame_bytes:
            raise FrameError(
                f"A frame has {len(data):,} bytes; {self._limits.max_frame_bytes:,} are the most.",
                code_pb2.RESOURCE_EXHAUSTED,
            )
        frame = decode_frame(data)
        if (self._peer_max_bytes == 0) != frame.HasField("hello"):
            raise FrameError("The client's first frame, and no other, must have a hello.")
        if self._peer_max_bytes == 0:
            if frame.hello.max_frame_bytes <= FRAME_OVERHEAD_BYTES:
                raise FrameError("The limit of the client's hello leaves no room for a reply.")
            self._peer_max_bytes = frame.hello.max_frame_bytes
        if frame.HasField("replies") or frame.HasField("leaving"):
            raise FrameError("Replies and leaving are the server's to send.")
        calls = self._calls(frame.calls) if frame.HasField("calls") else []
        return calls, self._cancelled(frame.cancelled_ids) if frame.cancelled_ids else ()

    def reply(self, number: int, outcome: Outcome) -> None:
        """Put the reply to a call into one of the next frames."""
        self._in_flight.remove(number)
        size, limit = _size(outcome), self._peer_max_bytes - FRAME_OVERHEAD_BYTES
        if size > limit:
            outcome = too_large("response", size, limit)
            size = _size(outcome)
        self.outgoing_bytes += size
        self._replies.append((number, outcome))

    def leave(self) -> None:
        """Begin no call from here on. The stream is finished once the others are replied to."""
        if not self._left:
            self._left = self._say_leaving = True

    def end(self) -> None:
        """Note that the client sends nothing any more."""
        self._no_more = True

    def take(self) -> bytes | None:
        """Return the next frame to send: all that waits, within the limits. None: there is nothing to send."""
        if self._greeted and not self._replies and not self._say_leaving:
            return None
        frame = pb.Frame()
        if not self._greeted:
            self._greeted = True
            frame.hello.max_calls = self._limits.max_calls
            frame.hello.max_frame_bytes = self._limits.max_frame_bytes
        if self._replies:
            self._fill(frame.replies)
        if self._say_leaving:
            self._say_leaving = False
            frame.leaving.last_id = self._last_id
        return frame.SerializeToString()

    def _calls(self, calls: pb.Calls) -> list[IncomingCall]:
        count = len(calls.ids)
        if count + len(self._in_flight) + len(self._replies) > self._limits.max_calls:
            raise FrameError(
                f"More than {self._limits.max_calls:,} calls are without a reply, which is the limit of the hello.",
                code_pb2.RESOURCE_EXHAUSTED,
            )
        traceparents = calls.traceparents or [""] * count
        if not count == len(calls.methods) == len(calls.requests) == len(calls.timeouts_us) == len(traceparents):
            raise FrameError("The columns of the calls are not of one length.")
        if self._left:
            return []
        revision, last_id, incoming = calls.revision, self._last_id, []
        for number, method, request, timeout_us, traceparent in zip(
            calls.ids, calls.methods, calls.requests, calls.timeouts_us, traceparents, strict=True
        ):
            if number <= last_id:
                raise FrameError("The id of a call is not greater than those of the calls before it.")
            last_id = number
            timeout_s = min(timeout_us / 1_000_000, TIMEOUT_MAX_S) if timeout_us else None
            incoming.append(IncomingCall(number, method, request, timeout_s, traceparent, revision))
        self._last_id = last_id
        self._in_flight.update([call.id for call in incoming])
        return incoming

    def _cancelled(self, ids: Sequence[int]) -> list[int]:
        if len(ids) > self._limits.max_calls:
            raise FrameError("A frame cancels more calls than can be under way.", code_pb2.RESOURCE_EXHAUSTED)
        if not self._left and any(number > self._last_id for number in ids):
            raise FrameError("A frame cancels a call that was not made.")
        return [number for number in ids if number in self._in_flight]

    def _fill(self, replies: pb.Replies) -> None:
        size, queue = 0, self._replies
        target_bytes = min(FRAME_TARGET_BYTES, self._peer_max_bytes - FRAME_OVERHEAD_BYTES)
        ids, responses, request_ids, revision = [], [], [], 0
        while queue:
            number, outcome = queue[0]
            reply_bytes = _size(outcome)
            if size and size + reply_bytes > target_bytes:
                break
            queue.popleft()
            size += reply_bytes
            revision = max(revision, outcome.revision)
            if isinstance(outcome, Success):
                ids.append(number)
                responses.append(outcome.response)
                request_ids.append(outcome.request_id)
            else:
                replies.failures.add(
                    id=number,
                    code=outcome.code,
                    message=outcome.message,
                    details=outcome.details,
                    request_id=outcome.request_id,
                )
        self.outgoing_bytes -= size
        replies.ids.extend(ids)
        replies.responses.extend(responses)
        if any(request_ids):
            replies.request_ids.extend(request_ids)
        replies.revision = revision


def _size(outcome: Outcome) -> int:
    """About how many bytes of a frame a reply takes, never 0."""
    text = outcome.response if isinstance(outcome, Success) else outcome.details + outcome.message.encode()
    return len(text) + len(outcome.request_id) + 16
