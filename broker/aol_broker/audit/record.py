"""What does an audit record say? Who did what, when, by what right, and with what outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from aol.data.v1 import collection_pb2
from aol_broker.identities.token_text import TOKEN_ID
from aol_broker.planning.changes import plan_id
from aol_wire.datetimes import from_us
from aol_wire.filters import Json
from aol_wire.limits import MANIFEST_SOURCE_MAX_CHARACTERS
from aol_wire.names import COLLECTION, OPERATOR, SERVICE

FILTER_MAX_BYTES = 16 << 10
"""Longer filters (as UTF-8, in a record) are recorded by their size only, so that a record stays a line that tools
can read, and fits where the audit log has made sure of room."""

_PERMISSIONS: Mapping[int, str] = {
    collection_pb2.PERMISSION_UNSPECIFIED: "all",
    collection_pb2.PERMISSION_READ: "read",
    collection_pb2.PERMISSION_WRITE: "write",
    collection_pb2.PERMISSION_ADMIN: "admin",
    collection_pb2.PERMISSION_ASSERT_CONTEXT: "assert-context",
    collection_pb2.PERMISSION_BYPASS_SECURITY: "bypass-security",
}


class Stage(StrEnum):
    """Which moment of a call a record is of."""

    INTENDED = "intended"
    """A write that is allowed and about to be handed to its adapter."""
    COMPLETED = "completed"
    """A call whose answer is about to leave."""
    RESOLVED = "resolved"
    """A write that was intended, and of which the broker could not record at the time how it ended."""


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A write of which nobody can say whether it was made."""
    PENDING = "pending"
    """A write that has not ended: the outcome of every intended record, and of no other."""


