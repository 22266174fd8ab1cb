"""How did the last run of this broker leave its audit log? Read from its files at a start, before the first call.

Where the log goes on, and which writes were announced and never recorded as ended: their broker was killed.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import structlog

from aol_broker.audit.chain import GENESIS, BrokenChainError, checkpoint_of, hash_of, is_checkpoint
from aol_broker.audit.files import files_of, first_seq_of, lines_backwards
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.segment_lines import SegmentLines
from aol_wire.datetimes import to_us

BROKER_STOPPED = "BROKER_STOPPED"
"""The reason of records that end a write whose broker was killed."""

# No record comes near it: what has no line end for longer is not the torn end of a segment.
_TORN_MAX_BYTES = 1 << 20

_log = structlog.get_logger("aol.audit")


class AuditFolderError(Exception):
    """The audit folder cannot be used; the message says why and what to do."""


@dataclass(slots=True)
class LeftBehind:
    """The state of the files. The next record has the number `seq` + 1 and the hash `head` as its `prev`.

    `segment` is to be written on, at `size` bytes, when it is not None; its first record has the number `first_seq`,
    and `first_prev` as its `prev`. `intents` are the intended records without an end, by their numbers. `damaged`
    names a segment that is not what was written.
    """

    seq: int = 0
    head: str = GENESIS
    segment: Path | None = None
    size: int = 0
    first_seq: int = 1
    first_prev: str = GENESIS
    intents: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    damaged: str = ""


def read_left_behind(directory: Path) -> LeftBehind:
    """Return the state of a folder; nothing in it is changed.

    :raises AuditFolderError: the newest segment does not tell which record was the last.
    :raises OSError: the folder or a file cannot be read.
    """
    files = files_of(directory)
    if not files:
        return LeftBehind()
    newest, older = files[-1], files[:-1]
    first_seq = first_seq_of(newest)
    state = LeftBehind(seq=first_seq - 1, head="", segment=newest, first_seq=first_seq)
    if older:
        _take_checkpoint(older, state)
    elif first_seq == 1:
        state.head = GENESIS
    state.first_prev = state.head
    _read_newest(newest, state)
    if state.segment is None:
        state.first_seq, state.first_prev, state.size = state.seq + 1, state.head, 0
    return state


def _take_checkpoint(older: list[Path], state: LeftBehind) -> None:
    """Take over what the segment before the newest ends with: its head, and the intents that were open."""
    last = next(lines_backwards(older[-1]), b"")
    if not is_checkpoint(last):
        # It was given up; what was written into it last is all that can be gone on from.
        record = _record(last)
        state.head = str(record.get("hash", "")) if record is not None else ""
        return
    try:
        checkpoint = checkpoint_of(last)
    except BrokenChainError:
        return
    state.head = checkpoint.head
    _find_intents(older, checkpoint.intents, state)


def _find_intents(segments: list[Path], seqs: tuple[int, ...], state: LeftBehind) -> None:
    wanted = set(seqs)
    for path in reversed(segments):
        if not wanted:
            return
        for line, _ in _lines(path):
            record = _record(line)
            if record is not None and record["seq"] in wanted:
                state.intents[record["seq"]] = record
        wanted -= state.intents.keys()


def _read_newest(path: Path, state: LeftBehind) -> None:
    lines_read, unreadable = 0, 0
    for line, end in _lines(path):
        lines_read += 1
        if is_checkpoint(line) and not state.damaged:
            _close(line, path, state)
            continue
        record = _record(line)
        if record is None:
            unreadable += 1
            state.damaged = path.name
            continue
        if not state.damaged and not _follows(line, record, state):
            state.damaged = path.name
        # A damaged line was a record too, and its number is not given to another.
        state.seq = max(state.seq, record["seq"]) if state.damaged else record["seq"]
        state.head = str(record.get("hash", GENESIS))
        state.size = end
        _follow_intents(record, state)
        unreadable = 0
    if state.segment is not None and not state.damaged:
        _check_torn(path, state.size)
    if lines_read and not state.size:
        raise AuditFolderError(
            f"{path} holds no readable record, so it is not known which number the next one has. Move the file to "
            "another folder, to be looked at; nothing was changed."
        )
    if state.damaged:
        state.seq += unreadable
        state.segment = None
        _log.error("audit segment is damaged: `aol audit verify` tells where; a new one is begun", file=path.name)


def _close(line: bytes, path: Path, state: LeftBehind) -> None:
    """Take notice of a checkpoint: nothing may come after it."""
    try:
        checkpoint = checkpoint_of(line)
    except BrokenChainError:
        state.damaged = path.name
        return
    if state.segment is None or checkpoint.last_seq != state.seq or checkpoint.head != state.head:
        state.damaged = path.name
    state.segment = None


def _follows(line: bytes, record: Mapping[str, Any], state: LeftBehind) -> bool:
    """Whether a record is the one that was written after what was read so far."""
    try:
        hash_of(line)
    except BrokenChainError:
        return False
    # Of the first record the `prev` may not be known: what was before it was removed by retention.
    known = record.get("prev") == state.head or (not state.head and record["seq"] == state.first_seq)
    if not state.head:
        state.first_prev = str(record.get("prev"))
    return state.segment is not None and known and record["seq"] == state.seq + 1


def _follow_intents(record: Mapping[str, Any], state: LeftBehind) -> None:
    if record.get("stage") == Stage.INTENDED:
        state.intents[record["seq"]] = record
    elif intent := record.get("intent"):
        state.intents.pop(intent, None)


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    seq = record.get("seq") if isinstance(record, dict) else None
    return record if isinstance(seq, int) and not isinstance(seq, bool) and seq > 0 else None


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the whole lines of a file that hold anything, without their ends, each with where it ends."""
    with path.open("rb") as file:
        position = 0
        for lines in SegmentLines(file):
            for line in lines:
                position += len(line) + 1
                if line:
                    yield line, position


