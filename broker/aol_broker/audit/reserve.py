"""Where do the last records go when the disk is full? Into room that was kept for them.

A file of so many bytes lies beside the segments. When a write finds no room, the file is emptied, and what is freed
takes the records of the calls under way and of those that are refused.
"""

import os
from pathlib import Path

RESERVE_FILE = "audit.reserve"


class Reserve:
    """Disk space that can be had back at any time. Used from the thread that writes segments."""

    def __init__(self, directory: Path, size_bytes: int) -> None:
        self._path = directory / RESERVE_FILE
        self.size_bytes = size_bytes

    def take(self) -> None:
        """Make sure of the space, and that as much again is free: otherwise it would be needed at once.

        :raises OSError: there is not so much.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if self.size_bytes:
                os.posix_fallocate(descriptor, 0, self.size_bytes)
                # Not asked of statvfs: a quota, or a limit of this process, is not in its figures.
                os.posix_fallocate(descriptor, 0, 2 * self.size_bytes)
            os.ftruncate(descriptor, self.size_bytes)
        except OSError:
            os.ftruncate(descriptor, 0)
            raise
        finally:
            os.close(descriptor)

    def release(self) -> bool:
        """Give the space back to the disk; return whether there was any."""
        try:
            had = self._path.stat().st_size > 0
            os.truncate(self._path, 0)
        except OSError:
            return False
        return had
