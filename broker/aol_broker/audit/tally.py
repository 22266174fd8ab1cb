"""Who used a collection, how often, and when last? Counts records, without reading those that an index has counted."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aol_broker.audit.files import files_of
from aol_broker.audit.index_file import IndexFile, IndexUnusableError, Row, discard_index
from aol_broker.audit.lines import LineReader
from aol_broker.audit.query import EQUAL_KEYS, AuditQuery, Matcher
from aol_broker.audit.reading import Reading, row_may_match
from aol_broker.audit.record import Stage
from aol_broker.audit.search import unreadable
from aol_broker.audit.stored import record_time_us, text_of

ROWS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Use:
    """What was done by whom, with what outcome; times are when the calls began, microseconds since 1970."""

    service: str
    principal: str
    operation: str
    outcome: str


@dataclass(slots=True)
class Tally:
    """How often, first when, last when."""

    count: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """What was counted, the last used first; `truncated` when there is more than ROWS_MAX."""

    rows: list[tuple[Use, Tally]]
    truncated: bool


def tally(directory: Path, query: AuditQuery, stopped: Callable[[], bool] = lambda: False) -> Tallies:
    """Count the records that a search for this would find, without its limit.

    :param query: names no id, document or field.
    :raises DataError: AUDIT_UNAVAILABLE, the files cannot be read.
    """
    counting = _Counting(Reading(Matcher(query), stopped))
    try:
        for segment in reversed(files_of(directory)):
            if not stopped():
                counting.add_segment(segment)
    except OSError as error:
        raise unreadable(error) from None
    rows = sorted(counting.uses.items(), key=lambda row: row[1].last_us, reverse=True)
    return Tallies(rows[:ROWS_MAX], len(rows) > ROWS_MAX)


_Counted = tuple[Use, int, int, int]


class _Counting:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._matcher = reading.matcher
        self.uses: dict[Use, Tally] = {}

    def add_segment(self, segment: Path) -> None:
        """Count the records of one file, which comes before those that were counted."""
        try:
            with segment.open("rb") as file:
                descriptor = file.fileno()
                counted = self._indexed(segment, descriptor)
                for use, count, first_us, last_us in self._scanned(segment, descriptor) if counted is None else counted:
                    self._add(use, count, first_us, last_us)
        except FileNotFoundError:  # removed by retention
            return

    def _add(self, use: Use, count: int, first_us: int, last_us: int) -> None:
        found = self.uses.setdefault(use, Tally(0, first_us, last_us))
        found.count += count
        found.first_us = min(found.first_us, first_us)
        found.last_us = max(found.last_us, last_us)

    def _indexed(self, segment: Path, descriptor: int) -> list[_Counted] | None:
        """Return what the index of a file says; None when it has none that can be used."""
        try:
            index = IndexFile.opened(segment, os.fstat(descriptor))
        except IndexUnusableError:
            return None
        try:
            rows = [row for row in index.rows(self._matcher.row_values) if row_may_match(row, self._matcher)]
            counted = [part for row in rows for part in self._of_row(index, row, descriptor)]
        except (IndexUnusableError, KeyError, TypeError, ValueError):
            discard_index(segment)
            return None
        finally:
            index.close()
        self._reading.ends.update(index.ends)
        return counted

    def _of_row(self, index: IndexFile, row: Row, descriptor: int) -> Iterator[_Counted]:
        query = self._matcher.query
        whole = row.first_us >= query.since_us and (not query.until_us or row.last_us < query.until_us)
        if row.stage == Stage.INTENDED:
            # Few: of them it has to be looked up whether they ended in a later file.
            reader = LineReader(descriptor)
            for place in index.postings(row).places:
                yield from self._of_line(reader.line(place))
        elif whole:
            yield _use(row.values), row.count, row.first_us, row.last_us
        else:
            times_us = [moment for moment in index.postings(row).times_us if self._matcher.time_is_wanted(moment)]
            if times_us:
                yield _use(row.values), len(times_us), min(times_us), max(times_us)

    def _scanned(self, segment: Path, descriptor: int) -> Iterator[_Counted]:
        for line in self._reading.scanned(segment, descriptor):
            yield from self._of_line(line)

    def _of_line(self, line: bytes) -> Iterator[_Counted]:
        record = self._reading.wanted(line)
        moment_us = record_time_us(record) if record is not None else None
        if record is not None and moment_us is not None:
            values = tuple(text_of(record, key) for key in EQUAL_KEYS)
            yield _use(values), 1, moment_us, moment_us


def _use(values: tuple[str, ...]) -> Use:
    """Return who did what, of the values of EQUAL_KEYS."""
    service, _, operation, outcome, principal = values[: len(EQUAL_KEYS)]
    return Use(service, principal, operation, outcome)
