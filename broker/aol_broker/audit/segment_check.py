"""Is a segment what its broker wrote? Each of its records, the checkpoint that closes it, and what stands behind it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.anchor_file import signed_checkpoint
from aol_broker.audit.chain import BrokenChainError, Checkpoint, checkpoint_of, hash_of, is_checkpoint
from aol_broker.audit.chain_walk import ChainWalk
from aol_broker.audit.checkpoint_check import Read, contradiction
from aol_broker.audit.findings import Findings, Kind
from aol_broker.audit.segment_lines import LINE_MAX_BYTES, SegmentLines

# What has so many damaged lines is no segment any more.
_DAMAGED_LINES_MAX = 1000
_STARTS = (b'{"broker":', b'{"checkpoint":')


class SegmentCheck:
    """Reads one segment, with a chain that has come to its beginning, and takes the chain to its end."""

    def __init__(
        self,
        path: Path,
        first_seq: int,
        chain: ChainWalk,
        keys: Sequence[Ed25519PublicKey],
        findings: Findings,
        *,
        on_first: Callable[[], None],
    ) -> None:
        """`on_first` is called behind the first record, unless something is wrong with that."""
        self.file = path.name
        self.first_seq = first_seq
        self.prev = chain.head
        """The hash of the record before the first, as that record says; empty as long as it is not known."""
        self.checkpoint: Checkpoint | None = None
        self.vouched = False
        """Whether the checkpoint is signed with one of the keys, and right."""
        self.closed = False
        self.ruined = False
        """Whether reading was given up, for too much damage."""
        self.lines = 0
        self.offset = 0
        self._chain = chain
        self._keys = keys
        self._findings = findings
        self._on_first = on_first
        self._begun = False
        self._damaged_lines = 0

    def read(self, lines: SegmentLines, on_progress: Callable[[int], None]) -> None:
        """Read what there is; again, for what was added since.

        :param on_progress: called with the number of bytes of this segment that were read so far.
        :raises OSError: the file cannot be read.
        """
        for block in lines:
            self.offset = lines.offset
            self._take(block)
            on_progress(self.offset)
            if self._damaged_lines >= _DAMAGED_LINES_MAX:
                self.ruined = True
                self.damage(Kind.CHANGED, "so many lines are damaged that the rest of the segment was not looked at")
                return
        if len(lines.torn) > LINE_MAX_BYTES:
            self.ruined = True
            self.damage(Kind.CHANGED, "no line of the broker's is as long as what stands here")
        elif self.closed and lines.torn:
            self.damage(Kind.OUT_OF_PLACE, f"{len(lines.torn):,} bytes stand behind the checkpoint")

    def _take(self, lines: list[bytes]) -> None:
        while lines and self._damaged_lines < _DAMAGED_LINES_MAX:
            taken = 0 if self.closed else self._chain.take(lines)
            self._pass(lines[:taken])
            if taken:
                self._begin()
            self._judge(lines[taken : taken + 1])
            self._pass(lines[taken : taken + 1])
            lines = lines[taken + 1 :]

    def _pass(self, lines: list[bytes]) -> None:
        self.lines += len(lines)
        self.offset += sum(map(len, lines)) + len(lines)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._on_first()

    def _judge(self, lines: list[bytes]) -> None:
        """Look at one line, or none, that is not plainly the next record."""
        for line in lines:
            if self.closed:
                self._damage_line(Kind.OUT_OF_PLACE, "it stands behind the checkpoint, which ends a segment")
            elif is_checkpoint(line):
                self.closed = True
                self._compare(line)
            else:
                known = bool(self._chain.head)
                wrong = self._chain.judge(line)
                if wrong is not None:
                    self._damage_line(wrong.kind, wrong.text, wrong.seq)
                    self._begun = True
                elif not self._begun:
                    self.prev = self.prev if known else self._chain.adopted_prev
                    self._begin()

    def _compare(self, line: bytes) -> None:
        """Compare a checkpoint with what was read; where they differ, go on with what the broker signed."""
        try:
            checkpoint = checkpoint_of(line)
        except BrokenChainError as error:
            self._damage_line(Kind.CHECKPOINT, str(error))
            return
        if self._keys and signed_checkpoint(line, self._keys) is None:
            text = "the checkpoint is not signed with the key: it was changed, or made by somebody else"
            self._damage_line(Kind.CHECKPOINT, text)
            return
        self.checkpoint = checkpoint
        read = Read(self.file, self.first_seq, self._chain.seq, self.prev, self._chain.head)
        wrong = contradiction(checkpoint, read)
        if wrong is not None:
            self._damage_line(wrong.kind, wrong.text, wrong.seq)
        self.vouched = not self._damaged_lines and bool(self._keys)
        if checkpoint.segment == self.file:
            self._chain.resume(checkpoint.last_seq, checkpoint.head)

    def look_at_torn(self, torn: bytes) -> None:
        """Look at the end of the newest segment: half a record, of a broker that writes, or was killed as it wrote."""
        if not torn:
            return
        # Some file systems leave zeros for what they had no time to write.
        if torn.strip(b"\0") and not any(torn.startswith(start) or start.startswith(torn) for start in _STARTS):
            self.damage(Kind.CHANGED, "what stands here is no beginning of a record")
        elif _is_whole(torn[:-1]):
            self.damage(Kind.CHANGED, "the end of the line was changed", self._chain.seq + 1)

    def _damage_line(self, kind: Kind, text: str, seq: int = 0) -> None:
        self._damaged_lines += 1
        self.damage(kind, text, seq)

    def damage(self, kind: Kind, text: str, seq: int = 0) -> None:
        """Tell what is wrong with the line that comes next."""
        self._findings.damage(kind, self.file, text, line=self.lines + 1, offset=self.offset, seq=seq)


def _is_whole(line: bytes) -> bool:
    try:
        checkpoint_of(line) if is_checkpoint(line) else hash_of(line)
    except BrokenChainError:
        return False
    return True
