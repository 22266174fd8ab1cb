"""Which audit records match? Reads the files of one broker, the newest records first, by their indexes where it can.

Only whole lines count, the files may grow and go meanwhile, and the times in them need not rise.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aol_broker.audit.files import files_of, first_seq_of
from aol_broker.audit.index_file import ENDED, IndexFile, IndexUnusableError, Row, discard_index
from aol_broker.audit.lines import LineReader, blocks_backwards, blocks_forwards, place_after, whole_lines_end
from aol_broker.audit.query import AuditQuery, Matcher
from aol_broker.audit.record import Stage
from aol_broker.audit.stored import raw_intent_of, stored_record
from aol_wire.errors import DataError, Reason
from aol_wire.limits import AUDIT_ANSWER_MAX_BYTES

# Where a search that looks inside of records has to look at more than this part of them, it reads the file through.
_WORTH_SKIPPING = 0.5


__all__ = ["AuditQuery", "AuditRecords", "search"]


@dataclass(frozen=True, slots=True)
class AuditRecords:
    """Records, oldest first, each as its line of JSON; `truncated` when more match, within the limit, than fit."""

    lines: list[str]
    truncated: bool


@dataclass(slots=True)
class Reading:
    """One pass over the files, newest first. `ends` are the announced writes whose end was met so far."""

    matcher: Matcher
    stopped: Callable[[], bool]
    ends: set[int] = field(default_factory=set)

    def records(self, directory: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield the records that match, newest first, each as its line and decoded.

        :raises OSError: the files cannot be read.
        """
        for segment in reversed(_wanted(files_of(directory), self.matcher.query.after_seq)):
            try:
                with segment.open("rb") as file:
                    yield from self._of_segment(segment, file.fileno())
            except FileNotFoundError:
                # Retention removes the oldest files, and those before it are gone too or about to go.
                continue

    def _of_segment(self, segment: Path, descriptor: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
        places = self._places(segment, os.fstat(descriptor))
        lines = self.scanned(descriptor) if places is None else self._at(descriptor, places)
        for line in lines:
            record = stored_record(line)
            if record is not None and self.matcher.matches(record, record["seq"] in self.ends):
                yield line, record

    def _places(self, segment: Path, status: os.stat_result) -> list[int] | None:
        """Return where the lines are that may match, last one first; None when the file is to be read through."""
        try:
            index = IndexFile.opened(segment, status)
        except IndexUnusableError:
            return None
        try:
            places = candidates(index, self.matcher)
            if self.matcher.looks_inside and len(places) > index.records * _WORTH_SKIPPING:
                return None
        except (IndexUnusableError, KeyError, TypeError, ValueError):
            discard_index(segment)
            return None
        finally:
            index.close()
        self.ends.update(index.ends)
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

    def scanned(self, descriptor: int) -> Iterator[bytes]:
        """Yield the lines of a file that may match, last one first."""
        matcher = self.matcher
        end = whole_lines_end(descriptor)
        after = matcher.query.after_seq
        start = place_after(descriptor, end, after) if after else 0
        for block in blocks_backwards(descriptor, start, end):
            if self.stopped():
                return
            if not (matcher.needs_ends or matcher.may_hold(block)):
                continue
            for line in reversed(block.split(b"\n")):
                self._note_end(line)
                if line and matcher.may_hold(line) and matcher.is_in_time(line):
                    if self.stopped():
                        return
                    yield line

    def _note_end(self, line: bytes) -> None:
        if self.matcher.needs_ends and (intent := raw_intent_of(line)):
            self.ends.add(intent)


def search(directory: Path, query: AuditQuery, stopped: Callable[[], bool] = lambda: False) -> AuditRecords:
    """Return the newest `limit` records that match, or of these the newest AUDIT_ANSWER_MAX_BYTES.

    With `follow`, it is the oldest that are returned.

    :param stopped: asked now and then, from the thread that searches; when it says so, nobody wants the answer.
    :raises DataError: AUDIT_UNAVAILABLE, the files cannot be read.
    """
    matcher = Matcher(query)
    try:
        found = (
            _following(directory, matcher, stopped) if query.follow else Reading(matcher, stopped).records(directory)
        )
        return _gathered((line for line, _ in found), query)
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> DataError:
    """Return what somebody is told who asks for records that cannot be read."""
    return DataError(
        Reason.AUDIT_UNAVAILABLE,
        f"The audit files cannot be read ({error.strerror}). An operator sees to the broker's audit folder.",
        retry_after_s=1.0,
    )


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
    for row in index.rows():
        if row_may_match(row, matcher):
            postings = index.postings(row)
            if row.first_us >= query.since_us and (not query.until_us or row.last_us < query.until_us):
                places += postings.places
            else:
                pairs = zip(postings.places, postings.times_us, strict=True)
                places += [place for place, moment_us in pairs if matcher.time_is_wanted(moment_us)]
    return places


def row_may_match(row: Row, matcher: Matcher) -> bool:
    """Whether records of a row can match, as far as what they have in common tells."""
    query = matcher.query
    values, stage = row.values[:-1], row.stage
    ended = stage == ENDED
    return (
        matcher.values_are_wanted(values)
        and matcher.stage_is_wanted(Stage.INTENDED.value if ended else stage, row.values[3], ended)
        and row.last_us >= query.since_us
        and (not query.until_us or row.first_us < query.until_us)
    )


def _following(
    directory: Path, matcher: Matcher, stopped: Callable[[], bool]
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    after = matcher.query.after_seq
    for segment in _wanted(files_of(directory), after):
        try:
            with segment.open("rb") as file:
                descriptor = file.fileno()
                end = whole_lines_end(descriptor)
                start = place_after(descriptor, end, after)
                for _, block in blocks_forwards(descriptor, start, end):
                    for line in block.split(b"\n"):
                        if stopped():
                            return
                        record = stored_record(line) if line and matcher.may_hold(line) else None
                        # Whether a write ended is told by what comes later: who follows sees its end.
                        if record is not None and matcher.matches(record, ended=True):
                            yield line, record
        except FileNotFoundError:
            continue


def _gathered(found: Iterator[bytes], query: AuditQuery) -> AuditRecords:
    lines: list[str] = []
    size_bytes = 0
    truncated = False
    for line in found:
        size_bytes += len(line)
        if lines and size_bytes > AUDIT_ANSWER_MAX_BYTES:
            truncated = True
            break
        lines.append(line.decode())
        if len(lines) >= query.limit:
            break
    if not query.follow:
        lines.reverse()
    return AuditRecords(lines, truncated)


def _wanted(segments: list[Path], after_seq: int) -> list[Path]:
    """Return the files in which there can be records with a higher number; each begins where the one before ended."""
    first = sum(first_seq_of(segment) <= after_seq + 1 for segment in segments) - 1
    return segments[max(0, first) :]
