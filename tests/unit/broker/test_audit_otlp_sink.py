"""Does an OpenTelemetry collector get every audit record, and is its answer understood as the specification says?"""

import asyncio
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as pb
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from aol_broker.audit.record import Outcome
from aol_broker.audit.sinks.destination import DeliveryError, PartlyRefusedError, RefusedError, UnavailableError
from aol_broker.audit.sinks.follower import Follower, Pace
from aol_broker.audit.sinks.otlp import OtlpSink, tls
from aol_wire.datetimes import to_us
from audit_segments import SAMPLE, Watched, WrittenLog

PACE = Pace(records=200, gather_s=0, first_delay_s=0.01, last_delay_s=0.05, tries=2)
Answer = Callable[[pb.ExportLogsServiceRequest, Any], Awaitable[pb.ExportLogsServiceResponse]]


class Collector(LogsServiceServicer):
    """A collector of OpenTelemetry logs: it keeps what it takes, and answers as a test tells it to."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.requests: list[pb.ExportLogsServiceRequest] = []
        self.metadata: dict[str, str | bytes] = {}
        self.answer: Answer = self.take
        self.port = 0

    async def take(self, request: pb.ExportLogsServiceRequest, _: Any) -> pb.ExportLogsServiceResponse:
        self.records += request.resource_logs[0].scope_logs[0].log_records
        return pb.ExportLogsServiceResponse()

    async def Export(self, request: pb.ExportLogsServiceRequest, context: Any) -> pb.ExportLogsServiceResponse:
        self.requests.append(request)
        self.metadata = dict(context.invocation_metadata())
        return await self.answer(request, context)

    def seqs(self) -> list[int]:
        return [int(attributes(record)["aol.seq"]) for record in self.records]

    @asynccontextmanager
    async def listening(self, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[None]:
        """Listen, on the port of the last time if there was one."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        add_LogsServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{self.port}"
        self.port = (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )
        await server.start()
        try:
            yield
        finally:
            await server.stop(0)

    def sink(self, **changes: Any) -> OtlpSink:
        options: dict[str, Any] = {"broker_id": "here", "headers": {}, "credentials": None, **changes}
        return OtlpSink(f"127.0.0.1:{self.port}", **options)


@pytest.fixture
def log(tmp_path: Path) -> WrittenLog:
    return WrittenLog(tmp_path / "audit", segment_records=500)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    async with made.listening():
        yield made


@pytest.fixture
async def sink(collector: Collector) -> AsyncIterator[OtlpSink]:
    made = collector.sink(headers={"authorization": "Bearer s3cret"})
    yield made
    await made.close()


def attributes(record: LogRecord) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "") for item in record.attributes}


def answering(code: grpc.StatusCode, *details: Any) -> Answer:
    """Answer with a status that quotes what it was sent, as servers do."""

    async def answer(request: pb.ExportLogsServiceRequest, context: Any) -> pb.ExportLogsServiceResponse:
        packed = []
        for detail in details:
            packed.append(any_pb2.Any())
            packed[-1].Pack(detail)
        status = status_pb2.Status(code=code.value[0], details=packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(code, f"s3cret {request}")
        raise AssertionError

    return answer


async def test_a_record_is_a_log_record_with_its_line_its_keys_and_its_trace(
    log: WrittenLog, sink: OtlpSink, collector: Collector
) -> None:
    [line] = log.write(trace_id="0af7651916cd43dd8448eb211c80319c", filters=b'{"a":{"$gt":1}}', result_count=2**63 - 1)
    await sink.deliver([line])
    [record] = collector.records
    assert record.body.string_value.encode() == line
    assert record.time_unix_nano == SAMPLE.time_us * 1000
    assert record.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert (record.event_name, record.severity_text) == ("aol.audit", "INFO")
    told = attributes(record)
    assert {"aol.broker": "here", "aol.seq": 1, "aol.filters": '{"a":{"$gt":1}}', "aol.duration_ms": 1.5}.items() <= (
        told.items()
    )
    assert told["aol.result_count"] == 2**63 - 1
    resource = collector.requests[0].resource_logs[0].resource
    assert {item.key: item.value.string_value for item in resource.attributes} == {
        "service.name": "aol-broker",
        "service.instance.id": "here",
    }
    assert collector.metadata["authorization"] == "Bearer s3cret"


async def test_what_a_log_record_cannot_hold_stands_in_its_body(
    log: WrittenLog, sink: OtlpSink, collector: Collector
) -> None:
    lines = [
        *log.write(time_us=to_us("9999-12-31T23:59:59.999999Z")),
        *log.write(time_us=0, trace_id="\0no trace", outcome=Outcome.DENIED),
        *log.write(trace_id="0" * 32, result_count=2**64 - 1, request_id="\0" * 5000),
    ]
    await sink.deliver(lines)
    assert [record.body.string_value.encode() for record in collector.records] == lines
    assert [record.time_unix_nano for record in collector.records][:2] == [0, 0]
    assert {record.trace_id for record in collector.records} == {b""}
    assert collector.records[1].severity_text == "WARN"
    with pytest.raises(RefusedError):
        await sink.deliver([*lines, b'{"seq":1}'])


RETRY = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=7))
CODES = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "details", "kind", "wait_s"),
    [
        *((code, (), UnavailableError, 0) for code in (CODES.UNAVAILABLE, CODES.ABORTED, CODES.DATA_LOSS)),
        *((code, (), UnavailableError, 0) for code in (CODES.UNAUTHENTICATED, CODES.UNIMPLEMENTED)),
        *((code, (), RefusedError, 0) for code in (CODES.INVALID_ARGUMENT, CODES.INTERNAL, CODES.RESOURCE_EXHAUSTED)),
        (CODES.UNAVAILABLE, (RETRY,), UnavailableError, 7),
        (CODES.RESOURCE_EXHAUSTED, (error_details_pb2.DebugInfo(), RETRY), UnavailableError, 7),
    ],
)
async def test_a_status_says_whether_to_try_again_and_is_told_without_its_text(
    log: WrittenLog,
    sink: OtlpSink,
    collector: Collector,
    code: grpc.StatusCode,
    details: tuple[Any, ...],
    kind: type[DeliveryError],
    wait_s: float,
) -> None:
    collector.answer = answering(code, *details)
    with pytest.raises(kind) as failed:
        await sink.deliver(log.write())
    assert (failed.value.kind, getattr(failed.value, "retry_after_s", 0)) == (code.name, wait_s)
    assert "s3cret" not in f"{failed.value} {failed.value.__cause__}"


