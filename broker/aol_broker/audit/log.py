"""Where do audit records go? Into files of JSON lines, written before the answer of a call leaves.

A file holds up to `max_file_bytes`; its name carries the sequence number of its first record, so that names sort by
time. Sequence numbers go on over restarts. A record that cannot be written makes the call fail, and from then on writes
are refused before they change anything, until there is room for a record of the largest size again.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import orjson
import structlog

from aol_broker.audit.chain import GENESIS, chained
from aol_broker.audit.files import file_name, files_of, first_seq_of, lines_backwards
from aol_broker.audit.record import FILTER_MAX_BYTES, AuditRecord
from aol_broker.folder_lock import FolderInUseError, FolderLock
from aol_wire.errors import Applied, DataError, Reason

_LOCK_FILE = "audit.lock"
_BLOCK_BYTES = 64 << 10
# No record comes near it: what has no line end for longer is not the torn end of an audit file.
_TORN_MAX_BYTES = 1 << 20
# As long as the longest record: its filter, and names and ids, all of which are bounded.
_PROBE = bytes(FILTER_MAX_BYTES + (4 << 10))

_log = structlog.get_logger("aol.audit")


class AuditFolderError(Exception):
    """The audit folder cannot be used; the message says why and what to do."""


class AuditLog:
    """Appends records. Used from one event loop; a write is one system call of a short line."""

    def __init__(self, directory: Path, *, max_file_bytes: int, max_files: int = 0) -> None:
        """`max_files` 0 keeps every file; else the oldest are removed beyond so many, and the log says so."""
        self._directory = directory
        self._max_file_bytes = max_file_bytes
        self._max_files = max_files
        self._opened = False
        self._lock: FolderLock | None = None
        self._descriptor = -1
        self._size = 0
        self._seq = 0
        self._head = GENESIS
        self._failure = ""
        self._callbacks: list[Callable[[], None]] = []
        self._durable_callbacks: list[Callable[[], None]] = []

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

    @property
    def durable_seq(self) -> int:
        """The number of the last record that is written."""
        return self._seq

    def on_durable(self, callback: Callable[[], None]) -> None:
        """Call `callback`, which must be quick, whenever `durable_seq` has advanced."""
        self._durable_callbacks.append(callback)

    def open(self) -> None:
        """Take the folder for this process alone, and go on after the last record that is there.

        :raises AuditFolderError: another broker writes there, the folder cannot be made or written, or its newest file
            does not tell which record was the last.
        """
        try:
            self._go_on()
        except OSError as error:
            self.close()
            raise AuditFolderError(
                f"The audit log cannot be written in {self._directory}: {error.strerror}. A broker that cannot record "
                "calls serves none."
            ) from None
        except BaseException:
            self.close()
            raise
        self._opened = True

    def close(self) -> None:
        """Close the file, and let another broker have the folder."""
        self._opened = False
        self._close_file()
        self._unlock()

    def recover(self) -> bool:
        """While records cannot be written, try whether they can be now; return whether they can.

        That is so when the folder is this broker's and there is room for a record of the largest size. Only this ends
        a `failure`: a short record that still fits on a full disk says nothing about the next. Costs nothing while
        there is no failure; while there is one, the server calls it now and then, as nobody else may.
        """
        if self._failure and self._opened:
            self._close_file()
            try:
                self._go_on()
                self._prove_room()
            except AuditFolderError as error:
                self._set_failure(str(error))
            except OSError as error:
                self._set_failure(_problem(error))
            else:
                self._set_failure("")
        return not self._failure

    async def intend(self, operation: str, request_id: str) -> None:
        """Called before a write reaches the adapter: refuse it when its record could not be kept.

        :raises DataError: AUDIT_UNAVAILABLE.
        """
        del operation, request_id  # what is durable of an intention is decided with the durable segments
        if not self._can_write():
            raise DataError(
                Reason.AUDIT_UNAVAILABLE,
                f"The audit log cannot be written ({self._failure}), so the call is refused and nothing is changed. "
                "An operator sees to the broker's audit folder.",
                retry_after_s=1.0,
                applied=Applied.NO,
            )

    async def complete(self, record: AuditRecord) -> None:
        """Write a call's record.

        :raises DataError: AUDIT_UNAVAILABLE; the caller decides what `applied` says.
        """
        if not self._can_write():
            raise self._lost(record)
        line, digest = chained(record.body(self._seq + 1, self._head))
        try:
            if self._size and self._size + len(line) > self._max_file_bytes:
                self._rotate()
            self._append(line)
        except OSError as error:
            self._set_failure(_problem(error))
            raise self._lost(record) from None
        self._seq += 1
        self._head = digest
        self._size += len(line)
        for callback in self._durable_callbacks:
            callback()

    def _can_write(self) -> bool:
        """Whether records can be written, as far as can be told without writing one."""
        if not self._failure and (self._descriptor < 0 or os.fstat(self._descriptor).st_nlink == 0):
            # Writing would succeed, into a file that nobody can find.
            self._set_failure("its file was removed" if self._opened else "it is closed")
        return self.recover()

    def _append(self, data: bytes) -> None:
        """Add bytes to the file, all of them or none."""
        written = os.write(self._descriptor, data)
        if written != len(data):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _prove_room(self) -> None:
        """Write as much as the next record may need, where it will be written, and take it away again."""
        if self._size and self._size + len(_PROBE) > self._max_file_bytes:
            self._rotate()
        self._append(_PROBE)
        os.ftruncate(self._descriptor, self._size)

    def _rotate(self) -> None:
        self._close_file()
        self._open_file(self._directory / file_name(self._seq + 1))
        if self._max_files:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        try:
            for path in files_of(self._directory)[: -self._max_files]:
                path.unlink(missing_ok=True)
                _log.warning("audit file removed by retention", file=path.name)
        except OSError as error:
            _log.error("audit files cannot be removed by retention", error=_problem(error))

    def _go_on(self) -> None:
        """Open the newest file, or the first, in a folder that is this process's alone."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is None or not self._lock.holds():
            self._unlock()
            self._lock = self._locked()
        files = files_of(self._directory)
        newest = files[-1] if files else self._directory / file_name(self._seq + 1)
        self._open_file(newest)
        self._seq = max(self._seq, _last_seq(newest))

    def _locked(self) -> FolderLock:
        try:
            return FolderLock(self._directory / _LOCK_FILE)
        except FolderInUseError as error:
            raise AuditFolderError(
                f"The audit folder {self._directory} is in use by another broker (process {error.process}), and each "
                "needs one of its own: set audit.directory."
            ) from None

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _open_file(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        self._cut_torn_line(path)

    def _close_file(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _cut_torn_line(self, path: Path) -> None:
        # A crash in the middle of a write leaves a line without its end; it belongs to a call that was never answered.
        whole = _end_of_last_line(self._descriptor, self._size)
        torn = self._size - whole
        if torn > _TORN_MAX_BYTES:
            raise AuditFolderError(
                f"{path} is damaged: its last {torn:,} bytes hold no end of a line. Move it to another folder, to be "
                "looked at; nothing was changed."
            )
        if torn:
            os.ftruncate(self._descriptor, whole)
            self._size = whole
            _log.warning("audit file ended in a torn record, which was cut", file=path.name, bytes=torn)

    def _lost(self, record: AuditRecord) -> DataError:
        """Return what the caller of an unrecorded call is told, and leave the only trace of the call in the log."""
        _log.error(
            "call is not in the audit log",
            operation=record.operation,
            service=record.service,
            collection=record.collection,
            request_id=record.request_id,
            outcome=record.outcome.value,
            error=self._failure,
        )
        return DataError(
            Reason.AUDIT_UNAVAILABLE,
            f"The call's audit record cannot be written ({self._failure}), so its answer is withheld; of a write, "
            "`applied` says whether it was made. An operator sees to the broker's audit folder.",
            retry_after_s=1.0,
        )

    def _set_failure(self, failure: str) -> None:
        before, self._failure = self._failure, failure
        if failure and failure != before:
            _log.error("audit log cannot be written", error=failure)
        elif before and not failure:
            _log.warning("audit log can be written again")
        if bool(failure) != bool(before):
            for callback in self._callbacks:
                callback()


def _problem(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _end_of_last_line(descriptor: int, size: int) -> int:
    """Return where the last line that has an end ends; 0 when there is none."""
    end = size
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_seq(newest: Path) -> int:
    """Return the sequence number of the last record; an empty newest file says it by its name.

    :raises AuditFolderError: the file holds lines, and none of them tells.
    """
    unreadable = 0
    for line in lines_backwards(newest):
        seq = _seq_of(line)
        if seq is not None:
            if unreadable:
                _log.error("audit file ends in damaged records", file=newest.name, records=unreadable)
            # A damaged line was a record too, and its number is not given to another.
            return seq + unreadable
        unreadable += 1
    if unreadable:
        raise AuditFolderError(
            f"{newest} holds no readable record, so it is not known which number the next one has. Move the file to "
            "another folder, to be looked at; nothing was changed."
        )
    return first_seq_of(newest) - 1


def _seq_of(line: bytes) -> int | None:
    try:
        seq = orjson.loads(line)["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) and seq > 0 else None
