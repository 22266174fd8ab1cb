"""What does an audit record say? Its keys are those of the design: who, what, when, with what outcome."""

from dataclasses import dataclass
from enum import StrEnum

import orjson

from aol_wire.datetimes import from_us

FILTER_MAX_BYTES = 16 << 10
"""Longer filters are recorded by their size only, so that a record stays a line that tools can read."""


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
        return orjson.dumps(orjson.loads(text))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return orjson.dumps({"$malformed_characters": len(text)})
