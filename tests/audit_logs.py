"""Audit logs for tests, with a key of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import AuditRecord, Outcome, Stage, recorded_filter
from aol_broker.audit.signing import SigningKey

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
