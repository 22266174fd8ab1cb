"""Audit logs for tests, with a key of their own."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aol_broker.audit.files import files_of
from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import AuditRecord, Outcome, Stage, recorded_filter
from aol_broker.audit.signing import SigningKey
from aol_wire.errors import DataError, Reason

KEY = SigningKey(Ed25519PrivateKey.generate())


def audit_log(directory: Path, **options: Any) -> AuditLog:
    """Return a log, which is not open yet."""
    return AuditLog(directory, **{"key": KEY, "broker_id": "here", "reserve_bytes": 64 << 10, **options})


@asynccontextmanager
async def opened(directory: Path, **options: Any) -> AsyncIterator[AuditLog]:
    """Have a log open for a while."""
    log = audit_log(directory, **options)
    await log.open()
    try:
        yield log
    finally:
        await log.close()


def record(number: int = 0, **changes: Any) -> AuditRecord:
    """Return the record of a query that read `number` documents, or of another call."""
    values: dict[str, Any] = {
        "time_us": 1_700_000_000_000_000 + number * 1_000_000,
        "service": "my-service",
        "operation": "query",
        "collection": "my-service.events",
        "filters": recorded_filter('{"event_type": "error"}'),
        "result_count": number,
        "broker": "here",
        "request_id": f"r{number}",
        "principal": "service:my-service",
        "outcome": Outcome.OK,
        "reason": "",
        "duration_ms": 1.23456,
    }
    return AuditRecord(**{**values, **changes})


def intended(number: int = 0) -> AuditRecord:
    """Return the record of an insert that is about to be made."""
    return record(number, operation="insert", stage=Stage.INTENDED, outcome=Outcome.PENDING, result_count=0)


def ended(number: int, intent: int, **changes: Any) -> AuditRecord:
    """Return the record of an insert that was made, after the one that announced it."""
    return record(number, operation="insert", intent=intent, **changes)


def records_of(directory: Path) -> list[dict[str, Any]]:
    """Return the records of a folder, in order."""
    lines = (line for path in files_of(directory) for line in path.read_bytes().splitlines())
    return [record for record in map(json.loads, lines) if "checkpoint" not in record]


def told(directory: Path) -> list[tuple[str, str]]:
    """Return what the records are about: calls by their ids, and what the broker did by its name."""
    return [
        (record["operation"], record["reason"]) if record["principal"] == "broker" else (record["request_id"], "")
        for record in records_of(directory)
    ]


def chain_holds(directory: Path) -> bool:
    """Whether each record follows the one before it."""
    head, seq = "0" * 64, 0
    for item in records_of(directory):
        if (item["prev"], item["seq"]) != (head, seq + 1):
            return False
        head, seq = item["hash"], item["seq"]
    return True


async def unrecorded(log: AuditLog, item: AuditRecord) -> DataError:
    """Return what is answered instead, as a record cannot be written."""
    with pytest.raises(DataError) as caught:
        await log.complete(item)
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    return caught.value


def refused(log: AuditLog) -> DataError:
    """Return what a write is answered that is not begun."""
    with pytest.raises(DataError) as caught:
        log.intend(intended())
    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    return caught.value
