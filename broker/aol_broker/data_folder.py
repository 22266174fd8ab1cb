"""Whose is the data folder? One broker's at a time, and of a layout that this program knows."""

import fcntl
import os
from pathlib import Path

LAYOUT_VERSION = 1
_LOCK_FILE = "broker.lock"
_VERSION_FILE = "layout-version"


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why and what to do."""


class DataFolder:
    """A locked data folder. The lock ends with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is missing, lock it, and check its layout.

        :raises DataFolderError: another broker uses it; a newer program made it; it cannot be written.
        """
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"The data folder {path} cannot be used: {error.strerror}. Give another one with --data-dir, or "
                "see to its permissions."
            ) from None
        try:
            self._take()
            self._check_layout()
        except DataFolderError:
            os.close(self._lock)
            raise

    def release(self) -> None:
        """Let another broker have it."""
        os.close(self._lock)

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            raise DataFolderError(
                f"The data folder {self.path} is in use by another broker (process {owner or 'unknown'}). Stop that "
                "one first, or give this one a folder of its own with --data-dir."
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _check_layout(self) -> None:
        file = self.path / _VERSION_FILE
        if not file.exists():
            file.write_text(f"{LAYOUT_VERSION}\n")
            return
        text = file.read_text(errors="replace").strip()
        version = int(text) if text.isdecimal() else None
        if version is None:
            raise DataFolderError(f"{file} is damaged: it should hold the number of the folder's layout.")
        if version > LAYOUT_VERSION:
            raise DataFolderError(
                f"The data folder {self.path} has layout {version}, made by a newer version of this program, which "
                f"knows layouts up to {LAYOUT_VERSION}. Use that version, or another folder. Nothing was changed."
            )
