"""Do checkpoints reach their second place, in order, over failures and restarts, whatever the place does?"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aol_broker.audit.anchor_places import AnchorCommand, AnchorError, AnchorFile, AnchorPlace, configured_place
from aol_broker.audit.anchors import STATE_FILE, Anchors
from aol_broker.audit.sinks.destination import UnavailableError
from aol_broker.audit.sinks.running import Sinks
from aol_broker.audit.verify import verify
from aol_broker.settings_sections import AnchorSettings, StdoutSinkSettings
from audit_folders import AuditFolder

NEVER_S = 86400.0


class Log:
    """The audit log, as far as anchors need it, on real files."""

    def __init__(self, folder: AuditFolder) -> None:
        self.folder = folder
        self.directory = folder.directory
        self._callbacks: list[Callable[[Path, bytes], None]] = []

    @property
    def durable_seq(self) -> int:
        return self.folder.seq

    def checkpoint(self) -> bytes:
        return self.folder.checkpoint()

    def on_closed(self, callback: Callable[[Path, bytes], None]) -> None:
        self._callbacks.append(callback)

    def rotate(self) -> None:
        path = self.folder.path
        line = self.folder.rotate()
        for callback in self._callbacks:
            callback(path, line)


class Place:
    """A place in memory that refuses while told to; a test can wait until it has so many lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.refusals = 0
        self.refusing = False
        self.changed = asyncio.Event()

    async def put(self, line: bytes) -> None:
        self.changed.set()
        if self.refusing:
            self.refusals += 1
            raise AnchorError("it is full")
        self.lines.append(line)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    @property
    def last_seqs(self) -> list[int]:
        return [json.loads(line)["checkpoint"]["last_seq"] for line in self.lines]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """An empty open segment."""
    return Log(AuditFolder(tmp_path / "audit", keys=tmp_path))


@asynccontextmanager
async def running(
    log: Log, place: AnchorPlace, *, every_s: float = NEVER_S, name: str = "place"
) -> AsyncIterator[Anchors]:
    anchors = Anchors(log, place, name, every_s=every_s, retry_s=0.001)
    task = asyncio.create_task(anchors.run())
    yield anchors
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    await anchors.stop()


async def test_a_segment_is_anchored_when_it_is_closed(log: Log) -> None:
    place = Place()
    async with running(log, place) as anchors:
        log.folder.add(3)
        log.rotate()
        await place.until(lambda: len(place.lines) == 1)
        log.folder.add(2)
        log.rotate()
        await place.until(lambda: len(place.lines) == 2)
    assert place.last_seqs == [3, 5]
    assert (
        place.lines[0]
        == log.folder.directory.joinpath("audit-0000000000000001.jsonl").read_bytes().splitlines(keepends=True)[-1]
    )
    assert anchors.anchored_seq == 5


async def test_the_open_segment_is_anchored_now_and_then_if_it_grew(log: Log) -> None:
    place = Place()
    log.folder.add(2)
    async with running(log, place, every_s=0.001):
        await place.until(lambda: len(place.lines) == 1)
        log.folder.add(1)
        await place.until(lambda: len(place.lines) == 2)
        log.rotate()
        log.folder.add(1)
        await place.until(lambda: place.last_seqs[-1] == 4)
    assert place.last_seqs == [2, 3, 4]
    assert [json.loads(line)["checkpoint"]["closed"] for line in place.lines] == [False] * 3


async def test_what_a_place_refuses_is_tried_again_in_order_and_told_once(log: Log) -> None:
    place = Place()
    place.refusing = True
    with capture_logs() as logged:
        async with running(log, place) as anchors:
            for _ in range(3):
                log.folder.add(2)
                log.rotate()
            await place.until(lambda: place.refusals > 3)
            assert (anchors.anchored_seq, anchors.failure) == (0, "it is full")
            place.refusing = False
            await place.until(lambda: len(place.lines) == 3)
        await anchors.stop()
    assert place.last_seqs == [2, 4, 6]
    assert (anchors.anchored_seq, anchors.failure) == (6, "")
    assert [entry["event"] for entry in logged] == [
        "audit checkpoints cannot be anchored",
        "audit checkpoints are anchored again",
    ]


