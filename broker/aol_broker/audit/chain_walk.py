"""Does each record follow the one before it? Reads a chain's lines in their order, as fast as their hashes allow.

A line that is the next record, in the canonical form in which records are written, is told by its bytes alone: it is
not decoded. That is as strict: the values behind `prev` are texts and numbers, inside of which neither `,"prev":` nor
`,"seq":` can stand without a backslash. Any other line is looked at slowly, which says what is wrong with it, if it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson

from aol_broker.audit.chain import GENESIS, BrokenChainError, hash_of
from aol_broker.audit.findings import Kind

BROKERS_OWN = "broker"
"""The principal of the records that a broker makes of itself."""

_PREV = b',"prev":"'
_SEQ = b',"seq":'
_TIME = b',"timestamp":"'
_OWN = b'","principal":"broker",'
_HASH = b',"hash":"'
_SUFFIX_BYTES = len(_HASH) + len(GENESIS) + len(b'"}')
_HASH_CHARACTERS = len(GENESIS)
# Ten minutes of a time such as 2025-11-22T12:34:56.
_TIME_CHARACTERS = len("2025-11-22T12:3")
# Records stand in the order in which calls ended and say when they began: what is within this is no clock set back.
_OVERLAP = timedelta(minutes=20)
_NOWHERE = 1 << 62


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a line; `seq` is the number of the record, 0 where it has none."""

    kind: Kind
    seq: int
    text: str


class ChainWalk:
    """Where in a chain we are: behind the record `seq` with the hash `head`, which is empty where it is not known."""

    def __init__(self, on_own: Callable[[dict[str, Any]], None], on_seen: Callable[[int, str], int]) -> None:
        """Start in front of a chain.

        :param on_own: gets each record that the broker made of itself.
        :param on_seen: gets number and hash of a record when its number is at least `watched`, and returns the next
            `watched`.
        """
        self.seq = 0
        self.head = ""
        self.watched = _NOWHERE
        self.records = 0
        self.brokers: list[str] = []
        self.clock_set_back: tuple[int, str, str] | None = None
        """Of the first record that began long before one that stands before it: its number, and both their times."""
        self.adopted_prev = ""
        """The `prev` of the last record that was taken without knowing the one before it."""
        self._on_own = on_own
        self._on_seen = on_seen
        self._start = b"\0"
        self._minutes = b""
        self._latest = b""
        self._unread = 0

    def resume(self, seq: int, head: str) -> None:
        """Go on behind the record `seq`; with an empty `head`, whatever its hash is."""
        self.seq, self.head, self._unread = seq, head, 0

    def take(self, lines: Sequence[bytes]) -> int:
        """Take lines as long as each is plainly the next record; return how many."""
        if not self.head:
            return 0
        # Locals: this loop is all that verification costs.
        head, seq, start, minutes, watched = self.head.encode(), self.seq, self._start, self._minutes, self.watched
        taken = 0
        for line in lines:
            at = line.rfind(_PREV) + len(_PREV)
            after = line.find(_SEQ, at)
            digest = sha256(line[:-_SUFFIX_BYTES] + b"}").hexdigest()
            if not (
                line.startswith(head, at)
                and line.startswith(start)
                and line.startswith(b"%d," % (seq + 1), after + len(_SEQ))
                and line.endswith(f'{digest}"}}'.encode())
                and line.startswith(_HASH, -_SUFFIX_BYTES)
                and not line.startswith(_OWN, at + _HASH_CHARACTERS)
            ):
                break
            time_at = line.find(_TIME, after) + len(_TIME)
            if not line.startswith(minutes, time_at):
                self._look_at_clock(seq + 1, line[time_at : time_at + 27], line)
                minutes = self._minutes
            seq += 1
            head = digest.encode()
            taken += 1
            if seq >= watched:
                watched = self._on_seen(seq, digest)
        self.seq, self.head, self.watched = seq, head.decode(), watched
        self.records += taken
        return taken

    def judge(self, line: bytes) -> Wrong | None:
        """Take one line of which nothing is known, and return what is wrong with it.

        The walk goes on behind it: what is wrong with one record is not told again of those that follow it.
        """
        try:
            digest = hash_of(line)
        except BrokenChainError as error:
            return self._unreadable(str(error), Kind.CHANGED)
        record = decoded(line)
        if record is None:
            return self._unreadable("it is no audit record, whatever its hash says", Kind.OUT_OF_PLACE)
        wrong = self._misplaced(record)
        if not self.head:
            self.adopted_prev = record["prev"]
            if record["seq"] > self.watched:
                self.watched = self._on_seen(record["seq"] - 1, record["prev"])
        self.resume(record["seq"], digest)
        self.records += 1
        self._know_broker(record["broker"])
        self._look_at_clock(record["seq"], record["timestamp"].encode(), line)
        if self.seq >= self.watched:
            self.watched = self._on_seen(self.seq, digest)
        if record.get("principal") == BROKERS_OWN and wrong is None:
            self._on_own(record)
        return wrong

    def _unreadable(self, text: str, kind: Kind) -> Wrong:
        # It may have been a record that was changed, or stand between two records: the next one tells.
        self.seq, self.head, self._unread = self.seq + 1, "", self._unread + 1
        return Wrong(kind, self.seq, text)

    def _misplaced(self, record: dict[str, Any]) -> Wrong | None:
        seq, expected = record["seq"], self.seq + 1
        lost = not self.head
        if seq > expected:
            missing = f"record {expected:,} is" if seq == expected + 1 else f"records {expected:,} to {seq - 1:,} are"
            return Wrong(Kind.MISSING, expected, f"{missing} missing: record {seq:,} stands here")
        if seq < expected - self._unread:
            text = f"record {expected:,} should stand here, and record {seq:,} does: it is repeated or was moved"
            return Wrong(Kind.OUT_OF_PLACE, seq, text)
        if not lost and record["prev"] != self.head:
            stranger = record["broker"] not in self.brokers and self.brokers
            whose = f" (it is of the broker {record['broker']})" if stranger else ""
            text = f"it does not follow the record before it{whose}: one of the two was replaced, with its hash"
            return Wrong(Kind.OUT_OF_PLACE, seq, text)
        return None

    def _know_broker(self, broker: str) -> None:
        self._start = b'{"broker":' + orjson.dumps(broker) + b","
        # The name is configured, and may change; the few that there are are told.
        if broker not in self.brokers and len(self.brokers) < 100:
            self.brokers.append(broker)

    def _look_at_clock(self, seq: int, time: bytes, line: bytes) -> None:
        """Note when the clock was set back; `time` begins another ten minutes than the records before."""
        before = self._latest
        if time < before:
            if self.clock_set_back is not None or not _long_before(time, before):
                return
            record = decoded(line)
            # A write that was resolved at a start says when it had begun.
            if record is None or record.get("stage") == "resolved":
                return
            self.clock_set_back = (seq, time.decode(errors="replace"), before.decode(errors="replace"))
        self._latest = time
        self._minutes = time[:_TIME_CHARACTERS]


def decoded(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line; None when it holds none, as far as a chain's record can be told."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict):
        return None
    seq = record.get("seq")
    texts = all(isinstance(record.get(key), str) for key in ("broker", "prev", "timestamp"))
    return record if texts and isinstance(seq, int) and not isinstance(seq, bool) and 0 < seq < _NOWHERE else None


def _long_before(time: bytes, latest: bytes) -> bool:
    try:
        return datetime.fromisoformat(latest.decode()) - datetime.fromisoformat(time.decode()) > _OVERLAP
    except (ValueError, TypeError):
        return False
