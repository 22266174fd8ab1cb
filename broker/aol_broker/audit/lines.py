"""How are the lines of an audit file read, in either direction, in little memory, while it is being written?

Everything here takes the part of a file that ends after its last whole line: what follows is being written.
"""

import os
from collections.abc import Iterator

from aol_broker.audit.stored import stored_record

# Few enough to stay in a processor's cache between being read and being searched.
BLOCK_BYTES = 256 << 10
# Longer ones are no records: those are bounded, and end well below.
LINE_MAX_BYTES = 1 << 20
_STEP_BYTES = 32 << 10
# Some records before and after the one that is asked for.
_AROUND_BYTES = 4 << 10


def whole_lines_end(descriptor: int) -> int:
    """Return where the last whole line of a file ends."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _STEP_BYTES)
        at = os.pread(descriptor, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def blocks_backwards(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines between two places where lines begin, in blocks of some, the last block first."""
    rest = b""
    dropping = False
    while end > start:
        at = max(start, end - BLOCK_BYTES)
        data = os.pread(descriptor, end - at, at)
        end = at
        if dropping:
            # The end of a line that is too long.
            data = data[: data.rfind(b"\n") + 1]
            dropping = not data
        else:
            data += rest
        first = data.find(b"\n") + 1 if at > start else 0
        rest = data[:first] if at > start else b""
        if first == len(data) and len(rest) > LINE_MAX_BYTES:
            rest, dropping = b"", True
        if data[first:]:
            yield data[first:]


def blocks_forwards(descriptor: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines between two places where lines begin, in blocks of some, each with the place where it begins."""
    rest = b""
    dropping = False
    at = start
    while at < end:
        data = os.pread(descriptor, min(BLOCK_BYTES, end - at), at)
        if not data:
            return
        at += len(data)
        if dropping:
            data = data[data.find(b"\n") + 1 or len(data) :]
            dropping = not data
        data = rest + data
        last = data.rfind(b"\n") + 1
        rest = data[last:]
        if last:
            yield at - len(data), data[:last]
        if len(rest) > LINE_MAX_BYTES:
            rest, dropping = b"", True


def lines_with(block: bytes, part: bytes) -> Iterator[bytes]:
    """Yield the lines of a block in which some bytes stand, in order, without a look at the others.

    :param part: holds no end of a line.
    """
    at = block.find(part)
    while at >= 0:
        stop = block.find(b"\n", at)
        stop = len(block) if stop < 0 else stop
        yield block[block.rfind(b"\n", 0, at) + 1 : stop]
        at = block.find(part, stop)


def place_after(descriptor: int, end: int, seq: int) -> int:
    """Return where the first record begins that has a higher number, in a file whose numbers rise; else `end`."""
    low, high = 0, end
    reader = LineReader(descriptor)
    while low < high:
        middle = (low + high) // 2
        at, found = _record_from(descriptor, reader, middle, end)
        if found is None or found > seq:
            high = middle
        else:
            low = at + 1
    return _line_start(descriptor, low, end)


def _record_from(descriptor: int, reader: "LineReader", place: int, end: int) -> tuple[int, int | None]:
    """Return where the first record from a place on begins, and its number; None when there is none."""
    at = _line_start(descriptor, place, end)
    while at < end:
        record = stored_record(reader.line(at))
        if record is not None:
            return at, record["seq"]
        at = _line_start(descriptor, at + 1, end)
    return end, None


def _line_start(descriptor: int, place: int, end: int) -> int:
    """Return where the first line begins, from a place on."""
    at = max(0, place - 1)
    while at < end and place > 0:
        data = os.pread(descriptor, _STEP_BYTES, at)
        found = data.find(b"\n")
        if found >= 0:
            return min(end, at + found + 1)
        if not data:
            return end
        at += len(data)
    return min(at, end)


class LineReader:
    """Reads lines of which it is known where they begin; neighbours come out of one read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start = 0
        self._data = b""

    def line(self, offset: int) -> bytes:
        """Return the line that begins there, without its end; empty when there is none."""
        at = offset - self._start
        if 0 <= at < len(self._data):
            stop = self._data.find(b"\n", at)
            if stop >= 0:
                return self._data[at:stop]
        self._start = max(0, offset - _AROUND_BYTES)
        self._data = os.pread(self._descriptor, offset - self._start + _AROUND_BYTES, self._start)
        at = offset - self._start
        stop = self._data.find(b"\n", at)
        if stop < 0:  # a long one
            self._data = os.pread(self._descriptor, LINE_MAX_BYTES, offset)
            self._start, at, stop = offset, 0, self._data.find(b"\n")
        return self._data[at:stop] if stop >= 0 else b""
