"""Retention removes what is too much or too old, oldest first, and nothing that is not whole, recorded, and taken."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.chain import BrokenChainError, Checkpoint, checkpoint_of
from aol_broker.audit.closed_segment import verified_checkpoint, verify_apart
from aol_broker.audit.files import files_of
from aol_broker.audit.index_file import index_path
from aol_broker.audit.indexing import index_folder
from aol_broker.audit.record import AuditRecord
from aol_broker.audit.retention import Limits, Retention
from aol_wire.errors import DataError, Reason
from audit_samples import PRIVATE_KEY, START_US, Chain, folder_of, record

HOUR_S = 3600
DAY_S = 24 * HOUR_S


class Log:
    """What the broker's own records say, and which files were there when they were written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[tuple[str, str, dict[str, Any]]] = []
        self.files_then: list[list[str]] = []
        self.is_failing = False

    async def append_own(self, operation: str, reason: str, filters: dict[str, Any]) -> None:
        if self.is_failing:
            raise DataError(Reason.AUDIT_UNAVAILABLE, "the disk is full")
        self.written.append((operation, reason, filters))
        self.files_then.append(names(self.folder))


class Clock:
    """A clock that can be set, and one that cannot."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s
        self.running_s = 0.0

    def now_us(self) -> int:
        return START_US + self.now_s * 1_000_000


def names(folder: Path) -> list[str]:
    return [path.name for path in files_of(folder)]


def days(*numbers: int) -> list[list[AuditRecord]]:
    """A segment of two records for each day."""
    return [[record(number * DAY_S), record(number * DAY_S + HOUR_S)] for number in numbers]


async def verify_here(segment: Path, following: Path, key: Ed25519PublicKey) -> None:
    """As the broker does it in a process of its own."""
    verified_checkpoint(segment, following, key)


def retention(
    folder: Path, log: Log, *, retain_bytes: int = 0, retain_for_s: int | None = None, clock: Clock, **more: Any
) -> Retention:
    limits = Limits(retain_bytes, retain_for_s)
    key = PRIVATE_KEY.public_key()
    return Retention(
        folder,
        limits,
        log,
        key,
        clock_us=clock.now_us,
        monotonic_s=lambda: clock.running_s,
        **{"verify": verify_here, **more},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A segment a day, for six days; the last one is open."""
    return folder_of(tmp_path / "audit", days(0, 1, 2, 3, 4, 5))


@pytest.fixture
def log(folder: Path) -> Log:
    return Log(folder)


@pytest.fixture
def clock() -> Clock:
    return Clock(5 * DAY_S + 2 * HOUR_S)


def checkpoint(path: Path) -> Checkpoint:
    return checkpoint_of(path.read_bytes().splitlines()[-1])


async def test_the_oldest_files_go_until_the_size_is_kept(folder: Path, log: Log, clock: Clock) -> None:
    files = files_of(folder)
    size = sum(path.stat().st_size for path in files)
    keep = size - files[0].stat().st_size - files[1].stat().st_size
    index_folder(folder)
    assert await retention(folder, log, retain_bytes=keep, clock=clock).once() == [files[0].name, files[1].name]
    assert files_of(folder) == files[2:]
    assert not index_path(files[0]).exists()
    assert index_path(files[2]).exists()
    assert await retention(folder, log, retain_bytes=keep, clock=clock).once() == []


