"""What can the verification of an audit folder come to? Whole, or damaged; and what could not be checked."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DAMAGES_MAX = 100
"""How many damages are told one by one; the others are counted."""


class VerificationError(Exception):
    """Nothing can be verified; the message says why and what to do."""


class Kind(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    """A line is not what was written there."""
    MISSING = "missing"
    """Records that were written are not there."""
    OUT_OF_PLACE = "out_of_place"
    """A record that has no business where it stands: repeated, moved, added, or of another chain."""
    CHECKPOINT = "checkpoint"
    """What vouches for a segment is missing, not signed by the broker, or speaks of something else."""
    SEGMENT = "segment"
    """A file is not what the broker makes, or cannot be read."""
    REWRITTEN = "rewritten"
    """Records that agree with each other, and not with what the broker signed: their hashes were made anew."""
    ANCHOR = "anchor"
    """What was kept in a second place is not of this broker."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is wrong, and where. `line` counts from 1, `offset` is that of its first byte in the file.

    `seq` is the number of the record; it, and `line`, are 0 where it is about none.
    """

    kind: Kind
    file: str
    line: int
    offset: int
    seq: int
    text: str

    @property
    def place(self) -> str:
        """Where it is, in words."""
        line = f", line {self.line:,} (byte {self.offset:,})" if self.line else ""
        return f"{self.file}{line}{f', record {self.seq:,}' if self.seq else ''}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a folder.

    `brokers` are the names that the broker gave itself. `vouched_seq` is the last record for which a checkpoint
    vouches, in the folder or in an anchor, that is signed by one of `keys` (their ids). `keys_given`: they came from
    outside. `open_segment` is the newest one when no checkpoint ends it, `torn_bytes` what stands behind its last whole
    line. `removed_seq` is the last record that retention removed. `unchecked` says what the answer does not cover,
    `notes` what is worth knowing. `damages` are in the order of the files, DAMAGES_MAX at most, of `damage_count`.
    """

    directory: Path
    brokers: tuple[str, ...]
    segments: int
    records: int
    size_bytes: int
    first_seq: int
    last_seq: int
    open_segment: str
    torn_bytes: int
    vouched_seq: int
    keys: tuple[str, ...]
    keys_given: bool
    anchors: int
    anchored_seq: int
    removed_seq: int
    damages: tuple[Damage, ...]
    damage_count: int
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong with what could be checked."""
        return not self.damage_count


class Findings:
    """Gathers what is found, in bounded memory."""

    def __init__(self) -> None:
        self.damage_count = 0
        self.notes: list[str] = []
        self.unchecked: list[str] = []
        self._damages: list[Damage] = []

    def damage(self, kind: Kind, file: str, text: str, *, line: int = 0, offset: int = 0, seq: int = 0) -> None:
        """Add something that is wrong."""
        self.damage_count += 1
        if len(self._damages) >= 2 * DAMAGES_MAX:
            # What is found late may stand early: of what is found so far, the first ones are kept.
            self._damages = list(self.damages)
        self._damages.append(Damage(kind, file, line, offset, seq, text))

    @property
    def damages(self) -> tuple[Damage, ...]:
        """The first ones, in the order of the files."""
        return tuple(sorted(self._damages, key=_order)[:DAMAGES_MAX])


def path_text(path: Path) -> str:
    """Return a path as text that is text, whatever the bytes of its name are."""
    return os.fsencode(path).decode(errors="replace")


def _order(damage: Damage) -> tuple[bool, str, int]:
    # What is wrong with an anchor's file comes behind what is wrong with the records.
    return damage.kind is Kind.ANCHOR, damage.file, damage.offset
