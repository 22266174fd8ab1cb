"""What does an audit record look like to an OpenTelemetry log store? Its line is the body, its keys are attributes."""

import re
import time
from collections.abc import Sequence
from typing import Any

import orjson
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as pb
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from aol_wire.datetimes import to_us

SCOPE = "aol.audit"
CHECKPOINT_EVENT = "aol.audit.checkpoint"
_SERVICE_NAME = "aol-broker"
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_NO_TRACE = "0" * 32
_FIXED64_MAX = 2**64 - 1
_INT64 = range(-(2**63), 2**63)
_AS_IT_SHOULD_BE = {"ok", "pending"}
# Where an attribute says in other words what the log record says itself.
_NOT_ATTRIBUTES = {"timestamp", "trace_id"}


def request_of(broker_id: str, records: Sequence[logs_pb2.LogRecord]) -> pb.ExportLogsServiceRequest:
    """Return a request that exports log records of a broker."""
    resource = resource_pb2.Resource(
        attributes=[_attribute("service.name", _SERVICE_NAME), _attribute("service.instance.id", broker_id)]
    )
    scope = logs_pb2.ScopeLogs(scope=common_pb2.InstrumentationScope(name=SCOPE), log_records=records)
    return pb.ExportLogsServiceRequest(resource_logs=[logs_pb2.ResourceLogs(resource=resource, scope_logs=[scope])])


def log_record(line: bytes) -> logs_pb2.LogRecord:
    """Return the log record of an audit record's line. Its attributes `aol.broker` and `aol.seq` name it.

    :raises ValueError: it is no record.
    """
    facts = orjson.loads(line)
    good = facts["outcome"] in _AS_IT_SHOULD_BE
    trace_id = facts.get("trace_id")
    return logs_pb2.LogRecord(
        time_unix_nano=_nanoseconds(facts["timestamp"]),
        observed_time_unix_nano=time.time_ns(),
        severity_number=logs_pb2.SEVERITY_NUMBER_INFO if good else logs_pb2.SEVERITY_NUMBER_WARN,
        severity_text="INFO" if good else "WARN",
        event_name=SCOPE,
        body=common_pb2.AnyValue(string_value=line.decode()),
        attributes=[
            _attribute(f"aol.{key}", value)
            for key, value in facts.items()
            if key not in _NOT_ATTRIBUTES and value not in ("", None)
        ],
        trace_id=bytes.fromhex(trace_id) if _is_trace(trace_id) else b"",
    )


def checkpoint_record(line: bytes) -> logs_pb2.LogRecord:
    """Return the log record of a checkpoint's line."""
    now = time.time_ns()
    return logs_pb2.LogRecord(
        time_unix_nano=now,
        observed_time_unix_nano=now,
        severity_number=logs_pb2.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        event_name=CHECKPOINT_EVENT,
        body=common_pb2.AnyValue(string_value=line.rstrip(b"\n").decode()),
    )


def _nanoseconds(timestamp: str) -> int:
    """Return nanoseconds since 1970; 0, which means unknown, for what the field does not hold (from the year 2554)."""
    nanoseconds = (to_us(timestamp) or 0) * 1000
    return nanoseconds if 0 <= nanoseconds <= _FIXED64_MAX else 0


def _is_trace(value: object) -> bool:
    return isinstance(value, str) and _TRACE_ID.fullmatch(value) is not None and value != _NO_TRACE


def _attribute(key: str, value: Any) -> common_pb2.KeyValue:
    return common_pb2.KeyValue(key=key, value=_any_value(value))


def _any_value(value: Any) -> common_pb2.AnyValue:
    match value:
        case bool():
            return common_pb2.AnyValue(bool_value=value)
        case int() if value in _INT64:
            return common_pb2.AnyValue(int_value=value)
        case float():
            return common_pb2.AnyValue(double_value=value)
        case str():
            return common_pb2.AnyValue(string_value=value)
        case _:
            # Filters and the like: a log store looks for them as text.
            return common_pb2.AnyValue(string_value=orjson.dumps(value).decode())
