"""How do tests get audit files? Written record by record, chained and closed as a broker does it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aol_broker.audit.chain import GENESIS, Checkpoint, chained
from aol_broker.audit.files import file_name
from aol_broker.audit.record import AuditRecord, Outcome
from aol_broker.audit.signing import SigningKey
from aol_broker.audit.sinks.destination import Destination
from aol_wire.datetimes import from_us, to_us

MOMENT_US = to_us("2026-03-01T23:59:58Z") or 0
SAMPLE = AuditRecord(
    MOMENT_US, "shop", "query", "shop.events", b'{"a":1}', 3, "here", "r", "service:shop", Outcome.OK, "", 1.5,
    grant="owner", revision=7,
)  # fmt: skip
_KEY = SigningKey(Ed25519PrivateKey.generate())


class WrittenLog:
    """An audit log of which a test says what is in it, and how much of it is durable."""

    def __init__(self, directory: Path, *, segment_records: int = 100, first_seq: int = 1, prev: str = GENESIS) -> None:
        self.directory = directory
        self.durable_seq = first_seq - 1
        self._segment_records = segment_records
        self._callbacks: list[Callable[[], None]] = []
        self._seq = first_seq - 1
        self._head = prev
        self._begun = (0, "")
        self._path = directory / "none"
        directory.mkdir(exist_ok=True)

    def on_durable(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def write(self, count: int = 1, *, durable: bool = True, **changes: Any) -> list[bytes]:
        """Append records, each a second after the one before, and return their lines without the ends."""
        return [self._append(durable, changes) for _ in range(count)]

    def write_torn(self, data: bytes) -> None:
        """Append bytes that are no whole line."""
        with self._path.open("ab") as file:
            file.write(data)

    def rotate(self) -> None:
        """Close the file with its checkpoint; the next record begins another."""
        first, prev = self._begun
        time = from_us(MOMENT_US)
        checkpoint = Checkpoint("here", time, self._path.name, first, self._seq, prev, self._head, closed=True)
        self.write_torn(checkpoint.line(_KEY))
        self._begun = (0, "")

    def tell_durable(self) -> None:
        self.durable_seq = self._seq
        for callback in self._callbacks:
            callback()

    def _append(self, durable: bool, changes: dict[str, Any]) -> bytes:
        first = self._begun[0]
        if first and self._seq + 1 - first == self._segment_records:
            self.rotate()
        if not self._begun[0]:
            self._begun = (self._seq + 1, self._head)
            self._path = self.directory / file_name(self._seq + 1)
        time_us = SAMPLE.time_us + self._seq * 1_000_000
        record = replace(SAMPLE, **{"time_us": time_us, "request_id": f"r{self._seq + 1}", **changes})
        line, self._head = chained(record.body(self._seq + 1, self._head))
        self._seq += 1
        self.write_torn(line)
        if durable:
            self.tell_durable()
        return line[:-1]


def seqs(lines: list[bytes]) -> list[int]:
    """Return the numbers of records."""
    return [json.loads(line)["seq"] for line in lines]


class Watched:
    """A destination that tells whoever waits when a delivery has ended, well or not."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._ended = asyncio.Event()

    async def deliver(self, records: Sequence[bytes]) -> None:
        try:
            await self._destination.deliver(records)
        finally:
            self._ended.set()

    async def put(self, line: bytes) -> None:
        await self._destination.put(line)

    async def close(self) -> None:
        await self._destination.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that changes with deliveries."""
        async with asyncio.timeout(60):
            while not holds():
                self._ended.clear()
                await self._ended.wait()
