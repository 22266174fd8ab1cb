"""How long does a search of the audit log take? `python -m benchmarks.audit_search`, over records made for it.

They are spread evenly over a day, 20 services and 200 collections, half of them writes, in segments of the usual size.
What is timed is the search of the broker, as its thread does it, with the files in the cache of the operating system.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from aol_broker.audit.files import file_name
from aol_broker.audit.indexing import index_folder
from aol_broker.audit.query import AuditQuery
from aol_broker.audit.search import search
from aol_broker.audit.tally import tally
from aol_wire.datetimes import from_us

SEGMENT_BYTES = 64 << 20
START_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24
SERVICES = 20
COLLECTIONS = 200
_HASH = b"0" * 64
# As `AuditRecord.body` writes it; the hashes are none, which a search does not look at.
_LINE = (
    b'{"broker":"host-1","bytes_in":130,"bytes_out":60,"collection":"service-%d.collection-%d","duration_ms":1.25,'
    b'"fields":null,"filters":{"_id":"document-%d"},"grant":"owner","intent":%d,"on_behalf_of":"","operation":"%b",'
    b'"outcome":"%b","peer":"ipv4:127.0.0.1:50123","prev":"' + _HASH + b'","principal":"service:service-%d",'
    b'"reason":"","request_id":"01a2197e-d59b-7ca9-a2c6-%012x","result_count":1,"revision":44,"seq":%d,'
    b'"service":"service-%d","stage":"%b","timestamp":"%b","trace_id":"","verified_by":"name","hash":"'
    + _HASH
    + b'"}\n'
)


def main(arguments: Sequence[str]) -> int:
    """Make the records, index and search them; print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_search", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="how many (10,000,000 take 7 GB)")
    parser.add_argument("--searches", type=int, default=50, help="of each kind")
    parser.add_argument("--folder", type=Path, help="where to make them, and remove them again")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        size = sum(_write(path, lines) for path, lines in _segments(folder, chosen.records))
        _say(f"{chosen.records:,} records, {size / 2**30:.2f} GiB")
        # By the time of a core, which other programs take nothing of.
        began = time.process_time()
        indexed = index_folder(folder)
        pace = chosen.records / (time.process_time() - began)
        part = _indexes(folder) / size
        _say(f"index of {len(indexed)} closed segments: {pace:,.0f} records/s of a core, {part:.1%} of the size")
        for kind, run in _kinds(folder, chosen.records):
            _say(f"{kind}: {_timed(run, chosen.searches)}")
    return 0


def _kinds(folder: Path, records: int) -> Iterator[tuple[str, Callable[[], int]]]:
    dice = random.Random(7)

    def found(limit: int = 100, **conditions: str | int) -> int:
        return len(search(folder, AuditQuery(limit=limit, **conditions)).lines)  # type: ignore[arg-type]

    def collection() -> str:
        number = dice.randrange(COLLECTIONS)
        return f"service-{number % SERVICES}.collection-{number}"

    def hour() -> dict[str, int]:
        since_us = START_US + dice.randrange(23) * HOUR_US
        return {"since_us": since_us, "until_us": since_us + HOUR_US}

    yield "by collection and hour, the newest 100", lambda: found(collection=collection(), **hour())
    yield "by collection and hour, all of them", lambda: found(10_000, collection=collection(), **hour())
    yield "by collection, the newest 100", lambda: found(collection=collection())
    yield "by request id", lambda: found(request_id=f"01a2197e-d59b-7ca9-a2c6-{dice.randrange(records // 3):012x}")
    yield "by document id and hour", lambda: found(document_id=f"document-{dice.randrange(records // 3)}", **hour())
    yield "unresolved", lambda: found(unresolved=True)
    yield "who used a collection", lambda: len(tally(folder, AuditQuery(collection=collection())).rows)


def _timed(run: Callable[[], int], times: int) -> str:
    run()
    took_ms: list[float] = []
    found = 0
    for _ in range(times):
        began = time.perf_counter()
        found += run()
        took_ms.append((time.perf_counter() - began) * 1000)
    took_ms.sort()
    p95 = took_ms[int(len(took_ms) * 0.95)]
    return f"p50 {statistics.median(took_ms):.1f} ms, p95 {p95:.1f} ms, {found / times:,.0f} found on average"


def _segments(folder: Path, records: int) -> Iterator[tuple[Path, list[bytes]]]:
    lines: list[bytes] = []
    size = 0
    first_seq = 1
    for seq, line in enumerate(_lines(records), 1):
        if size + len(line) > SEGMENT_BYTES:
            yield folder / file_name(first_seq), lines
            lines, size, first_seq = [], 0, seq
        lines.append(line)
        size += len(line)
    yield folder / file_name(first_seq), lines


def _lines(records: int) -> Iterator[bytes]:
    """Yield records: of each three, a query, and the two of an insert."""
    dice = random.Random(5)
    for seq in range(1, records + 1):
        call, part = divmod(seq, 3)
        if part != 2:
            number = dice.randrange(COLLECTIONS)
            moment = from_us(START_US + seq * DAY_US // records).encode()
        service = number % SERVICES
        operation, outcome, stage = (
            (b"query", b"ok", b"completed"),
            (b"insert", b"pending", b"intended"),
            (b"insert", b"ok", b"completed"),
        )[part]
        intent = seq - 1 if part == 2 else 0
        place = (service, number, call, intent, operation, outcome, service, call, seq, service, stage, moment)
        yield _LINE % place


def _write(path: Path, lines: list[bytes]) -> int:
    data = b"".join(lines)
    path.write_bytes(data)
    return len(data)


def _indexes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "index").iterdir())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
