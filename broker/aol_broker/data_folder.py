"""Whose is the data folder? One broker's at a time, and of a layout that this program knows."""

import os
import re
from pathlib import Path

from aol_broker.folder_lock import FolderInUseError, FolderLock

LAYOUT_VERSION = 1
_LOCK_FILE = "broker.lock"
_VERSION_FILE = "layout-version"
_VERSION = re.compile(r"[0-9]{1,9}")
# More than any version takes up, so that a damaged file is not read whole.
_VERSION_MAX_BYTES = 64


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
            self._lock = FolderLock(path / _LOCK_FILE)
        except FolderInUseError as error:
            raise DataFolderError(
                f"The data folder {path} is in use by another broker (process {error.process}). Stop that one first, "
                "or give this one a folder of its own with --data-dir."
            ) from None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            self._check_layout()
        except OSError as error:
            self._lock.release()
            raise self._unusable(error) from None
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Let another broker have it."""
        self._lock.release()

    def _check_layout(self) -> None:
        file = self.path / _VERSION_FILE
        text = _beginning_of(file).strip()
        if not text:
            # Missing; or empty, which is what a crash can leave of a file that was just made.
            self._write_layout(file)
            return
        if _VERSION.fullmatch(text) is None:
            raise DataFolderError(f"{file} is damaged: it should hold the number of the folder's layout.")
        if int(text) > LAYOUT_VERSION:
            raise DataFolderError(
                f"The data folder {self.path} has layout {int(text)}, made by a newer version of this program, which "
                f"knows layouts up to {LAYOUT_VERSION}. Use that version, or another folder. Nothing was changed."
            )

    def _write_layout(self, file: Path) -> None:
        """Write the version so that the file is there with all of its text, or not at all."""
        temporary = file.with_suffix(".new")
        with temporary.open("w") as writer:
            writer.write(f"{LAYOUT_VERSION}\n")
            writer.flush()
            os.fsync(writer.fileno())
        temporary.replace(file)

    def _unusable(self, error: OSError) -> DataFolderError:
        named = Path(error.filename) if isinstance(error.filename, str | os.PathLike) else self.path
        where = "" if named == self.path else f" ({named.name})"
        return DataFolderError(
            f"The data folder {self.path} cannot be used: {error.strerror}{where}. Give another one with --data-dir, "
            "or see to its permissions."
        )


def _beginning_of(file: Path) -> str:
    try:
        with file.open("rb") as reader:
            return reader.read(_VERSION_MAX_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
