"""Searching the audit log: the answer is bounded and says so, and files may go while they are read."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol_broker.audit.files import files_of
from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import AuditRecord, Outcome
from aol_broker.audit.search import AuditQuery, AuditRecords, search
from aol_wire.errors import DataError, Reason
from aol_wire.limits import AUDIT_ANSWER_MAX_BYTES
from audit_logs import opened
from audit_samples import folder_of, intended, record


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[AuditLog]:
    async with opened(tmp_path / "audit", max_file_bytes=20_000) as log:
        yield log


async def fill(log: AuditLog, count: int, filter_bytes: int = 10) -> None:
    filters = json.dumps({"a": "x" * filter_bytes}).encode()
    for number in range(count):
        record = AuditRecord(
            number * 1_000_000, "s", "query", "s.c", filters, 0, "here", f"r{number}", "service:s", Outcome.OK, "", 1.0
        )
        await log.complete(record)


def seqs(found: AuditRecords) -> list[int]:
    return [json.loads(line)["seq"] for line in found.lines]


async def test_more_than_an_answer_carries_is_left_out_oldest_first_and_said(log: AuditLog) -> None:
    await fill(log, 300, filter_bytes=15_000)
    found = search(log.directory, AuditQuery(limit=10_000))
    assert found.truncated
    assert sum(map(len, found.lines)) <= AUDIT_ANSWER_MAX_BYTES
    assert seqs(found) == list(range(301 - len(found.lines), 301))


async def test_an_answer_that_the_limit_cut_is_not_truncated(log: AuditLog) -> None:
    await fill(log, 10)
    assert search(log.directory, AuditQuery(limit=10)) == search(log.directory, AuditQuery(limit=11))
    found = search(log.directory, AuditQuery(limit=3))
    assert (seqs(found), found.truncated) == ([8, 9, 10], False)


async def test_a_search_stops_when_nobody_wants_it_any_more(log: AuditLog) -> None:
    await fill(log, 500)
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 7

    found = seqs(search(log.directory, AuditQuery(limit=10_000), stopped))
    assert 0 < len(found) < 8
    assert found == list(range(501 - len(found), 501))
    # Each of the files that are left is let go at its first question.
    assert asked <= 8 + len(files_of(log.directory))


async def test_files_that_retention_removes_meanwhile_are_passed_over(log: AuditLog) -> None:
    await fill(log, 500)
    files = sorted(log.directory.glob("audit-*.jsonl"))
    assert len(files) > 3

    def removing() -> bool:
        files[0].unlink(missing_ok=True)
        return False

    first = json.loads(files[1].read_text().partition("\n")[0])["seq"]
    assert seqs(search(log.directory, AuditQuery(limit=10_000), removing)) == list(range(first, 501))


def followed(folder: Path, after_seq: int, **more: Any) -> list[int]:
    return seqs(search(folder, AuditQuery(after_seq=after_seq, follow=True, limit=3, **more)))


async def test_who_follows_gets_every_record_once_in_order(log: AuditLog) -> None:
    await fill(log, 500)
    assert len(files_of(log.directory)) > 3
    read: list[int] = []
    while found := followed(log.directory, read[-1] if read else 0):
        read += found
    assert read == list(range(1, 501))
    await fill(log, 2)
    assert followed(log.directory, 500) == [501, 502]
    assert followed(log.directory, 502) == []


def test_who_follows_is_shown_ends_and_no_intentions_unless_asked(tmp_path: Path) -> None:
    end = record(1, operation="insert", intent=1)
    folder = folder_of(tmp_path, [[intended(end), end], [intended(end)]])
    assert followed(folder, 0) == [2]
    assert followed(folder, 0, stages=("intended",)) == [1, 3]


@pytest.mark.parametrize("torn", [b'{"seq": 500', b"x" * 5_000_000])
async def test_a_line_without_its_end_is_not_there_yet(log: AuditLog, torn: bytes) -> None:
    await fill(log, 5)
    with files_of(log.directory)[-1].open("ab") as file:
        file.write(torn)
    assert seqs(search(log.directory, AuditQuery())) == [1, 2, 3, 4, 5]
    assert followed(log.directory, 3) == [4, 5]


def test_a_line_longer_than_any_record_is_passed_over(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [[record(number) for number in range(6)]])
    lines = files_of(folder)[0].read_bytes().splitlines(keepends=True)
    lines.insert(3, b"x" * 5_000_000 + b"\n")
    files_of(folder)[0].write_bytes(b"".join(lines))
    assert seqs(search(folder, AuditQuery())) == [1, 2, 3, 4, 5, 6]
    assert followed(folder, 2) == [3, 4, 5]
    assert followed(folder, 3) == [4, 5, 6]


@pytest.mark.parametrize("what", ["gone", "a file", "a folder in place of a file"])
async def test_files_that_cannot_be_read_are_told_as_such(log: AuditLog, tmp_path: Path, what: str) -> None:
    await fill(log, 3)
    directory = tmp_path / what
    if what == "a file":
        directory.write_text("")
    elif what != "gone":
        (directory / "audit-0000000000000001.jsonl").mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        search(directory, AuditQuery())
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
