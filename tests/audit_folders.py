"""An audit folder as a broker leaves it, made of the real records, chain and checkpoints, without a broker."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aol_broker.audit.chain import GENESIS, Checkpoint, chained
from aol_broker.audit.files import file_name
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.signing import PUBLIC_KEY_FILE, SigningKey, read_or_make_signing_key

BROKER = "here-1"
START_US = 1_763_812_800_000_000
"""2025-11-22T12:00:00Z."""


class AuditFolder:
    """Writes segments. `key` signs them; `keys` is where it is kept, outside of the folder."""

    def __init__(self, directory: Path, *, keys: Path, broker: str = BROKER) -> None:
        for made in (directory, keys):
            made.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.broker = broker
        self.key: SigningKey = read_or_make_signing_key(keys / "audit-key.pem")
        self.public_key = keys / PUBLIC_KEY_FILE
        self.public_key.write_bytes(self.key.public_pem())
        (directory / PUBLIC_KEY_FILE).write_bytes(self.key.public_pem())
        self.seq = 0
        self.head = GENESIS
        self.time_us = START_US
        self.begin()

    def begin(self) -> None:
        """Make the next segment, and leave the one before it as it is."""
        self.path = self.directory / file_name(self.seq + 1)
        self.path.touch()
        self.first_seq, self.prev = self.seq + 1, self.head

    def add(self, count: int = 1, *, filters: bytes = b'{"carrier":"UA"}', **changes: Any) -> None:
        """Append records to the open segment."""
        lines = []
        for _ in range(count):
            self.time_us += 1000
            facts: dict[str, Any] = {"operation": "query", "principal": "service:shop", "service": "shop", **changes}
            record = AuditRecord(
                **{
                    "time_us": self.time_us,
                    "collection": "shop.events",
                    "filters": filters,
                    "result_count": 1,
                    "broker": self.broker,
                    "request_id": f"request-{self.seq + 1}",
                    "outcome": Outcome.OK,
                    "reason": "",
                    "duration_ms": 1.25,
                    **facts,
                }
            )
            line, self.head = chained(record.body(self.seq + 1, self.head))
            self.seq += 1
            lines.append(line)
        with self.path.open("ab") as file:
            file.write(b"".join(lines))

    def add_own(self, operation: str, reason: str = "", **filters: Any) -> None:
        """Append a record that the broker makes of itself."""
        told = json.dumps(filters, sort_keys=True, separators=(",", ":")).encode()
        self.add(1, operation=operation, reason=reason, filters=told, principal="broker", service="", collection="")

    def add_resolved(self, began_us: int) -> None:
        """Append a record of a write that a crash had interrupted, which says when it had begun."""
        self.add(1, time_us=began_us, stage=Stage.RESOLVED, outcome=Outcome.UNKNOWN, intent=1)

    def checkpoint(self, *, closed: bool = False, key: SigningKey | None = None) -> bytes:
        """Return a signed line about the open segment."""
        facts = Checkpoint(
            self.broker, "2025-11-22T12:00:00.000000Z", self.path.name, self.first_seq, self.seq, self.prev, self.head,
            closed,
        )  # fmt: skip
        return facts.line(key or self.key)

    def close(self) -> bytes:
        """End the open segment with its checkpoint, and return that."""
        line = self.checkpoint(closed=True)
        with self.path.open("ab") as file:
            file.write(line)
        return line

    def rotate(self) -> bytes:
        """Close the open segment and begin another; return the checkpoint."""
        line = self.close()
        self.begin()
        return line

    def give_up(self, reason: str = "IO_ERROR", *, unanswered: Sequence[bytes] = ()) -> None:
        """Begin another segment without closing the open one, as a broker does that cannot write it any more."""
        with self.path.open("ab") as file:
            file.writelines(unanswered)
        name = self.path.name
        self.begin()
        self.add_own("audit_resumed", reason, refused=0, segment=name)

    def retain(self, segments: Sequence[Path]) -> None:
        """Remove closed segments, the oldest ones, as retention does: with a record, before they are removed."""
        checkpoint = json.loads(segments[-1].read_bytes().splitlines()[-1])["checkpoint"]
        names = [path.name for path in segments]
        self.add_own("audit_retention", head=checkpoint["head"], segments=names, through_seq=checkpoint["last_seq"])
        for path in segments:
            path.unlink()


def lines_of(path: Path) -> list[bytes]:
    """Return the lines of a file with their ends."""
    return path.read_bytes().splitlines(keepends=True)


def rewritten(lines: Sequence[bytes], prev: str) -> list[bytes]:
    """Return records with their hashes made anew, so that they follow `prev` and each other, as a forger would."""
    made = []
    for line in lines:
        record = json.loads(line)
        record["prev"] = prev
        del record["hash"]
        forged, prev = chained(json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode())
        made.append(forged)
    return made
