"""How do records get into the chain and, many at a time, onto the disk? By group commit.

A record gets its number and its hash when it is added. What was added while others were being written goes to the disk
together: one write and one `fdatasync` for all of them, in a thread. When that fails, it fails for all that were added
since, and their numbers and places in the chain are given to others.
"""

import asyncio
from pathlib import Path
from typing import NamedTuple, Protocol

from aol_broker.audit.chain import GENESIS, Checkpoint, chained
from aol_broker.audit.faults import NO_SPACE, is_replaced
from aol_broker.audit.files import file_name
from aol_broker.audit.record import AuditRecord, Stage
from aol_broker.audit.recovery import LeftBehind
from aol_broker.audit.reserve import Reserve
from aol_broker.audit.segment import Segment
from aol_broker.audit.signing import SigningKey
from aol_broker.audit.writer import Writer
from aol_wire.datetimes import from_us
from aol_wire.ids import now_us

_BATCH_MAX_BYTES = 1 << 20


class NotWrittenError(Exception):
    """A record that was added is not on the disk."""


class Listener(Protocol):
    """Who is told of what becomes of the files, in the event loop."""

    def written(self) -> None:
        """More records are on the disk."""

    def short_of_room(self, error: OSError) -> None:
        """There was no room for records, which were written out of the reserve."""

    def failed(self, error: OSError) -> None:
        """Records could not be written."""

    def closed(self, path: Path, checkpoint: bytes) -> None:
        """A segment is full, or the journal is closed; its last line is this checkpoint."""


class Position(NamedTuple):
    """A place in the chain: the number of a record, and its hash."""

    seq: int = 0
    head: str = GENESIS


class _Waiting:
    """A record that is on its way to the disk, and who waits for it."""

    __slots__ = ("ends", "future", "line", "position")

    def __init__(self, line: bytes, position: Position, ends: int, future: "asyncio.Future[None]") -> None:
        self.line = line
        self.position = position
        self.ends = ends
        self.future = future


