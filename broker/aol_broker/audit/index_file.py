"""What does the index of a closed audit file hold, and is it sound? Where which records are, so that a search skips.

An index is `index/audit-….idx` beside the files. Nothing but speed depends on it: what it leads to is read and looked
at again, and a file without a sound index is read from end to end. Its parts, each with a checksum (CRC-32):

- a head, JSON: of which file (name, size, time of change) it is, how many records that has, their least and greatest
  time, whether there are `unresolved` ones, and `ends`: the announced writes of earlier files that ended in this one;
- a table, JSON: a row for each combination of values that occurs (see `Values`), with their count and times;
- for each row, the places of its records (4 bytes each) and their times (8 bytes each);
- for all records, in the order of the file, places, CRC-32 of request ids, and of trace ids (4 bytes each).
"""

import os
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import orjson

from aol_broker.audit.record import Outcome, Stage

FOLDER = "index"
SEGMENT_MAX_BYTES = 1 << 30
"""Larger files have no index: it is made in memory, and their places would not fit."""

ENDED = "ended"
"""The stage, in an index alone, of an announced write whose end is recorded in the same file."""

_MAGIC = b"aol audit index 1\n"
_HEAD_MAX_BYTES = 8 << 20
_HEAD_READ_BYTES = 4 << 10
_CRC_DIGITS = 8
_PLACE_BYTES = 4
_TIME_BYTES = 8

Values = tuple[str, str, str, str, str, str]
"""service, collection, operation, outcome, principal, and the stage or ENDED."""


class IndexUnusableError(Exception):
    """An index is missing, damaged, or of a file that is another one by now."""


@dataclass(frozen=True, slots=True)
class Row:
    """The records with the same values: how many, their least and greatest time, and where the index has more."""

    values: Values
    count: int
    first_us: int
    last_us: int
    start: int
    crc: int

    @property
    def stage(self) -> str:
        """The stage, or ENDED."""
        return self.values[-1]


@dataclass(frozen=True, slots=True)
class Postings:
    """Where the records of a row begin in their file, and when their calls began; in no particular order."""

    places: "array[int]"
    times_us: "array[int]"


def index_path(segment: Path) -> Path:
    """Return where the index of an audit file is."""
    return segment.parent / FOLDER / f"{segment.stem}.idx"


def discard_index(segment: Path) -> None:
    """Remove an index that turned out to be damaged, so that it is made anew."""
    with suppress(OSError):
        index_path(segment).unlink(missing_ok=True)


