"""Does an operator learn how the audit log is doing, and is asking for it recorded?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol.admin.v1 import admin_pb2 as pb
from aol.data.v1 import data_broker_pb2 as data
from aol_broker.audit.files import files_of
from aol_broker.audit.status import FilesStatus, files_status
from aol_broker.request import Peer
from aol_wire.errors import Reason
from audit_segments import MOMENT_US, WrittenLog
from line import ADMIN, Line


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_the_status_is_told_to_operators_alone_and_asking_is_recorded(line: Line) -> None:
    for _ in range(3):
        await line.call("ListCollections", data.ListCollectionsRequest())
    reply = await line.operate("AuditStatus", pb.AuditStatusRequest())
    status = pb.AuditStatusResponse.FromString(reply.payload)
    assert (status.broker, status.durable_seq, status.failure, status.oldest_seq) == ("here", 3, "", 1)
    [file] = files_of(line.audit.directory)
    assert (status.open_segment, status.segment_count) == (file.name, 1)
    assert status.oldest_us > MOMENT_US
    assert list(status.sinks) == list(status.anchors) == []
    assert line.records()[-1]["operation"] == "audit_status"
    refused = await line.pipeline.handle(f"{ADMIN}AuditStatus", b"", Peer("test", service="my-service"), None)
    assert refused.error is not None
    assert refused.error.reason is Reason.NO_CREDENTIALS


async def test_a_log_that_cannot_be_written_says_so_in_place_of_a_status(line: Line) -> None:
    await line.call("ListCollections", data.ListCollectionsRequest())
    line.audit.directory.rename(line.audit.directory.with_name("elsewhere"))
    line.audit.directory.write_text("in the way")
    error = await line.operator_refusal("AuditStatus", pb.AuditStatusRequest())
    assert error.reason is Reason.AUDIT_UNAVAILABLE


def test_files_are_counted_whatever_is_in_them(tmp_path: Path) -> None:
    log = WrittenLog(tmp_path / "audit", segment_records=10)
    assert files_status(log.directory) == FilesStatus("", 0, 0, 0, 0)
    log.write(25)
    oldest, second, newest = files_of(log.directory)
    size = sum(path.stat().st_size for path in (oldest, second, newest))
    assert files_status(log.directory) == FilesStatus(newest.name, 3, size, 1, MOMENT_US)
    log.rotate()
    assert files_status(log.directory).open_file == ""
    oldest.write_bytes(b"\xff" * 100)
    status = files_status(log.directory)
    assert (status.oldest_seq, status.oldest_us) == (11, MOMENT_US + 10_000_000)
