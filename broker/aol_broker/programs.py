"""How is another program started beside the calls? With no line of Python between its fork and its exec.

The loop that brokers run on forks with Python's handlers: the child, a copy of one thread of many, runs Python code
before it becomes the program, and can crash or hang there. `subprocess` starts programs with vfork, and does not.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

_KILLED_WITHIN_S = 1.0


class Program:
    """A running program. What it writes and that it ended is told to a protocol, as a loop's own subprocesses do it."""

    def __init__(self, process: subprocess.Popen[bytes], protocol: asyncio.SubprocessProtocol) -> None:
        self._process = process
        self._stdin = process.stdin
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._transports: list[asyncio.BaseTransport] = []

    @classmethod
    async def start(
        cls,
        protocol: asyncio.SubprocessProtocol,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        input: bytes | None = b"",
        stdout: bool = True,
        stderr: bool = True,
        start_new_session: bool = False,
    ) -> "Program":
        """Start a program.

        :param input: its whole standard input; None for a pipe that stays open.
        :param stdout: whether its standard output is read; it goes nowhere otherwise. `stderr` likewise.
        :raises OSError: it could not be started.
        """
        process = _spawn(
            command,
            env=env,
            stdin=subprocess.DEVNULL if input == b"" else subprocess.PIPE,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE if stderr else subprocess.DEVNULL,
            start_new_session=start_new_session,
        )
        program = cls(process, protocol)
        try:
            await program._attach(input)
        except BaseException:
            program.send_signal(signal.SIGKILL)
            program.close()
            raise
        program._watch()
        return program

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: negative for a signal; None while it is running."""
        return self._process.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        self._process.send_signal(number)

    def close_input(self) -> None:
        """Close its standard input."""
        if self._stdin is not None:
            self._stdin.close()

    def close(self) -> None:
        """Let go of its pipes, and of the program itself: if it has not ended, nobody is told when it does."""
        if self._process.poll() is None:
            # Whatever becomes of the event loop, it leaves no zombie.
            threading.Thread(target=self._process.wait, name=f"program {self.pid}", daemon=True).start()
        self.close_input()
        for transport in self._transports:
            transport.close()
        attached = len(self._transports)
        for pipe in self._outputs()[attached:]:
            pipe.close()

    async def _attach(self, input: bytes | None) -> None:
        for pipe in self._outputs():
            fd = 1 if pipe is self._process.stdout else 2
            reading = _Reading(fd, self._protocol)
            transport, _ = await self._loop.connect_read_pipe(lambda reading=reading: reading, pipe)  # type: ignore[misc]
            self._transports.append(transport)
        if input:
            stdin, self._stdin = self._stdin, None
            writing, _ = await self._loop.connect_write_pipe(asyncio.BaseProtocol, stdin)
            self._transports.append(writing)
            writing.write(input)
            writing.close()  # once that is written

    def _outputs(self) -> list[IO[bytes]]:
        return [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe is not None]

    def _watch(self) -> None:
        """Begin to wait for the end: by the loop itself where the system can, or else in a thread."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            threading.Thread(target=self._wait, name=f"program {self.pid}", daemon=True).start()
            return

        def ended() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._process.wait()
            self._protocol.process_exited()

        self._loop.add_reader(descriptor, ended)

    def _wait(self) -> None:
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(self._protocol.process_exited)


def _spawn(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start it, which takes about as long as the loop's own way: until the program has begun."""
    return subprocess.Popen(command, bufsize=0, **options)


class _Reading(asyncio.Protocol):
    """Passes on what comes out of a pipe."""

    def __init__(self, fd: int, protocol: asyncio.SubprocessProtocol) -> None:
        self._fd = fd
        self._protocol = protocol

    def data_received(self, data: bytes) -> None:
        self._protocol.pipe_data_received(self._fd, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.pipe_connection_lost(self._fd, exc)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


async def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    input: bytes = b"",
    stdout: bool = False,
    stderr: bool = False,
) -> Ended:
    """Run a program to its end. When the call is cancelled, the program and all that it started are killed.

    :raises OSError: it could not be started.
    """
    heard = _Collecting(stdout, stderr)
    program = await Program.start(
        heard, command, env=env, input=input, stdout=stdout, stderr=stderr, start_new_session=True
    )
    try:
        await asyncio.wait(heard.ends)
    finally:
        if program.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            await asyncio.wait((heard.ended,), timeout=_KILLED_WITHIN_S)
        program.close()
    return Ended(cast(int, program.returncode), bytes(heard.said[1]), bytes(heard.said[2]))


class _Collecting(asyncio.SubprocessProtocol):
    def __init__(self, stdout: bool, stderr: bool) -> None:
        loop = asyncio.get_running_loop()
        self.said = {1: bytearray(), 2: bytearray()}
        self._closed: dict[int, asyncio.Future[None]] = {
            fd: loop.create_future() for fd, is_read in ((1, stdout), (2, stderr)) if is_read
        }
        self.ended: asyncio.Future[None] = loop.create_future()
        self.ends = [self.ended, *self._closed.values()]

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.said[fd] += data

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        _settle(self._closed[fd])

    def process_exited(self) -> None:
        _settle(self.ended)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
