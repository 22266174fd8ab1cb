"""Which records come after a cursor? Reads the audit files, a bounded slice at a time, across their ends."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from aol_broker.audit.chain import GENESIS, is_checkpoint
from aol_broker.audit.files import files_of, first_seq_of
from aol_broker.audit.sinks.cursor import Cursor
from aol_broker.audit.sinks.giving_way import giving_way

_log = structlog.get_logger("aol.audit.sinks")


@dataclass(frozen=True, slots=True)
class FollowedRecord:
    """A record as it stands in its file: its number, its hash, its line without the end.

    `missing` numbers before it are in no file. `line` is empty once the record was delivered ahead of its turn.
    """

    seq: int
    head: str
    timestamp: str
    line: bytes
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """Records in the order of their numbers; `more`: to read on at once may find others."""

    records: list[FollowedRecord]
    more: bool


class SegmentReader:
    """Reads on from where it was. Blocks for as long as the disk takes: called in a thread, one call at a time."""

    def __init__(self, name: str, directory: Path, cursor: Cursor) -> None:
        """`name` is that of the sink, for the log."""
        self._name = name
        self._directory = directory
        self._seq = cursor.seq
        self._head = cursor.head
        # Whether the next record shows that these are the files that the cursor is of.
        self._resuming = cursor.seq > 0
        self._path: Path | None = None
        self._offset = 0

    def read(self, durable_seq: int, most_records: int, most_bytes: int) -> Slice:
        """Return the next records up to number `durable_seq`; `most_bytes` is how much of a file is looked at.

        A line that is no record is passed over, and its number is missing then.

        :raises OSError: the files cannot be read.
        """
        if self._seq > durable_seq:
            self._begin_anew("the audit log has not come so far as its cursor")
        # Listed before the file is read: what has a newer file beside it gets no more lines.
        files = files_of(self._directory)
        path = self._path if self._path in files else self._located(files)
        if path is None:
            return Slice([], more=False)
        newer = next((other for other in files if other > path), None)
        try:
            block = self._block(path, most_bytes)
        except FileNotFoundError:
            self._path = None
            return Slice([], more=True)
        end = block.rfind(b"\n") + 1
        if end:
            return self._records(block[:end], durable_seq, newer, most_records)
        if len(block) == most_bytes:
            # Longer than any record. What is left of it is passed over as a line that is none.
            self._offset += len(block)
            return Slice([], more=True)
        if newer is None:
            return Slice([], more=False)
        self._path, self._offset = newer, 0
        return Slice([], more=True)

    def _located(self, files: list[Path]) -> Path | None:
        """Go to the beginning of the file that holds the next record, or of the oldest one."""
        before = [path for path in files if first_seq_of(path) <= self._seq + 1]
        self._path = before[-1] if before else next(iter(files), None)
        self._offset = 0
        return self._path

    def _block(self, path: Path, most_bytes: int) -> bytes:
        with path.open("rb") as file:
            if file.seek(0, 2) < self._offset:
                # Somebody put a shorter file in its place: it is read anew, and what is known of it is passed over.
                self._offset = 0
            file.seek(self._offset)
            return file.read(most_bytes)

    def _records(self, block: bytes, durable_seq: int, newer: Path | None, most: int) -> Slice:
        records: list[FollowedRecord] = []
        bound = first_seq_of(newer) if newer is not None else None
        for line in giving_way(block.split(b"\n")[:-1]):
            facts = _facts(line)
            if facts is not None and facts["seq"] > durable_seq and (bound is None or facts["seq"] < bound):
                return Slice(records, more=False)
            if facts is not None and self._seq < facts["seq"] <= durable_seq:
                if self._resuming and facts["seq"] == self._seq + 1 and facts["prev"] != self._head:
                    self._begin_anew("the audit log is not the one that its cursor is of")
                    return Slice([], more=True)
                records.append(self._next(facts, line))
            self._offset += len(line) + 1
            if len(records) == most:
                break
        return Slice(records, more=True)

    def _next(self, facts: dict[str, Any], line: bytes) -> FollowedRecord:
        seq = facts["seq"]
        # What comes before the first record of all was removed by retention, and is nothing that a new sink misses.
        missing = seq - self._seq - 1 if self._seq else 0
        if missing:
            _log.error("audit records are in no file", sink=self._name, first_seq=self._seq + 1, last_seq=seq - 1)
        self._seq, self._head, self._resuming = seq, facts["hash"], False
        return FollowedRecord(seq, facts["hash"], facts["timestamp"], line, missing)

    def _begin_anew(self, why: str) -> None:
        """Go back to the oldest record. What is delivered twice is told by its number; what is left out is lost."""
        _log.error("audit sink begins anew", sink=self._name, seq=self._seq, reason=why)
        self._seq, self._head, self._resuming = 0, GENESIS, False
        self._path = None


def _facts(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; None for a line that is no record."""
    if not line or is_checkpoint(line):
        return None
    try:
        facts = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(facts, dict) or type(facts.get("seq")) is not int or facts["seq"] < 1:
        return None
    return facts if all(isinstance(facts.get(key), str) for key in ("hash", "prev", "timestamp")) else None
