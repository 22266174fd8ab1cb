"""Is this process the only one that uses a folder? A locked file in it says so for as long as the process lives."""

import fcntl
import os
from pathlib import Path


class FolderInUseError(Exception):
    """Another process has the folder; `process` is its id as far as it is known."""

    def __init__(self, process: str) -> None:
        super().__init__(process)
        self.process = process


class FolderLock:
    """A locked file. The lock ends with the process, however that ends, or with `release`."""

    def __init__(self, path: Path) -> None:
        """Lock the file, made if it is missing; its folder exists.

        :raises FolderInUseError: another process, or another lock of this one, holds it.
        :raises OSError: the file cannot be opened, written or locked.
        """
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take()
        except BaseException:
            os.close(self._descriptor)
            raise

    def holds(self) -> bool:
        """Whether the file that is locked is still the one in the folder; a folder can be removed and made again."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._descriptor))

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._descriptor)

    def _take(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
            raise FolderInUseError(owner if owner.isdecimal() else "unknown") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
