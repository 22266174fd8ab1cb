"""Which audit records does somebody look for, and is this one of them?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from aol_broker.audit.record import Outcome, Stage
from aol_broker.audit.stored import raw_time_of, record_time_us, stage_of, text_of
from aol_wire.datetimes import from_us

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000

EQUAL_KEYS = ("service", "collection", "operation", "outcome", "principal")
"""The keys of a record, with its stage, by which an index tells records apart."""

# The calls whose `filters` is a filter; that of others says what was asked for (see `recorded_arguments`).
_FILTERING = frozenset({"query", "count", "update", "delete", "restore", "purge", "explain"})
_ID = "_id"
_HASH = "$hmac"
_BRANCHES = ("$and", "$or")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; an empty field is no condition. Times are microseconds since 1970, `until_us` exclusive.

    `document_id` is looked for where a filter says `_id`, as that of an insert does. `field` is a path that the call
    reads by name or that its filter asks about, or a path above or below it. `text` is a part of a request id, trace
    id, document id, principal, of whom the call was made for, or of the hash of a sensitive value. Without `stages`, a
    write that ended is shown by its end alone. `unresolved` leaves the writes of which nobody can say (yet) whether
    they were made.

    `follow` takes the oldest `limit` records after `after_seq` instead of the newest ones.
    """

    service: str = ""
    collection: str = ""
    operation: str = ""
    outcome: str = ""
    principal: str = ""
    document_id: str = ""
    field: str = ""
    request_id: str = ""
    trace_id: str = ""
    user: str = ""
    tenant: str = ""
    security: str = ""
    text: str = ""
    since_us: int = 0
    until_us: int = 0
    after_seq: int = 0
    stages: tuple[str, ...] = ()
    unresolved: bool = False
    follow: bool = False
    limit: int = DEFAULT_LIMIT


class Matcher:
    """Says of lines and records whether a query means them."""

    def __init__(self, query: AuditQuery) -> None:
        self.query = query
        keys = (*EQUAL_KEYS, "request_id", "trace_id", "user", "tenant", "security")
        self._equal = {key: value for key in keys if (value := getattr(query, key))}
        self.row_values = tuple((place, self._equal[key]) for place, key in enumerate(EQUAL_KEYS) if key in self._equal)
        self._since = from_us(query.since_us).encode() if query.since_us else b""
        self._until = from_us(query.until_us).encode() if query.until_us else b"\xff"
        self._timed = bool(query.since_us or query.until_us)
        self._contained = tuple(_contained(query, self._equal))
        # By which to find those lines: the longer, the fewer there are.
        self.longest_part = max(self._contained, key=len, default=b"")
        self._one_of = _named(query.field) if query.field else ()
        # Whether it has to be known of announced writes that they ended.
        self.needs_ends = (query.unresolved or not query.stages) and query.outcome in ("", Outcome.PENDING.value)
        # Whether it is about those without an end, so that of every end it has to be known.
        self.asks_for_open = self.needs_ends and (query.unresolved or query.outcome == Outcome.PENDING)
        self.looks_inside = bool(query.document_id or query.field or query.text)

    def may_hold(self, data: bytes) -> bool:
        """Whether a line, or one of many, can match; cheap, on bytes as they are stored."""
        # Loops, as this is asked of every line that is read.
        for part in self._contained:
            if part not in data:
                return False
        for part in self._one_of:
            if part in data:
                return True
        return not self._one_of

    def is_in_time(self, line: bytes) -> bool:
        """Whether the time of a line, which is not decoded, is that of the query."""
        return not self._timed or self._since <= raw_time_of(line) < self._until

    def time_is_wanted(self, moment_us: int) -> bool:
        """Whether a moment is in the time of the query."""
        return self.query.since_us <= moment_us and (not self.query.until_us or moment_us < self.query.until_us)

    def matches(self, record: dict[str, Any], ended: bool) -> bool:
        """Whether a record is meant; `ended` says of one that announces a write that its end is recorded too."""
        query = self.query
        moment_us = record_time_us(record)
        return (
            all(record.get(key) == value for key, value in self._equal.items())
            and moment_us is not None
            and self.time_is_wanted(moment_us)
            and record["seq"] > query.after_seq
            and self.stage_is_wanted(stage_of(record), text_of(record, "outcome"), ended)
            and (not query.document_id or query.document_id in document_ids(record))
            and (not query.field or names_field(record, query.field))
            and (not query.text or any(query.text in text for text in _ids(record)))
        )

    def stage_is_wanted(self, stage: str, outcome: str, ended: bool) -> bool:
        """Whether a record of this stage is meant, as far as stage and outcome tell."""
        open_end = stage == Stage.INTENDED and not ended
        if self.query.stages and stage not in self.query.stages:
            return False
        if self.query.unresolved:
            return open_end or outcome == Outcome.UNKNOWN
        return bool(self.query.stages) or stage != Stage.INTENDED or open_end


def document_ids(record: dict[str, Any]) -> set[str]:
    """Return the ids of documents that a record names."""
    filters = record.get("filters")
    if not isinstance(filters, dict):
        return set()
    return set(_ids_asked_for(filters))


def names_field(record: dict[str, Any], field: str) -> bool:
    """Whether a call reads a path by name or filters by it: the path itself, one above it, or one below it."""
    read = record.get("fields")
    paths = [path for path in read if isinstance(path, str)] if isinstance(read, list) else []
    if record.get("operation") in _FILTERING:
        paths += _paths(record.get("filters"))
    return any(path == field or path.startswith(f"{field}.") or field.startswith(f"{path}.") for path in paths)


def _ids(record: dict[str, Any]) -> Iterator[str]:
    for key in ("request_id", "trace_id", "principal", "on_behalf_of"):
        yield text_of(record, key)
    yield from document_ids(record)
    yield from _hashes(record.get("filters"))


def _hashes(value: Any) -> Iterator[str]:
    """Yield what stands in the place of sensitive values."""
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _hashes(part)
    if isinstance(value, dict):
        yield from _texts(value.get(_HASH))


def _ids_asked_for(filters: dict[str, Any]) -> Iterator[str]:
    asked = filters.get(_ID)
    if isinstance(asked, dict):
        yield from _texts(asked.get("$eq"))
        yield from _texts(asked.get("$in"))
    else:
        yield from _texts(asked)
    for branch in _branches(filters):
        yield from _ids_asked_for(branch)


def _paths(filters: Any) -> Iterator[str]:
    if not isinstance(filters, dict):
        return
    yield from (key for key in filters if not key.startswith("$"))
    for branch in _branches(filters):
        yield from _paths(branch)
    yield from _paths(filters.get("$not"))


def _branches(filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in _BRANCHES:
        branches = filters.get(key)
        if isinstance(branches, list):
            yield from (branch for branch in branches if isinstance(branch, dict))


def _texts(value: Any) -> Iterator[str]:
    values = value if isinstance(value, list) else [value]
    yield from (text for text in values if isinstance(text, str))


def _contained(query: AuditQuery, equal: dict[str, str]) -> Iterator[bytes]:
    """Yield what stands in every line that matches."""
    for key, value in equal.items():
        yield b'"%b":%b' % (key.encode(), orjson.dumps(value))
    if query.document_id:
        yield orjson.dumps(query.document_id)
    if query.text:
        yield orjson.dumps(query.text)[1:-1]


def _named(field: str) -> tuple[bytes, ...]:
    """Return what stands in a line that names a field: one of these."""
    segments = field.split(".")
    above = (".".join(segments[:count]) for count in range(1, len(segments) + 1))
    return (*(orjson.dumps(path) for path in above), orjson.dumps(f"{field}.")[:-1])