def _check_torn(path: Path, whole: int) -> None:
    """Look at what lies behind the last whole line: a crash in the middle of a write leaves a little of a record."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(whole)
        torn = end - whole
        if torn > _TORN_MAX_BYTES:
            raise AuditFolderError(
                f"{path} is damaged: its last {torn:,} bytes hold no end of a line. Move it to another folder, to be "
                "looked at; nothing was changed."
            )
    if torn:
        _log.warning("audit segment ends in a torn record, which is cut", file=path.name, bytes=torn)


def resolved(record: Mapping[str, Any]) -> AuditRecord:
    """Return the record that ends a write which was intended: nobody can say whether it was made.

    :param record: the intended one, as it was read.
    """
    return AuditRecord(
        time_us=_time_us(str(record.get("timestamp", ""))),
        service=str(record.get("service", "")),
        operation=str(record.get("operation", "")),
        collection=str(record.get("collection", "")),
        filters=orjson.dumps(record.get("filters"), option=orjson.OPT_SORT_KEYS),
        result_count=0,
        broker=str(record.get("broker", "")),
        request_id=str(record.get("request_id", "")),
        principal=str(record.get("principal", "")),
        outcome=Outcome.UNKNOWN,
        reason=BROKER_STOPPED,
        duration_ms=0.0,
        stage=Stage.RESOLVED,
        intent=record["seq"],
        verified_by=str(record.get("verified_by", "")),
        on_behalf_of=str(record.get("on_behalf_of", "")),
        peer=str(record.get("peer", "")),
        trace_id=str(record.get("trace_id", "")),
        grant=str(record.get("grant", "")),
        revision=int(record.get("revision", 0)),
        bytes_in=int(record.get("bytes_in", 0)),
        tenant=str(record.get("tenant", "")),
        user=str(record.get("user", "")),
        security=str(record.get("security", "")),
    )


def _time_us(timestamp: str) -> int:
    return to_us(timestamp) or 0
