"""Does the audit log stand a full disk, a disk that fails or hangs, files that are taken away, and a second broker?"""

import asyncio
import contextlib
import errno
import json
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aol_broker.audit import log as audit_log_module
from aol_broker.audit.chain import checkpoint_of
from aol_broker.audit.files import files_of
from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import FILTER_MAX_BYTES, AuditRecord, Outcome, recorded_filter
from aol_broker.audit.recovery import AuditFolderError
from aol_wire.errors import Applied, DataError, Reason
from audit_logs import audit_log, chain_holds, ended, intended, opened, record, records_of, refused, told, unrecorded
from small_disks import mounted


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[AuditLog]:
    async with opened(tmp_path / "audit") as log:
        yield log


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """Log lines are kept in memory: what pytest captures goes into a file, which the limit below would stop too."""
    with capture_logs():
        yield


@contextmanager
def files_hold_at_most(size_bytes: int) -> Iterator[None]:
    """What goes beyond is refused as if there were no room, and a reserve does not help."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "size=8m") as disk:
        yield disk


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def check_checkpoints(directory: Path) -> None:
    for path in files_of(directory):
        *lines, last = path.read_bytes().splitlines()
        checkpoint, records = checkpoint_of(last), [json.loads(line) for line in lines]
        assert checkpoint.segment == path.name
        assert [item["seq"] for item in records] == list(range(checkpoint.first_seq, checkpoint.last_seq + 1))
        assert (records[0]["prev"], records[-1]["hash"]) == (checkpoint.prev, checkpoint.head)


async def written(log: AuditLog, number: int) -> int:
    intent = log.intend(intended(number))
    await intent.durable()
    return intent.seq


async def test_when_there_is_no_room_the_record_fails_and_every_call_after_it_is_refused_unapplied(
    log: AuditLog,
) -> None:
    await log.complete(record(1))
    file = files_of(log.directory)[0]
    before = file.read_bytes()
    with files_hold_at_most(len(before) + 10):
        log.check()
        lost = await unrecorded(log, record(2))
        refusals = [refused(log) for _ in range(4)]
        with pytest.raises(DataError, match="nothing is changed"):
            log.check()
        assert file.read_bytes() == before
        assert not await log.recover()
    assert lost.applied is None
    assert "nothing is changed" not in lost.message
    assert {refusal.applied for refusal in refusals} == {Applied.NO}
    assert await log.recover()
    await log.complete(record(3))
    assert told(log.directory) == [("r1", ""), ("audit_resumed", "DISK_FULL"), ("r3", "")]
    assert records_of(log.directory)[1]["filters"] == {"refused": 1, "segment": ""}
    assert chain_holds(log.directory)


async def test_a_write_that_cannot_be_announced_has_no_number_and_gives_its_place_to_another(log: AuditLog) -> None:
    with files_hold_at_most(10):
        intents = [log.intend(intended(number)) for number in range(3)]
        for intent in intents:
            with pytest.raises(DataError) as caught:
                await intent.durable()
            assert (caught.value.reason, caught.value.applied) == (Reason.AUDIT_UNAVAILABLE, Applied.NO)
    assert [intent.seq for intent in intents] == [0, 0, 0]
    assert await log.recover()
    assert await written(log, 4) == 2


async def test_a_file_system_of_8_mib_that_fills_up_refuses_calls_and_records_the_refusals(small_disk: Path) -> None:
    async with opened(small_disk / "audit", reserve_bytes=1 << 20, max_file_bytes=1 << 20) as log:
        under_way = [await written(log, number) for number in range(50)]
        (small_disk / "other").write_bytes(bytes((5 << 20) + (700 << 10)))
        served = 0
        while not log.failure:
            await log.complete(record(served, filters=recorded_filter(json.dumps({"a": "x" * 4000}))))
            served += 1
        assert log.failure == os.strerror(errno.ENOSPC)
        refusal = refused(log)
        assert refusal.applied is Applied.NO
        # Those that were under way end with their records, and so do the calls that are refused.
        for number, seq in enumerate(under_way):
            await log.complete(ended(number, seq))
        await log.complete(record(999, reason=Reason.AUDIT_UNAVAILABLE.value, outcome=Outcome.FAILED))
        assert not await log.recover(), "there is no room for a reserve yet"
        assert log.failure
        (small_disk / "other").unlink()
        assert await log.recover()
        assert await written(log, 1000) == log.durable_seq
        kept = records_of(small_disk / "audit")
    assert len([item for item in kept if item["intent"]]) == 50
    assert [item["reason"] for item in kept if item["request_id"] == "r999"] == ["AUDIT_UNAVAILABLE"]
    assert [item["reason"] for item in kept if item["operation"] == "audit_resumed"] == ["DISK_FULL"]
    assert chain_holds(small_disk / "audit")


async def test_refusals_do_not_take_the_room_of_the_calls_that_are_under_way(small_disk: Path) -> None:
    async with opened(small_disk / "audit", reserve_bytes=1 << 20) as log:
        under_way = [await written(log, number) for number in range(100)]
        fill(small_disk / "other")
        while not log.failure:
            await log.complete(record(1))
        refusals = [record(number, reason=Reason.AUDIT_UNAVAILABLE.value) for number in range(1000)]
        answers = await asyncio.gather(*map(log.complete, refusals), return_exceptions=True)
        assert 100 < answers.count(None) < 1000
        for number, seq in enumerate(under_way):
            await log.complete(ended(number, seq))
        (small_disk / "other").unlink()
    assert chain_holds(small_disk / "audit")


async def test_a_segment_that_cannot_be_closed_for_lack_of_room_is_closed_later_and_says_what_is_in_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, max_file_bytes=4096) as log:
        size, line = 0, 0
        while size + line <= 4096:
            await log.complete(record(1))
            size, line = files_of(tmp_path)[0].stat().st_size, files_of(tmp_path)[0].stat().st_size - size
        with files_hold_at_most(size + 10):
            await unrecorded(log, record(2))
        assert await log.recover()
        for number in range(3, 10):
            await log.complete(record(number))
    assert chain_holds(tmp_path)
    check_checkpoints(tmp_path)


async def test_a_log_that_is_closed_while_the_disk_hangs_does_not_hold_up_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = audit_log(tmp_path)
    await log.open()
    answers = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: answers.wait())
    monkeypatch.setattr(audit_log_module, "STALLED_AFTER_S", 0.0)
    monkeypatch.setattr(audit_log_module, "_STOP_WAIT_S", 0.01)
    waiting = asyncio.create_task(log.complete(record(1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await log.recover()
    with pytest.raises(DataError):
        await waiting
    await log.close()
    answers.set()


async def test_a_write_whose_end_could_not_be_recorded_is_resolved_when_records_can_be_written_again(
    log: AuditLog,
) -> None:
    made, failed = await written(log, 1), await written(log, 2)
    with files_hold_at_most(10):
        await unrecorded(log, ended(1, made))
        await unrecorded(log, ended(2, failed, outcome=Outcome.FAILED, reason="DUPLICATE_ID"))
    assert await log.recover()
    kept = [
        (item["intent"], item["stage"], item["outcome"], item["reason"])
        for item in records_of(log.directory)
        if item["intent"]
    ]
    assert kept == [(made, "resolved", "ok", "AUDIT_UNAVAILABLE"), (failed, "resolved", "failed", "DUPLICATE_ID")]


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
async def test_what_the_disk_did_not_take_is_cut_and_not_believed_later(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    await log.complete(record(1))
    before = files_of(log.directory)[0].read_bytes()

    def failing(_: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        await unrecorded(log, record(2))
        assert log.failure == os.strerror(code)
        assert files_of(log.directory)[0].read_bytes() == before
        assert not await log.recover()
    assert await log.recover()
    await log.complete(record(3))
    assert told(log.directory) == [("r1", ""), ("audit_resumed", "IO_ERROR"), ("r3", "")]
    assert chain_holds(log.directory)


async def test_a_disk_that_does_not_answer_is_told_to_those_who_wait_and_to_nobody_later_than_needed(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.complete(record(1))
    answers = threading.Event()
    fdatasync = os.fdatasync

    def hanging(descriptor: int) -> None:
        answers.wait()
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", hanging)
    monkeypatch.setattr(audit_log_module, "STALLED_AFTER_S", 0.0)
    waiting = [asyncio.create_task(log.complete(record(number))) for number in (2, 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = asyncio.create_task(log.complete(record(4)))
    await asyncio.sleep(0)
    assert not await log.recover()
    for task in (*waiting, later):
        with pytest.raises(DataError, match="has not answered"):
            await task
    refused(log)
    answers.set()
    while not await log.recover():
        await asyncio.sleep(0)
    await log.complete(record(5))
    # The disk took the two that it had been given; the third, which had only waited, is not there.
    assert told(log.directory) == [("r1", ""), ("r2", ""), ("r3", ""), ("audit_resumed", "DISK_STALLED"), ("r5", "")]
    assert chain_holds(log.directory)


async def test_recovery_is_noticed_without_a_call_and_told_once(log: AuditLog) -> None:
    changes: list[str] = []
    log.on_change(lambda: changes.append(log.failure))
    assert await log.recover()
    with files_hold_at_most(10):
        await unrecorded(log, record())
        assert not await log.recover()
        assert not await log.recover()
    assert await log.recover()
    assert await log.recover()
    assert [bool(change) for change in changes] == [True, False]


async def test_a_disk_without_room_for_the_reserve_is_a_clear_error_at_the_start(small_disk: Path) -> None:
    with pytest.raises(AuditFolderError, match="No space left on device"):
        await audit_log(small_disk / "audit", reserve_bytes=5 << 20).open()


async def test_the_clock_set_back_neither_breaks_the_chain_nor_the_order(log: AuditLog) -> None:
    for number in (5, 3, 4, 1):
        await log.complete(record(number))
    assert [item["result_count"] for item in records_of(log.directory)] == [5, 3, 4, 1]
    assert chain_holds(log.directory)


def test_the_longest_record_is_as_long_as_is_reckoned_with() -> None:
    text = json.dumps("x" * (FILTER_MAX_BYTES - 2))
    name, collection = "n" * 63, f"{'s' * 63}.{'c' * 63}"
    longest = AuditRecord(
        1, name, "describe_collection", collection, recorded_filter(text), 2**63 - 1, "b" * 253, "r" * 128,
        f"service:{name}", Outcome.UNKNOWN, Reason.MAX_AFFECTED_EXCEEDED.value, 1e9 / 3,
    )  # fmt: skip
    assert len(longest.body(2**62, "0" * 64)) < FILTER_MAX_BYTES + (4 << 10)
