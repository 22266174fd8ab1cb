"""What does an audit record say? Its keys are those of the design: who, what, when, with what outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from aol.data.v1 import collection_pb2
from aol_wire.datetimes import from_us
from aol_wire.filters import Json
from aol_wire.limits import MANIFEST_SOURCE_MAX_CHARACTERS
from aol_wire.names import COLLECTION, SERVICE

FILTER_MAX_BYTES = 16 << 10
"""Longer filters (as UTF-8, in a record) are recorded by their size only, so that a record stays a line that tools
can read, and fits where the audit log has made sure of room."""

_PERMISSIONS: Mapping[int, str] = {
    collection_pb2.PERMISSION_UNSPECIFIED: "all",
    collection_pb2.PERMISSION_READ: "read",
    collection_pb2.PERMISSION_WRITE: "write",
    collection_pb2.PERMISSION_ADMIN: "admin",
}


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A write of which nobody can say whether it was made."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One call. `filters` is JSON text on one line (see `recorded_filter`).

    `reason` is empty when it succeeded; `collection` is empty for calls that name none.
    """

    time_us: int
    service: str
    operation: str
    collection: str
    filters: bytes
    result_count: int
    broker: str
    request_id: str
    principal: str
    outcome: Outcome
    reason: str
    duration_ms: float

    def line(self, seq: int) -> bytes:
        """Return the record as one line of JSON, with its place in the log."""
        return orjson.dumps(
            {
                "timestamp": from_us(self.time_us),
                "service": self.service,
                "operation": self.operation,
                "collection": self.collection,
                "filters": orjson.Fragment(self.filters),
                "result_count": self.result_count,
                "broker": self.broker,
                "seq": seq,
                "request_id": self.request_id,
                "principal": self.principal,
                "outcome": self.outcome.value,
                "reason": self.reason,
                "duration_ms": round(self.duration_ms, 3),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


def recorded_filter(text: str) -> bytes:
    """Return a filter as audit records show it, as JSON on one line; what is no JSON, or is too long, by its size."""
    if not text:
        return b"null"
    if len(text) > FILTER_MAX_BYTES:
        return orjson.dumps({"$omitted_characters": len(text)})
    try:
        recorded = orjson.dumps(orjson.loads(text))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return orjson.dumps({"$malformed_characters": len(text)})
    # Bytes are what a line is made of: characters take up to four of them, and 1e15 is written out.
    return recorded if len(recorded) <= FILTER_MAX_BYTES else orjson.dumps({"$omitted_characters": len(text)})


def recorded_arguments(operation: str, arguments: Any) -> bytes:
    """Return what a record shows under `filters`, as JSON on one line: what a call says beyond its collection.

    `arguments` is the request message of the operation, which nobody has checked yet. Filters are shown as they are,
    of grants who is to have which permission, of manifests where they come from, of copies where to, of a drop whether
    it is one; other calls show null.
    """
    match operation:
        case "grant_access" | "revoke_access":
            target = arguments.target_service
            permission: Json = _PERMISSIONS.get(arguments.permission, arguments.permission)
            return orjson.dumps(
                {"target_service": _named(target, SERVICE.fullmatch(target) is not None), "permission": permission}
            )
        case "apply_manifest":
            source = arguments.source
            good = len(source) <= MANIFEST_SOURCE_MAX_CHARACTERS and source.isprintable()
            return orjson.dumps({"source": _named(source, good)})
        case "drop_collection":
            return orjson.dumps({"dry_run": arguments.dry_run})
        case "copy_collection":
            adapter = arguments.to_adapter
            return orjson.dumps({"to_adapter": _named(adapter, COLLECTION.fullmatch(adapter) is not None)})
        case _:
            return recorded_filter(getattr(arguments, "filter", ""))


def with_details(filters: bytes, details: Mapping[str, Json]) -> bytes:
    """Return what a record shows under `filters` with what is known after the call, for example of a batch's failures.

    :param filters: of `recorded_arguments`, null or an object.
    """
    return orjson.dumps({**(orjson.loads(filters) or {}), **details}) if details else filters


def _named(name: str, good: bool) -> Json:
    return name if good else {"$malformed_characters": len(name)}
