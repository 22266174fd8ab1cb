"""How do one client's frames go out and come back? A reader and a writer around one gRPC stream."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import grpc
import grpc.aio
from google.rpc import code_pb2

from aol_wire.frames.calls import TURNS, Failure, FrameError, Outcome, Success
from aol_wire.frames.client_side import Call, ClientSide
from aol_wire.frames.deadlines import Deadlines
from aol_wire.frames.portions import let_go_on, portions

Headers = tuple[tuple[str, str | bytes], ...]

_OUT_OF_TIME = Failure(code_pb2.DEADLINE_EXCEEDED, "Deadline Exceeded")
_UNREADABLE = "The server's frames break the rules of the protocol."
_ENDED = "The server ended the stream."


class PendingCall(Call, ABC):
    """A call that somebody waits for."""

    __slots__ = ("stream",)

    stream: "ClientStream | None"
    """Where it was submitted; None before."""

    @abstractmethod
    def settle(self, outcome: Outcome | None) -> None:
        """Say what became of the call; None: the server has no frames."""

    @abstractmethod
    def cancel(self) -> bool:
        """Give the call up; return whether it was under way."""


class Owner(Protocol):
    """Who opened a stream."""

    framed: bool

    def lost(self, stream: "ClientStream", code: int) -> None:
        """The stream is over, with this google.rpc.Code."""

    def give_back(self, stream: "ClientStream", calls: Iterable[PendingCall]) -> None:
        """These calls were not begun: make them on another stream."""


class ClientStream:
    """One stream. Whatever waits when the writer wakes goes in one frame; no timer delays anything."""

    def __init__(
        self,
        exchange: "grpc.aio.StreamStreamMultiCallable[bytes, bytes]",
        headers: Headers,
        max_frame_bytes: int,
        owner: Owner,
    ) -> None:
        self.headers = headers
        self.open = True
        self.over = False
        self._owner = owner
        self._side: ClientSide[PendingCall] = ClientSide(max_frame_bytes)
        self._deadlines: Deadlines[PendingCall] = Deadlines(self._expire)
        self._wake = asyncio.Event()
        self._retiring = False
        self._rpc: grpc.aio.StreamStreamCall[bytes, bytes] = exchange(metadata=cast("Any", headers))
        loop = asyncio.get_running_loop()
        self._reading = loop.create_task(self._read())
        self._writing = loop.create_task(self._write())

    @property
    def revision(self) -> int:
        """The highest registry revision that a caller has brought."""
        return self._side.revision

    def submit(self, call: PendingCall, revision: int) -> None:
        """Make a call in one of the next frames."""
        self._side.submit(call)
        self._side.revision = max(self._side.revision, revision)
        call.stream = self
        if call.deadline is not None:
            self._deadlines.add(call, call.deadline)
        self._wake.set()

    def abandon(self, call: PendingCall) -> None:
        """Give a call up. The server is told, if it knows of it."""
        self._deadlines.discard(call)
        if self._side.abandon(call) or self._retiring:
            self._wake.set()

    def retire(self) -> None:
        """Take no more calls, and end once those under way are done."""
        self.open, self._retiring = False, True
        self._wake.set()

    async def close(self) -> None:
        """End now; the calls under way are cancelled."""
        self.open = False
        self._reading.cancel()
        await asyncio.gather(self._reading, self._writing, return_exceptions=True)

    def _expire(self, call: PendingCall) -> None:
        self.abandon(call)
        call.settle(_OUT_OF_TIME)

    async def _write(self) -> None:
        try:
            while not self.over:
                frame = self._side.take()
                self._settle(self._side.refused())
                if frame is not None:
                    await self._rpc.write(frame)
                elif self._retiring and self._side.idle:
                    await self._rpc.done_writing()
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
                    if self._side.has_others:
                        for _ in range(TURNS):
                            await asyncio.sleep(0)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # the reader learns why
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
        except BaseException:
            self._rpc.cancel()  # nobody writes any more, so that the calls must not wait
            raise

    async def _read(self) -> None:
        failure = Failure(code_pb2.UNAVAILABLE, _ENDED)
        cancelled = False
        try:
            while isinstance(data := await self._rpc.read(), bytes):  # and not grpc.aio.EOF
                await self._receive(data)
        except grpc.aio.AioRpcError as error:
            failure = self._loss(error)
        except FrameError:
            failure = Failure(code_pb2.UNAVAILABLE, _UNREADABLE)
        except asyncio.CancelledError:
            # Whoever closes the channel cancels the stream, which is no wish to cancel this task.
            cancelled = True
            if _is_cancelled():
                raise
        finally:
            self._end(None if cancelled else failure)

    async def _receive(self, data: bytes) -> None:
        settled = self._side.receive(data)
        if self._side.leaving and self.open:
            self.retire()
            self._owner.give_back(self, self._take_back())
        if self._side.ready or self._retiring:
            self._wake.set()
        waiting = deque(portions(settled, _response_bytes))
        try:
            while waiting:
                self._settle(waiting.popleft())
                if waiting:
                    await let_go_on()
        finally:
            # The stream may be closed between two portions; the server has replied to all of them.
            for portion in waiting:
                self._settle(portion)

    def _take_back(self) -> list[PendingCall]:
        calls = self._side.give_back()
        for call in calls:
            self._deadlines.discard(call)
        return calls

    def _settle(self, settled: Sequence[tuple[PendingCall, Outcome]]) -> None:
        for call, outcome in settled:
            self._deadlines.discard(call)
            call.settle(outcome)

    def _loss(self, error: grpc.aio.AioRpcError) -> Failure:
        """What the end of the stream means to its calls. Before the hello none was sent: its status is theirs."""
        code: int = error.code().value[0]
        if self._side.peer is not None or code == code_pb2.CANCELLED:
            code = code_pb2.UNAVAILABLE
        return Failure(code, error.details() or "")

    def _end(self, failure: Failure | None) -> None:
        self.open, self.over = False, True
        self._rpc.cancel()
        self._writing.cancel()
        self._deadlines.close()
        self._owner.lost(self, failure.code if failure is not None else code_pb2.CANCELLED)
        for call in (*self._side.unfinished(), *self._side.give_back()):
            if failure is None:
                call.cancel()
            elif failure.code == code_pb2.UNIMPLEMENTED and not self._owner.framed:
                call.settle(None)
            else:
                call.settle(failure)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _response_bytes(settled: tuple[PendingCall, Outcome]) -> int:
    outcome = settled[1]
    return len(outcome.response) if isinstance(outcome, Success) else 0
