"""Which records does one pass over the audit files meet? The newest first, by indexes where there are some."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aol_broker.audit.files import files_of, first_seq_of
from aol_broker.audit.index_file import ENDED, IndexFile, IndexUnusableError, Row, discard_index
from aol_broker.audit.lines import (
    LineReader,
    blocks_backwards,
    blocks_forwards,
    lines_with,
    place_after,
    whole_lines_end,
)
from aol_broker.audit.query import Matcher
from aol_broker.audit.record import Stage
from aol_broker.audit.stored import intent_of, raw_intent_of, stage_of, stored_record

# Where a search that looks inside of records has to look at more than this part of them, it reads the file through.
_WORTH_SKIPPING = 0.5


@dataclass(slots=True)
class Reading:
    """One pass. `ends` are announced writes whose end was met; `through` are the files that were read without index.

    Of a write that was announced it has to be known whether it ended later. Mostly its end was met before it, as it
    matches what it matches; else the files that were read without index are looked through for it.
    """

    matcher: Matcher
    stopped: Callable[[], bool]
    ends: set[int] = field(default_factory=set)
    through: list[Path] = field(default_factory=list)

    def records(self, directory: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield the records that match, newest first, each as its line and decoded.

        :raises OSError: the files cannot be read.
        """
        for segment in reversed(segments_after(directory, self.matcher.query.after_seq)):
            try:
                with segment.open("rb") as file:
                    yield from self._of_segment(segment, file.fileno())
            except FileNotFoundError:
                # Retention removes the oldest files, and those before it are gone too or about to go.
                continue

    def _of_segment(self, segment: Path, descriptor: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
        places = self._places(segment, os.fstat(descriptor))
        for line in self.scanned(segment, descriptor) if places is None else self._at(descriptor, places):
            record = self.wanted(line)
            if record is not None:
                yield line, record

    def wanted(self, line: bytes) -> dict[str, Any] | None:
        """Return the record of a line if it matches."""
        record = stored_record(line)
        if record is None or not self.matcher.matches(record, ended=False):
            return None
        if self.matcher.needs_ends and stage_of(record) == Stage.INTENDED and self._has_ended(record["seq"]):
            return record if self.matcher.matches(record, ended=True) else None
        return record

    def scanned(self, segment: Path, descriptor: int) -> Iterator[bytes]:
        """Yield the lines of a file that may match, last one first, reading it through."""
        matcher, stopped = self.matcher, self.stopped
        self.through.append(segment)
        end = whole_lines_end(descriptor)
        after = matcher.query.after_seq
        start = place_after(descriptor, end, after) if after else 0
        for block in blocks_backwards(descriptor, start, end):
            if stopped():
                return
            for line in self._lines(block):
                holds = matcher.may_hold(line)
                if holds or matcher.asks_for_open:
                    self._note_end(line)
                if holds and line and matcher.is_in_time(line):
                    if stopped():
                        return
                    yield line

    def _lines(self, block: bytes) -> Iterator[bytes]:
        """Return the lines of a block that have to be looked at, last one first."""
        matcher = self.matcher
        if matcher.asks_for_open:
            return reversed(block.split(b"\n"))
        if matcher.longest_part:
            return reversed(list(lines_with(block, matcher.longest_part)))
        return reversed(block.split(b"\n")) if matcher.may_hold(block) else iter(())

    def _places(self, segment: Path, status: os.stat_result) -> list[int] | None:
        """Return where the lines are that may match, last one first; None when the file is to be read through."""
        try:
            index = IndexFile.opened(segment, status)
        except IndexUnusableError:
            return None
        try:
            places = candidates(index, self.matcher)
        except (IndexUnusableError, KeyError, TypeError, ValueError):
            discard_index(segment)
            return None
        finally:
            index.close()
        self.ends.update(index.ends)
        if self.matcher.looks_inside and len(places) > index.records * _WORTH_SKIPPING:
            return None
        return sorted(places, reverse=True)

    def _at(self, descriptor: int, places: list[int]) -> Iterator[bytes]:
        reader = LineReader(descriptor)
        for place in places:
            if self.stopped():
                return
            line = reader.line(place)
            self._note_end(line)
            if self.matcher.may_hold(line):
                yield line

    def _note_end(self, line: bytes) -> None:
        # A damaged line says nothing, not even this.
        if self.matcher.needs_ends and (intent := raw_intent_of(line)) and _ends(line, intent):
            self.ends.add(intent)

    def _has_ended(self, seq: int) -> bool:
        if seq in self.ends:
            return True
        if self.matcher.asks_for_open:  # and then all ends were noted
            return False
        if any(self._ends_in(segment, seq) for segment in reversed(self.through)):
            self.ends.add(seq)
            return True
        return False

    def _ends_in(self, segment: Path, seq: int) -> bool:
        part = b',"intent":%d,' % seq
        try:
            with segment.open("rb") as file:
                end = whole_lines_end(file.fileno())
                for _, block in blocks_forwards(file.fileno(), place_after(file.fileno(), end, seq), end):
                    if self.stopped():
                        return False
                    if part in block and any(_ends(line, seq) for line in block.split(b"\n") if part in line):
                        return True
        except FileNotFoundError:
            pass
        return False


def segments_after(directory: Path, seq: int) -> list[Path]:
    """Return the files in which there can be records with a higher number; each begins where the one before ended.

    :raises OSError: the folder cannot be read.
    """
    segments = files_of(directory)
    first = sum(first_seq_of(segment) <= seq + 1 for segment in segments) - 1
    return segments[max(0, first) :]


def candidates(index: IndexFile, matcher: Matcher) -> list[int]:
    """Return where the records are that may match, in no order.

    :raises IndexUnusableError: the index is damaged.
    """
    query = matcher.query
    for kind, text in (("request", query.request_id), ("trace", query.trace_id)):
        if text:
            return index.places_of_id(kind, text)
    places: list[int] = []
    if index.first_us > (query.until_us or index.first_us) or index.last_us < query.since_us:
        return places
    if matcher.asks_for_open and not index.has_unresolved:
        return places
    for row in index.rows(matcher.row_values):
        if row_may_match(row, matcher):
            postings = index.postings(row)
            if row.first_us >= query.since_us and (not query.until_us or row.last_us < query.until_us):
                places += postings.places
            else:
                pairs = zip(postings.places, postings.times_us, strict=True)
                places += [place for place, moment_us in pairs if matcher.time_is_wanted(moment_us)]
    return places


def row_may_match(row: Row, matcher: Matcher) -> bool:
    """Whether records of a row, which has the query's values, can match, as far as stage and time tell."""
    query = matcher.query
    stage = row.stage
    ended = stage == ENDED
    return (
        matcher.stage_is_wanted(Stage.INTENDED.value if ended else stage, row.values[3], ended)
        and row.last_us >= query.since_us
        and (not query.until_us or row.first_us < query.until_us)
    )


def _ends(line: bytes, seq: int) -> bool:
    record = stored_record(line)
    return record is not None and intent_of(record) == seq and stage_of(record) != Stage.INTENDED