class IndexFile:
    """An index, opened for one search; its head is read, the rest when it is asked for."""

    def __init__(self, descriptor: int, segment: Path, status: os.stat_result) -> None:
        """:raises IndexUnusableError: it is not a sound index of that file, of which `status` is told."""
        self._descriptor = descriptor
        first = os.pread(descriptor, _HEAD_READ_BYTES, 0)
        if not first.startswith(_MAGIC):
            raise IndexUnusableError("it is no index")
        head_bytes = _hex(first[len(_MAGIC) : len(_MAGIC) + _CRC_DIGITS])
        start = len(_MAGIC) + _CRC_DIGITS
        if head_bytes > _HEAD_MAX_BYTES:
            raise IndexUnusableError("its head is damaged")
        self._table_start = start + _CRC_DIGITS + head_bytes
        if self._table_start > len(first):
            first = os.pread(descriptor, self._table_start, 0)
        head = _object(first[start + _CRC_DIGITS : self._table_start], _hex(first[start : start + _CRC_DIGITS]))
        named = (head["segment"], head["size"], head["changed_ns"], head["byte_order"])
        if named != (segment.name, status.st_size, status.st_mtime_ns, sys.byteorder):
            raise IndexUnusableError("it is of another file, or of what this file was before")
        self._head = head
        self.records: int = head["records"]
        self.first_us: int = head["first_us"]
        self.last_us: int = head["last_us"]
        self.ends: list[int] = head["ends"]
        self.has_unresolved: bool = head["unresolved"]

    @classmethod
    def opened(cls, segment: Path, status: os.stat_result) -> Self:
        """Open the index of an audit file; `close` it.

        :raises IndexUnusableError: there is none that can be used.
        """
        try:
            descriptor = os.open(index_path(segment), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise IndexUnusableError(f"it cannot be opened: {error.strerror}") from None
        try:
            return cls(descriptor, segment, status)
        except (OSError, KeyError, TypeError) as error:
            os.close(descriptor)
            raise IndexUnusableError(f"it cannot be read: {type(error).__name__}") from None
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)

    def rows(self, wanted: Sequence[tuple[int, str]] = ()) -> Iterator[Row]:
        """Yield the rows of the table, or those that have these values at these places in `values`.

        :raises IndexUnusableError: it is damaged.
        """
        table_bytes = self._head["table_bytes"]
        table = _object(self._read(self._table_start, table_bytes), self._head["table_crc"])
        start = self._table_start + table_bytes
        for row in table["rows"]:
            service, collection, operation, outcome, principal, stage, count, first_us, last_us, crc = row
            # A loop, as there may be many rows and few that are wanted.
            for place, value in wanted:
                if row[place] != value:
                    break
            else:
                values = (service, collection, operation, outcome, principal, stage)
                yield Row(values, count, first_us, last_us, start, crc)
            start += count * (_PLACE_BYTES + _TIME_BYTES)

    def postings(self, row: Row) -> Postings:
        """Return where the records of a row are.

        :raises IndexUnusableError: it is damaged.
        """
        data = self._checked(row.start, row.count * (_PLACE_BYTES + _TIME_BYTES), row.crc)
        split = row.count * _PLACE_BYTES
        return Postings(array("I", data[:split]), array("q", data[split:]))

    def places_of_id(self, kind: str, text: str) -> list[int]:
        """Return where the records may be that have this request id (`kind` "request") or trace id ("trace").

        :raises IndexUnusableError: it is damaged.
        """
        size = self.records * _PLACE_BYTES
        start = self._table_start + self._head["table_bytes"] + self.records * (_PLACE_BYTES + _TIME_BYTES)
        place_of_kind = {"request": 1, "trace": 2}[kind]
        hashes = self._checked(start + place_of_kind * size, size, self._head["ids_crc"][place_of_kind])
        found = list(_aligned(hashes, id_hash(text).to_bytes(_PLACE_BYTES, sys.byteorder)))
        if not found:
            return []
        places = array("I", self._checked(start, size, self._head["ids_crc"][0]))
        return [places[number] for number in found]

    def _checked(self, start: int, size: int, crc: int) -> bytes:
        data = self._read(start, size)
        if crc32(data) != crc:
            raise IndexUnusableError("it is damaged")
        return data

    def _read(self, start: int, size: int) -> bytes:
        try:
            data = os.pread(self._descriptor, size, start)
        except (OSError, OverflowError) as error:
            raise IndexUnusableError(f"it cannot be read: {type(error).__name__}") from None
        if len(data) != size:
            raise IndexUnusableError("it ends too early")
        return data


def encoded_index(
    segment: Path,
    status: os.stat_result,
    rows: dict[Values, Postings],
    ids: "tuple[array[int], array[int], array[int]]",
    ends: Sequence[int],
) -> bytes:
    """Return the bytes of an index.

    :param status: of the audit file before it was read.
    :param ids: of all records: their places, and the hashes (`id_hash`) of their request ids and trace ids.
    """
    chunks = [posting.places.tobytes() + posting.times_us.tobytes() for posting in rows.values()]
    columns = [column.tobytes() for column in ids]
    spans = [(min(it.times_us), max(it.times_us)) for it in rows.values()]
    table = orjson.dumps(
        {
            "rows": [
                (*values, len(it.places), first_us, last_us, crc32(chunk))
                for (values, it), (first_us, last_us), chunk in zip(rows.items(), spans, chunks, strict=True)
            ]
        }
    )
    head = orjson.dumps(
        {
            "segment": segment.name,
            "size": status.st_size,
            "changed_ns": status.st_mtime_ns,
            "byte_order": sys.byteorder,
            "records": len(ids[0]),
            "first_us": min((first_us for first_us, _ in spans), default=0),
            "last_us": max((last_us for _, last_us in spans), default=0),
            "ends": list(ends),
            "unresolved": any(values[-1] == Stage.INTENDED or values[3] == Outcome.UNKNOWN for values in rows),
            "table_bytes": len(table),
            "table_crc": crc32(table),
            "ids_crc": [crc32(column) for column in columns],
        }
    )
    sizes = b"%08x%08x" % (len(head), crc32(head))
    return b"".join((_MAGIC, sizes, head, table, *chunks, *columns))


def id_hash(text: str) -> int:
    """Return the 32 bits by which an id is found."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def _aligned(data: bytes, word: bytes) -> Iterator[int]:
    """Yield the numbers of the words of an array that are this one."""
    at = data.find(word)
    while at >= 0:
        if at % len(word) == 0:
            yield at // len(word)
        at = data.find(word, at + 1)


def _hex(digits: bytes) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        raise IndexUnusableError("its head is damaged") from None


def _object(data: bytes, crc: int) -> dict[str, Any]:
    if crc32(data) != crc:
        raise IndexUnusableError("it is damaged")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise IndexUnusableError("it is damaged") from None
    if not isinstance(value, dict):
        raise IndexUnusableError("it is damaged")
    return value
