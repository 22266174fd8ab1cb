"""How is a segment read from its beginning? In blocks of whole lines, in bounded memory, while it may still grow."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from aol_broker.audit.files import file_name

LINE_MAX_BYTES = 4 << 20
"""Far more than any record or checkpoint has."""

_BLOCK_BYTES = 1 << 20


class NoSegmentError(Exception):
    """What has the name of a segment is none; the message says what it is instead."""


def open_segment(path: Path) -> BinaryIO:
    """Open a segment for reading.

    :raises NoSegmentError: it is a link, a folder, a pipe: the broker writes plain files, and a link would have another
        file verified than the one that is kept.
    :raises OSError: it is gone, or cannot be read.
    """
    if path.name == file_name(0):
        raise NoSegmentError("records are counted from 1")
    if stat.S_ISLNK(path.lstat().st_mode):
        raise NoSegmentError("it is a symbolic link, where the broker writes plain files")
    # A pipe without a writer would hold up a plain open.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoSegmentError("it is not a file")
    return os.fdopen(descriptor, "rb", buffering=0)


class SegmentLines:
    """The lines of an open segment. Iterate again for what was added since: it goes on after the last whole line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.offset = 0
        """Where the lines that were yielded last begin; after the iteration, where the last whole line ends."""
        self.torn = b""
        """What stands behind the last whole line, once the iteration has ended; at most LINE_MAX_BYTES are read."""

    def __iter__(self) -> Iterator[list[bytes]]:
        """Yield lists of lines without their ends.

        :raises OSError: the file cannot be read.
        """
        self._file.seek(self.offset)
        rest = b""
        while len(rest) <= LINE_MAX_BYTES and (block := self._file.read(_BLOCK_BYTES)):
            lines = (rest + block).split(b"\n")
            size = len(rest) + len(block)
            rest = lines.pop()
            if lines:
                yield lines
                self.offset += size - len(rest)
        self.torn = rest
