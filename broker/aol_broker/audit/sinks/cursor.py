"""How far has a sink come? A small file, replaced whole, so that a broker that starts again goes on from there."""

import contextlib
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import structlog

from aol_broker.audit.chain import GENESIS

FOLDER = "sinks"
_SUFFIX = ".cursor"

_log = structlog.get_logger("aol.audit.sinks")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last record that a sink is done with, by its number and hash.

    Of all records up to it, `skipped` were refused for good by the destination, and `missing` were not in the files.
    """

    seq: int = 0
    head: str = GENESIS
    skipped: int = 0
    missing: int = 0


class CursorFile:
    """Keeps one sink's cursor under the audit folder."""

    def __init__(self, directory: Path, name: str) -> None:
        self._name = name
        self._path = directory / FOLDER / f"{name}{_SUFFIX}"
        # A write that nobody waits for any more may still be under way in its thread.
        self._writing = threading.Lock()

    def read(self) -> Cursor:
        """Return what was written last; where nothing was, or it cannot be read, the beginning.

        To begin anew delivers records again, which a destination tells by their numbers; anything else would lose some.
        """
        try:
            return _cursor_of(self._path.read_bytes())
        except FileNotFoundError:
            return Cursor()
        except (OSError, ValueError) as error:
            _log.error("audit sink begins anew: its cursor cannot be read", sink=self._name, error=type(error).__name__)
            return Cursor()

    def write(self, cursor: Cursor) -> None:
        """Keep a cursor.

        :raises OSError: it cannot be written; what was written before is still there.
        """
        with self._writing:
            self._write(orjson.dumps(asdict(cursor)))

    def _write(self, data: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._path.with_suffix(".new")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            made.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                made.unlink()
            raise


def _cursor_of(data: bytes) -> Cursor:
    """Return the cursor of a file.

    :raises ValueError: it holds none.
    """
    facts = orjson.loads(data)
    if not isinstance(facts, dict) or set(facts) != set(Cursor.__slots__):
        raise ValueError("not a cursor")
    numbers = [facts[name] for name in ("seq", "skipped", "missing")]
    if not all(type(number) is int and number >= 0 for number in numbers) or not isinstance(facts["head"], str):
        raise ValueError("not a cursor")
    return Cursor(**facts)
