"""How is an adapter program started, listened to and ended? One process in a session of its own."""

import asyncio
import contextlib
import os
import secrets
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from aol_broker.programs import Program
from aol_wire.handshake import HANDSHAKE_MAX_BYTES, Handshake, HandshakeError, Launch, parse_line

STDERR_TAIL_LINES = 8
STDERR_LINE_MAX_CHARACTERS = 2000
"""What is kept of a line that an adapter writes on stderr; the rest of the line is passed over."""

# As many characters take up at most.
_LINE_MAX_BYTES = 4 * STDERR_LINE_MAX_CHARACTERS
_KILLED_WITHIN_S = 2.0


class AdapterProcess(asyncio.SubprocessProtocol):
    """A running adapter program.

    The program gets the broker's environment without its `AOL_` variables (settings and secrets of the broker), a
    pipe as standard input that closes when the broker dies, and a session of its own, so that Ctrl-C in a terminal
    reaches the broker alone and everything that the program starts can be ended with it.

    What it writes on stderr is for operators, and goes into the broker's log as it stands, cut to
    STDERR_LINE_MAX_CHARACTERS a line: that it holds no stored value and no credential is up to the program.
    """

    def __init__(self, cookie: str, on_stderr_line: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self.stderr_tail: deque[str] = deque(maxlen=STDERR_TAIL_LINES)
        self._cookie = cookie
        self._on_stderr_line = on_stderr_line
        self._handshake: asyncio.Future[Handshake] = loop.create_future()
        self._exited: asyncio.Future[int] = loop.create_future()
        self._stderr_ended: asyncio.Future[None] = loop.create_future()
        self._closed = False
        self._stdout = b""
        self._stderr = b""
        self._passing_over = False
        self._program: Program | None = None

    @classmethod
    async def launch(
        cls,
        command: Sequence[str],
        address: str,
        environment: Mapping[str, str],
        on_stderr_line: Callable[[str], None],
    ) -> "AdapterProcess":
        """Start a program that should listen on `address`.

        :raises OSError: the program could not be started.
        """
        launch = Launch(address, secrets.token_urlsafe(16))
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("AOL_")}
        process = cls(launch.cookie, on_stderr_line)
        process._program = await Program.start(
            process,
            command,
            env={**inherited, **environment, **launch.environment()},
            input=None,
            start_new_session=True,
        )
        return process

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._launched().pid

    async def handshake(self, timeout_s: float) -> Handshake:
        """Wait for the program's first line.

        :raises HandshakeError: it ended, said something else, or said nothing within `timeout_s`.
        """
        waiting: tuple[asyncio.Future[Handshake], asyncio.Future[int]] = (self._handshake, self._exited)
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._handshake.done():
            return self._handshake.result()
        if self._exited.done():
            raise HandshakeError(f"it {self.ending()} before it served")
        raise HandshakeError(f"it did not serve within {timeout_s:g} s")

    async def exited(self) -> None:
        """Wait for the program's end."""
        await asyncio.wait((self._exited,))

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._exited.done()

    @property
    def exit_code(self) -> int | None:
        """How it ended: negative for a signal; None while it is running."""
        return self._exited.result() if self._exited.done() else None

    def ending(self) -> str:
        """Say how it ended, for example `ended with exit code 1`."""
        code = self.exit_code
        if code is None:
            return "is running"
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal_group_leader(signal.SIGTERM)

    def close_input(self) -> None:
        """Close its standard input, as this process's end does."""
        self._launched().close_input()

    async def stop(self, timeout_s: float) -> None:
        """Ask it to end, wait so long, then kill it with everything that it started."""
        self.terminate()
        if self.running:
            await asyncio.wait((self._exited,), timeout=timeout_s)
        await self.kill()

    async def kill(self) -> None:
        """Kill it and everything of its group that is left, read what it said last, and let go of its pipes."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        ends: tuple[asyncio.Future[int], asyncio.Future[None]] = (self._exited, self._stderr_ended)
        try:
            await asyncio.wait(ends, timeout=_KILLED_WITHIN_S)
        finally:
            self._launched().close()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what the program wrote."""
        if fd == 1:
            self._take_stdout(data)
        else:
            self._take_stderr(data)

    def process_exited(self) -> None:
        """Note the end."""
        code = self._launched().returncode
        if not self._exited.done():
            self._exited.set_result(-1 if code is None else code)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Take a last line that has no end."""
        del exc
        if fd == 2 and not self._stderr_ended.done():
            self._take_stderr(b"\n")
            self._stderr_ended.set_result(None)

    def _launched(self) -> Program:
        if self._program is None:
            raise RuntimeError("the process was not launched")
        return self._program

    def _signal_group_leader(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._launched().send_signal(number)

    def _take_stdout(self, data: bytes) -> None:
        """Take the first line; what comes later is read, so that the program never blocks, and left aside."""
        if self._handshake.done():
            return
        self._stdout += data
        line, end, _ = self._stdout.partition(b"\n")
        if not end and len(line) <= HANDSHAKE_MAX_BYTES:
            return
        self._stdout = b""
        try:
            self._handshake.set_result(parse_line(line, self._cookie))
        except HandshakeError as error:
            self._handshake.set_exception(error)
            self._handshake.exception()  # seen, should nobody wait for it any more

    def _take_stderr(self, data: bytes) -> None:
        *lines, rest = (self._stderr + data).split(b"\n")
        for line in lines:
            self._end_stderr_line(line)
        if len(rest) > _LINE_MAX_BYTES and not self._passing_over:
            self._end_stderr_line(rest)
            self._passing_over = True
        # Of a line whose beginning was taken already, nothing more is kept.
        self._stderr = b"" if self._passing_over else rest

    def _end_stderr_line(self, line: bytes) -> None:
        passed_over, self._passing_over = self._passing_over, False
        text = line[: _LINE_MAX_BYTES + 1].decode(errors="replace").rstrip()
        if passed_over or not text:
            return
        if len(text) > STDERR_LINE_MAX_CHARACTERS:
            text = text[: STDERR_LINE_MAX_CHARACTERS - 2] + " …"
        self.stderr_tail.append(text)
        self._on_stderr_line(text)
