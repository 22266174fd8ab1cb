"""Audit folders as a broker leaves them, made at once: chained records in segments, closed ones with a checkpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aol_broker.audit.chain import GENESIS, Checkpoint, chained
from aol_broker.audit.files import file_name
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.signing import SigningKey
from aol_wire.datetimes import from_us

START_US = 1_700_000_000_000_000
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = SigningKey(PRIVATE_KEY)


def record(number: int = 0, **changes: object) -> AuditRecord:
    """A query of `s` that began `number` seconds after START_US, but for the changes."""
    values: dict[str, object] = {
        "time_us": START_US + number * 1_000_000,
        "service": "s",
        "operation": "query",
        "collection": "s.c",
        "filters": b"null",
        "result_count": 1,
        "broker": "here",
        "request_id": f"r{number}",
        "principal": "service:s",
        "outcome": Outcome.OK,
        "reason": "",
        "duration_ms": 1.0,
    }
    return AuditRecord(**{**values, **changes})  # type: ignore[arg-type]


def intended(end: AuditRecord) -> AuditRecord:
    """The record that announces a write, of the one of its end."""
    return replace(end, stage=Stage.INTENDED, outcome=Outcome.PENDING, result_count=0, intent=0)


class Chain:
    """Writes segments after one another into a folder; numbers and hashes go on from one to the next."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seq = 0
        self.head = GENESIS
        self._intents: list[int] = []

    def segment(self, records: Iterable[AuditRecord], *, closed: bool = True) -> Path:
        """Write a segment."""
        first_seq, prev = self.seq + 1, self.head
        path = self.folder / file_name(first_seq)
        lines = []
        for record in records:
            if record.stage is Stage.INTENDED:
                self._intents.append(self.seq + 1)
            elif record.intent in self._intents:
                self._intents.remove(record.intent)
            line, self.head = chained(record.body(self.seq + 1, self.head))
            self.seq += 1
            lines.append(line)
        if closed:
            time = from_us(START_US)
            checkpoint = Checkpoint(
                "here", time, path.name, first_seq, self.seq, prev, self.head, closed=True, intents=tuple(self._intents)
            )
            lines.append(checkpoint.line(KEY))
        path.write_bytes(b"".join(lines))
        return path


def folder_of(folder: Path, segments: Sequence[Sequence[AuditRecord]]) -> Path:
    """Write a folder whose segments, the last one open, hold these records."""
    chain = Chain(folder)
    for place, records in enumerate(segments, 1):
        chain.segment(records, closed=place < len(segments))
    return folder