class Journal:
    """The segments of one broker. Used from one event loop; its thread is the only one that touches the files."""

    def __init__(
        self,
        directory: Path,
        *,
        key: SigningKey,
        broker_id: str,
        max_file_bytes: int,
        reserve: Reserve,
        durable: bool,
        writer: Writer,
        listener: Listener,
    ) -> None:
        self._directory = directory
        self._key = key
        self._broker_id = broker_id
        self._max_file_bytes = max_file_bytes
        self._reserve = reserve
        self._durable = durable
        self._writer = writer
        self._listener = listener
        self.open_intents: set[int] = set()
        """The numbers of the intended records on the disk, or on their way, whose writes have not ended there."""
        self._begin = self._added = self.written = Position()
        self._size = 0
        self._queue: list[_Waiting] = []
        self._under_way: list[_Waiting] = []
        self._under_way_since = 0.0
        self._scheduled = False
        self._drained: asyncio.Future[None] | None = None
        # These two belong to the thread.
        self._segment: Segment | None = None
        self._closed: list[tuple[Path, bytes]] = []

    def go_on_from(self, left: LeftBehind) -> None:
        """Take up where the last run ended. Called before the first record, from any thread.

        :raises OSError: the segment cannot be opened.
        """
        if left.segment is not None:
            self._segment = Segment(left.segment, size=left.size, durable=self._durable)
        self._size = left.size
        self._begin = Position(left.first_seq - 1, left.first_prev)
        self._added = self.written = Position(left.seq, left.head)
        self.open_intents = set(left.intents)

    def add(self, record: AuditRecord) -> "asyncio.Future[None]":
        """Give a record its place in the chain. The future ends when it is on the disk, or with NotWrittenError."""
        seq = self._added.seq + 1
        line, head = chained(record.body(seq, self._added.head))
        self._added = Position(seq, head)
        if record.stage is Stage.INTENDED:
            self.open_intents.add(seq)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._queue.append(_Waiting(line, self._added, record.intent, future))
        if not self._scheduled and not self._under_way:
            # Not at once: what the other calls of this turn of the event loop add goes with it.
            self._scheduled = True
            loop.call_soon(self._flush)
        return future

    @property
    def added_seq(self) -> int:
        """The number of the record that was added last."""
        return self._added.seq

    @property
    def under_way_s(self) -> float:
        """For how long the disk has been at work on the records that it was given; 0 while it has none."""
        return asyncio.get_running_loop().time() - self._under_way_since if self._under_way else 0.0

    def give_up_waiting(self) -> None:
        """Tell all that wait that their records are not written; those that the disk was given may come to be yet."""
        queue, self._queue = self._queue, []
        self._take_back(self._under_way[-1].position if self._under_way else self.written)
        _refuse(self._under_way + queue)

    async def drained(self) -> None:
        """Return when nothing is on its way to the disk any more."""
        if self._queue or self._under_way:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    async def close(self, *, sound: bool) -> None:
        """Close the open segment, with its checkpoint when it is `sound`.

        :raises OSError: the checkpoint could not be written.
        """
        checkpoint = self.checkpoint(closed=True) if sound and self._size else None
        await self._writer.run(lambda: self._close(checkpoint))
        self._tell_closed()

    async def reopen(self) -> str:
        """Open the segment anew after a failure; what was not acknowledged is cut off.

        Returns the name of the segment when it had to be given up, and the next record begins a new one; otherwise "".

        :raises OSError: records cannot be written yet.
        """
        given_up: str = await self._writer.run(self._reopen)
        if given_up:
            self._begin, self._size = self.written, 0
        return given_up

    def checkpoint(self, *, closed: bool = False) -> Checkpoint:
        """Return what can be vouched for of the open segment: what of it is on the disk."""
        return Checkpoint(
            broker=self._broker_id,
            time=from_us(now_us()),
            segment=file_name(self._begin.seq + 1),
            first_seq=self._begin.seq + 1,
            last_seq=self.written.seq,
            prev=self._begin.head,
            head=self.written.head,
            closed=closed,
            intents=tuple(sorted(seq for seq in self.open_intents if seq <= self.written.seq)),
        )

    def _flush(self) -> None:
        """Hand what waits to the disk, as much as there is room for in the segment."""
        self._scheduled = False
        if not self._queue or self._under_way:
            return
        closing = None
        batch = self._next_batch(self._size)
        if not batch:
            closing = self.checkpoint(closed=True)
            batch = self._next_batch(0)
        self._under_way = batch
        self._under_way_since = asyncio.get_running_loop().time()
        data, first_seq = b"".join([item.line for item in batch]), batch[0].position.seq
        self._writer.submit(lambda: self._write(data, first_seq, closing), self._done)

    def _next_batch(self, size: int) -> list[_Waiting]:
        """Take from the queue what fits into a segment of that size; into an empty one, one record always does."""
        room = min(self._max_file_bytes - size, _BATCH_MAX_BYTES)
        total, count = 0, 0
        for item in self._queue:
            total += len(item.line)
            if total > room and (count or size):
                break
            count += 1
        batch, self._queue = self._queue[:count], self._queue[count:]
        return batch

    def _done(self, written: tuple[int, OSError | None] | None, error: Exception | None) -> None:
        """Take notice of how a batch ended."""
        self._tell_closed()
        batch, self._under_way = self._under_way, []
        if written is None:
            queue, self._queue = self._queue, []
            self._take_back(self.written)
            self._listener.failed(error if isinstance(error, OSError) else OSError(type(error).__name__))
            _refuse(batch + queue)
        else:
            self._acknowledge(batch, *written)
        self._flush()
        if self._drained is not None and not self._under_way and not self._drained.done():
            self._drained.set_result(None)

    def _acknowledge(self, batch: list[_Waiting], size: int, short: OSError | None) -> None:
        self._size += size
        self.written = batch[-1].position
        for item in batch:
            if item.ends:
                self.open_intents.discard(item.ends)
            if not item.future.done():
                item.future.set_result(None)
        if short is not None:
            self._listener.short_of_room(short)
        self._listener.written()

    def _take_back(self, position: Position) -> None:
        """Make as if nothing had been added after a record."""
        self._added = position
        self.open_intents = {seq for seq in self.open_intents if seq <= position.seq}

    def _tell_closed(self) -> None:
        closed, self._closed = self._closed, []
        if closed:
            self._begin, self._size = self.written, 0
        for path, line in closed:
            self._listener.closed(path, line)

    # What the thread does.

    def _write(self, data: bytes, first_seq: int, closing: Checkpoint | None) -> tuple[int, OSError | None]:
        """Write a batch; return its size, and the error that made it go into the room of the reserve."""
        short = None
        if closing is not None:
            short = self._close(closing)
        if self._segment is None:
            self._segment = Segment.create(self._directory, first_seq, durable=self._durable)
        return len(data), self._append(self._segment, data) or short

    def _append(self, segment: Segment, data: bytes) -> OSError | None:
        try:
            segment.append(data)
        except OSError as error:
            if error.errno not in NO_SPACE or not self._reserve.release():
                raise
            segment.append(data)
            return error
        return None

    def _close(self, checkpoint: Checkpoint | None) -> OSError | None:
        segment, short = self._segment, None
        if segment is None:
            return None
        if checkpoint is not None:
            line = checkpoint.line(self._key)
            short = self._append(segment, line)
            self._closed.append((segment.path, line))
        segment.close()
        self._segment = None
        return short

    def _reopen(self) -> str:
        segment, given_up = self._segment, ""
        if segment is not None:
            try:
                segment.reopen()
            except OSError as error:
                if not is_replaced(error):
                    raise
                given_up = segment.path.name
                segment.close()
                self._segment = None
        self._reserve.take()
        return given_up


def _refuse(items: list[_Waiting]) -> None:
    for item in items:
        if not item.future.done():
            item.future.set_exception(NotWrittenError())
            # Whoever waits was told already when the waiting was given up, or is gone.
            item.future.exception()