async def test_what_was_closed_and_not_anchored_is_anchored_after_a_restart_and_nothing_twice(log: Log) -> None:
    place = Place()
    log.folder.add(2)
    log.rotate()
    async with running(log, place):
        await place.until(lambda: len(place.lines) == 1)
    for _ in range(2):
        log.folder.add(2)
        log.rotate()
    async with running(log, place) as anchors:
        await place.until(lambda: len(place.lines) == 3)
        assert anchors.anchored_seq >= 4
    assert place.last_seqs == [2, 4, 6]


async def test_at_the_stop_what_was_closed_last_is_anchored(log: Log) -> None:
    place = Place()
    log.folder.add(2)
    async with running(log, place, every_s=NEVER_S) as anchors:
        await place.until(lambda: len(place.lines) == 1)
    log.folder.add(3)
    log.folder.close()
    await anchors.stop()
    assert place.last_seqs == [2, 5]
    await anchors.stop()
    assert place.last_seqs == [2, 5]


async def test_another_place_gets_everything_from_the_oldest_segment_on(log: Log) -> None:
    log.folder.add(2)
    log.rotate()
    one, other = Place(), Place()
    async with running(log, one, name="one"):
        await one.until(lambda: len(one.lines) == 1)
    async with running(log, other, name="other"):
        await other.until(lambda: len(other.lines) == 1)
    assert one.lines == other.lines


@pytest.mark.parametrize("state", [b"", b"garbage", b"[]", b"{}", b'{"place":"x","seq":9}', bytes(range(256))])
async def test_a_damaged_note_of_how_far_it_came_only_repeats(log: Log, state: bytes) -> None:
    log.folder.add(2)
    log.rotate()
    place = Place()
    async with running(log, place):
        await place.until(lambda: len(place.lines) == 1)
    (log.directory / STATE_FILE).write_bytes(state)
    async with running(log, place):
        await place.until(lambda: len(place.lines) == 2)
    assert place.lines[0] == place.lines[1]


async def test_a_note_that_is_ahead_of_the_records_keeps_nothing_from_being_anchored(log: Log) -> None:
    place = Place()
    log.folder.add(1)
    async with running(log, place):
        await place.until(lambda: len(place.lines) == 1)
    note = log.directory / STATE_FILE
    note.write_bytes(note.read_bytes().replace(b'"seq":1', b'"seq":1000000'))
    async with running(log, place):
        log.folder.add(2)
        log.rotate()
        await place.until(lambda: len(place.lines) == 2)
    assert place.last_seqs == [1, 3]


async def test_a_segment_without_a_checkpoint_holds_up_no_other(log: Log) -> None:
    place = Place()
    log.folder.add(2)
    log.folder.give_up()
    log.rotate()
    (log.directory / "audit-0000000000000001.jsonl").write_bytes(b'{"checkpoint":damaged\n')
    async with running(log, place) as anchors:
        await place.until(lambda: len(place.lines) == 1)
    assert (place.last_seqs, anchors.anchored_seq) == ([3], 3)


async def test_a_place_that_fails_oddly_ends_nothing_and_its_words_are_not_repeated(log: Log) -> None:
    class Odd(Place):
        async def put(self, line: bytes) -> None:
            if not self.refusals:
                self.refusals += 1
                raise RuntimeError("postgresql://user:s3cret@host")
            await super().put(line)

    place = Odd()
    with capture_logs() as logged:
        async with running(log, place):
            log.folder.add(1)
            log.rotate()
            await place.until(lambda: len(place.lines) == 1)
    assert "s3cret" not in str(logged)
    assert logged[0]["error"] == "it failed with RuntimeError"


async def test_a_sink_is_a_place_and_what_it_fails_with_is_told_by_its_kind(log: Log) -> None:
    class Sink(Place):
        async def put(self, line: bytes) -> None:
            if not self.refusals:
                self.refusals += 1
                raise UnavailableError("57P03")
            await super().put(line)

    place = Sink()
    with capture_logs() as logged:
        async with running(log, place):
            log.folder.add(1)
            log.rotate()
            await place.until(lambda: len(place.lines) == 1)
    assert logged[0]["error"] == "the sink does not take them (57P03)"


