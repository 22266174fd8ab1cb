"""Which audit records match? Reads the files of one broker, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from aol_broker.audit.log import files_of
from aol_wire.datetimes import from_us

_BLOCK_BYTES = 1 << 20
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


def search(directory: Path, query: AuditQuery) -> list[str]:
    """Return the newest `limit` records that match, oldest first, each as its line of JSON."""
    since = from_us(query.since_us) if query.since_us else ""
    oldest = from_us(max(0, query.since_us - _OVERLAP_US))
    until = from_us(query.until_us) if query.until_us else "\uffff"
    wanted = {key: value for key in ("service", "collection", "operation", "outcome") if (value := getattr(query, key))}
    found: list[str] = []
    for line in _lines_backwards(directory):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if record["seq"] <= query.after_seq or record["timestamp"] < oldest:
            break
        if since <= record["timestamp"] < until and all(record[key] == value for key, value in wanted.items()):
            found.append(line.decode())
            if len(found) >= query.limit:
                break
    found.reverse()
    return found


def _lines_backwards(directory: Path) -> Iterator[bytes]:
    for path in reversed(files_of(directory)):
        yield from _file_backwards(path)


def _file_backwards(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        end = file.seek(0, 2)
        rest = b""
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            file.seek(start)
            block = file.read(end - start) + rest
            lines = block.split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
            end = start
        if rest:
            yield rest