async def test_each_removal_is_recorded_before_it_takes_place(folder: Path, log: Log, clock: Clock) -> None:
    files = files_of(folder)
    before, ends = names(folder), [checkpoint(path) for path in files[:2]]
    await retention(folder, log, retain_for_s=3 * DAY_S + HOUR_S // 2, clock=clock).once()
    assert log.written == [
        ("audit_retention", "RETAIN_FOR", {"head": end.head, "segments": [end.segment], "through_seq": end.last_seq})
        for end in ends
    ]
    assert log.files_then == [before, before[1:]]
    assert names(folder) == before[2:]


async def test_a_removal_that_cannot_be_recorded_does_not_take_place(folder: Path, log: Log, clock: Clock) -> None:
    before = names(folder)
    log.is_failing = True
    with pytest.raises(DataError):
        await retention(folder, log, retain_bytes=1, clock=clock).once()
    assert names(folder) == before


async def test_the_newest_file_never_goes(folder: Path, log: Log, clock: Clock) -> None:
    newest = names(folder)[-1]
    await retention(folder, log, retain_bytes=1, retain_for_s=1, clock=clock).once()
    assert names(folder) == [newest]
    clock.now_s = 1000 * DAY_S
    await retention(folder, log, retain_bytes=1, retain_for_s=1, clock=clock).once()
    assert names(folder) == [newest]


async def test_without_limits_nothing_goes(folder: Path, log: Log, clock: Clock) -> None:
    clock.now_s = clock.running_s = 10_000 * DAY_S
    assert await retention(folder, log, clock=clock).once() == []


def changed_record(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"result_count":1', b'"result_count":2', 1))


def dropped_record(path: Path) -> None:
    first, _, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((first, *others)))


def without_end(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def torn_end(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"bro')


def signed_by_another(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    signature = lines[-1][-132:-3]
    lines[-1] = lines[-1].replace(signature, signature[:-1] + (b"0" if signature[-1:] != b"0" else b"1"))
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("harm", [changed_record, dropped_record, without_end, torn_end, signed_by_another])
async def test_a_file_that_is_not_whole_is_kept_with_all_after_it(
    folder: Path, log: Log, clock: Clock, harm: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    files = files_of(folder)
    harm(files[1])
    keeper = retention(folder, log, retain_bytes=1, clock=clock)
    assert await keeper.once() == [files[0].name]
    assert await keeper.once() == []
    assert files_of(folder) == files[1:]
    assert capsys.readouterr().out.count("audit file is due for removal, and kept") == 1


async def test_the_broker_verifies_in_a_process_of_its_own(folder: Path, log: Log, clock: Clock) -> None:
    files = files_of(folder)
    changed_record(files[1])
    keeper = retention(folder, log, retain_bytes=1, clock=clock, verify=verify_apart)
    assert await keeper.once() == [files[0].name]
    assert files_of(folder) == files[1:]
    with pytest.raises(BrokenChainError, match="the record was changed"):
        await verify_apart(files[1], files[2], PRIVATE_KEY.public_key())
    with pytest.raises(OSError, match="cannot be verified"):
        await verify_apart(files[0], files[1], PRIVATE_KEY.public_key())


async def test_a_file_after_which_one_is_missing_is_kept(folder: Path, log: Log, clock: Clock) -> None:
    files = files_of(folder)
    files[1].unlink()
    assert await retention(folder, log, retain_bytes=1, clock=clock).once() == []


async def test_only_what_is_anchored_goes(folder: Path, log: Log, clock: Clock) -> None:
    before = names(folder)
    anchored = [3]
    keeper = retention(folder, log, retain_bytes=1, clock=clock, anchored_seq=lambda: anchored[0])
    assert await keeper.once() == before[:1]
    anchored[0] = 4
    assert await keeper.once() == before[1:2]


async def test_what_a_sink_has_not_taken_is_kept_until_there_is_twice_as_much(
    folder: Path, log: Log, clock: Clock
) -> None:
    before = names(folder)
    sizes = [path.stat().st_size for path in files_of(folder)]
    drained: dict[str, Any] = {"drained_seq": lambda: 2}
    enough = sum(sizes) // 2 + 1
    keeper = retention(folder, log, retain_bytes=enough, retain_for_s=1, clock=clock, **drained)
    assert await keeper.once() == before[:1]
    too_little = sum(sizes[2:]) // 2 + 1
    assert await retention(folder, log, retain_bytes=too_little, clock=clock, **drained).once() == before[1:2]
    assert [reason for _, reason, _ in log.written] == ["RETAIN_BYTES", "NOT_DRAINED"]


@pytest.mark.parametrize("set_to_s", [10_000 * DAY_S, -19_000 * DAY_S])
async def test_a_clock_that_is_set_while_the_broker_runs_removes_nothing(
    folder: Path, log: Log, clock: Clock, set_to_s: int
) -> None:
    keeper = retention(folder, log, retain_for_s=30 * DAY_S, clock=clock)
    assert await keeper.once() == []
    clock.now_s = set_to_s
    assert await keeper.once() == []
    # And when records are written by that clock.
    newest = files_of(folder)[-1]
    following = Chain(folder)
    following.seq = 12
    following.segment([record(set_to_s)], closed=False)
    assert await keeper.once() == []
    assert newest.exists()


async def test_a_broker_that_starts_with_a_wrong_clock_removes_nothing(folder: Path, log: Log, clock: Clock) -> None:
    clock.now_s = 10_000 * DAY_S
    assert await retention(folder, log, retain_for_s=30 * DAY_S, clock=clock).once() == []


async def test_time_that_passes_makes_files_old(folder: Path, log: Log, clock: Clock) -> None:
    before = names(folder)
    keeper = retention(folder, log, retain_for_s=30 * DAY_S, clock=clock)
    assert await keeper.once() == []
    clock.now_s += 26 * DAY_S
    clock.running_s += 26 * DAY_S
    # Without a record of today nothing tells that the clock is right.
    assert await keeper.once() == []
    following = Chain(folder)
    following.seq = 12
    following.segment([record(clock.now_s)], closed=False)
    assert await keeper.once() == before[:1]


@pytest.mark.parametrize("wrong_s", [10_000 * DAY_S, -19_000 * DAY_S])
async def test_a_file_whose_times_are_wrong_is_as_old_as_its_neighbour(
    tmp_path: Path, log: Log, clock: Clock, wrong_s: int
) -> None:
    day = days(0, 0, 2, 3, 4, 5)
    day[1] = [record(wrong_s)]
    folder = folder_of(tmp_path / "wrong", day)
    files = names(folder)
    log.folder = folder
    assert await retention(folder, log, retain_for_s=4 * DAY_S, clock=clock).once() == files[:1]
    assert await retention(folder, log, retain_for_s=3 * DAY_S, clock=clock).once() == files[1:2]


async def test_it_runs_when_it_is_woken_and_outlives_what_fails(folder: Path, log: Log, clock: Clock) -> None:
    newest = files_of(folder)[-1]
    log.is_failing = True
    keeper = retention(folder, log, retain_bytes=1, clock=clock)
    running = asyncio.create_task(keeper.run(every_s=3600))
    while log.is_failing:
        await asyncio.sleep(0.01)
        log.is_failing = False
        keeper.wake()
    while len(files_of(folder)) > 1:
        await asyncio.sleep(0.01)
    running.cancel()
    assert files_of(folder) == [newest]
