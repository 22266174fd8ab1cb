"""Where are checkpoints kept a second time? Appended to a file, handed to a command, or to whatever has a `put`."""

import asyncio
import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from aol_broker import programs
from aol_broker.audit.writer import Writer
from aol_broker.settings_sections import AnchorSettings

COMMAND_TIMEOUT_S = 10.0

T = TypeVar("T")


class AnchorError(Exception):
    """A checkpoint could not be kept; the message says why, and holds no argument of a command."""


class AnchorPlace(Protocol):
    """A second place. It gets one line after the other, and a line again when it was not sure of it."""

    async def put(self, line: bytes) -> None:
        """Keep a line (with its end), and return once it is kept for good. May be cancelled.

        :raises AnchorError: it is not known to be kept.
        """


class AnchorFile:
    """A file to which lines are appended, on another disk, or another machine's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing: asyncio.Task[None] | None = None

    async def put(self, line: bytes) -> None:
        """Append a line, and have it written to disk."""
        if self._writing is not None and not self._writing.done():
            # A file system that hangs holds one thread, however often it is tried.
            await asyncio.wait((self._writing,))
        self._writing = asyncio.ensure_future(in_thread(lambda: self._append(line)))
        # Whoever waits may leave; then nobody is left to retrieve what it came to.
        self._writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            raise AnchorError(f"{self._path} cannot be written: {error.strerror}") from None

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        # A pipe that nobody reads would hold up a plain open.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            # What a crash tore is ended, so that it spoils no line but its own.
            torn = found.st_size > 0 and os.pread(descriptor, 1, found.st_size - 1) != b"\n"
            data = b"\n" + line if torn else line
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self._path.parent)


class AnchorCommand:
    """A program that is started for each line, gets it on standard input, and ends with exit code 0 once it is kept."""

    def __init__(self, command: Sequence[str], *, timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        """`timeout_s`: it is killed, with what it started, when it has not ended by then."""
        self._command = tuple(command)
        self._timeout_s = timeout_s

    async def put(self, line: bytes) -> None:
        """Run the program."""
        name = Path(self._command[0]).name
        # Our own variables may hold secrets, and are none of its business.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AOL_")}
        try:
            async with asyncio.timeout(self._timeout_s):
                ended = await programs.run(self._command, env=environment, input=line)
        except TimeoutError:
            raise AnchorError(f"the command {name} did not end within {self._timeout_s:g} s, and was killed") from None
        except OSError as error:
            raise AnchorError(f"the command {name} cannot be started: {error.strerror}") from None
        if ended.returncode:
            raise AnchorError(f"the command {name} ended with exit code {ended.returncode}")


def configured_place(settings: AnchorSettings, sink: Callable[[str], AnchorPlace]) -> tuple[AnchorPlace, str] | None:
    """Return the place that is configured and a text that tells it from others, or None when none is.

    :param sink: returns the sink of a name.
    """
    if settings.file is not None:
        return AnchorFile(settings.file), f"file {settings.file.absolute()}"
    if settings.command is not None:
        return AnchorCommand(settings.command), f"command {settings.command}"
    if settings.sink is not None:
        return sink(settings.sink), f"sink {settings.sink}"
    return None


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns, which is done in a thread of its own: one that hangs holds up no exit.

    :raises Exception: what `work` raises.
    """
    writer = Writer()
    writer.start()
    try:
        done: T = await writer.run(work)
        return done
    finally:
        writer.stop()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
