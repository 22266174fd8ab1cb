"""How do audit records go to standard output? As JSON lines, which a reader that is slow or gone does not hold up."""

import asyncio
import contextlib
import errno
import os
import select
import threading
from collections.abc import Sequence

from aol_broker.audit.sinks.destination import UnavailableError

STDOUT = 1
_WRITE_BYTES = 64 << 10


class StdoutSink:
    """Writes lines in a thread: to write into a pipe that nobody reads blocks, and no option of the pipe is changed,
    as other processes may have it too. What was begun is finished before anything else is written, so that every line
    is whole, however often its delivery was broken off."""

    def __init__(self, descriptor: int = STDOUT) -> None:
        """The descriptor is not closed."""
        self._descriptor = descriptor
        self._begun: list[bytes] = []
        self._lock = threading.Lock()
        self._unwritten = b""
        self._writing: asyncio.Future[str] | None = None

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Write the records that were not handed over by a delivery that was broken off, and wait until all are out.

        :raises UnavailableError: nobody reads any more.
        """
        lines = list(records)
        begun = len(self._begun) if lines[: len(self._begun)] == self._begun else 0
        self._hand_over(lines[begun:])
        self._begun = lines
        await self._written()
        self._begun = []

    async def put(self, line: bytes) -> None:
        """Write a checkpoint.

        :raises UnavailableError: nobody reads any more.
        """
        # Whoever is broken off here has handed nothing over: lines for which there is no reader do not pile up.
        await self._written()
        self._hand_over([line])
        await self._written()

    async def close(self) -> None:
        """Leave a write that does not end to its thread, which ends with the process."""

    def _hand_over(self, lines: Sequence[bytes]) -> None:
        with self._lock:
            self._unwritten += b"".join(line.rstrip(b"\n") + b"\n" for line in lines)

    async def _written(self) -> None:
        while self._unwritten:
            writing = self._writing
            if writing is None or writing.done():
                loop = asyncio.get_running_loop()
                writing = self._writing = loop.create_future()
                # Not one of the loop's own threads: those are waited for at the end.
                threading.Thread(target=self._write_all, args=(loop, writing), daemon=True).start()
            await asyncio.wait([writing])
            if failure := writing.result():
                raise UnavailableError(failure)

    def _write_all(self, loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[str]") -> None:
        """Write until nothing is left, in a thread; what could not be written stays."""
        failure = ""
        try:
            while part := self._unwritten[:_WRITE_BYTES]:
                self._write(part)
        except OSError as error:
            failure = errno.errorcode.get(error.errno or 0, "OSError")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(ended.set_result, failure)

    def _write(self, part: bytes) -> None:
        try:
            written = os.write(self._descriptor, part)
        except BlockingIOError:
            # Whoever shares the descriptor made it so.
            waiting = select.poll()
            waiting.register(self._descriptor, select.POLLOUT)
            waiting.poll()
            return
        with self._lock:
            self._unwritten = self._unwritten[written:]
