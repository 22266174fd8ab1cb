"""Who knows of the records beyond the folder? Checkpoints are written to a second place, which has no part in a call.

The closed segments on disk are the queue: what could not be anchored, or not before the broker stopped, is found there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import orjson
import structlog

from aol_broker.audit.anchor_places import AnchorError, AnchorPlace, in_thread
from aol_broker.audit.chain import BrokenChainError, checkpoint_of, is_checkpoint
from aol_broker.audit.files import files_of, first_seq_of, lines_backwards
from aol_broker.audit.sinks.destination import DeliveryError

STATE_FILE = "audit-anchored.json"
"""In the audit folder: how far the place has come. When it is lost, closed segments are anchored again."""

PUT_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 1.0
_RETRY_MAX_S = 60.0

_log = structlog.get_logger("aol.audit")


class AnchoredLog(Protocol):
    """What is needed of the audit log."""

    @property
    def directory(self) -> Path:
        """Where the segments are."""

    @property
    def durable_seq(self) -> int:
        """The last record that is on disk."""

    def checkpoint(self) -> bytes:
        """Return a signed line about the open segment, as far as it is on disk."""

    def on_closed(self, callback: Callable[[Path, bytes], None]) -> None:
        """Call `callback` in the event loop whenever a segment was closed."""


class Anchors:
    """Keeps one place up to date. `run` it as a task; `stop` it once the log is closed."""

    def __init__(
        self,
        log: AnchoredLog,
        place: AnchorPlace,
        name: str,
        *,
        every_s: float,
        retry_s: float = 1.0,
        put_timeout_s: float = PUT_TIMEOUT_S,
    ) -> None:
        """Read how far the place had come; the log is open.

        :param name: says which place it is; another one starts from the oldest segment.
        :param every_s: so often the open segment is anchored, if it grew.
        :param retry_s: after a failure it waits so long, and each time twice as long, up to a minute.
        """
        self._log = log
        self._place = place
        self._every_s = every_s
        self._retry_s = retry_s
        self._put_timeout_s = put_timeout_s
        self._state = log.directory / STATE_FILE
        # A command's arguments may hold what nobody should read.
        self._place_id = sha256(name.encode()).hexdigest()[:16]
        # A number beyond what there is, wherever it comes from, must not keep anything from being anchored.
        self._anchored_seq = min(self._read_state(), log.durable_seq)
        self._failure = ""
        self._noting: asyncio.Future[None] | None = None
        self._closed = asyncio.Event()
        log.on_closed(lambda path, line: self._closed.set())

    @property
    def anchored_seq(self) -> int:
        """The last record that the place knows of; those behind it may not be removed."""
        return self._anchored_seq

    @property
    def failure(self) -> str:
        """Why the place takes nothing; empty while it does."""
        return self._failure

    async def run(self) -> None:
        """Anchor what is closed as soon as it is, and what is open now and then, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._closed.clear()
            for path in await in_thread(self._closed_segments):
                await self._anchor(await self._closing_line(path))
            if loop.time() >= due:
                if self._log.durable_seq > self._anchored_seq:
                    await self._anchor(self._log.checkpoint())
                due = loop.time() + self._every_s
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._closed.wait()

    async def stop(self) -> None:
        """Anchor what was closed last, within STOP_TIMEOUT_S; what is left is anchored after the next start."""
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                for path in await in_thread(self._closed_segments):
                    line = await self._closing_line(path)
                    if line and not await self._put(line):
                        break
                # A task that was cancelled may not have come to it.
                await self._note()
        except TimeoutError:
            self._set_failure("it takes too long")

    async def _anchor(self, line: bytes) -> None:
        """Put a line, however long it takes: what comes behind it waits, on disk."""
        delay_s = self._retry_s
        while line and not await self._put(line):
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _RETRY_MAX_S)

    async def _put(self, line: bytes) -> bool:
        try:
            async with asyncio.timeout(self._put_timeout_s):
                await self._place.put(line)
        except TimeoutError:
            self._set_failure(f"it took longer than {self._put_timeout_s:g} s")
            return False
        except AnchorError as error:
            self._set_failure(str(error))
            return False
        except DeliveryError as error:
            self._set_failure(f"the sink does not take them ({error.kind})")
            return False
        except Exception as error:  # a place's oddity, whose text could hold anything, must not end all anchoring
            self._set_failure(f"it failed with {type(error).__name__}")
            return False
        self._set_failure("")
        self._anchored_seq = max(self._anchored_seq, checkpoint_of(line.removesuffix(b"\n")).last_seq)
        await self._note()
        return True

    async def _note(self) -> None:
        """Write down how far the place came. A note that is being written when the task is cancelled is finished."""
        if self._noting is not None:
            await asyncio.wait((self._noting,))
        self._noting = asyncio.ensure_future(in_thread(self._write_state))
        await asyncio.shield(self._noting)

    async def _closing_line(self, path: Path) -> bytes:
        after_seq = self._anchored_seq
        return await in_thread(lambda: _closing_line(path, after_seq))

    def _closed_segments(self) -> list[Path]:
        """Return the segments that hold a record that is not anchored, oldest first."""
        with suppress(OSError):
            files = files_of(self._log.directory)
            ends = [first_seq_of(path) - 1 for path in files[1:]]
            # The newest one has no successor that says where it ends; its last line does.
            return [path for path, end in zip(files, ends, strict=False) if end > self._anchored_seq] + files[-1:]
        return []

    def _set_failure(self, failure: str) -> None:
        before, self._failure = self._failure, failure
        if failure and failure != before:
            _log.error("audit checkpoints cannot be anchored", error=failure)
        elif before and not failure:
            _log.warning("audit checkpoints are anchored again", anchored_seq=self._anchored_seq)

    def _read_state(self) -> int:
        try:
            state = orjson.loads(self._state.read_bytes())
            seq = state["seq"] if state["place"] == self._place_id else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return seq if isinstance(seq, int) else 0

    def _write_state(self) -> None:
        # Without it, a few checkpoints are anchored twice after a start, which does no harm.
        with suppress(OSError):
            made = self._state.with_suffix(".new")
            made.write_bytes(orjson.dumps({"place": self._place_id, "seq": self._anchored_seq}))
            made.replace(self._state)


def _closing_line(path: Path, after_seq: int) -> bytes:
    """Return the checkpoint that closes a segment, with its end.

    Empty when it says nothing of records behind `after_seq`, and when the segment is open, was given up, or is gone.
    """
    try:
        line = next(lines_backwards(path), b"")
        is_news = is_checkpoint(line) and checkpoint_of(line).last_seq > after_seq
    except (OSError, BrokenChainError):
        return b""
    return line + b"\n" if is_news else b""
