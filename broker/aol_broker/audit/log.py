"""Where do audit records go? Into files of JSON lines, written before the answer of a call leaves.

A file holds up to `max_file_bytes`; its name carries the sequence number of its first record, so that names sort by
time. Sequence numbers go on over restarts. A record that cannot be written makes the call fail.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import orjson
import structlog

from aol_broker.audit.record import AuditRecord
from aol_wire.errors import Applied, DataError, Reason

FILE_NAME = re.compile(r"audit-(\d{16})\.jsonl")
_TAIL_BYTES = 64 << 10

_log = structlog.get_logger("aol.audit")


def files_of(directory: Path) -> list[Path]:
    """Return the audit files of a folder, oldest first."""
    return sorted(path for path in directory.glob("audit-*.jsonl") if FILE_NAME.fullmatch(path.name))


class AuditLog:
    """Appends records. Used from one event loop; a write is one system call of a short line."""

    def __init__(self, directory: Path, *, max_file_bytes: int, max_files: int = 0) -> None:
        """`max_files` 0 keeps every file; else the oldest are removed beyond so many, and the log says so."""
        self._directory = directory
        self._max_file_bytes = max_file_bytes
        self._max_files = max_files
        self._descriptor = -1
        self._size = 0
        self._seq = 0
        self._path = directory
        self._failure = ""
        self._callbacks: list[Callable[[], None]] = []

    @property
    def failure(self) -> str:
        """Why records cannot be written; empty while they can."""
        return self._failure

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `failure` begins or ends."""
        self._callbacks.append(callback)

    @property
    def directory(self) -> Path:
        """Where the files are."""
        return self._directory

    def open(self) -> None:
        """Go on after the last record that is there.

        :raises OSError: the folder cannot be made or written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = files_of(self._directory)
        if files:
            self._seq = _last_seq(files)
        self._open_file(files[-1] if files else self._directory / _name(self._seq + 1))

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def intend(self, operation: str, request_id: str) -> None:
        """Called before a write reaches the adapter: refuse it when its record could not be kept.

        :raises DataError: AUDIT_UNAVAILABLE.
        """
        del operation, request_id  # what is durable of an intention is decided with the durable segments
        if self._failure:
            self._reopen(Applied.NO)

    async def complete(self, record: AuditRecord) -> None:
        """Write a call's record.

        :raises DataError: AUDIT_UNAVAILABLE; the caller decides what `applied` says.
        """
        if self._descriptor < 0 or self._failure:
            self._reopen(None)
        line = record.line(self._seq + 1)
        try:
            if self._size and self._size + len(line) > self._max_file_bytes:
                self._rotate()
            written = os.write(self._descriptor, line)
            if written != len(line):
                os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            raise self._failed(error.strerror, None) from None
        if written != len(line):
            raise self._failed("the disk is full", None)
        self._seq += 1
        self._size += written

    def _rotate(self) -> None:
        self.close()
        self._open_file(self._directory / _name(self._seq + 1))
        files = files_of(self._directory)
        if self._max_files and len(files) > self._max_files:
            for path in files[: len(files) - self._max_files]:
                path.unlink(missing_ok=True)
                _log.warning("audit file removed by retention", file=path.name)

    def _open_file(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        self._path = path
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        # A crash in the middle of a write leaves a line without its end; it belongs to a call that was never answered.
        with self._path.open("rb") as file:
            file.seek(max(0, self._size - _TAIL_BYTES))
            tail = file.read()
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:
            os.ftruncate(self._descriptor, self._size - torn)
            self._size -= torn
            _log.warning("audit file ended in a torn record, which was cut", file=self._path.name, bytes=torn)

    def _reopen(self, applied: Applied | None) -> None:
        self.close()
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = files_of(self._directory)
            self._open_file(files[-1] if files else self._directory / _name(self._seq + 1))
        except OSError as error:
            raise self._failed(error.strerror, applied) from None
        self._set_failure("")

    def _failed(self, problem: str | None, applied: Applied | None) -> DataError:
        self._set_failure(problem or "unknown error")
        _log.error("audit record cannot be written", error=self._failure)
        return DataError(
            Reason.AUDIT_UNAVAILABLE,
            f"The audit log cannot be written ({self._failure}), so the call is refused. An operator sees to the "
            "broker's audit folder.",
            retry_after_s=1.0,
            applied=applied,
        )

    def _set_failure(self, failure: str) -> None:
        changed = bool(failure) != bool(self._failure)
        self._failure = failure
        if changed:
            for callback in self._callbacks:
                callback()


def _name(seq: int) -> str:
    return f"audit-{seq:016d}.jsonl"


def _last_seq(files: list[Path]) -> int:
    """Return the sequence number of the last whole record; an empty newest file says it by its name."""
    newest = files[-1]
    match = FILE_NAME.fullmatch(newest.name)
    last = int(match[1]) - 1 if match else 0
    with newest.open("rb") as file:
        file.seek(max(0, newest.stat().st_size - _TAIL_BYTES))
        lines = file.read().split(b"\n")[:-1]
    for line in reversed(lines):
        try:
            return int(orjson.loads(line)["seq"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            continue
    return last
