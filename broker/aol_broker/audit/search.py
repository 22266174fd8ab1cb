"""Which audit records match? Reads the files of one broker, newest first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aol_broker.audit.files import files_of, lines_backwards
from aol_broker.audit.record import Stage
from aol_wire.datetimes import from_us
from aol_wire.errors import DataError, Reason
from aol_wire.limits import AUDIT_ANSWER_MAX_BYTES

# Records stand in the order in which calls ended, and say when they began: look a little further back.
_OVERLAP_US = 600_000_000
DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; an empty field is no condition. Times are microseconds since 1970, `until_us` exclusive."""

    service: str = ""
    collection: str = ""
    operation: str = ""
    outcome: str = ""
    since_us: int = 0
    until_us: int = 0
    after_seq: int = 0
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class AuditRecords:
    """Records, oldest first, each as its line of JSON; `truncated` when more match, within the limit, than fit."""

    lines: list[str]
    truncated: bool


def search(directory: Path, query: AuditQuery, stopped: Callable[[], bool] = lambda: False) -> AuditRecords:
    """Return the newest `limit` records that match, or of these the newest AUDIT_ANSWER_MAX_BYTES.

    :param stopped: asked at every record; when it says so, nobody wants the answer any more.
    :raises DataError: AUDIT_UNAVAILABLE, the files cannot be read.
    """
    try:
        return _search(directory, query, stopped)
    except OSError as error:
        raise DataError(
            Reason.AUDIT_UNAVAILABLE,
            f"The audit files cannot be read ({error.strerror}). An operator sees to the broker's audit folder.",
            retry_after_s=1.0,
        ) from None


def _search(directory: Path, query: AuditQuery, stopped: Callable[[], bool]) -> AuditRecords:
    since = from_us(query.since_us) if query.since_us else ""
    oldest = from_us(max(0, query.since_us - _OVERLAP_US))
    until = from_us(query.until_us) if query.until_us else "\uffff"
    wanted = {key: value for key in ("service", "collection", "operation", "outcome") if (value := getattr(query, key))}
    found: list[str] = []
    size_bytes = 0
    truncated = False
    for line in _lines_backwards(directory):
        if stopped() or len(found) >= query.limit:
            break
        record = _record(line)
        if record is None:
            continue
        if record["seq"] <= query.after_seq or record["timestamp"] < oldest:
            break
        if record.get("stage") == Stage.INTENDED:
            continue
        if since <= record["timestamp"] < until and all(record.get(key) == value for key, value in wanted.items()):
            size_bytes += len(line)
            if found and size_bytes > AUDIT_ANSWER_MAX_BYTES:
                truncated = True
                break
            found.append(line.decode())
    found.reverse()
    return AuditRecords(found, truncated)


def _lines_backwards(directory: Path) -> Iterator[bytes]:
    for path in reversed(files_of(directory)):
        try:
            yield from lines_backwards(path)
        except FileNotFoundError:
            # Retention removes the oldest files, and those before it are gone too or about to go.
            continue


def _record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line; None for a line that is none, which somebody else wrote."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    is_record = isinstance(record, dict) and isinstance(record.get("seq"), int) and "timestamp" in record
    return record if is_record else None
