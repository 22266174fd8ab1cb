"""How do audit records reach an OpenTelemetry collector? As log records, by OTLP over gRPC."""

import asyncio
from collections.abc import Mapping, Sequence

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as pb
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from aol_broker.audit.sinks.destination import PartlyRefusedError, RefusedError, UnavailableError
from aol_broker.audit.sinks.giving_way import giving_way
from aol_broker.audit.sinks.otlp_records import checkpoint_record, log_record, request_of

PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
_CODES = grpc.StatusCode
# https://opentelemetry.io/docs/specs/otlp/#failures: those that may be repeated.
_RETRYABLE = {
    _CODES.CANCELLED,
    _CODES.DEADLINE_EXCEEDED,
    _CODES.ABORTED,
    _CODES.OUT_OF_RANGE,
    _CODES.UNAVAILABLE,
    _CODES.DATA_LOSS,
}
# The specification would have these thrown away. They say that the sink's settings are wrong, not the records.
_MISCONFIGURED = {_CODES.UNAUTHENTICATED, _CODES.PERMISSION_DENIED, _CODES.UNIMPLEMENTED, _CODES.NOT_FOUND}
_DETAILS = "grpc-status-details-bin"
# Left to itself, a channel tries a collector that was down for long only every two minutes.
_OPTIONS = (("grpc.max_reconnect_backoff_ms", 10_000),)


class OtlpSink:
    """A channel to one collector, opened when there is something to deliver."""

    def __init__(
        self,
        target: str,
        *,
        broker_id: str,
        headers: Mapping[str, str],
        credentials: grpc.ChannelCredentials | None,
    ) -> None:
        """`target` is host:port; without `credentials` the connection is not encrypted."""
        self._target = target
        self._broker_id = broker_id
        self._headers = tuple(headers.items())
        self._credentials = credentials
        self._channel: grpc.aio.Channel | None = None

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Export records, in one request.

        :raises UnavailableError: the collector is not there, does not let us in, or asks for time.
        :raises RefusedError: it does not take them.
        :raises PartlyRefusedError: it took some, and nothing is to be sent again.
        """
        try:
            request = await asyncio.to_thread(self._request, records)
        except (ValueError, TypeError, KeyError):
            raise RefusedError("BAD_RECORD") from None
        answer = await self._export(request)
        if rejected := answer.partial_success.rejected_log_records:
            raise PartlyRefusedError(PARTIAL_SUCCESS, rejected)

    async def put(self, line: bytes) -> None:
        """Export a checkpoint, as a log record of its own.

        :raises UnavailableError: it was not taken.
        """
        try:
            answer = await self._export(request_of(self._broker_id, [checkpoint_record(line)]))
        except RefusedError as error:
            raise UnavailableError(error.kind) from None
        if answer.partial_success.rejected_log_records:
            raise UnavailableError(PARTIAL_SUCCESS)

    async def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _request(self, records: Sequence[bytes]) -> pb.ExportLogsServiceRequest:
        return request_of(self._broker_id, [log_record(line) for line in giving_way(records)])

    async def _export(self, request: pb.ExportLogsServiceRequest) -> pb.ExportLogsServiceResponse:
        if self._channel is None:
            self._channel = (
                grpc.aio.insecure_channel(self._target, options=_OPTIONS)
                if self._credentials is None
                else grpc.aio.secure_channel(self._target, self._credentials, options=_OPTIONS)
            )
        try:
            stub = LogsServiceStub(self._channel)  # type: ignore[no-untyped-call]
            answer = await stub.Export(request, metadata=self._headers)
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from None
        if not isinstance(answer, pb.ExportLogsServiceResponse):  # gRPC gives None for bytes that it cannot decode
            raise UnavailableError("MALFORMED_ANSWER")
        return answer


def _failure(error: grpc.aio.AioRpcError) -> RefusedError | UnavailableError:
    code, wait_s = error.code(), _retry_after_s(error)
    if code in _RETRYABLE or code in _MISCONFIGURED:
        return UnavailableError(code.name, wait_s or 0.0)
    if code is _CODES.RESOURCE_EXHAUSTED and wait_s is not None:
        return UnavailableError(code.name, wait_s)
    return RefusedError(code.name)


def _retry_after_s(error: grpc.aio.AioRpcError) -> float | None:
    """Return how long the collector asks to be left alone; None when it does not say that it can recover."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            return _retry_info(value)
    return None


def _retry_info(details: bytes) -> float | None:
    info = error_details_pb2.RetryInfo()
    try:
        if any(detail.Unpack(info) for detail in status_pb2.Status.FromString(details).details):
            return float(max(0, info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
    except DecodeError:
        pass
    return None


def tls(authorities: str | None) -> grpc.ChannelCredentials:
    """Return what encrypts a connection; `authorities` is PEM, None for those of the system."""
    return grpc.ssl_channel_credentials(None if authorities is None else authorities.encode())
