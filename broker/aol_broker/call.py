"""What is known of one call so far? What its steps have found, and what its audit record makes of that."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import structlog
from google.protobuf.message import Message

from aol_broker.advice import shape_of_request
from aol_broker.audit.log import Intent
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.redaction import recorded, recorded_fields
from aol_broker.limits import ServiceUse
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.request import Peer, Principal
from aol_broker.resolve import CollectionName
from aol_broker.scope import WHOLE
from aol_broker.security.deciding import Decision
from aol_broker.trace_context import trace_id
from aol_broker.verbs import BoundVerb
from aol_wire.filters import Json
from aol_wire.ids import now_us

_UNDECIDED = Decision(WHOLE)

_log = structlog.get_logger("aol.call")


class Call:
    """What is known of one call so far, for its audit record."""

    __slots__ = (
        "arguments",
        "bytes_in",
        "bytes_out",
        "counted",
        "decision",
        "dispatched",
        "expired",
        "grant",
        "ids",
        "intent",
        "limit_s",
        "name",
        "named",
        "peer",
        "principal",
        "record",
        "recorded",
        "request_id",
        "revision",
        "served",
        "started",
        "task",
        "time_us",
        "use",
        "verb",
    )

    def __init__(self, bound: BoundVerb, peer: Peer, bytes_in: int) -> None:
        self.verb = bound.verb
        self.peer = peer
        self.bytes_in = bytes_in
        self.bytes_out = 0
        self.request_id = ""
        self.started = time.monotonic()
        self.time_us = now_us()
        self.principal: Principal | None = None
        self.name: CollectionName | None = None
        self.arguments: Message | None = None
        # The collection of that name, whether the caller may use it or not, and the one that it may use.
        self.named: CollectionRecord | None = None
        self.served: CollectionRecord | None = None
        self.grant = ""
        # On whose behalf it is made, once that is known.
        self.decision: Decision | None = None
        self.revision = 0
        self.ids: Sequence[str] = ()
        # Its record, once that is made: of a write before it is handed on, and changed when it has ended.
        self.record: AuditRecord | None = None
        self.intent: Intent | None = None
        self.recorded = False
        self.expired = False
        self.limit_s = 0.0
        # Whether it is one of the calls under way; and, where its service has limits, of that service's.
        self.counted = True
        self.use: ServiceUse | None = None
        self.task: asyncio.Task[Any] | None = None
        self.dispatched = False


def record_of(call: Call, broker_id: str, hmac_key: bytes) -> AuditRecord:
    """Return a call's audit record, as of a write that is about to be made.

    :param hmac_key: with which values are hidden.
    """
    principal, name = call.principal, call.name
    decision = call.decision or _UNDECIDED
    return AuditRecord(
        time_us=call.time_us,
        service=principal.service if principal is not None else "",
        operation=call.verb.operation,
        collection=name.id if name is not None else "",
        filters=recorded(call.verb.operation, call.arguments, call.named, hmac_key, call.ids),
        result_count=0,
        broker=broker_id,
        request_id=call.request_id,
        principal=principal.name if principal is not None else "",
        outcome=Outcome.PENDING,
        reason="",
        duration_ms=0.0,
        stage=Stage.INTENDED,
        verified_by=principal.verified_by if principal is not None else "",
        on_behalf_of=principal.on_behalf_of if principal is not None else "",
        peer=call.peer.address,
        trace_id=trace_id(call.peer.traceparent),
        grant=call.grant,
        revision=call.revision,
        fields=recorded_fields(call.arguments, call.named),
        bytes_in=call.bytes_in,
        tenant=decision.context.tenant,
        user=decision.context.user,
        security=decision.basis,
    )


def log_slow(call: Call, record: AuditRecord) -> None:
    """Log a slow call with the shape of its query, and the index that may help. Off the hot path."""
    advice: dict[str, Json] = {}
    if call.served is not None and call.arguments is not None and call.dispatched:
        advice = shape_of_request(call.arguments, call.served)
    _log.warning(
        "slow call",
        operation=record.operation,
        collection=record.collection,
        service=record.service,
        request_id=record.request_id,
        duration_ms=round(record.duration_ms),
        **advice,
    )
