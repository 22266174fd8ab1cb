"""What do operators ask about the audit log itself? AuditStatus."""

import asyncio
import time

from aol.admin.v1 import admin_pb2 as pb
from aol_broker.audit.background import AuditBackground
from aol_broker.audit.log import AuditLog
from aol_broker.audit.sinks.follower import SinkStatus
from aol_broker.audit.status import files_status
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.request import Answer, Request
from aol_wire.errors import DataError, Reason


class AuditStatus:
    """Tells how the audit log is doing: its files, its sinks, its anchors."""

    def __init__(self, audit: AuditLog, background: AuditBackground, broker_id: str) -> None:
        self._audit = audit
        self._background = background
        self._broker_id = broker_id

    async def admit(self, request: Request[pb.AuditStatusRequest], record: CollectionRecord | None) -> None:
        """Operators may ask."""

    async def dispatch(
        self, request: Request[pb.AuditStatusRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look at the files in a thread: other calls go on."""
        try:
            files = await asyncio.to_thread(files_status, self._audit.directory)
        except OSError as error:
            raise DataError(
                Reason.AUDIT_UNAVAILABLE,
                f"The audit files cannot be read ({error.strerror}). An operator sees to the broker's audit folder.",
                retry_after_s=1.0,
            ) from None
        now_us = time.time_ns() // 1000
        response = pb.AuditStatusResponse(
            broker=self._broker_id,
            durable_seq=self._audit.durable_seq,
            failure=self._audit.failure,
            open_segment=files.open_file,
            segment_count=files.count,
            segment_bytes=files.size_bytes,
            oldest_seq=files.oldest_seq,
            oldest_us=files.oldest_us,
            sinks=[_sink(status, now_us) for status in self._background.sinks()],
            anchors=[
                pb.AuditAnchor(name=name, anchored_seq=anchor.anchored_seq)
                for name, anchor in self._background.anchors().items()
            ],
        )
        return Answer(response, len(response.sinks))


def _sink(status: SinkStatus, now_us: int) -> pb.AuditSink:
    oldest_us = status.oldest_undelivered_us
    return pb.AuditSink(
        name=status.name,
        type=status.kind,
        seq=status.seq,
        lag=status.lag,
        lag_us=max(0, now_us - oldest_us) if status.lag and oldest_us else 0,
        state=pb.AUDIT_SINK_STATE_BACKING_OFF if status.failing_since_us else pb.AUDIT_SINK_STATE_OK,
        failing_since_us=status.failing_since_us,
        last_error=status.last_error,
        skipped=status.skipped,
        missing=status.missing,
    )
