"""Can a call be recorded, and is it? Decides what callers are told when it cannot.

Records go to the disk by the `Journal`. While they cannot be written, calls are refused before they do anything. On a
full disk the refusals, and the calls that were under way, are recorded all the same, out of the `Reserve`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import structlog

from aol_broker.audit.faults import Fault, FaultKind, fault_of
from aol_broker.audit.journal import Journal, NotWrittenError
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.recovery import AuditFolderError, LeftBehind, read_left_behind, resolved
from aol_broker.audit.reserve import Reserve
from aol_broker.audit.signing import PUBLIC_KEY_FILE, SigningKey
from aol_broker.audit.writer import Writer
from aol_broker.folder_lock import FolderInUseError, FolderLock
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json
from aol_wire.ids import now_us, uuid7

STALLED_AFTER_S = 5.0
"""A disk that does not answer for so long is taken to have failed: callers are told, instead of waiting with it."""

PRINCIPAL = "broker"
"""The principal of records of what the broker itself did."""

_LOCK_FILE = "audit.lock"
_STOP_WAIT_S = 2.0
# How much of the reserve calls that are refused may take; the rest is for those that were under way.
_REFUSALS_SHARE = 4
_REFUSAL_BYTES = 1 << 10
_WITHHELD = Reason.AUDIT_UNAVAILABLE.value

_log = structlog.get_logger("aol.audit")


class Intent:
    """That a write is about to be handed to its adapter. `seq` is the number of its record, 0 when it has none."""

    __slots__ = ("_log", "_written", "seq")

    def __init__(self, log: "AuditLog", seq: int, written: "asyncio.Future[None]") -> None:
        self.seq = seq
        self._log = log
        self._written = written

    async def durable(self) -> None:
        """Return when the record is on the disk; the write may begin then.

        :raises DataError: AUDIT_UNAVAILABLE.
        """
        try:
            await self._written
        except NotWrittenError:
            self.seq = 0
            raise self._log.refusal() from None


class AuditLog:
    """The audit log of one broker. Used from one event loop."""

    def __init__(
        self,
        directory: Path,
        *,
        key: SigningKey,
        broker_id: str,
        max_file_bytes: int = 64 << 20,
        reserve_bytes: int = 1 << 20,
        durable: bool = True,
    ) -> None:
        """`durable` false leaves it to the operating system when a record reaches the disk."""
        self.directory = directory
        self.broker_id = broker_id
        self._key = key
        self._writer = Writer()
        self._reserve = Reserve(directory, reserve_bytes)
        self._journal = Journal(
            directory,
            key=key,
            broker_id=broker_id,
            max_file_bytes=max_file_bytes,
            reserve=self._reserve,
            durable=durable,
            writer=self._writer,
            listener=self,
        )
        self._lock: FolderLock | None = None
        self._opened = False
        self._fault: Fault | None = None
        self._on_reserve = False
        """Whether records are still written although there is a fault: into the room of the reserve."""
        self._room_for_refusals = 0
        self._refused = 0
        self._withheld: list[AuditRecord] = []
        self._on_change: list[Callable[[], None]] = []
        self._on_durable: list[Callable[[], None]] = []
        self._on_closed: list[Callable[[Path, bytes], None]] = []

    @property
    def failure(self) -> str:
        """Why records cannot be written; empty while they can."""
        return self._fault.text if self._fault is not None else ""

    @property
    def durable_seq(self) -> int:
        """The number of the newest record that is on the disk."""
        return self._journal.written.seq

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `failure` begins or ends."""
        self._on_change.append(callback)

    def on_durable(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `durable_seq` has grown: it costs every call what it costs."""
        self._on_durable.append(callback)

    def on_closed(self, callback: Callable[[Path, bytes], None]) -> None:
        """Call `callback` with the path and the checkpoint line of each segment that is closed."""
        self._on_closed.append(callback)

    async def open(self) -> None:
        """Take the folder for this process alone, go on after the last record, and end what was left without an end.

        :raises AuditFolderError: another broker writes there, the folder cannot be made or written, its newest segment
            does not tell which record was the last, or there is no room for the reserve.
        """
        self._writer.start()
        try:
            left: LeftBehind = await self._writer.run(self._take_folder)
        except OSError as error:
            self._leave()
            raise AuditFolderError(
                f"The audit log cannot be written in {self.directory}: {fault_of(error).text}. A broker that cannot "
                "record calls serves none."
            ) from None
        except BaseException:
            self._leave()
            raise
        self._opened = True
        ends = [self._journal.add(resolved(record)) for record in left.intents.values()]
        if ends:
            _log.warning("writes were under way when the broker ended: see `aol audit unresolved`", writes=len(ends))
        if left.damaged:
            ends.append(self._journal.add(self._resumed(FaultKind.SEGMENT_DAMAGED, left.damaged)))
        await asyncio.gather(*ends, return_exceptions=True)

    async def close(self) -> None:
        """Write what waits, close the segment with its checkpoint, and let another broker have the folder."""
        was_open, self._opened = self._opened, False
        if was_open:
            try:
                # A disk that does not answer does not hold up a stop.
                async with asyncio.timeout(_STOP_WAIT_S):
                    await self._journal.drained()
                    await self._journal.close(sound=self._fault is None)
            except (OSError, TimeoutError):
                _log.error("audit segment could not be closed", error=self.failure)
        self._leave()

    def check(self) -> None:
        """Refuse a call whose record could not be written, before it does anything.

        :raises DataError: AUDIT_UNAVAILABLE.
        """
        if self._fault is not None or not self._opened:
            raise self.refusal()

    def refusal(self) -> DataError:
        """Return what the caller of a call is told that was refused before it did anything."""
        return DataError(
            Reason.AUDIT_UNAVAILABLE,
            f"The audit log cannot be written ({self._why()}), so the call is refused and nothing is changed. "
            "An operator sees to the broker's audit folder.",
            retry_after_s=1.0,
            applied=Applied.NO,
        )

    def intend(self, record: AuditRecord) -> Intent:
        """Record that a write is about to be handed to its adapter; the caller awaits that it is durable.

        :raises DataError: AUDIT_UNAVAILABLE.
        """
        self.check()
        written = self._journal.add(record)
        return Intent(self, self._journal.added_seq, written)

    async def complete(self, record: AuditRecord) -> None:
        """Write the record of a call that ended, or was refused.

        :raises DataError: AUDIT_UNAVAILABLE; the caller decides what `applied` says.
        """
        if not self._may_add(record):
            raise self._lost(record)
        try:
            await self._journal.add(record)
        except NotWrittenError:
            raise self._lost(record) from None

    async def append_own(self, operation: str, reason: str, filters: Mapping[str, Json]) -> None:
        """Write a record of what the broker itself did.

        :raises DataError: AUDIT_UNAVAILABLE.
        """
        self.check()
        try:
            await self._journal.add(self._own_record(operation, reason, filters))
        except NotWrittenError:
            raise self.refusal() from None

    def checkpoint(self) -> bytes:
        """Return a signed line about the open segment, as far as it is on the disk."""
        return self._journal.checkpoint().line(self._key)

    async def recover(self) -> bool:
        """Try whether records can be written again, when they could not; return whether they can.

        Notices a disk that does not answer, too. The server calls it now and then; nothing else ends a `failure`.
        """
        if self._journal.under_way_s > STALLED_AFTER_S:
            self._journal.give_up_waiting()
            self._begin_fault(Fault(FaultKind.DISK_STALLED, f"the disk has not answered for {STALLED_AFTER_S:.0f} s"))
        fault = self._fault
        if fault is None or not self._opened or self._journal.under_way_s:
            return fault is None
        try:
            await self._writer.run(self._hold_folder)
            given_up = await self._journal.reopen()
        except AuditFolderError as error:
            self._begin_fault(Fault(FaultKind.FOLDER_TAKEN, str(error)))
            return False
        except OSError as error:
            self._begin_fault(fault_of(error))
            return False
        return await self._resume(fault, given_up)

    # What the journal tells.

    def written(self) -> None:
        """Records are on the disk."""
        for callback in self._on_durable:
            callback()

    def short_of_room(self, error: OSError) -> None:
        """Records were written out of the reserve: no call is begun any more, and those under way can be recorded."""
        self._on_reserve = True
        self._room_for_refusals = self._reserve.size_bytes // _REFUSALS_SHARE
        self._begin_fault(fault_of(error))

    def failed(self, error: OSError) -> None:
        """Records could not be written."""
        self._on_reserve = False
        self._begin_fault(fault_of(error))

    def closed(self, path: Path, checkpoint: bytes) -> None:
        """A segment was closed."""
        for callback in self._on_closed:
            callback(path, checkpoint)

    def _may_add(self, record: AuditRecord) -> bool:
        if self._fault is None:
            return self._opened
        if not self._on_reserve:
            return False
        if record.intent == 0 and record.reason == Reason.AUDIT_UNAVAILABLE.value:
            self._room_for_refusals -= _REFUSAL_BYTES
            return self._room_for_refusals >= 0
        return True

    def _lost(self, record: AuditRecord) -> DataError:
        """Return what the caller of an unrecorded call is told, and leave the only trace of the call in the log.

        That of a write which was announced is recorded when that is possible again.
        """
        if record.intent:
            self._withheld.append(record)
        else:
            self._refused += 1
        _log.error(
            "call is not in the audit log",
            operation=record.operation,
            service=record.service,
            collection=record.collection,
            request_id=record.request_id,
            outcome=record.outcome.value,
            error=self._why(),
        )
        return DataError(
            Reason.AUDIT_UNAVAILABLE,
            f"The call's audit record cannot be written ({self._why()}), so its answer is withheld; of a write, "
            "`applied` says whether it was made. An operator sees to the broker's audit folder.",
            retry_after_s=1.0,
        )

    async def _resume(self, fault: Fault, given_up: str) -> bool:
        """Record that records can be written again, and what could not be meanwhile; return whether that went well."""
        withheld, self._withheld = self._withheld, []
        self._on_reserve = False
        ends = [self._journal.add(self._resumed(fault.kind, given_up))]
        ends += [
            self._journal.add(replace(record, stage=Stage.RESOLVED, reason=record.reason or _WITHHELD))
            for record in withheld
            if record.intent in self._journal.open_intents
        ]
        await asyncio.wait(ends)
        if any(end.exception() for end in ends) or self._on_reserve:
            self._withheld = withheld + self._withheld
            return False
        self._refused = 0
        self._fault = None
        _log.warning("audit log can be written again")
        self._tell_changed()
        return True

    def _resumed(self, kind: FaultKind, given_up: str) -> AuditRecord:
        return self._own_record("audit_resumed", kind.value, {"refused": self._refused, "segment": given_up})

    def _own_record(self, operation: str, reason: str, filters: Mapping[str, Json]) -> AuditRecord:
        return AuditRecord(
            time_us=now_us(),
            service="",
            operation=operation,
            collection="",
            filters=orjson.dumps(filters, option=orjson.OPT_SORT_KEYS),
            result_count=0,
            broker=self.broker_id,
            request_id=uuid7(),
            principal=PRINCIPAL,
            outcome=Outcome.OK,
            reason=reason,
            duration_ms=0.0,
        )

    def _begin_fault(self, fault: Fault) -> None:
        before, self._fault = self._fault, fault
        if before is None or before.text != fault.text:
            _log.error("audit log cannot be written", error=fault.text, kind=fault.kind.value)
        if before is None:
            self._tell_changed()

    def _tell_changed(self) -> None:
        for callback in self._on_change:
            callback()

    def _why(self) -> str:
        return self.failure or "it is closed"

    # What the thread does.

    def _take_folder(self) -> LeftBehind:
        self._hold_folder()
        self._reserve.take()
        left = read_left_behind(self.directory)
        self._journal.go_on_from(left)
        return left

    def _hold_folder(self) -> None:
        """Make the folder if it is not there, and have it for this process alone."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is None or not self._lock.holds():
            self._release_lock()
            try:
                self._lock = FolderLock(self.directory / _LOCK_FILE)
            except FolderInUseError as error:
                raise AuditFolderError(
                    f"The audit folder {self.directory} is in use by another broker (process {error.process}), and "
                    "each needs one of its own: set audit.directory."
                ) from None
        self._put_public_key()

    def _put_public_key(self) -> None:
        path, pem = self.directory / PUBLIC_KEY_FILE, self._key.public_pem()
        if not path.exists() or path.read_bytes() != pem:
            path.write_bytes(pem)

    def _release_lock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _leave(self) -> None:
        self._opened = False
        self._writer.stop()
        self._release_lock()
