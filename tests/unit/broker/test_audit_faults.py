"""Does the audit log stand a full disk, a folder that goes away, a damaged file, and a second broker?"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aol_broker.audit.files import files_of, lines_backwards
from aol_broker.audit.log import AuditFolderError, AuditLog
from aol_broker.audit.record import FILTER_MAX_BYTES, AuditRecord, Outcome, recorded_filter
from aol_wire.errors import Applied, DataError, Reason


def record(name: str = "r", filters: bytes = b"null") -> AuditRecord:
    return AuditRecord(
        1, "shop", "insert", "shop.events", filters, 0, "here", name, "service:shop", Outcome.OK, "", 1.0
    )


def opened(directory: Path, max_file_bytes: int = 1 << 20) -> AuditLog:
    log = AuditLog(directory, max_file_bytes=max_file_bytes)
    log.open()
    return log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    log = opened(tmp_path / "audit")
    yield log
    log.close()


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    """Log lines are kept in memory: what pytest captures goes into a file, which the limit below would stop too."""
    with capture_logs():
        yield


@contextmanager
def files_hold_at_most(size_bytes: int) -> Iterator[None]:
    """As on a full disk, what goes beyond is refused."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def records_of(directory: Path) -> list[tuple[int, str]]:
    lines = (line for path in files_of(directory) for line in path.read_text().splitlines())
    return [(record["seq"], record["request_id"]) for record in map(json.loads, lines)]


async def unrecorded(log: AuditLog, item: AuditRecord) -> DataError:
    with pytest.raises(DataError) as caught:
        await log.complete(item)
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    return caught.value


async def refused(log: AuditLog) -> DataError:
    with pytest.raises(DataError) as caught:
        await log.intend("insert", "r")
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    return caught.value


async def test_on_a_full_disk_one_record_fails_and_every_write_after_it_is_refused_unapplied(log: AuditLog) -> None:
    await log.complete(record("a"))
    file = files_of(log.directory)[0]
    before = file.read_bytes()
    with files_hold_at_most(len(before) + 10):
        await log.intend("insert", "b")
        lost = await unrecorded(log, record("b"))
        refusals = [await refused(log) for _ in range(4)]
        assert file.read_bytes() == before
    assert lost.applied is None
    assert "nothing is changed" not in lost.message
    assert {refusal.applied for refusal in refusals} == {Applied.NO}
    assert all("nothing is changed" in refusal.message for refusal in refusals)
    await log.intend("insert", "c")
    await log.complete(record("c"))
    assert records_of(log.directory) == [(1, "a"), (2, "c")]


async def test_a_short_record_that_still_fits_does_not_let_writes_through(log: AuditLog) -> None:
    await log.complete(record("a"))
    room = files_of(log.directory)[0].stat().st_size + 1000
    long = record("long", recorded_filter(json.dumps("x" * 10_000)))
    with files_hold_at_most(room):
        await unrecorded(log, long)
        await unrecorded(log, record("short"))
        assert (await refused(log)).applied is Applied.NO
        assert log.failure
    assert records_of(log.directory) == [(1, "a")]


async def test_the_room_that_is_made_sure_of_holds_the_longest_record(log: AuditLog) -> None:
    text = json.dumps("x" * (FILTER_MAX_BYTES - 2))
    name, collection = "n" * 63, f"{'s' * 63}.{'c' * 63}"
    longest = AuditRecord(
        1, name, "describe_collection", collection, recorded_filter(text), 2**63 - 1, "b" * 253, "r" * 128,
        f"service:{name}", Outcome.UNKNOWN, Reason.MAX_AFFECTED_EXCEEDED.value, 1e9 / 3,
    )  # fmt: skip
    with files_hold_at_most(0):
        await unrecorded(log, record())
    assert log.recover()
    assert len(longest.body(2**62, "0" * 64)) < FILTER_MAX_BYTES + (4 << 10)


async def test_recovery_is_noticed_without_a_call_and_told_once(log: AuditLog) -> None:
    changes: list[str] = []
    log.on_change(lambda: changes.append(log.failure))
    assert log.recover()
    with files_hold_at_most(10):
        await unrecorded(log, record())
        assert not log.recover()
        assert not log.recover()
    assert log.recover()
    assert log.recover()
    assert [bool(change) for change in changes] == [True, False]
    assert records_of(log.directory) == []


async def test_a_disk_that_is_full_where_a_new_file_would_begin_refuses_writes(tmp_path: Path) -> None:
    log = opened(tmp_path, max_file_bytes=1000)
    for number in range(3):
        await log.complete(record(str(number)))
    (tmp_path / "audit-0000000000000004.jsonl").mkdir()
    await unrecorded(log, record("lost"))
    assert (await refused(log)).applied is Applied.NO
    (tmp_path / "audit-0000000000000004.jsonl").rmdir()
    assert log.recover()
    await log.complete(record("3"))
    assert records_of(tmp_path) == [(1, "0"), (2, "1"), (3, "2"), (4, "3")]
    log.close()


