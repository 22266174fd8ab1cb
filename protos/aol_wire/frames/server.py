"""How does a server answer calls that come in frames? By the function that answers them one by one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import grpc.aio
from google.rpc import code_pb2

from aol.frames.v1 import frames_pb2 as pb
from aol_wire.faults import describe_fault
from aol_wire.frames.calls import TURNS, Failure, FrameError, FrameLimits, Outcome
from aol_wire.frames.deadlines import Deadlines
from aol_wire.frames.portions import let_go_on, portions
from aol_wire.frames.server_side import IncomingCall, ServerSide

Context = grpc.aio.ServicerContext[bytes, bytes]
Serve = Callable[[IncomingCall], Awaitable[Outcome]]
"""Answers one call. It raises nothing, except when its task is cancelled."""

SERVICE = pb.DESCRIPTOR.services_by_name["Frames"].full_name

# While more of a client's replies wait to be sent, nothing more of what it sends is read.
_OUTGOING_HIGH_BYTES = 4 << 20

_log = logging.getLogger(__name__)

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_BUG = Failure(code_pb2.INTERNAL, "The server failed at this call.")
_UNKNOWN_METHOD = Failure(code_pb2.UNIMPLEMENTED, "Method not found!")
_CANCELLED = Failure(code_pb2.CANCELLED, "The call was cancelled.")
_OUT_OF_TIME = Failure(code_pb2.DEADLINE_EXCEEDED, "Deadline Exceeded")


class FramesServer:
    """`aol.frames.v1.Frames` in front of the methods of a server."""

    def __init__(
        self,
        methods: Collection[str],
        open_stream: Callable[[Context], Serve],
        limits: FrameLimits,
        *,
        keeps_deadlines: bool = False,
        lasting: Collection[str] = (),
        max_calls_of: Callable[[Context], int] | None = None,
    ) -> None:
        """`methods` are full names. `open_stream` is asked once a stream for the function that answers its calls.

        `max_calls_of` is asked once a stream how many of its calls may be under way, where that is less than of others.
        `keeps_deadlines`: that function ends by itself when the call's time is over; else its task is cancelled then.
        Calls of the methods `lasting` go on when their callers go away; nobody is told what becomes of them.
        """
        self._methods = frozenset(methods)
        self._open_stream = open_stream
        self._limits = limits
        self._keeps_deadlines = keeps_deadlines
        self._lasting = frozenset(lasting)
        self._max_calls_of = max_calls_of
        self._alone: set[asyncio.Task[None]] = set()
        self._streams: set[_ServerStream] = set()
        self._left = False

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service to a server that has not started yet."""
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._exchange)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Exchange": handler}),))

    def leave(self) -> None:
        """Begin no call from here on, and end each stream once its calls are replied to."""
        self._left = True
        for stream in self._streams:
            stream.leave()

    async def _exchange(self, _requests: Any, context: Context) -> None:
        if self._left:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The server is about to stop.")
        serve = self._open_stream(context)
        limits = self._limits
        if self._max_calls_of is not None:
            limits = replace(limits, max_calls=max(1, min(limits.max_calls, self._max_calls_of(context))))
        stream = _ServerStream(
            context,
            serve,
            self._methods,
            limits,
            keeps_deadlines=self._keeps_deadlines,
            lasting=self._lasting,
            let_go=self._let_go,
        )
        self._streams.add(stream)
        try:
            await stream.run()
        except FrameError as error:
            await context.abort(_CODES[error.code], error.message)
        finally:
            self._streams.discard(stream)

    def _let_go(self, task: "asyncio.Task[None]") -> None:
        """Keep a call whose stream does so no more: the event loop holds tasks by weak references only."""
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)


class _ServerStream:
    """One stream: a reader, a writer, and a task for each call."""

    def __init__(
        self,
        context: Context,
        serve: Serve,
        methods: frozenset[str],
        limits: FrameLimits,
        *,
        keeps_deadlines: bool,
        lasting: frozenset[str],
        let_go: Callable[["asyncio.Task[None]"], None],
    ) -> None:
        self._context = context
        self._serve = serve
        self._methods = methods
        self._lasting_methods = lasting
        self._let_go = let_go
        self._side = ServerSide(limits)
        self._loop = asyncio.get_running_loop()
        self._deadlines: Deadlines[int] | None = None if keeps_deadlines else Deadlines(self._expire)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._lasting: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Serve until the client or the server ends the stream.

        :raises FrameError: the client broke a rule.
        """
        reading = self._loop.create_task(self._read())
        writing = self._loop.create_task(self._write())
        try:
            await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
                await writing
            writing.result()
        finally:
            if self._deadlines is not None:
                self._deadlines.close()
            for task in self._lasting.values():
                self._let_go(task)
            self._lasting.clear()
            work = (reading, writing, *self._tasks.values())
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    def leave(self) -> None:
        """Begin no more calls."""
        self._side.leave()
        self._wake.set()

    async def _read(self) -> None:
        while isinstance(data := await self._context.read(), bytes):  # and not grpc.aio.EOF
            calls, cancelled = self._side.receive(data)
            for number, portion in enumerate(portions(calls, _request_bytes)):
                if number:
                    await let_go_on()
                for call in portion:
                    self._begin(call)
            for number in cancelled:
                self._cancel(number, _CANCELLED)
            while self._side.outgoing_bytes > _OUTGOING_HIGH_BYTES:
                self._room.clear()
                await self._room.wait()
        self._side.end()
        self._wake.set()

    async def _write(self) -> None:
        while not self._side.finished:
            frame = self._side.take()
            if frame is None:
                self._wake.clear()
                await self._wake.wait()
                if self._side.has_others:
                    for _ in range(TURNS):
                        await asyncio.sleep(0)
            else:
                await self._context.write(frame)
                self._room.set()

    def _begin(self, call: IncomingCall) -> None:
        if call.method not in self._methods:
            self._reply(call.id, _UNKNOWN_METHOD)
            return
        tasks = self._lasting if call.method in self._lasting_methods else self._tasks
        tasks[call.id] = self._loop.create_task(self._answer(call, tasks))
        if self._deadlines is not None and call.timeout_s is not None:
            self._deadlines.add(call.id, time.monotonic() + call.timeout_s)

    async def _answer(self, call: IncomingCall, tasks: "dict[int, asyncio.Task[None]]") -> None:
        try:
            outcome = await self._serve(call)
        except Exception as error:  # a bug; its text may hold anything, and goes nowhere
            _log.error("a call in a frame failed on a bug: %s", describe_fault(error))
            outcome = _BUG
        if tasks.pop(call.id, None) is not None:
            self._reply(call.id, outcome)

    def _reply(self, number: int, outcome: Outcome) -> None:
        if self._deadlines is not None:
            self._deadlines.discard(number)
        self._side.reply(number, outcome)
        self._wake.set()

    def _cancel(self, number: int, outcome: Failure) -> None:
        lasting = self._lasting.pop(number, None)
        if lasting is not None:
            self._let_go(lasting)
            self._reply(number, outcome)
            return
        task = self._tasks.get(number)
        if task is not None and task.cancel():
            # A task that is cancelled before it began runs no line of its own, so this replies for it.
            task.add_done_callback(partial(self._cancelled, number, outcome))

    def _cancelled(self, number: int, outcome: Failure, task: "asyncio.Task[None]") -> None:
        if self._tasks.pop(number, None) is not None:
            self._reply(number, outcome)

    def _expire(self, number: int) -> None:
        self._cancel(number, _OUT_OF_TIME)


def _request_bytes(call: IncomingCall) -> int:
    return len(call.request)
