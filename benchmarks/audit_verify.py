"""How many audit records a second does verification read? `python -m benchmarks.audit_verify`, a minute at most."""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aol_broker.audit.chain import GENESIS, Checkpoint, chained
from aol_broker.audit.files import file_name
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.signing import PUBLIC_KEY_FILE, SigningKey, read_or_make_signing_key
from aol_broker.audit.verify import verify

_START_US = 1_763_812_800_000_000


@dataclass(frozen=True, slots=True)
class VerifyRate:
    """What was measured: records a second of processor time (of one core) and of the clock, the median of all runs."""

    records: int
    record_bytes: int
    per_cpu_second: float
    per_second: float


def verify_rate(records: int = 400_000, segments: int = 4, repeats: int = 5) -> VerifyRate:
    """Measure on a folder of so many records, made for it, which is read from memory after the first time."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made) / "audit"
        directory.mkdir()
        key = read_or_make_signing_key(Path(made) / "key.pem")
        public_key = Path(made) / PUBLIC_KEY_FILE
        public_key.write_bytes(key.public_pem())
        size = write_folder(directory, key, records, segments)
        rates = [_measured(directory, public_key, records) for _ in range(repeats)]
    return VerifyRate(
        records,
        size // records,
        statistics.median(cpu for cpu, _ in rates),
        statistics.median(wall for _, wall in rates),
    )


def _measured(directory: Path, public_key: Path, records: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    found = verify(directory, public_keys=[public_key])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if not found.whole or found.records != records:
        raise RuntimeError(f"verification is wrong about {records} whole records: {found.damages[:1]}")
    return records / cpu, records / wall


def write_folder(directory: Path, key: SigningKey, records: int, segments: int) -> int:
    """Write closed segments of typical records: reads, and writes with their two; return the number of bytes."""
    seq, head, size = 0, GENESIS, 0
    for number in range(segments):
        first_seq, prev, lines = seq + 1, head, []
        for seq in range(first_seq, records * (number + 1) // segments + 1):
            line, head = chained(_record(seq).body(seq, head))
            lines.append(line)
        path = directory / file_name(first_seq)
        closing = Checkpoint("host-1-1f0c", "", path.name, first_seq, seq, prev, head, closed=True)
        content = b"".join([*lines, closing.line(key)])
        path.write_bytes(content)
        size += len(content)
    return size


def _record(seq: int) -> AuditRecord:
    stage, intent = [(Stage.COMPLETED, 0), (Stage.INTENDED, 0), (Stage.COMPLETED, seq - 1)][seq % 3]
    return AuditRecord(
        time_us=_START_US + seq * 700,
        service="delay-analytics",
        operation="query" if seq % 3 == 0 else "insert",
        collection="flight-ops.flights",
        filters=b'{"carrier":"UA","dep_delay":{"$gt":120}}' if seq % 3 == 0 else b"null",
        result_count=20,
        broker="host-1-1f0c",
        request_id=f"0199a3c2-7b00-7000-8000-{seq:012x}",
        principal="service:delay-analytics",
        outcome=Outcome.PENDING if stage is Stage.INTENDED else Outcome.OK,
        reason="",
        duration_ms=seq % 1000 / 100,
        stage=stage,
        intent=intent,
        verified_by="name",
        peer="ipv4:127.0.0.1:43210",
        grant="sharing:read",
        revision=12,
        bytes_in=230,
        bytes_out=4100,
    )


def main(arguments: Sequence[str]) -> int:
    """Print what was measured, a line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_verify", description=__doc__)
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    rate = verify_rate(options.records, repeats=options.repeats)
    sys.stdout.write(
        f"verify: {rate.per_cpu_second:,.0f} records/s of one core, {rate.per_second:,.0f}/s by the clock "
        f"({rate.records:,} records of {rate.record_bytes} bytes, median of {options.repeats})\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
