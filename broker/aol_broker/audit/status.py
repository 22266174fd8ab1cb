"""How much audit log is there? What a broker's audit files come to, as they lie there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aol_broker.audit.chain import is_checkpoint
from aol_broker.audit.files import files_of, lines_backwards
from aol_wire.datetimes import to_us

# No record comes near it, so that a damaged file is not read whole.
_LINE_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FilesStatus:
    """`open_file` is empty when the newest file is closed; `oldest_us` is in microseconds since 1970."""

    open_file: str
    count: int
    size_bytes: int
    oldest_seq: int
    oldest_us: int


def files_status(directory: Path) -> FilesStatus:
    """Return what there is. Blocks for as long as the disk takes.

    :raises OSError: the folder cannot be read.
    """
    files = files_of(directory)
    sizes = [_size(path) for path in files]
    oldest = next((record for path in files if (record := _first_record(path)) is not None), None)
    return FilesStatus(
        open_file=files[-1].name if files and not _is_closed(files[-1]) else "",
        count=len(files),
        size_bytes=sum(sizes),
        oldest_seq=0 if oldest is None else oldest["seq"],
        oldest_us=0 if oldest is None else to_us(oldest["timestamp"]) or 0,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # retention took it meanwhile
        return 0


def _is_closed(path: Path) -> bool:
    try:
        return is_checkpoint(next(lines_backwards(path), b""))
    except FileNotFoundError:
        return True


def _first_record(path: Path) -> dict[str, Any] | None:
    """Return the record that a file begins with; None when it holds none."""
    try:
        with path.open("rb") as file:
            line = file.readline(_LINE_MAX_BYTES)
        record = orjson.loads(line)
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    is_record = isinstance(record, dict) and type(record.get("seq")) is int and isinstance(record.get("timestamp"), str)
    return record if is_record else None
