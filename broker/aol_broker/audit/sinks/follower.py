"""How does a sink keep up? It follows the audit files at its destination's pace, and loses nothing by a failure.

A destination that fails is tried again, with growing delays, for as long as it takes; the records wait in their files.
A record that the destination refuses for good, while it takes later ones, is left out, and the log names it.
"""

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from aol_broker.audit.sinks.cursor import Cursor, CursorFile
from aol_broker.audit.sinks.destination import (
    DeliveryError,
    Destination,
    PartlyRefusedError,
    RefusedError,
    UnavailableError,
)
from aol_broker.audit.sinks.segments import FollowedRecord, SegmentReader
from aol_wire.datetimes import to_us

TIMEOUT = "TIMEOUT"
# A server that asks for time gets it, within reason.
_LONGEST_DELAY_S = 300.0

_log = structlog.get_logger("aol.audit.sinks")


class FollowedLog(Protocol):
    """The part of an audit log that sinks know: its folder, and up to which number records are durable."""

    @property
    def directory(self) -> Path:
        """Where the files are."""

    @property
    def durable_seq(self) -> int:
        """The number of the last record that is on disk."""

    def on_durable(self, callback: Callable[[], None]) -> None:
        """Call `callback`, in the event loop, whenever `durable_seq` has advanced."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a follower takes, at most. `records` and `block_bytes` bound its memory.

    `gather_s`: so long it lets records gather before it delivers fewer than `records`. `attempt_s` is the time of one
    delivery. After a failure it waits `first_delay_s`, then twice as long each time, up to `last_delay_s`. A record is
    left out after `tries` refusals, once one of the `probes` records after it is taken. The cursor is written every
    `save_every_s`.
    """

    records: int = 200
    block_bytes: int = 128 << 10
    gather_s: float = 0.1
    attempt_s: float = 10.0
    first_delay_s: float = 0.5
    last_delay_s: float = 30.0
    tries: int = 8
    probes: int = 3
    save_every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How a sink is doing. Times are microseconds since 1970, 0 for none.

    `seq` is the last record that it is done with; `lag` how many durable ones come after it, the oldest of which is of
    `oldest_undelivered_us`. `failing_since_us` is 0 while it delivers. `skipped` and `missing` as in its cursor.
    """

    name: str
    kind: str
    seq: int
    lag: int
    oldest_undelivered_us: int
    failing_since_us: int
    last_error: str
    skipped: int
    missing: int


class Follower:
    """Hands the records of an audit log to one destination, in order."""

    def __init__(self, name: str, kind: str, destination: Destination, log: FollowedLog, pace: Pace) -> None:
        self._name = name
        self._kind = kind
        self._destination = destination
        self._source = log
        self._pace = pace
        self._file = CursorFile(log.directory, name)
        self._cursor = self._saved = self._file.read()
        self._reader = SegmentReader(name, log.directory, self._cursor)
        self._buffer: list[FollowedRecord] = []
        self._size = pace.records
        self._refusals = 0
        self._delay_s = pace.first_delay_s
        self._failing_since_us = 0
        self._last_error = ""
        self._save_at = 0.0
        self._news = asyncio.Event()
        self._finishing = asyncio.Event()
        log.on_durable(self._news.set)

    def status(self) -> SinkStatus:
        """Return how it is doing."""
        oldest = to_us(self._buffer[0].timestamp) if self._buffer else None
        return SinkStatus(
            name=self._name,
            kind=self._kind,
            seq=self._cursor.seq,
            lag=max(0, self._source.durable_seq - self._cursor.seq),
            oldest_undelivered_us=oldest or 0,
            failing_since_us=self._failing_since_us,
            last_error=self._last_error,
            skipped=self._cursor.skipped,
            missing=self._cursor.missing,
        )

    def finish(self) -> None:
        """Let `run` end once everything durable is delivered, or at the first failure."""
        self._finishing.set()
        self._news.set()

    async def run(self) -> None:
        """Follow until `finish`; may be cancelled at any time, and `save` keeps how far it came."""
        while True:
            self._news.clear()
            try:
                await self._fill()
            except Exception as error:
                # Mostly files that cannot be read. Whatever it is: a sink that ends for good would be missed by nobody.
                await self._back_off(UnavailableError(_kind(error)))
            else:
                if self._buffer:
                    await self._deliver()
                elif self._finishing.is_set() and not self._news.is_set():
                    return
                else:
                    # What can fail with nothing to deliver is reading, and that has just been done.
                    self._failing_since_us = 0
                    await self._wait_for_news()
            if self._finishing.is_set() and self._failing_since_us:
                return
            if time.monotonic() >= self._save_at:
                await self.save()

    async def save(self) -> None:
        """Keep how far it has come; where that cannot be written, more is delivered again after a restart."""
        cursor = self._cursor
        self._save_at = time.monotonic() + self._pace.save_every_s
        if cursor == self._saved:
            return
        try:
            await asyncio.to_thread(self._file.write, cursor)
        except OSError as error:
            _log.warning("audit cursor not written", sink=self._name, error=_kind(error))
        else:
            self._saved = cursor

    async def _fill(self) -> None:
        """Have the next records in memory, if there are any: one, and those with which it could be compared."""
        more = True
        while more and len(self._buffer) <= self._pace.probes:
            durable_seq, pace = self._source.durable_seq, self._pace
            read = await asyncio.to_thread(self._reader.read, durable_seq, pace.records, pace.block_bytes)
            self._buffer += read.records
            more = read.more

    async def _wait_for_news(self) -> None:
        """Wait for a durable record, and then for others to come with it."""
        with contextlib.suppress(TimeoutError):
            unsaved = self._cursor != self._saved
            async with asyncio.timeout(self._pace.save_every_s if unsaved else None):
                await self._news.wait()
        if self._source.durable_seq - self._cursor.seq < self._pace.records:
            await self._pause(self._pace.gather_s)

    async def _deliver(self) -> None:
        """Deliver what is in memory, or learn why that fails."""
        part = self._buffer[: self._size]
        failure = await self._attempt(part)
        if failure is None:
            self._done(part)
        elif isinstance(failure, PartlyRefusedError):
            self._skip(part, failure.kind, failure.count)
        elif isinstance(failure, RefusedError) and len(part) > 1:
            self._size = len(part) // 2
        elif (
            isinstance(failure, RefusedError) and self._refusals >= self._pace.tries and await self._takes_later_ones()
        ):
            self._skip(part, failure.kind, 1)
        else:
            self._refusals += isinstance(failure, RefusedError)
            await self._back_off(failure)

    async def _attempt(self, part: Sequence[FollowedRecord]) -> DeliveryError | None:
        lines = [record.line for record in part if record.line]
        if not lines:
            return None
        try:
            async with asyncio.timeout(self._pace.attempt_s):
                await self._destination.deliver(lines)
        except DeliveryError as error:
            return error
        except TimeoutError:
            return UnavailableError(TIMEOUT)
        except Exception as error:
            # Whatever a driver raises.
            return UnavailableError(_kind(error))
        return None

    async def _takes_later_ones(self) -> bool:
        """Whether the destination takes a record after the first: then it is that one which it does not take."""
        for place, record in enumerate(self._buffer[1 : 1 + self._pace.probes], 1):
            if await self._attempt([record]) is None:
                self._buffer[place] = replace(record, line=b"")
                return True
        return False

    def _done(self, part: Sequence[FollowedRecord], skipped: int = 0) -> None:
        last, missing = part[-1], sum(record.missing for record in part)
        self._cursor = Cursor(last.seq, last.head, self._cursor.skipped + skipped, self._cursor.missing + missing)
        del self._buffer[: len(part)]
        self._size = min(self._size * 2, self._pace.records)
        self._refusals = 0
        self._delay_s = self._pace.first_delay_s
        if self._failing_since_us:
            _log.info("audit sink delivers again", sink=self._name, seq=last.seq)
        self._failing_since_us = 0

    def _skip(self, part: Sequence[FollowedRecord], kind: str, count: int) -> None:
        """Leave out what is refused for good, never silently."""
        _log.error(
            "audit records refused by a sink are left out there",
            sink=self._name,
            error=kind,
            first_seq=part[0].seq,
            last_seq=part[-1].seq,
            count=count,
        )
        self._last_error = kind
        self._done(part, count)

    async def _back_off(self, failure: DeliveryError) -> None:
        wait = failure.retry_after_s if isinstance(failure, UnavailableError) else 0.0
        delay_s = min(max(self._delay_s, wait), _LONGEST_DELAY_S)
        # Told once, not at each attempt.
        report = _log.debug if self._failing_since_us else _log.warning
        report("audit sink backs off", sink=self._name, error=failure.kind, retry_in_s=delay_s)
        self._failing_since_us = self._failing_since_us or time.time_ns() // 1000
        self._last_error = failure.kind
        self._delay_s = min(self._delay_s * 2, self._pace.last_delay_s)
        await self._pause(delay_s)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when it is to finish."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._finishing.wait()


def _kind(error: Exception) -> str:
    """Return an error's name, without its text."""
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)
