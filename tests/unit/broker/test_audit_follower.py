"""Does a sink get every record once and in order, whatever its destination, its files and its broker do?"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aol_broker.audit.files import files_of
from aol_broker.audit.sinks.destination import PartlyRefusedError, RefusedError, UnavailableError
from aol_broker.audit.sinks.follower import FollowedLog, Follower, Pace
from audit_segments import WrittenLog, seqs

PACE = Pace(records=50, block_bytes=16 << 10, gather_s=0, first_delay_s=0.001, last_delay_s=0.001, tries=2)


class Shelf:
    """A destination that keeps what it takes, and can have troubles."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.largest = 0
        self.attempts = 0
        self.trouble: Callable[[Sequence[bytes]], BaseException | None] = lambda _: None
        self.hangs = False
        self._changed = asyncio.Event()

    async def deliver(self, records: Sequence[bytes]) -> None:
        self.attempts += 1
        self._changed.set()
        self.largest = max(self.largest, len(records))
        if self.hangs:
            await asyncio.Event().wait()
        failure = self.trouble(records)
        if failure is None or isinstance(failure, PartlyRefusedError):
            self.taken += records
        if failure is not None:
            raise failure

    async def put(self, line: bytes) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def until_taken(self, seq: int) -> None:
        await self.until(lambda: bool(self.taken) and seqs(self.taken[-1:]) == [seq])


@pytest.fixture
def log(tmp_path: Path) -> WrittenLog:
    return WrittenLog(tmp_path / "audit")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@asynccontextmanager
async def following(log: FollowedLog, shelf: Shelf, pace: Pace = PACE, name: str = "s") -> AsyncIterator[Follower]:
    """Follow while the block runs, and end as a broker does that is stopped."""
    follower = Follower(name, "shelf", shelf, log, pace)
    task = asyncio.create_task(follower.run())
    yield follower
    follower.finish()
    async with asyncio.timeout(30):
        await task
    await follower.save()


async def test_records_arrive_once_and_in_order_across_the_ends_of_files(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(250)
    async with following(log, shelf):
        await shelf.until_taken(250)
        lines += log.write(60)
    assert shelf.taken == lines
    assert shelf.largest <= PACE.records
    assert len(files_of(log.directory)) == 4


async def test_what_is_not_durable_is_not_delivered(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(10)
    lines += log.write(5, durable=False)
    log.write_torn(lines[0][:100])
    async with following(log, shelf) as follower:
        await shelf.until_taken(10)
    assert (seqs(shelf.taken), follower.status().lag) == (list(range(1, 11)), 0)
    log.tell_durable()
    async with following(log, shelf):
        await shelf.until_taken(15)
    assert shelf.taken == lines


@pytest.mark.parametrize("block_bytes", [700, 1 << 20])
async def test_a_sink_goes_on_where_it_was_after_a_restart(log: WrittenLog, shelf: Shelf, block_bytes: int) -> None:
    pace = replace(PACE, block_bytes=block_bytes)
    lines = log.write(130)
    async with following(log, shelf, pace):
        await shelf.until_taken(130)
    lines += log.write(200)
    async with following(log, shelf, pace):
        await shelf.until_taken(330)
    assert shelf.taken == lines


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"seq":"1"}', b"\xff", b'{"head":"x","missing":0,"seq":-1,"skipped":0}']
)
async def test_a_damaged_cursor_has_everything_delivered_again(log: WrittenLog, shelf: Shelf, content: bytes) -> None:
    lines = log.write(20)
    async with following(log, shelf):
        await shelf.until_taken(20)
    (log.directory / "sinks" / "s.cursor").write_bytes(content)
    async with following(log, shelf):
        await shelf.until(lambda: len(shelf.taken) == 40)
    assert shelf.taken == lines * 2


async def test_a_destination_that_is_down_for_thousands_of_records_catches_up(log: WrittenLog, shelf: Shelf) -> None:
    shelf.trouble = lambda _: UnavailableError("DOWN")
    async with following(log, shelf) as follower:
        lines = log.write(3000)
        await shelf.until(lambda: shelf.attempts > 5)
        status = follower.status()
        assert (status.seq, status.lag, status.last_error, shelf.taken) == (0, 3000, "DOWN", [])
        assert status.failing_since_us > status.oldest_undelivered_us > 0
        shelf.trouble = lambda _: None
        await shelf.until_taken(3000)
    assert shelf.taken == lines
    assert (follower.status().failing_since_us, follower.status().lag) == (0, 0)