# Not frozen: that would make it three times as dear to make, twice in each write.
@dataclass(slots=True)
class AuditRecord:
    """What is recorded of one call at one stage. Texts are empty, and numbers 0, where there is nothing to tell.

    `filters` is JSON text on one line with sorted keys (see `redaction.recorded`). `intent` is the number of the record
    that announced this write. `grant` says by what right the call was allowed: `owner`, `operator`, `service` (nothing
    of another's is touched), or origin and permission of a grant, as `sharing:read`; `revision` is that of the registry
    in which it stood. `fields` are the paths that a query asks for, None when it asks for whole documents or is none.
    `tenant` and `user` say on whose behalf the call was made, where it was let through so; `security` says how that is
    known, `asserted` by the service or by a `token`, or that the call reached all documents (`bypass`).
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
    stage: Stage = Stage.COMPLETED
    intent: int = 0
    verified_by: str = ""
    on_behalf_of: str = ""
    peer: str = ""
    trace_id: str = ""
    grant: str = ""
    revision: int = 0
    fields: tuple[str, ...] | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    tenant: str = ""
    user: str = ""
    security: str = ""

    def body(self, seq: int, prev: str) -> bytes:
        """Return the record as canonical JSON (sorted keys, no blanks, UTF-8), without the hash that is made of it.

        :param prev: the hash of the record before it, which has the number `seq` - 1.
        """
        if self.security:
            return orjson.dumps(
                {**self._keys(seq, prev), "security": self.security, "tenant": self.tenant, "user": self.user},
                option=orjson.OPT_SORT_KEYS,
            )
        # In the order of the alphabet, which is what makes it canonical: sorting would cost each call a little.
        return orjson.dumps(self._keys(seq, prev))

    def _keys(self, seq: int, prev: str) -> dict[str, Any]:
        # orjson writes an enumeration as its value; Python's way to that is slow.
        return {
            "broker": self.broker,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "collection": self.collection,
            "duration_ms": round(self.duration_ms, 3),
            "fields": self.fields,
            "filters": orjson.Fragment(self.filters),
            "grant": self.grant,
            "intent": self.intent,
            "on_behalf_of": self.on_behalf_of,
            "operation": self.operation,
            "outcome": self.outcome,
            "peer": self.peer,
            "prev": prev,
            "principal": self.principal,
            "reason": self.reason,
            "request_id": self.request_id,
            "result_count": self.result_count,
            "revision": self.revision,
            "seq": seq,
            "service": self.service,
            "stage": self.stage,
            "timestamp": from_us(self.time_us),
            "trace_id": self.trace_id,
            "verified_by": self.verified_by,
        }


def recorded_filter(text: str, rewritten: Callable[[Json], Json] | None = None) -> bytes:
    """Return a filter as audit records show it, as JSON on one line; what is no JSON, or is too long, by its size.

    :param rewritten: returns what is shown of a filter; None shows all of it.
    """
    if not text:
        return b"null"
    if len(text) > FILTER_MAX_BYTES:
        return orjson.dumps({"$omitted_characters": len(text)})
    try:
        value = orjson.loads(text)
        recorded = orjson.dumps(value if rewritten is None else rewritten(value), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return orjson.dumps({"$malformed_characters": len(text)})
    # Bytes are what a line is made of: characters take up to four of them, and 1e15 is written out.
    return recorded if len(recorded) <= FILTER_MAX_BYTES else orjson.dumps({"$omitted_characters": len(text)})


def recorded_arguments(operation: str, arguments: Any) -> bytes:
    """Return what a record shows under `filters` of a call that has none, as JSON on one line.

    `arguments` is the request message of the operation, which nobody has checked yet. Of grants it is who is to have
    which permission, of manifests where they come from, of plans which one it is, of copies where to, of a drop whether
    it is one, of tokens whose they are to be, or which one; other calls show null. What is stored in collections is in
    none of them: filters, and documents, are for `redaction`.
    """
    return orjson.dumps(_recorded_arguments(operation, arguments))


def _recorded_arguments(operation: str, arguments: Any) -> Json:
    shown: Json = None
    match operation:
        case "grant_access" | "revoke_access" | "approve_access" | "refuse_access":
            permission: Json = _PERMISSIONS.get(arguments.permission, arguments.permission)
            shown = {"permission": permission, "target_service": _grantee(arguments.target_service)}
        case "list_access_requests":
            collection, service = _id(arguments.collection), _grantee(arguments.target_service)
            shown = {"collection": collection, "owner": _grantee(arguments.owner), "target_service": service}
        case "list_access" | "explain_access":
            shown = {"collection": _id(arguments.collection), "service": _grantee(arguments.service)}
        case "apply_manifest":
            source = arguments.source
            good = len(source) <= MANIFEST_SOURCE_MAX_CHARACTERS and source.isprintable()
            shown = {"source": _named(source, good)}
        case "apply_plan":
            shown = {"plan": plan_id(arguments.plan.seal)}
        case "retire_manifest_version":
            shown = {"service": _grantee(arguments.service), "version": arguments.version}
        case "drop_collection":
            shown = {"dry_run": arguments.dry_run}
        case "copy_collection":
            adapter = arguments.to_adapter
            shown = {"to_adapter": _named(adapter, COLLECTION.fullmatch(adapter) is not None)}
        case "create_token" | "revoke_token":
            shown = _recorded_token(operation, arguments)
    return shown


def with_details(filters: bytes, details: Mapping[str, Json] | None) -> bytes:
    """Return what a record shows under `filters` with what is known after the call, for example of a batch's failures.

    :param filters: of `redaction.recorded`, null or an object.
    """
    if not details:
        return filters
    return orjson.dumps({**(orjson.loads(filters) or {}), **details}, option=orjson.OPT_SORT_KEYS)


def _recorded_token(operation: str, arguments: Any) -> Json:
    """Return whose a token is to be, or which one it is; of what is no id, the token itself perhaps, only the size."""
    if operation == "revoke_token":
        token_id = arguments.token_id
        return {"token_id": _named(token_id, TOKEN_ID.fullmatch(token_id) is not None)}
    service, operator = arguments.service, arguments.operator
    shown: dict[str, Json] = {"lifetime_s": arguments.lifetime_s}
    if operator:
        shown["operator"] = _named(operator, OPERATOR.fullmatch(operator) is not None)
    if service:
        shown["service"] = _named(service, SERVICE.fullmatch(service) is not None)
    return shown


def _grantee(name: str) -> Json:
    return _named(name, SERVICE.fullmatch(name.removesuffix("*")) is not None or name in ("", "*"))


def _id(name: str) -> Json:
    return _named(name, all(COLLECTION.fullmatch(part) for part in name.split(".", 1)) or not name)


def _named(name: str, good: bool) -> Json:
    return name if good else {"$malformed_characters": len(name)}
