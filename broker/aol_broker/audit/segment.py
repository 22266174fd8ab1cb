"""How is the open segment written, so that what was acknowledged can be found?

What `append` returns from is durable, and in the file that the name leads to: a file that was removed, replaced or cut
while it was open takes writes without an error, and nobody would ever find them.
"""

import contextlib
import errno
import os
from pathlib import Path

from aol_broker.audit.faults import ReplacedError
from aol_broker.audit.files import file_name


class Segment:
    """An open segment. Used from one thread at a time."""

    def __init__(self, path: Path, *, size: int = 0, new: bool = False, durable: bool = True) -> None:
        """Open a file; what lies beyond `size` bytes, which was never acknowledged, is cut.

        :param new: the file is made, and must not be there.
        :raises OSError: it cannot be opened, or is shorter.
        """
        self.path = path
        self.size = size
        self._durable = durable
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._is_ours = True
        self._open(os.O_CREAT | os.O_EXCL if new else 0)
        if new and durable:
            self._sync_name()

    @classmethod
    def create(cls, directory: Path, first_seq: int, *, durable: bool) -> "Segment":
        """Begin a new segment.

        :raises OSError: the file cannot be made, or is there already.
        """
        return cls(directory / file_name(first_seq), new=True, durable=durable)

    def append(self, data: bytes) -> None:
        """Add lines, all of them or none.

        :raises OSError: they are not there (as far as can be said of a disk that fails). ReplacedError: the file was
            tampered with.
        """
        try:
            self._write(data)
            self._check_in_place(self.size + len(data))
        except ReplacedError:
            # Where our lines are in it, and whether those before them still are, cannot be known any more.
            self._is_ours = False
            raise
        except OSError:
            self._cut_back()
            raise
        self.size += len(data)

    def reopen(self) -> None:
        """Open the file anew, and cut off what was not acknowledged.

        :raises ReplacedError: it is another one, or shorter.
        :raises OSError: it cannot be opened or cut.
        """
        self._close_descriptor()
        if not self._is_ours:
            raise ReplacedError("its file was changed by somebody else")
        self._open(0)

    def close(self) -> None:
        """Close the file; an empty one is removed, as the next start would make another of its name."""
        self._close_descriptor()
        if self.size == 0:
            with contextlib.suppress(OSError):
                if self._identity == _identity(self.path.stat()):
                    self.path.unlink()

    def _open(self, flags: int) -> None:
        # No link is followed: whoever may write into the folder could have records written anywhere.
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
        try:
            found = os.fstat(self._descriptor)
            if self._identity not in (None, _identity(found)):
                raise ReplacedError("another file stands in the place of its file")
            if found.st_size < self.size:
                raise ReplacedError("its file has become shorter")
            self._identity = _identity(found)
            if found.st_size > self.size:
                os.ftruncate(self._descriptor, self.size)
                self._sync()
        except OSError:
            self._close_descriptor()
            raise

    def _write(self, data: bytes) -> None:
        if os.write(self._descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._durable:
            os.fdatasync(self._descriptor)

    def _check_in_place(self, size: int) -> None:
        try:
            found = self.path.lstat()
        except OSError:
            raise ReplacedError("its file was removed") from None
        if _identity(found) != self._identity:
            raise ReplacedError("another file stands in the place of its file")
        if found.st_size != size:
            raise ReplacedError("its file was changed by somebody else")

    def _cut_back(self) -> None:
        # When this fails too, `reopen` does it.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self.size)
            self._sync()

    def _sync(self) -> None:
        if self._durable:
            os.fsync(self._descriptor)

    def _sync_name(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
