"""What do the checkpoints say that were kept in a second place, and does the chain agree with them?"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.chain import BrokenChainError, Checkpoint, checkpoint_of
from aol_broker.audit.findings import Findings, Kind, VerificationError, path_text
from aol_broker.audit.segment_lines import LINE_MAX_BYTES

_RECORD_START = b'{"broker":'
_HEAD_BYTES = 32
_NOWHERE = 1 << 62
# Broker's names stand in anchors that others may have written.
_BROKERS_MAX = 1000


@dataclass(slots=True)
class _Of:
    """The anchors of one broker; a place is file and line, in words."""

    count: int = 0
    agreed: int = 0
    newest: int = 0
    earlier: int = 0
    unsigned: int = 0
    first_unsigned: tuple[str, int, int] | None = None
    contradicted: int = 0
    first_contradicted: tuple[str, int, str] | None = None
    beyond: int = 0
    furthest: int = 0
    furthest_place: str = ""


@dataclass(slots=True)
class _File:
    path: Path
    name: str
    anchors: int = 0
    unusable: list[int] = field(default_factory=list)
    unusable_count: int = 0


class AnchorFiles:
    """Anchors, compared with the records of a chain as these go by. Holds 56 bytes of each."""

    def __init__(self, paths: Sequence[Path], keys: Sequence[Ed25519PublicKey], from_seq: int) -> None:
        """Read the files.

        :param keys: one of which has to have signed each; empty believes them unseen, and then they vouch for nothing.
        :param from_seq: the record before the first that is there; anchors of earlier ones are only counted.
        :raises VerificationError: a file cannot be read.
        """
        self._keys = keys
        self._brokers: dict[str, _Of] = {}
        self._names: list[str] = []
        self._files = [_File(path, path_text(path)) for path in paths]
        self._seqs = array("q")
        self._heads = bytearray()
        self._whose = array("q")
        self._lines = array("q")
        self._places = array("q")
        for number, file in enumerate(self._files):
            for line_number, line in _lines(file.path):
                self._add(number, line_number, line, from_seq)
        self._order: Sequence[int] = range(len(self._seqs))
        if any(self._seqs[place] < self._seqs[place - 1] for place in range(1, len(self._seqs))):
            self._order = sorted(range(len(self._seqs)), key=self._seqs.__getitem__)
        self._next = 0

    def _add(self, file_number: int, line_number: int, line: bytes, from_seq: int) -> None:
        file = self._files[file_number]
        try:
            checkpoint = checkpoint_of(line)
            of = self._of(checkpoint.broker)
            head = bytes.fromhex(checkpoint.head)
        except (BrokenChainError, ValueError, TypeError):
            file.unusable_count += 1
            if len(file.unusable) < 5:
                file.unusable.append(line_number)
            return
        file.anchors += 1
        of.count += 1
        if checkpoint.last_seq < from_seq:
            of.earlier += 1
        elif self._keys and signed_checkpoint(line, self._keys) is None:
            of.unsigned += 1
            of.first_unsigned = of.first_unsigned or (file.name, line_number, checkpoint.last_seq)
        else:
            self._seqs.append(min(checkpoint.last_seq, _NOWHERE))
            self._heads += head[:_HEAD_BYTES].ljust(_HEAD_BYTES, b"\0")
            self._whose.append(self._names.index(checkpoint.broker))
            self._lines.append(line_number)
            self._places.append(file_number)

    def _of(self, broker: str) -> _Of:
        if broker not in self._brokers:
            if len(self._names) >= _BROKERS_MAX:
                raise BrokenChainError("anchors of too many brokers")
            self._names.append(broker)
            self._brokers[broker] = _Of()
        return self._brokers[broker]

    @property
    def next_seq(self) -> int:
        """The number of the record that the next anchor is about."""
        return self._seqs[self._order[self._next]] if self._next < len(self._order) else _NOWHERE

    def see(self, seq: int, digest: str, segment: str) -> None:
        """Compare the record `seq`, whose hash is `digest`, with the anchors about it."""
        while self.next_seq < seq:
            self._next += 1  # that record is missing, which is told anyway
        while self.next_seq == seq:
            anchor = self._order[self._next]
            self._next += 1
            of = self._brokers[self._names[self._whose[anchor]]]
            if self._heads[anchor * _HEAD_BYTES : (anchor + 1) * _HEAD_BYTES].hex() == digest:
                of.agreed += 1
                of.newest = seq
            else:
                of.contradicted += 1
                of.first_contradicted = of.first_contradicted or (segment, seq, self._place(anchor))

    def _place(self, anchor: int) -> str:
        return f"{self._files[self._places[anchor]].name}, line {self._lines[anchor]:,}"

    def finish(self, brokers: Sequence[str], last_seq: int, end: tuple[str, int, int], findings: Findings) -> None:
        """Tell what came of it.

        :param brokers: the names in the chain; a file may hold anchors of other brokers too.
        :param last_seq: the last record that is there.
        :param end: where it ends: file, line and offset behind the last record.
        """
        while self._next < len(self._order):
            anchor = self._order[self._next]
            self._next += 1
            of = self._brokers[self._names[self._whose[anchor]]]
            if self._seqs[anchor] > last_seq:
                of.beyond += 1
                of.furthest, of.furthest_place = self._seqs[anchor], self._place(anchor)
        for broker in brokers:
            if broker in self._brokers:
                self._tell(self._brokers[broker], last_seq, end, findings)
        self._tell_files(brokers, findings)

    def _tell(self, of: _Of, last_seq: int, end: tuple[str, int, int], findings: Findings) -> None:
        if of.first_contradicted is not None:
            file, seq, place = of.first_contradicted
            text = (
                f"the anchor in {place} has another hash for this record: it, or some before it, were rewritten, their "
                f"hashes included ({of.contradicted:,} anchors contradict)"
            )
            findings.damage(Kind.REWRITTEN, file, text, seq=seq)
        if of.beyond:
            file, line, offset = end
            text = (
                f"records {last_seq + 1:,} to {of.furthest:,} are missing: the end was cut off; the anchor in "
                f"{of.furthest_place} says that they were written"
            )
            findings.damage(Kind.MISSING, file, text, line=line, offset=offset, seq=last_seq + 1)
        if of.first_unsigned is not None:
            file, line, seq = of.first_unsigned
            text = (
                f"this anchor is not signed with the key: it was changed, or the key is another than the broker's "
                f"({of.unsigned:,} such anchors)"
            )
            findings.damage(Kind.ANCHOR, file, text, line=line, seq=seq)
        if of.earlier:
            findings.unchecked.append(f"{of.earlier:,} anchors are about records that are there no more.")

    def _tell_files(self, brokers: Sequence[str], findings: Findings) -> None:
        for file in self._files:
            if file.unusable:
                lines = ", ".join(f"{line:,}" for line in file.unusable)
                more = ", …" if file.unusable_count > len(file.unusable) else ""
                findings.unchecked.append(f"Torn or damaged anchors in {file.name} were not used: line {lines}{more}.")
            if not file.anchors:
                findings.unchecked.append(f"{file.name} holds no anchor.")
        count = sum(file.anchors for file in self._files)
        if count and not any(broker in self._brokers for broker in brokers):
            text = f"none of the {count:,} anchors is about this broker: they, or the records, are another's"
            findings.damage(Kind.ANCHOR, self._files[0].name, text)

    def totals(self, brokers: Sequence[str]) -> tuple[int, int]:
        """Return how many anchors agree, and the number of the last record that one of them is about."""
        mine = [self._brokers[broker] for broker in brokers if broker in self._brokers]
        return sum(of.agreed for of in mine), max((of.newest for of in mine), default=0)


def signed_checkpoint(line: bytes, keys: Sequence[Ed25519PublicKey]) -> Checkpoint | None:
    """Return a line's checkpoint when one of the keys signed it, or None."""
    for key in keys:
        try:
            return checkpoint_of(line, key)
        except BrokenChainError:
            continue
    return None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_MAX_BYTES):
                number += 1
                # A sink may have put records into the same file.
                if line != b"\n" and not line.startswith(_RECORD_START):
                    yield number, line.removesuffix(b"\n")
    except OSError as error:
        raise VerificationError(f"The anchor {path} cannot be read: {error.strerror}.") from None
