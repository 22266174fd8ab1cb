"""What do operators ask of the audit log? SearchAudit, SummarizeAudit."""

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aol.admin.v1 import admin_pb2 as pb
from aol.admin.v1 import audit_pb2
from aol_broker.audit.query import DEFAULT_LIMIT, MAX_LIMIT, AuditQuery
from aol_broker.audit.record import Outcome, Stage
from aol_broker.audit.search import search
from aol_broker.audit.tally import tally
from aol_broker.audit.value_hash import KEY_NAME, hidden
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.security.deciding import BASES
from aol_broker.verbs import VERBS
from aol_broker.yaml_text import did_you_mean
from aol_wire.datetimes import from_us, to_us
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.names import COLLECTION, SERVICE

_LATEST_US = to_us("9999-12-31T23:59:59.999999Z") or 0
_OUTCOMES = tuple(outcome.value for outcome in Outcome)
_STAGES = tuple(stage.value for stage in Stage)
_TEXT_MAX_CHARACTERS = 1024
# The texts that a search can look for: the names of the request's fields, and of the query's.
_TEXTS = {
    "service": "service",
    "collection": "collection",
    "operation": "operation",
    "outcome": "outcome",
    "principal": "principal",
    "document_id": "document_id",
    "field": "field",
    "recorded_request_id": "request_id",
    "trace_id": "trace_id",
    "user": "user",
    "tenant": "tenant",
    "security": "security",
    "text": "text",
}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOLD = {
    "service": SERVICE,
    "collection": re.compile(rf"{SERVICE.pattern}\.{COLLECTION.pattern}"),
    "operation": re.compile("|".join((*sorted({verb.operation for verb in VERBS.values()}), "audit_[a-z]+"))),
    "outcome": re.compile("|".join(_OUTCOMES)),
    "principal": re.compile(rf"operator|broker|service:{SERVICE.pattern}"),
    "request_id": _UUID,
    "trace_id": re.compile(r"[0-9a-f]{32}"),
    "security": re.compile("|".join(BASES)),
}

T = TypeVar("T")


class SearchAudit:
    """Searches the audit records of this broker."""

    def __init__(self, directory: Path, broker_id: str, registry: Registry) -> None:
        self._directory = directory
        self._registry = registry
        self._broker_id = broker_id

    async def admit(self, request: Request[pb.SearchAuditRequest], record: CollectionRecord | None) -> AuditQuery:
        """Check the bounds."""
        arguments = request.arguments
        for path, value in (("limit", arguments.limit), ("after_seq", arguments.after_seq)):
            if value < 0:
                raise DataError.invalid(Reason.BAD_REQUEST, path, "it is 0 or more")
        _check_times(arguments.since_us, arguments.until_us)
        if arguments.outcome:
            _check_known("outcome", arguments.outcome, _OUTCOMES)
        if arguments.security:
            _check_known("security", arguments.security, BASES)
        for stage in arguments.stages:
            _check_known("stages", stage, _STAGES)
        return AuditQuery(
            **{name: _checked_text(path, getattr(arguments, path)) for path, name in _TEXTS.items()},
            since_us=arguments.since_us,
            until_us=arguments.until_us,
            after_seq=arguments.after_seq,
            stages=tuple(dict.fromkeys(arguments.stages)),
            unresolved=arguments.unresolved,
            follow=arguments.follow,
            limit=min(arguments.limit or DEFAULT_LIMIT, MAX_LIMIT),
        )

    async def dispatch(
        self, request: Request[pb.SearchAuditRequest], record: CollectionRecord | None, work: AuditQuery
    ) -> Answer:
        """Read the files."""
        found = await _in_thread(lambda stopped: search(self._directory, work, stopped))
        response = pb.SearchAuditResponse(records=found.lines, broker=self._broker_id, truncated=found.truncated)
        return Answer(response, len(found.lines), await _conditions(work, self._registry))


class SummarizeAudit:
    """Says who used a collection, by the audit records of this broker."""

    def __init__(self, directory: Path, broker_id: str, registry: Registry) -> None:
        self._directory = directory
        self._registry = registry
        self._broker_id = broker_id

    async def admit(
        self, request: Request[audit_pb2.SummarizeAuditRequest], record: CollectionRecord | None
    ) -> AuditQuery:
        """Check the bounds."""
        arguments = request.arguments
        if not arguments.collection:
            raise DataError.invalid(Reason.BAD_REQUEST, "collection", "it is a collection, as service.collection")
        _check_times(arguments.since_us, arguments.until_us)
        collection = _checked_text("collection", arguments.collection)
        return AuditQuery(collection=collection, since_us=arguments.since_us, until_us=arguments.until_us)

    async def dispatch(
        self, request: Request[audit_pb2.SummarizeAuditRequest], record: CollectionRecord | None, work: AuditQuery
    ) -> Answer:
        """Count what the files hold."""
        counted = await _in_thread(lambda stopped: tally(self._directory, work, stopped))
        uses = [
            audit_pb2.AuditUse(
                service=use.service,
                principal=use.principal,
                operation=use.operation,
                outcome=use.outcome,
                count=found.count,
                first_us=found.first_us,
                last_us=found.last_us,
            )
            for use, found in counted.rows
        ]
        response = audit_pb2.SummarizeAuditResponse(uses=uses, broker=self._broker_id, truncated=counted.truncated)
        return Answer(response, len(uses), await _conditions(work, self._registry))


async def _in_thread(read: Callable[[Callable[[], bool]], T]) -> T:
    """Read in a thread: other calls go on. The thread stops when the call is over before it."""
    over = threading.Event()
    try:
        return await asyncio.to_thread(read, over.is_set)
    finally:
        over.set()


async def _conditions(query: AuditQuery, registry: Registry) -> dict[str, Json]:
    """Return what was looked for, for the record of the search itself.

    Names that are well formed, and ids, are told; what may be a value that somebody stored is hashed, as sensitive
    values are.
    """
    found: dict[str, Json] = {}
    for name in _TEXTS.values():
        text = getattr(query, name)
        if text:
            is_told = name in _TOLD and _TOLD[name].fullmatch(text) is not None
            found[name] = text if is_told else hidden(text, await registry.secret(KEY_NAME))
    for name in ("since_us", "until_us"):
        if getattr(query, name):
            found[name.removesuffix("_us")] = from_us(getattr(query, name))
    if query.stages:
        found["stages"] = list(query.stages)
    if query.unresolved:
        found["unresolved"] = True
    return found


def _checked_text(path: str, text: str) -> str:
    if len(text) > _TEXT_MAX_CHARACTERS:
        description = f"it has {len(text):,} characters; {_TEXT_MAX_CHARACTERS:,} are the most"
        raise DataError.invalid(Reason.BAD_REQUEST, path, description)
    return text


def _check_times(since_us: int, until_us: int) -> None:
    for path, value in (("since_us", since_us), ("until_us", until_us)):
        if not 0 <= value <= _LATEST_US:
            description = "a time from 1970 to the end of the year 9999, in microseconds since 1970"
            raise DataError.invalid(Reason.BAD_REQUEST, path, description)


def _check_known(path: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        description = f"it is one of {', '.join(known)}{did_you_mean(value, list(known))}"
        raise DataError.invalid(Reason.BAD_REQUEST, path, description)