async def test_a_place_that_hangs_at_the_stop_holds_it_up_for_a_moment_only(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hung(Place):
        async def put(self, line: bytes) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("aol_broker.audit.anchors.STOP_TIMEOUT_S", 0.01)
    log.folder.add(1)
    log.folder.close()
    anchors = Anchors(log, Hung(), "hung", every_s=NEVER_S)
    await anchors.stop()
    assert anchors.failure == "it takes too long"


async def test_a_file_gets_lines_that_verification_takes(log: Log, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.jsonl"
    log.folder.add(2)
    log.folder.close()
    anchors = Anchors(log, AnchorFile(file), "file", every_s=NEVER_S)
    await anchors.stop()
    found = verify(log.directory, public_keys=[log.folder.public_key], anchors=[file])
    assert (found.damages, found.anchors, found.anchored_seq) == ((), 1, 2)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_torn_line_of_a_file_spoils_no_other(log: Log, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.jsonl"
    log.folder.add(2)
    torn = log.checkpoint()[:100]
    file.write_bytes(torn)
    await AnchorFile(file).put(log.checkpoint())
    assert file.read_bytes() == torn + b"\n" + log.checkpoint()


@pytest.mark.parametrize("what", ["a folder", "a pipe", "no folder"])
async def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "place"
    match what:
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case _:
            path = path / "file"
    with pytest.raises(AnchorError, match="cannot be written: "):
        await AnchorFile(path).put(b"line\n")


def test_a_place_is_made_of_the_configuration(tmp_path: Path) -> None:
    sinks = Sinks([StdoutSinkSettings(name="out", type="stdout")], "here").places()
    sink = sinks.__getitem__
    places = [
        configured_place(AnchorSettings(file=tmp_path / "file"), sink),
        configured_place(AnchorSettings(command=("logger",)), sink),
        configured_place(AnchorSettings(command=("logger", "-t")), sink),
        configured_place(AnchorSettings(sink="out"), sink),
    ]
    assert [type(place[0]) for place in places if place] == [
        AnchorFile,
        AnchorCommand,
        AnchorCommand,
        type(sink("out")),
    ]
    assert len({place[1] for place in places if place}) == 4
    assert configured_place(AnchorSettings(), sink) is None


def program(text: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", text, *arguments]


async def test_a_command_gets_each_line_on_its_standard_input_and_no_variable_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOL_AUTHENTICATION__OPERATOR_TOKEN", "s3cret")
    kept = tmp_path / "kept"
    text = (
        "import os, sys; ours = [name for name in os.environ if name.startswith('AOL_')]; "
        "open(sys.argv[1], 'a').write(sys.stdin.read() + str(ours))"
    )
    place = AnchorCommand(program(text, str(kept)))
    await place.put(b"one\n")
    await place.put(b"two\n")
    assert kept.read_text() == "one\n[]two\n[]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import os; os.close(0); os.kill(os.getpid(), 9)", "ended with exit code -9"),
    ],
)
async def test_a_command_that_fails_is_an_error_that_shows_no_argument(text: str, says: str) -> None:
    with pytest.raises(AnchorError, match=says) as failed:
        await AnchorCommand(program(text, "s3cret")).put(b"x" * 100_000 + b"\n")
    assert "s3cret" not in str(failed.value)


async def test_a_command_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match="cannot be started: No such file or directory"):
        await AnchorCommand([str(tmp_path / "nothing")]).put(b"line\n")


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    # The child holds the pipe open as long as it lives.
    text = (
        "import subprocess, sys; w = open(sys.argv[1], 'w'); "
        "subprocess.run([sys.executable, '-c', 'import signal; signal.pause()'], pass_fds=[w.fileno()])"
    )
    os.set_blocking(reader, True)
    with pytest.raises(AnchorError, match=r"did not end within .* and was killed"):
        await AnchorCommand(program(text, str(pipe)), timeout_s=0.5).put(b"line\n")
    # Nobody writes there any more: that is the end of the file.
    assert await asyncio.wait_for(asyncio.to_thread(os.read, reader, 1), 20) == b""
    os.close(reader)