async def test_a_folder_that_is_removed_is_made_again_and_numbers_go_on(log: AuditLog) -> None:
    await log.complete(record("a"))
    shutil.rmtree(log.directory)
    await log.intend("insert", "b")
    await log.complete(record("b"))
    assert records_of(log.directory) == [(2, "b")]
    assert log.directory.stat().st_mode & 0o777 == 0o700
    with pytest.raises(AuditFolderError, match="in use"):
        AuditLog(log.directory, max_file_bytes=1000).open()


async def test_a_file_in_the_place_of_a_removed_folder_refuses_writes_until_it_is_gone(log: AuditLog) -> None:
    shutil.rmtree(log.directory)
    log.directory.write_text("")
    assert (await refused(log)).applied is Applied.NO
    await unrecorded(log, record("lost"))
    log.directory.unlink()
    assert log.recover()
    await log.complete(record("a"))
    assert records_of(log.directory) == [(1, "a")]


async def test_a_folder_that_another_broker_took_meanwhile_is_left_to_it(log: AuditLog) -> None:
    shutil.rmtree(log.directory)
    other = opened(log.directory)
    await other.complete(record("other"))
    assert "in use by another broker" in (await refused(log)).message
    await unrecorded(log, record("lost"))
    other.close()
    assert log.recover()
    await log.complete(record("mine"))
    assert records_of(log.directory) == [(1, "other"), (2, "mine")]


async def test_a_closed_log_records_nothing_and_stays_closed(log: AuditLog) -> None:
    log.close()
    await unrecorded(log, record())
    assert (await refused(log)).applied is Applied.NO
    assert not log.recover()
    opened(log.directory).close()


def test_a_second_broker_on_the_folder_is_refused_by_the_first_ones_process(log: AuditLog) -> None:
    second = AuditLog(log.directory, max_file_bytes=1000)
    with pytest.raises(AuditFolderError, match=rf"in use by another broker \(process {os.getpid()}\)"):
        second.open()
    log.close()
    second.open()
    second.close()


def test_the_folder_is_free_again_after_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from aol_broker.audit.log import AuditLog\n"
        "AuditLog(Path(sys.argv[1]), max_file_bytes=1000).open(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditFolderError, match=r"cannot be written in .*: Not a directory"):
        opened(tmp_path / "file" / "audit")


async def test_numbers_go_on_after_a_record_of_any_length(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for name in ("a", "b"):
        await log.complete(record(name))
    # Longer than what is recorded today, as an older file can hold it.
    await log.complete(record("long", json.dumps("x" * 300_000).encode()))
    log.close()
    again = opened(tmp_path)
    await again.complete(record("c"))
    again.close()
    assert [seq for seq, _ in records_of(tmp_path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("torn", [b"{", b"\0" * 20_000, b"x" * 200_000])
async def test_a_torn_end_of_any_length_is_cut(tmp_path: Path, torn: bytes) -> None:
    log = opened(tmp_path)
    await log.complete(record("a"))
    log.close()
    with files_of(tmp_path)[0].open("ab") as file:
        file.write(torn)
    again = opened(tmp_path)
    await again.complete(record("b"))
    again.close()
    assert records_of(tmp_path) == [(1, "a"), (2, "b")]


async def test_damaged_lines_at_the_end_keep_their_numbers(tmp_path: Path) -> None:
    log = opened(tmp_path)
    await log.complete(record("a"))
    log.close()
    file = files_of(tmp_path)[0]
    file.write_bytes(file.read_bytes() + b'\xff\xff\n{"seq": true}\n[]\n')
    again = opened(tmp_path)
    await again.complete(record("b"))
    again.close()
    assert json.loads(next(lines_backwards(file)))["seq"] == 5


@pytest.mark.parametrize("damage", [b"garbage\n", b"{}\n\n", b'{"seq": -1}\n', b"\0" * (2 << 20)])
def test_a_file_that_does_not_tell_its_last_number_is_refused_and_left_alone(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "audit-0000000000000007.jsonl"
    file.write_bytes(damage)
    with pytest.raises(AuditFolderError, match="nothing was changed"):
        opened(tmp_path)
    assert file.read_bytes() == damage
    file.rename(tmp_path / "looked-at.jsonl")
    opened(tmp_path).close()


async def test_an_empty_newest_file_tells_the_number_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "audit-0000000000000007.jsonl").touch()
    log = opened(tmp_path)
    await log.complete(record("a"))
    log.close()
    assert records_of(tmp_path) == [(7, "a")]
