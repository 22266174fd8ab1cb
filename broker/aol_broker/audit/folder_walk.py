"""Do the segments of a folder make one chain, none missing, added, or in another's place?"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.anchor_file import AnchorFiles
from aol_broker.audit.chain import GENESIS
from aol_broker.audit.chain_walk import ChainWalk
from aol_broker.audit.files import files_of, first_seq_of
from aol_broker.audit.findings import Findings, Kind, VerificationError
from aol_broker.audit.retention_gaps import RetentionGaps
from aol_broker.audit.segment_check import SegmentCheck
from aol_broker.audit.segment_lines import NoSegmentError, SegmentLines, open_segment

_NOWHERE = 1 << 62


class FolderWalk:
    """Reads the segments of a folder in their order, and tells what is wrong with them."""

    def __init__(
        self,
        directory: Path,
        keys: Sequence[Ed25519PublicKey],
        anchors: AnchorFiles,
        findings: Findings,
        on_progress: Callable[[int], None],
    ) -> None:
        """`on_progress` is called with the number of bytes that were read so far."""
        self.chain = ChainWalk(self._own, self._seen)
        self.segment: SegmentCheck | None = None
        """The one that was read last."""
        self.segments = 0
        self.size_bytes = 0
        self.first_seq = 0
        self.vouched_seq = 0
        self.torn_bytes = 0
        self.open_segment = ""
        self.gaps = RetentionGaps()
        self._directory = directory
        self._keys = keys
        self._anchors = anchors
        self._findings = findings
        self._on_progress = on_progress
        self._waiting: deque[Path] = deque()
        # A segment without a checkpoint that another follows, with the record that was its last.
        self._unclosed: tuple[SegmentCheck, int] | None = None
        self._given_up = ""
        # The record before the next segment's first, and its hash once it went by.
        self._boundary = (_NOWHERE, "")
        # Where the next segment begins cannot be told: the one before it is gone, or cannot be read.
        self._vanished = False
        self._excused = False

    def run(self, files: Iterable[Path]) -> None:
        """Read these segments, and those that the broker makes meanwhile.

        :raises VerificationError: one cannot be read by this user, or the folder is gone.
        """
        self._waiting = deque(files)
        while self._waiting:
            self._look_again()
            path = self._waiting.popleft()
            try:
                self.read(path)
            except FileNotFoundError:
                # Retention removes segments while we read; whether it was retention, a record will have to say.
                self._vanished = True
            if not self._waiting and self.open_segment != path.name:
                # An open one is the end: what came behind it since, came after it was looked at.
                self._waiting.extend(self._after(path.name))
        self._condemn_unclosed()
        segment = self.segment
        end = (segment.file, segment.lines + 1, segment.offset) if segment else ("", 0, 0)
        self._anchors.finish(self.chain.brokers, self.chain.seq, end, self._findings)
        self.gaps.tell(self._findings, self.vouched_seq)

    def read(self, path: Path) -> None:
        """Read one segment.

        :raises VerificationError: it cannot be read by this user.
        :raises FileNotFoundError: it is gone.
        """
        first_seq = first_seq_of(path)
        try:
            with open_segment(path) as file:
                self._go_to(path, first_seq)
                segment = SegmentCheck(path, first_seq, self.chain, self._keys, self._findings, on_first=self._first)
                self.segment = segment
                self._read(segment, SegmentLines(file))
        except FileNotFoundError:
            raise
        except PermissionError as error:
            raise VerificationError(f"The segment {path} cannot be read: {error.strerror}.") from None
        except (NoSegmentError, OSError) as error:
            text = error.strerror if isinstance(error, OSError) else str(error)
            self._findings.damage(Kind.SEGMENT, path.name, f"this is no segment: {text}", seq=first_seq)
            self._excused = True

    def _look_again(self) -> None:
        """Before records are said to be missing: a folder that changes while it is listed may be listed in part."""
        before = self.segment
        known = self._vanished or self._excused
        if before is None or known or first_seq_of(self._waiting[0]) <= self.chain.seq + 1:
            return
        now = self._after(before.file)
        if now:
            self._waiting = deque(now)
        # A segment that was not listed may have come and gone; then those before it have gone too.
        self._vanished = not (self._directory / before.file).exists()

    def _after(self, name: str) -> list[Path]:
        try:
            return [later for later in files_of(self._directory) if later.name > name]
        except OSError as error:
            raise VerificationError(f"The folder {self._directory} cannot be read: {error.strerror}.") from None

    def _go_to(self, path: Path, first_seq: int) -> None:
        """Go to where a segment begins, by its name, and tell when that is not where the one before it ended."""
        expected = self.chain.seq + 1
        if not self.segments:
            self.first_seq = first_seq
        if first_seq == 1 and not self.segments:
            self.chain.resume(0, GENESIS)
            self._anchors.see(0, GENESIS, path.name)
        elif self._excused:
            self.chain.resume(first_seq - 1, "")
        elif (not self.segments or self._vanished) and first_seq != expected:
            self.chain.resume(first_seq - 1, "")
            self.gaps.add(path.name, expected, first_seq - 1)
        elif self._unclosed is not None and first_seq - 1 == self._boundary[0] and self._boundary[1]:
            self.chain.resume(*self._boundary)
        elif first_seq != expected:
            self._tell_misnumbered(path, first_seq, expected)
            self.chain.resume(first_seq - 1, "")
        self._vanished = self._excused = False
        self._given_up = ""
        self.segments += 1
        self._watch_boundary()

    def _tell_misnumbered(self, path: Path, first_seq: int, expected: int) -> None:
        if first_seq > expected:
            text = f"records {expected:,} to {first_seq - 1:,} are missing: a segment is missing, or was renamed"
            self._findings.damage(Kind.MISSING, path.name, text, seq=expected)
        else:
            text = f"by its name it begins with record {first_seq:,}, which the segment before it holds: it was added"
            self._findings.damage(Kind.OUT_OF_PLACE, path.name, text, seq=first_seq)

    def _watch_boundary(self) -> None:
        self._boundary = (first_seq_of(self._waiting[0]) - 1 if self._waiting else _NOWHERE, "")
        self.chain.watched = min(self._anchors.next_seq, self._boundary[0])

    def _read(self, segment: SegmentCheck, lines: SegmentLines) -> None:
        before = self.size_bytes
        segment.read(lines, lambda done: self._on_progress(before + done))
        if not (segment.closed or segment.ruined or self._waiting):
            # It was the newest when it was opened; if there is a newer one now, it is closed by now.
            self._waiting.extend(self._after(segment.file))
            if self._waiting:
                self._watch_boundary()
                segment.read(lines, lambda done: self._on_progress(before + done))
        self.size_bytes += lines.offset + len(lines.torn)
        self._excused = segment.ruined
        is_open = not (segment.closed or segment.ruined or self._waiting)
        self.open_segment, self.torn_bytes = (segment.file, len(lines.torn)) if is_open else ("", 0)
        if segment.vouched:
            self.vouched_seq = self.chain.seq
        elif is_open:
            segment.look_at_torn(lines.torn)
        elif not segment.closed and not segment.ruined:
            self._condemn_unclosed()
            # Whether that is right, the first record of the next one tells.
            self._unclosed = (segment, self.chain.seq)
            if self.chain.seq == self._boundary[0]:
                self._boundary = (self.chain.seq, self.chain.head)

    def _first(self) -> None:
        """The first record of a segment tells what is before it, and whether the broker gave the one before it up."""
        segment = self.segment
        if segment is None:
            return
        self.gaps.know_head(segment.first_seq - 1, segment.prev)
        unclosed, given_up = self._unclosed, self._given_up
        if unclosed is not None and given_up == unclosed[0].file:
            self._unclosed = None
            more = unclosed[1] - segment.first_seq + 1
            surplus = f", with {more:,} records at its end that count for nothing" if more > 0 else ""
            self._findings.notes.append(
                f"{given_up} has no checkpoint: the broker could not go on writing it and gave it up{surplus}, as "
                f"record {segment.first_seq:,} says, which follows it."
            )
        self._condemn_unclosed()

    def _condemn_unclosed(self) -> None:
        unclosed, self._unclosed = self._unclosed, None
        if unclosed is not None:
            segment, last_seq = unclosed
            text = "the segment ends without the checkpoint that closes it, though another segment follows"
            segment.damage(Kind.CHECKPOINT, text, last_seq)

    def _seen(self, seq: int, digest: str) -> int:
        if seq == self._boundary[0]:
            self._boundary = (seq, digest)
        self._anchors.see(seq, digest, self.segment.file if self.segment is not None else "")
        boundary = self._boundary[0]
        return min(self._anchors.next_seq, boundary if boundary > seq else _NOWHERE)

    def _own(self, record: dict[str, Any]) -> None:
        """Take a record that the broker made of itself."""
        filters = record.get("filters")
        if not isinstance(filters, dict):
            return
        if record.get("operation") == "audit_retention":
            self.gaps.removed(record["seq"], filters.get("through_seq"), filters.get("head"))
        elif record.get("operation") == "audit_resumed":
            self._given_up = str(filters.get("segment", ""))
