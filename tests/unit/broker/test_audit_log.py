"""The audit log: every record is a line, in order, and a call that cannot be recorded fails."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aol_broker.audit.files import files_of
from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import FILTER_MAX_BYTES, AuditRecord, Outcome, recorded_filter
from aol_broker.audit.search import AuditQuery, search


def record(number: int = 0, **changes: object) -> AuditRecord:
    values: dict[str, object] = {
        "time_us": 1_700_000_000_000_000 + number * 1_000_000,
        "service": "my-service",
        "operation": "query",
        "collection": "my-service.events",
        "filters": recorded_filter('{"event_type": "error"}'),
        "result_count": number,
        "broker": "here",
        "request_id": f"r{number}",
        "principal": "service:my-service",
        "outcome": Outcome.OK,
        "reason": "",
        "duration_ms": 1.23456,
    }
    return AuditRecord(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    log = AuditLog(tmp_path / "audit", max_file_bytes=1 << 20)
    log.open()
    yield log
    log.close()


async def test_a_record_is_a_line_of_json_with_the_documented_keys(log: AuditLog) -> None:
    await log.complete(record(42))
    line = json.loads(files_of(log.directory)[0].read_text())
    assert line == {
        "timestamp": "2023-11-14T22:14:02.000000Z",
        "service": "my-service",
        "operation": "query",
        "collection": "my-service.events",
        "filters": {"event_type": "error"},
        "result_count": 42,
        "broker": "here",
        "seq": 1,
        "request_id": "r42",
        "principal": "service:my-service",
        "outcome": "ok",
        "reason": "",
        "duration_ms": 1.235,
    }


async def test_sequence_numbers_go_on_after_a_restart(log: AuditLog) -> None:
    for number in range(3):
        await log.complete(record(number))
    log.close()
    again = AuditLog(log.directory, max_file_bytes=1 << 20)
    again.open()
    await again.complete(record(3))
    again.close()
    assert [json.loads(line)["seq"] for line in search(log.directory, AuditQuery()).lines] == [1, 2, 3, 4]


async def test_files_rotate_and_keep_their_order(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, max_file_bytes=1000)
    log.open()
    for number in range(20):
        await log.complete(record(number))
    log.close()
    files = files_of(tmp_path)
    assert len(files) > 3
    assert all(path.stat().st_size <= 1000 for path in files)
    assert [json.loads(line)["seq"] for line in search(tmp_path, AuditQuery()).lines] == list(range(1, 21))


async def test_retention_removes_the_oldest_files_only(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, max_file_bytes=1000, max_files=2)
    log.open()
    for number in range(20):
        await log.complete(record(number))
    log.close()
    assert len(files_of(tmp_path)) == 2
    assert json.loads(search(tmp_path, AuditQuery()).lines[-1])["seq"] == 20


async def test_a_torn_last_line_is_cut_and_its_number_used_again(log: AuditLog) -> None:
    await log.complete(record(1))
    log.close()
    file = files_of(log.directory)[0]
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"timestamp": "2023')
    again = AuditLog(log.directory, max_file_bytes=1 << 20)
    again.open()
    await again.complete(record(2))
    again.close()
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2]


async def test_search_takes_each_condition(log: AuditLog) -> None:
    await log.complete(record(1, service="a"))
    await log.complete(record(2, service="b", collection="b.things"))
    await log.complete(record(3, service="b", operation="insert"))
    await log.complete(record(4, service="b", outcome=Outcome.DENIED))

    def found(**conditions: object) -> list[int]:
        return [json.loads(line)["seq"] for line in search(log.directory, AuditQuery(**conditions)).lines]  # type: ignore[arg-type]

    assert found(service="a") == [1]
    assert found(collection="b.things") == [2]
    assert found(operation="insert") == [3]
    assert found(outcome="denied") == [4]
    assert found(since_us=1_700_000_003_000_000) == [3, 4]
    assert found(until_us=1_700_000_003_000_000) == [1, 2]
    assert found(service="b", limit=2) == [3, 4]
    assert found(after_seq=3) == [4]


async def test_search_reads_lines_longer_than_a_block(log: AuditLog) -> None:
    long = recorded_filter(json.dumps({"a": "x" * 15_000}))
    for number in range(120):
        await log.complete(record(number, filters=long))
    assert len(search(log.directory, AuditQuery(limit=1000)).lines) == 120


def test_a_filter_that_is_no_json_or_too_long_is_shown_by_its_size() -> None:
    assert recorded_filter("") == b"null"
    assert recorded_filter("{nope") == b'{"$malformed_characters":5}'
    assert recorded_filter("[" * 2000 + "]" * 2000) == b'{"$malformed_characters":4000}'
    assert recorded_filter(json.dumps("x" * 20_000)) == b'{"$omitted_characters":20002}'
    assert recorded_filter("[" * 500 + "]" * 500) == b'{"$malformed_characters":1000}'


def test_a_filter_counts_by_the_bytes_that_it_takes_up_in_a_record() -> None:
    fits, grows = json.dumps("\u00e9" * 8000, ensure_ascii=False), "[" + "1e15," * 3000 + "1]"
    assert recorded_filter(fits) == fits.encode()
    for text in (
        json.dumps("\u00e9" * 9000, ensure_ascii=False),
        json.dumps("\U0001f600" * 4100, ensure_ascii=False),
        grows,
    ):
        assert len(text) < FILTER_MAX_BYTES
        assert recorded_filter(text) == b'{"$omitted_characters":%d}' % len(text)


def test_a_filter_over_several_lines_stays_one_line() -> None:
    assert recorded_filter('{\n "a":\n 1}') == b'{"a":1}'


async def test_what_was_recorded_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from aol_broker.audit.log import AuditLog\n"
        "from aol_broker.audit.record import AuditRecord, Outcome\n"
        "log = AuditLog(Path(sys.argv[1]), max_file_bytes=1 << 20)\n"
        "log.open()\n"
        "record = AuditRecord(1, 's', 'query', 's.c', b'null', 0, 'b', 'r', 'p', Outcome.OK, '', 1.0)\n"
        "for _ in range(100):\n"
        "    asyncio.run(log.complete(record))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(search(tmp_path, AuditQuery()).lines) == 100