async def test_a_partial_success_is_not_sent_again(log: WrittenLog, sink: OtlpSink, collector: Collector) -> None:
    async def partly(*_: Any) -> pb.ExportLogsServiceResponse:
        rejected = pb.ExportLogsPartialSuccess(rejected_log_records=2, error_message="s3cret")
        return pb.ExportLogsServiceResponse(partial_success=rejected)

    collector.answer = partly
    with pytest.raises(PartlyRefusedError) as failed:
        await sink.deliver(log.write(5))
    assert (failed.value.kind, failed.value.count) == ("PARTIAL_SUCCESS", 2)


async def test_a_checkpoint_is_a_log_record_of_its_own_kind(sink: OtlpSink, collector: Collector) -> None:
    await sink.put(b'{"checkpoint":{}}\n')
    [record] = collector.records
    assert (record.event_name, record.body.string_value) == ("aol.audit.checkpoint", '{"checkpoint":{}}')
    collector.answer = answering(CODES.INVALID_ARGUMENT)
    with pytest.raises(UnavailableError, match="INVALID_ARGUMENT"):
        await sink.put(b"{}")


async def test_a_collector_that_refuses_one_record_is_away_and_hangs_gets_all_the_others(log: WrittenLog) -> None:
    collector = Collector()

    async def but_for_77(request: pb.ExportLogsServiceRequest, context: Any) -> pb.ExportLogsServiceResponse:
        if any(attributes(record)["aol.seq"] == 77 for record in request.resource_logs[0].scope_logs[0].log_records):
            await context.abort(CODES.INVALID_ARGUMENT, "no")
        return await collector.take(request, context)

    async def never(*_: Any) -> pb.ExportLogsServiceResponse:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    collector.answer = but_for_77
    log.write(1500)
    async with collector.listening():
        sink = Watched(collector.sink())
        follower = Follower("otlp", "otlp", sink, log, replace(PACE, attempt_s=0.5))
        task = asyncio.create_task(follower.run())
        await sink.until(lambda: follower.status().lag == 0)
        collector.answer = never
        log.write(1500)
        await sink.until(lambda: follower.status().last_error == "TIMEOUT")
    await sink.until(lambda: follower.status().last_error == "UNAVAILABLE")
    collector.answer = but_for_77
    async with collector.listening():
        await sink.until(lambda: follower.status().lag == 0)
        follower.finish()
        await task
        await sink.close()
    assert collector.seqs() == [seq for seq in range(1, 3001) if seq != 77]
    assert follower.status().skipped == 1


async def test_an_encrypted_connection_is_made_to_a_collector_that_the_authority_vouches_for(log: WrittenLog) -> None:
    key, certificate = _certificate()
    collector = Collector()
    async with collector.listening(grpc.ssl_server_credentials([(key, certificate)])):
        trusting, doubting = (
            collector.sink(credentials=tls(certificate.decode())),
            collector.sink(credentials=tls(None)),
        )
        await trusting.deliver(log.write(2))
        with pytest.raises(UnavailableError, match="UNAVAILABLE"):
            await doubting.deliver(log.write(1))
        for each in (trusting, doubting):
            await each.close()
    assert collector.seqs() == [1, 2]


def _certificate() -> tuple[bytes, bytes]:
    """Return a key and a certificate for 127.0.0.1 that vouches for itself."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "collector")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, built.public_bytes(serialization.Encoding.PEM)
