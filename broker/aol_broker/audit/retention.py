"""Which audit files may go, and when? The oldest closed ones, beyond a size or an age, and that they went is recorded.

A file goes when it was found whole, is vouched for where an anchor is configured, and was taken by every sink. The
record of its removal is durable before it is removed, so that a chain that begins late can be told from one that was
cut. The newest file never goes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.chain import BrokenChainError
from aol_broker.audit.closed_segment import closing_checkpoint, verify_apart
from aol_broker.audit.files import files_of, first_seq_of
from aol_broker.audit.index_file import discard_index
from aol_broker.audit.times import first_time_us, last_time_us
from aol_wire.errors import DataError
from aol_wire.ids import now_us

OPERATION = "audit_retention"
CHECK_EVERY_S = 60.0
# Files that a sink has not taken yet are kept until there is this much more than the limit.
_UNDRAINED_FACTOR = 2

_log = structlog.get_logger("aol.audit")


class Cause(StrEnum):
    """Why a file is removed: the reason in the record."""

    RETAIN_BYTES = "RETAIN_BYTES"
    RETAIN_FOR = "RETAIN_FOR"
    NOT_DRAINED = "NOT_DRAINED"
    """The size limit was exceeded twice over, and a sink has not taken its records."""


class OwnRecords(Protocol):
    """What retention needs of the audit log."""

    def append_own(self, operation: str, reason: str, filters: dict[str, Any]) -> Awaitable[object]:
        """Write a record of the broker's own; it is durable when this returns.

        :raises DataError: AUDIT_UNAVAILABLE.
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: bytes in files, 0 for no limit; and seconds, None for no limit."""

    retain_bytes: int
    retain_for_s: int | None


@dataclass(frozen=True, slots=True)
class _Due:
    segment: Path
    following: Path
    cause: Cause


Verify = Callable[[Path, Path, Ed25519PublicKey], Awaitable[None]]
"""As `verify_apart`."""


class Retention:
    """Removes files. `run` it in the background; `wake` it when a file was closed."""

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        records: OwnRecords,
        key: Ed25519PublicKey,
        *,
        anchored_seq: Callable[[], int | None] = lambda: None,
        drained_seq: Callable[[], int | None] = lambda: None,
        clock_us: Callable[[], int] = now_us,
        monotonic_s: Callable[[], float] = time.monotonic,
        verify: Verify = verify_apart,
    ) -> None:
        """Nothing is read yet.

        :param key: whose signature a file has to end in.
        :param anchored_seq: the last record that an anchor vouches for; None when there is no anchor.
        :param drained_seq: the last record that every sink has taken; None when there is no sink.
        """
        self._directory = directory
        self._limits = limits
        self._records = records
        self._key = key
        self._anchored_seq = anchored_seq
        self._drained_seq = drained_seq
        self._clock = _CarefulClock(clock_us, monotonic_s)
        self._verify = verify
        self._due = asyncio.Event()
        self._told = ""
        # So that a file that cannot be removed is not recorded at each attempt.
        self._recorded_seq = 0

    def wake(self) -> None:
        """Say that a file was closed. To be called in the event loop; does nothing else."""
        self._due.set()

    async def run(self, every_s: float = CHECK_EVERY_S) -> None:
        """Remove what is due, now, whenever a file was closed, and now and then; until cancelled."""
        while True:
            self._due.clear()
            try:
                await self.once()
            except DataError:
                # What cannot be recorded is not done; the log itself says why it cannot be written.
                _log.warning("audit files are kept: their removal cannot be recorded")
            except OSError as error:
                _log.error("audit files cannot be removed by retention", error=error.strerror)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), every_s)

    async def once(self) -> list[str]:
        """Remove what is due, oldest first, and return the names of the files.

        :raises DataError: AUDIT_UNAVAILABLE; a removal could not be recorded, so the file is still there.
        :raises OSError: a file cannot be read or removed.
        """
        removed: list[str] = []
        while (due := await self._next()) is not None:
            try:
                await self._verify(due.segment, due.following, self._key)
                checkpoint = await asyncio.to_thread(closing_checkpoint, due.segment, self._key)
            except BrokenChainError as error:
                self._tell(due.segment, f"{error}. Verify the log, and move the file to another folder.")
                break
            # One record for each file: whatever is cut short, no file is gone whose removal is not recorded.
            if checkpoint.last_seq > self._recorded_seq:
                said = {"head": checkpoint.head, "segments": [due.segment.name], "through_seq": checkpoint.last_seq}
                await self._records.append_own(OPERATION, due.cause.value, said)
                self._recorded_seq = checkpoint.last_seq
            await asyncio.to_thread(due.segment.unlink, missing_ok=True)
            await asyncio.to_thread(discard_index, due.segment)
            _log.warning("audit file removed by retention", file=due.segment.name, cause=due.cause.value)
            removed.append(due.segment.name)
        return removed

    async def _next(self) -> _Due | None:
        # Asked in the event loop, where anchors and sinks live; files are read in a thread.
        return await asyncio.to_thread(self._oldest_due, self._anchored_seq(), self._drained_seq())

    def _oldest_due(self, anchored: int | None, drained: int | None) -> _Due | None:
        """Return the oldest file if it is to go, and may unless it is damaged."""
        segments = files_of(self._directory)
        if len(segments) < 2:
            return None
        cause = self._cause(segments, anchored, drained)
        return None if cause is None else _Due(segments[0], segments[1], cause)

    def _cause(self, segments: list[Path], anchored: int | None, drained: int | None) -> Cause | None:
        """Return why the oldest file is to go; None when it is not, or must not yet."""
        held = sum(segment.stat().st_size for segment in segments)
        limit = self._limits.retain_bytes
        too_much = bool(limit) and held > limit
        if not too_much and not self._is_too_old(segments):
            return None
        last_seq = first_seq_of(segments[1]) - 1
        if anchored is not None and last_seq > anchored:
            self._tell(segments[0], "it is not anchored yet")
            return None
        if drained is not None and last_seq > drained:
            if too_much and held > _UNDRAINED_FACTOR * limit:
                return Cause.NOT_DRAINED
            self._tell(segments[0], "a sink has not taken all of its records yet")
            return None
        return Cause.RETAIN_BYTES if too_much else Cause.RETAIN_FOR

    def _is_too_old(self, segments: list[Path]) -> bool:
        if self._limits.retain_for_s is None:
            return False
        newest_us = next((found for path in reversed(segments) if (found := last_time_us(path)) is not None), None)
        reference_us = self._clock.reference_us(newest_us)
        ended_us = _ended_us(segments, reference_us)
        return ended_us is not None and reference_us - ended_us > self._limits.retain_for_s * 1_000_000

    def _tell(self, segment: Path, why: str) -> None:
        """Log once of each file why it is kept although it is due."""
        if self._told != f"{segment.name} {why}":
            self._told = f"{segment.name} {why}"
            _log.warning("audit file is due for removal, and kept", file=segment.name, why=why)


class _CarefulClock:
    """Says how late it is at least, to one whom a clock that was set forward must not make remove everything.

    That is what the clock says, what the newest record says, and what the time is by how long this process runs since
    the newest record that it found: whichever is earliest.
    """

    def __init__(self, clock_us: Callable[[], int], monotonic_s: Callable[[], float]) -> None:
        self._clock_us = clock_us
        self._monotonic_s = monotonic_s
        self._began: tuple[int, float] | None = None

    def reference_us(self, newest_us: int | None) -> int:
        now = self._clock_us()
        seen = now if newest_us is None else min(now, newest_us)
        if self._began is None:
            self._began = (seen, self._monotonic_s())
        began_us, began_s = self._began
        return min(seen, began_us + int((self._monotonic_s() - began_s) * 1_000_000))


def _ended_us(segments: list[Path], reference_us: int) -> int | None:
    """Return when the oldest file was written to for the last time, at the latest; None when that cannot be told.

    Of times from a clock that was wrong, those after the reference say nothing, and of the others the latest counts.
    """
    for segment, following in pairwise(segments):
        told = [moment for moment in (last_time_us(segment), first_time_us(following)) if moment is not None]
        past = [moment for moment in told if moment <= reference_us]
        if past:
            return max(past)
    return None
