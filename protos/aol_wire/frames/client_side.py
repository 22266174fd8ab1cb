"""Which frame does a client send next, and what do the server's frames mean? The rules, without I/O."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

from google.rpc import code_pb2

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.frames.calls import (
    FRAME_OVERHEAD_BYTES,
    FRAME_TARGET_BYTES,
    FrameError,
    FrameLimits,
    Outcome,
    Success,
    decode_frame,
    too_large,
)
from aol_wire.frames.calls import Failure as CallFailure


class Call:
    """A call to be made. `deadline` is on the clock `time.monotonic`; `id` is 0 until it is in a frame."""

    __slots__ = ("deadline", "id", "method", "request", "traceparent")

    def __init__(self, method: str, request: bytes, deadline: float | None = None, traceparent: str = "") -> None:
        self.id = 0
        self.method = method
        self.request = request
        self.deadline = deadline
        self.traceparent = traceparent


C = TypeVar("C", bound=Call)


class ClientSide(Generic[C]):
    """One stream, seen from the client. Each call that is submitted is settled once, or given back, or left at the end.

    Calls wait until the server's limits are known and have room, in the order of their submission.
    """

    def __init__(self, max_frame_bytes: int) -> None:
        """`max_frame_bytes` is what this side receives and sends at most."""
        self.peer: FrameLimits | None = None
        self.leaving = False
        self.revision = 0
        self._max_frame_bytes = max_frame_bytes
        self._greeted = False
        self._last_id = 0
        self._waiting: OrderedDict[C, None] = OrderedDict()
        self._sent: dict[int, C | None] = {}
        self._cancelled: list[int] = []
        self._refused: list[tuple[C, Outcome]] = []

    @property
    def idle(self) -> bool:
        """Whether there is no call that somebody waits for."""
        return not self._waiting and not any(self._sent.values())

    @property
    def ready(self) -> bool:
        """Whether `take` has a frame."""
        # Nothing is written before the server's hello: gRPC would blame the write when a server has no frames.
        if self.peer is None:
            return False
        return bool(self._cancelled) or not self._greeted or (bool(self._waiting) and self._room() > 0)

    @property
    def has_others(self) -> bool:
        """Whether there are calls whose replies are yet to come, after which callers may make more."""
        return bool(self._sent)

    def submit(self, call: C) -> None:
        """Make a call in one of the next frames."""
        self._waiting[call] = None

    def abandon(self, call: C) -> bool:
        """Give a call up, as nobody waits for it any more; return whether `take` has something to say about it."""
        if call in self._waiting:
            del self._waiting[call]
        elif self._sent.get(call.id) is call:
            # Its place stays taken until the server has replied, which it does to every call.
            self._sent[call.id] = None
            self._cancelled.append(call.id)
            return True
        return False

    def take(self) -> bytes | None:
        """Return the next frame to send: all that waits, within the limits. None: there is nothing to send."""
        if not self.ready:
            return None
        frame = pb.Frame()
        if not self._greeted:
            self._greeted = True
            frame.hello.max_frame_bytes = self._max_frame_bytes
        if self._cancelled:
            frame.cancelled_ids.extend(self._cancelled)
            self._cancelled.clear()
        if self.peer is not None and self._waiting and (room := self._room()) > 0:
            self._fill(frame.calls, room, self.peer.max_frame_bytes - FRAME_OVERHEAD_BYTES)
        return frame.SerializeToString()

    def receive(self, data: bytes) -> list[tuple[C, Outcome]]:
        """Take in a frame of the server; return the calls that it settles.

        :raises FrameError: the server broke a rule.
        """
        frame = decode_frame(data)
        if (self.peer is None) != frame.HasField("hello"):
            raise FrameError("The server's first frame, and no other, must have a hello.")
        if self.peer is None:
            hello = frame.hello
            if hello.max_calls < 1 or hello.max_frame_bytes <= FRAME_OVERHEAD_BYTES:
                raise FrameError("The limits of the server's hello leave no room for a call.")
            self.peer = FrameLimits(hello.max_calls, min(hello.max_frame_bytes, self._max_frame_bytes))
        settled = self._replied(frame.replies) if frame.HasField("replies") else []
        if frame.HasField("leaving"):
            self._leave(frame.leaving.last_id)
        return settled

    def refused(self) -> list[tuple[C, Outcome]]:
        """Return the calls that `take` found to be too large for any frame."""
        refused, self._refused = self._refused, []
        return refused

    def give_back(self) -> list[C]:
        """Return the calls that were not begun, and forget them: another stream may make them."""
        calls = list(self._waiting)
        self._waiting.clear()
        return calls

    def unfinished(self) -> list[C]:
        """Return the calls that were sent and that somebody waits for, and forget them."""
        calls = [call for call in self._sent.values() if call is not None]
        self._sent.clear()
        return calls

    def _room(self) -> int:
        return 0 if self.peer is None or self.leaving else self.peer.max_calls - len(self._sent)

    def _fill(self, calls: pb.Calls, room: int, max_bytes: int) -> None:
        taken: list[C] = []
        size, now, waiting = 0, time.monotonic(), self._waiting
        target_bytes = min(FRAME_TARGET_BYTES, max_bytes)
        while waiting and len(taken) < room:
            call = next(iter(waiting))
            call_bytes = len(call.request) + len(call.method) + len(call.traceparent)
            if call_bytes > max_bytes:
                del waiting[call]
                self._refused.append((call, too_large("request", call_bytes, max_bytes)))
                continue
            if taken and size + call_bytes > target_bytes:
                break
            del waiting[call]
            self._last_id += 1
            call.id = self._last_id
            self._sent[call.id] = call
            taken.append(call)
            size += call_bytes
        calls.ids.extend([call.id for call in taken])
        calls.methods.extend([call.method for call in taken])
        calls.requests.extend([call.request for call in taken])
        calls.timeouts_us.extend([_timeout_us(call.deadline, now) for call in taken])
        traceparents = [call.traceparent for call in taken]
        if any(traceparents):
            calls.traceparents.extend(traceparents)
        calls.revision = self.revision

    def _replied(self, replies: pb.Replies) -> list[tuple[C, Outcome]]:
        revision = replies.revision
        # Slices are lists, which are read much faster than columns.
        ids, responses, request_ids = replies.ids[:], replies.responses[:], replies.request_ids[:]
        request_ids = request_ids or [""] * len(ids)
        if not len(ids) == len(responses) == len(request_ids):
            raise FrameError("The columns of the server's replies are not of one length.")
        settled: list[tuple[C, Outcome]] = []
        try:
            for number, response, request_id in zip(ids, responses, request_ids, strict=True):
                call = self._sent.pop(number)
                if call is not None:
                    settled.append((call, Success(response, request_id, revision)))
            for it in replies.failures:
                call = self._sent.pop(it.id)
                if call is not None:
                    code = it.code if 0 < it.code <= code_pb2.UNAUTHENTICATED else code_pb2.UNKNOWN
                    settled.append((call, CallFailure(code, it.message, it.details, it.request_id, revision)))
        except KeyError:
            # Nobody takes these replies any more: their calls end with the stream, as the others do.
            self._sent.update((call.id, call) for call, _ in settled)
            raise FrameError("The server replied to a call that is not under way.") from None
        return settled

    def _leave(self, last_id: int) -> None:
        """Calls that the server did not begin wait again, before the others; their next ids come with their frame."""
        self.leaving = True
        for number in sorted((number for number in self._sent if number > last_id), reverse=True):
            call = self._sent.pop(number)
            if call is not None:
                call.id = 0
                self._waiting[call] = None
                self._waiting.move_to_end(call, last=False)
        self._cancelled = [number for number in self._cancelled if number <= last_id]


def _timeout_us(deadline: float | None, now: float) -> int:
    return 0 if deadline is None else max(1, round((deadline - now) * 1_000_000))
