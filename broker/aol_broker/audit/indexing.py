"""How is the index of a closed audit file made?

`python -m aol_broker.audit.indexing FOLDER` makes all that are missing. It is a program of its own, of low priority, so
that calls do not wait for it: it decodes every record once.
"""

import os
import sys
from array import array
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from aol_broker.audit.chain import is_checkpoint
from aol_broker.audit.files import files_of, lines_backwards
from aol_broker.audit.index_file import (
    ENDED,
    SEGMENT_MAX_BYTES,
    IndexFile,
    IndexUnusableError,
    Postings,
    Values,
    encoded_index,
    id_hash,
    index_path,
)
from aol_broker.audit.lines import blocks_forwards, whole_lines_end
from aol_broker.audit.query import EQUAL_KEYS
from aol_broker.audit.record import Stage
from aol_broker.audit.stored import intent_of, stage_of, text_of, timed_record
from aol_wire.faults import describe_fault

# The lowest priority: on a busy machine it waits.
_NICE = 19
_TEXTS = {str}

_values = itemgetter(*EQUAL_KEYS, "stage")


def index_folder(directory: Path) -> list[Path]:
    """Make the indexes that are missing or cannot be used, newest first, and remove those of files that are gone.

    Only of files that are closed, and only while there is room: an index takes nothing away from the records to come.

    :return: the audit files that were indexed.
    :raises OSError: an audit file cannot be read, or an index cannot be written.
    """
    segments = files_of(directory)
    remove_leftovers(directory, segments)
    return [segment for segment in reversed(_closed(segments)) if not has_index(segment) and _index(segment)]


def has_index(segment: Path) -> bool:
    """Whether an audit file has an index that says it is of it."""
    with suppress(IndexUnusableError, FileNotFoundError):
        IndexFile.opened(segment, segment.stat()).close()
        return True
    return False


def remove_leftovers(directory: Path, segments: list[Path]) -> None:
    """Remove what lies in the folder of the indexes and is no index of these audit files."""
    wanted = {index_path(segment) for segment in segments}
    folder = index_path(directory / "any").parent
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path not in wanted:
                path.unlink(missing_ok=True)


def _closed(segments: list[Path]) -> list[Path]:
    if not segments:
        return []
    *older, newest = segments
    last = next(lines_backwards(newest), b"")
    return segments if is_checkpoint(last) else older


def _index(segment: Path) -> bool:
    """Write the index of one audit file, whole or not at all; return whether it has one now."""
    try:
        with segment.open("rb") as file:
            status = os.fstat(file.fileno())
            free = os.statvfs(segment.parent)
            if status.st_size > SEGMENT_MAX_BYTES or free.f_bavail * free.f_frsize < 2 * status.st_size:
                return False
            data = _read(segment, file.fileno(), status)
    except FileNotFoundError:  # retention was faster
        return False
    path = index_path(segment)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    made = path.with_suffix(f".{os.getpid()}")
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return True


class _Gathered:
    """What is known of an audit file that has been read so far."""

    def __init__(self) -> None:
        self.rows: dict[Values, Postings] = {}
        self.places = array("I")
        self.requests = array("I")
        self.traces = array("I")
        self.ends: list[int] = []
        # The announced writes that have not ended so far, by their numbers: their values, place, and time.
        self.announced: dict[int, tuple[Values, int, int]] = {}

    def add(self, line: bytes, place: int) -> None:
        """Add a line that begins there, if it is a record."""
        found = timed_record(line)
        if found is None:
            return
        record, moment_us = found
        self.places.append(place)
        self.requests.append(id_hash(text_of(record, "request_id")))
        self.traces.append(id_hash(text_of(record, "trace_id")))
        values = _values_of(record)
        if values[-1] == Stage.INTENDED:
            self.announced[record["seq"]] = (values, place, moment_us)
            return
        self._post(values, place, moment_us)
        if intent := intent_of(record):
            self._end(intent)

    def _end(self, intent: int) -> None:
        announced = self.announced.pop(intent, None)
        if announced is None:
            self.ends.append(intent)
            return
        values, place, moment_us = announced
        self._post((*values[:-1], ENDED), place, moment_us)

    def finish(self) -> None:
        """Add the writes whose end is not in this file."""
        for values, place, moment_us in self.announced.values():
            self._post(values, place, moment_us)

    def _post(self, values: Values, place: int, moment_us: int) -> None:
        postings = self.rows.get(values)
        if postings is None:
            postings = self.rows[values] = Postings(array("I"), array("q"))
        postings.places.append(place)
        postings.times_us.append(moment_us)


def _values_of(record: dict[str, Any]) -> Values:
    try:
        values: Values = _values(record)
    except KeyError:
        values = ("", "", "", "", "", "")
    if all(values) and set(map(type, values)) == _TEXTS:
        return values
    # Of an operator, say, who has no service; or of somebody else's making.
    service, collection, operation, outcome, principal = (text_of(record, key) for key in EQUAL_KEYS)
    return service, collection, operation, outcome, principal, stage_of(record)


def _read(segment: Path, descriptor: int, status: os.stat_result) -> bytes:
    gathered = _Gathered()
    for start, block in blocks_forwards(descriptor, 0, whole_lines_end(descriptor)):
        place = start
        for line in block.split(b"\n"):
            gathered.add(line, place)
            place += len(line) + 1
    gathered.finish()
    ids = (gathered.places, gathered.requests, gathered.traces)
    return encoded_index(segment, status, gathered.rows, ids, gathered.ends)


def main(arguments: list[str]) -> int:
    """Make the indexes of a folder; return the exit code."""
    os.nice(_NICE)
    try:
        for directory in arguments:
            index_folder(Path(directory))
    except Exception as error:  # whose text could hold what a record says
        sys.stderr.write(f"{(isinstance(error, OSError) and error.strerror) or describe_fault(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
