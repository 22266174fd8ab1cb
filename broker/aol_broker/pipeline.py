"""What happens to a call? One call, one straight line, for every way in (DESIGN section 4).

audit( recover -> request id -> deadline -> authentication result -> limits -> decode
       -> resolve -> authorize -> scope -> admit -> [a write: intended] -> dispatch )
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import Outcome, Stage, with_details
from aol_broker.audit.redaction import inserted_ids
from aol_broker.authorize import authorize
from aol_broker.call import Call, log_slow, record_of
from aol_broker.decode import check_request_id, decode, refuse_context
from aol_broker.identities.routing import Identities
from aol_broker.limits import UNLIMITED, Limiter
from aol_broker.outcomes import applied, outcome_of
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Peer, Principal, Reply, Request
from aol_broker.resolve import resolve
from aol_broker.security.deciding import RecordSecurity
from aol_broker.usage.counter import Counter
from aol_broker.verbs import BoundVerb
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.faults import describe_fault
from aol_wire.frames.deadlines import Deadlines
from aol_wire.ids import uuid7
from aol_wire.limits import REQUEST_MAX_BYTES

CANCELLED = "CANCELLED"
"""The audit reason of a call whose caller went away; it is no reason of the contract, as nobody is told."""

_log = structlog.get_logger("aol.call")


@dataclass(frozen=True, slots=True)
class LineSettings:
    """What the line takes from the configuration."""

    broker_id: str
    default_deadline_s: float
    max_deadline_s: float
    max_in_flight: int
    slow_call_s: float
    hmac_key: bytes


class Pipeline:
    """The line. Transports call `handle`; it never raises, except when its task is cancelled."""

    def __init__(
        self,
        verbs: Mapping[str, BoundVerb],
        registry: Registry,
        audit: AuditLog,
        settings: LineSettings,
        identities: Identities,
        *,
        counter: Counter,
        limiter: Limiter | None = None,
        security: RecordSecurity | None = None,
    ) -> None:
        self._verbs = verbs
        self._security = security or RecordSecurity()
        self._registry = registry
        self._audit = audit
        self._settings = settings
        self._identities = identities
        self._limiter = limiter
        self._counter = counter
        self._in_flight = 0
        self._writes: set[asyncio.Task[Any]] = set()
        self._deadlines: Deadlines[Call] | None = None

    async def handle(
        self, method: str, payload: bytes, peer: Peer, timeout_s: float | None = None, *, goes_on: bool = False
    ) -> Reply:
        """Serve one call. `method` is the full gRPC name; `timeout_s` what the caller left of its time.

        `goes_on`: this task is not cancelled when the caller of a write goes away.
        """
        bound = self._verbs[method]
        call = Call(bound, peer, len(payload))
        if not bound.verb.writes:
            return await self._serve(bound, call, payload, peer, timeout_s)
        task = asyncio.current_task()
        if goes_on and task is not None:
            self._writes.add(task)
            try:
                return await self._serve(bound, call, payload, peer, timeout_s)
            finally:
                self._writes.discard(task)
        # A write goes on when its caller goes away, so that its record tells what became of it.
        serving = asyncio.create_task(self._serve(bound, call, payload, peer, timeout_s))
        self._writes.add(serving)
        serving.add_done_callback(self._writes.discard)
        return await asyncio.shield(serving)

    def max_calls_of(self, peer: Peer, most: int) -> int:
        """Return how many calls may be under way at once of the service that a peer names, at most `most`."""
        return most if self._limiter is None else self._limiter.max_in_flight(peer.service, most)

    async def drain(self) -> None:
        """Wait for the writes whose callers went away; their deadlines bound it."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def _serve(self, bound: BoundVerb, call: Call, payload: bytes, peer: Peer, timeout_s: float | None) -> Reply:
        self._in_flight += 1
        try:
            answer, error = await self._recovered(bound, call, payload, peer, timeout_s)
            encoded = answer.message.SerializeToString() if answer is not None else b""
            call.bytes_out = len(encoded)
            error = await self._record(call, answer, error)
        except asyncio.CancelledError:
            # Nobody waits for an answer; that the call was made is recorded all the same, unless it is already.
            if not call.recorded:
                await self._record(call, None, None, cancelled=True)
            raise
        finally:
            self._leave(call)
        return Reply(encoded if error is None else b"", error, call.request_id, self._registry.snapshot.revision)

    async def _recovered(
        self, bound: BoundVerb, call: Call, payload: bytes, peer: Peer, timeout_s: float | None
    ) -> tuple[Answer | None, DataError | None]:
        """Turn whatever goes wrong into an error of the contract, within the call's deadline."""
        wanted_s = self._settings.default_deadline_s if timeout_s is None else max(0.0, timeout_s)
        limit_s = call.limit_s = min(wanted_s, self._settings.max_deadline_s)
        call.task = asyncio.current_task()
        if self._deadlines is None:
            # Made by the first call, as it belongs to the event loop that runs. One timer for all calls: one a call, as
            # `asyncio.timeout` has it, is a tenth of what a call costs here.
            self._deadlines = Deadlines(_expire)
        self._deadlines.add(call, call.started + limit_s)
        try:
            return await self._line(bound, call, payload, peer, call.started + limit_s), None
        except DataError as error:
            return None, error
        except asyncio.CancelledError:
            # As `asyncio.timeout` does it: a cancellation of our own is taken back, unless somebody else wants one too.
            if call.expired and call.task is not None and call.task.uncancel() == 0:
                return None, _out_of_time(call.limit_s)
            raise
        except Exception as error:  # a bug must not reach the transport: its text could hold anything
            if call.expired:
                # What something made of the cancellation; whatever it is, the time is over.
                return None, _out_of_time(call.limit_s)
            _log.error("bug", request_id=call.request_id, fault=describe_fault(error))
            return None, DataError(
                Reason.INTERNAL_BUG,
                f"The broker failed at this call. Its log says where, under the request id {call.request_id}.",
            )
        finally:
            self._deadlines.discard(call)

    async def _line(self, bound: BoundVerb, call: Call, payload: bytes, peer: Peer, deadline: float) -> Answer:
        verb = bound.verb
        if self._in_flight > self._settings.max_in_flight:
            raise DataError(
                Reason.OVERLOADED,
                f"The broker has {self._settings.max_in_flight:,} calls under way already.",
                retry_after_s=0.1,
                applied=Applied.NO,
            )
        principal = call.principal = await self._identities.identify(peer)
        if self._limiter is not None and not principal.is_operator:
            deadline = self._limited(call, self._limiter, principal.service, deadline)
        if len(payload) > REQUEST_MAX_BYTES:
            raise DataError(
                Reason.TOO_LARGE,
                f"The request has {len(payload):,} bytes; {REQUEST_MAX_BYTES:,} are the most. Send several.",
            )
        request = self._decoded(call, payload, principal, deadline)
        snapshot = self._registry.snapshot
        if peer.revision > snapshot.revision:
            snapshot = await self._registry.refresh(peer.revision)
        name = call.name = resolve(request.collection, principal.service) if verb.names else None
        call.named = snapshot.collection(name.service, name.collection) if name is not None else None
        call.revision = snapshot.revision
        allowed = authorize(verb.right, principal, name, snapshot)
        record, call.grant, request.scope = allowed.record, allowed.grant, allowed.scope
        call.served = record
        if verb.reach is not None:
            call.decision = await self._security.decide(
                request.arguments.context, allowed, verb.reach, principal, snapshot
            )
            request.scope = call.decision.scope
        try:
            return await self._served(bound, call, request, record, deadline)
        except DataError as error:
            if record is None or request.scope.fields is None:
                raise
            # Whatever went wrong, nothing is said of what the caller does not see.
            raise request.scope.told(error, record.indexes) from None

    async def _served(
        self,
        bound: BoundVerb,
        call: Call,
        request: Request[Any],
        record: CollectionRecord | None,
        deadline: float,
    ) -> Answer:
        work = await bound.command.admit(request, record)
        call.ids = inserted_ids(work)
        if call.verb.writes:
            call.record = record_of(call, self._settings.broker_id, self._settings.hmac_key)
            call.intent = self._audit.intend(call.record)
            await call.intent.durable()
        else:
            self._audit.check()
        if request.remaining_s <= 0:
            raise _out_of_time(deadline - call.started)
        call.dispatched = True
        if record is not None and not request.principal.is_operator:
            self._counter.note(request.principal.service, record, call.verb.operation, work, call.time_us)
        return await bound.command.dispatch(request, record, work)

    def _limited(self, call: Call, limiter: Limiter, service: str, deadline: float) -> float:
        """Let the call of a service in; return its deadline, which the service's limits may bring nearer.

        :raises DataError: QUOTA, OVERLOADED.
        """
        try:
            use = call.use = limiter.enter(service, call.bytes_in)
        except DataError:
            # All that is left of it is its record, and that takes no place of other calls.
            self._leave(call)
            raise
        if use is None or use.limits.max_deadline_s is None or use.limits.max_deadline_s >= call.limit_s:
            return deadline
        call.limit_s = use.limits.max_deadline_s
        if self._deadlines is not None:
            self._deadlines.discard(call)
            self._deadlines.add(call, call.started + call.limit_s)
        return call.started + call.limit_s

    def _leave(self, call: Call) -> None:
        """Count a call no more, if it still counts."""
        if call.counted:
            call.counted = False
            self._in_flight -= 1
            if call.use is not None:
                call.use.leave(call.bytes_out)

    def _decoded(self, call: Call, payload: bytes, principal: Principal, deadline: float) -> Request[Any]:
        verb = call.verb
        arguments: Any = decode(verb.request, payload)
        call.request_id = check_request_id(arguments.request_id) or uuid7()
        call.arguments = arguments
        collection = getattr(arguments, verb.names) if verb.names else ""
        if verb.reach is None:
            refuse_context(arguments)
        limits = UNLIMITED if call.use is None else call.use.limits
        return Request(principal, verb.operation, collection, arguments, deadline, limits)

    async def _record(
        self, call: Call, answer: Answer | None, error: DataError | None, *, cancelled: bool = False
    ) -> DataError | None:
        """Write the call's audit record; return the error that its caller is told."""
        duration_s = time.monotonic() - call.started
        call.request_id = call.request_id or uuid7()  # of a call that could not be decoded
        if cancelled:
            outcome, reason = Outcome.FAILED, CANCELLED
        elif error is not None:
            error.applied = _applied(call, answer, error)
            outcome, reason = outcome_of(error), error.reason.value
        else:
            outcome, reason = Outcome.OK, ""
        record = call.record or record_of(call, self._settings.broker_id, self._settings.hmac_key)
        record.stage, record.outcome, record.reason = Stage.COMPLETED, outcome, reason
        record.intent = call.intent.seq if call.intent is not None else 0
        record.duration_ms = duration_s * 1000
        record.bytes_out = call.bytes_out
        if answer is not None:
            record.result_count = answer.result_count
            record.filters = with_details(record.filters, answer.details)
        if duration_s > self._settings.slow_call_s:
            log_slow(call, record)
        call.recorded = True
        try:
            await self._audit.complete(record)
        except DataError as unrecorded:
            unrecorded.applied = _applied(call, answer, error)
            return unrecorded
        return error


def _expire(call: Call) -> None:
    call.expired = True
    if call.task is not None:
        call.task.cancel()


def _out_of_time(limit_s: float) -> DataError:
    return DataError(Reason.DEADLINE, f"The call's time of {limit_s:.3g} s was over before it was done.")


def _applied(call: Call, answer: Answer | None, error: DataError | None) -> Applied | None:
    return applied(error, writes=call.verb.writes, dispatched=call.dispatched, answered=answer is not None)