async def test_the_broker_may_be_restarted_while_a_destination_is_down(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(70)
    async with following(log, shelf):
        await shelf.until_taken(70)
        shelf.trouble = lambda _: UnavailableError("DOWN")
        lines += log.write(70)
        await shelf.until(lambda: shelf.attempts > 5)
    shelf.trouble = lambda _: None
    async with following(log, shelf):
        await shelf.until_taken(140)
    assert shelf.taken == lines


async def test_a_destination_that_hangs_is_tried_again_and_holds_up_no_other(log: WrittenLog, shelf: Shelf) -> None:
    shelf.hangs = True
    other = Shelf()
    lines = log.write(120)
    async with following(log, shelf, replace(PACE, attempt_s=0.01)) as hung, following(log, other, name="other"):
        await other.until_taken(120)
        await shelf.until(lambda: shelf.attempts > 3)
        assert (hung.status().last_error, hung.status().lag) == ("TIMEOUT", 120)
        shelf.hangs = False
        await shelf.until_taken(120)
    assert shelf.taken == other.taken == lines


async def test_a_follower_that_is_cancelled_in_a_delivery_keeps_what_was_taken_before(
    log: WrittenLog, shelf: Shelf
) -> None:
    lines = log.write(120)
    shelf.trouble = lambda records: asyncio.CancelledError() if seqs(list(records))[-1] > 60 else None
    follower = Follower("s", "shelf", shelf, log, PACE)
    with pytest.raises(asyncio.CancelledError):
        await follower.run()
    await follower.save()
    shelf.trouble = lambda _: None
    async with following(log, shelf):
        await shelf.until_taken(120)
    assert shelf.taken == lines


async def test_one_record_that_is_refused_for_good_is_left_out_and_named(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(200)
    shelf.trouble = lambda records: RefusedError("BAD") if lines[76] in records else None
    with capture_logs() as logged:
        async with following(log, shelf) as follower:
            await shelf.until_taken(200)
    assert shelf.taken == lines[:76] + lines[77:]
    [told] = [entry for entry in logged if entry["log_level"] == "error"]
    assert (told["first_seq"], told["last_seq"], told["count"], told["error"]) == (77, 77, 1, "BAD")
    assert (follower.status().skipped, follower.status().last_error) == (1, "BAD")
    async with following(log, shelf) as again:
        assert (again.status().skipped, again.status().lag) == (1, 0)


async def test_a_destination_that_refuses_everything_loses_nothing(log: WrittenLog, shelf: Shelf) -> None:
    shelf.trouble = lambda _: RefusedError("BAD")
    lines = log.write(60)
    async with following(log, shelf) as follower:
        await shelf.until(lambda: shelf.attempts > 40)
        assert follower.status().lag == 60
        shelf.trouble = lambda _: None
        await shelf.until_taken(60)
    assert (shelf.taken, follower.status().skipped) == (lines, 0)


async def test_a_refused_record_that_is_the_last_one_waits_until_another_shows_whose_fault_it_is(
    log: WrittenLog, shelf: Shelf
) -> None:
    [bad] = log.write()
    shelf.trouble = lambda records: RefusedError("BAD") if bad in records else None
    async with following(log, shelf) as follower:
        await shelf.until(lambda: shelf.attempts > 10)
        assert follower.status().skipped == 0
        good = log.write()
        await shelf.until_taken(2)
    assert (shelf.taken, follower.status().skipped) == (good, 1)


async def test_records_that_a_destination_says_it_left_out_are_counted_and_not_sent_again(
    log: WrittenLog, shelf: Shelf
) -> None:
    shelf.trouble = lambda records: PartlyRefusedError("PARTIAL", 2) if seqs(list(records))[0] == 1 else None
    with capture_logs() as logged:
        lines = log.write(60)
        async with following(log, shelf) as follower:
            await shelf.until_taken(60)
    assert (shelf.taken, follower.status().skipped) == (lines, 2)
    assert [entry["count"] for entry in logged if entry["log_level"] == "error"] == [2]


async def test_a_driver_that_raises_something_of_its_own_does_not_end_the_sink(log: WrittenLog, shelf: Shelf) -> None:
    shelf.trouble = lambda _: RuntimeError("the password is s3cret")
    with capture_logs() as logged:
        async with following(log, shelf) as follower:
            lines = log.write(10)
            await shelf.until(lambda: shelf.attempts > 3)
            assert follower.status().last_error == "RuntimeError"
            shelf.trouble = lambda _: None
            await shelf.until_taken(10)
    assert shelf.taken == lines
    assert "s3cret" not in repr(logged)


async def test_records_whose_file_was_replaced_are_told_of_and_counted(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(350)
    async with following(log, shelf):
        await shelf.until_taken(350)
        lines += log.write(300)
        await shelf.until_taken(650)
    log.write(30)
    files_of(log.directory)[-1].unlink()
    # What was its name is that of another file now, which begins in the midst.
    lines += log.write(120)
    with capture_logs() as logged:
        async with following(log, shelf) as follower:
            await shelf.until_taken(800)
    missing = [entry for entry in logged if entry["log_level"] == "error"]
    assert [(entry["first_seq"], entry["last_seq"]) for entry in missing] == [(651, 680)]
    assert (shelf.taken, follower.status().missing) == (lines, 30)


async def test_damaged_lines_are_passed_over_and_counted(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(150)
    [path, _] = files_of(log.directory)
    path.write_bytes(path.read_bytes().replace(b'"seq":40', b"seq:40").replace(b'"seq":42,', b'"seq":4242,'))
    async with following(log, shelf) as follower:
        await shelf.until_taken(150)
    assert shelf.taken == lines[:39] + lines[40:41] + lines[42:]
    assert follower.status().missing == 2


async def test_what_is_no_line_at_all_is_passed_over(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(10)
    log.write_torn(bytes(100_000))
    log.rotate()
    lines += log.write(10)
    async with following(log, shelf) as follower:
        await shelf.until_taken(20)
    assert (shelf.taken, follower.status().missing) == (lines, 0)


async def test_a_new_sink_misses_nothing_of_what_retention_removed(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(250)
    files_of(log.directory)[0].unlink()
    async with following(log, shelf) as follower:
        await shelf.until_taken(250)
    assert (shelf.taken, follower.status().missing) == (lines[100:], 0)


@pytest.mark.parametrize("count", [15, 40])
async def test_an_audit_log_that_was_begun_anew_is_delivered_whole(tmp_path: Path, shelf: Shelf, count: int) -> None:
    log = WrittenLog(tmp_path / "audit")
    log.write(20)
    async with following(log, shelf):
        await shelf.until_taken(20)
    for path in files_of(log.directory):
        path.unlink()
    anew = WrittenLog(tmp_path / "audit")
    lines = anew.write(count, principal="service:another")
    with capture_logs() as logged:
        async with following(anew, shelf):
            await shelf.until_taken(count)
    assert shelf.taken[20:] == lines
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["audit sink begins anew"]


async def test_a_folder_that_cannot_be_read_is_a_failure_that_passes(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(10)
    away = log.directory.rename(log.directory.with_name("away"))
    follower = Follower("s", "shelf", shelf, log, PACE)
    task = asyncio.create_task(follower.run())
    async with asyncio.timeout(30):
        while follower.status().last_error != "ENOENT":
            await asyncio.sleep(0)
    away.rename(log.directory)
    await shelf.until_taken(10)
    follower.finish()
    await task
    assert shelf.taken == lines


async def test_a_cursor_that_cannot_be_written_does_not_stop_the_sink(log: WrittenLog, shelf: Shelf) -> None:
    (log.directory / "sinks").write_text("in the way of a folder")
    lines = log.write(10)
    async with following(log, shelf):
        await shelf.until_taken(10)
    assert shelf.taken == lines


async def test_a_cursor_says_how_far_a_sink_came(log: WrittenLog, shelf: Shelf) -> None:
    lines = log.write(10)
    async with following(log, shelf):
        await shelf.until_taken(10)
    kept = json.loads((log.directory / "sinks" / "s.cursor").read_bytes())
    assert kept == {"seq": 10, "head": json.loads(lines[-1])["hash"], "skipped": 0, "missing": 0}
