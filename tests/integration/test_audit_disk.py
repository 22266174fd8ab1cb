"""A broker whose audit log cannot be written serves nobody, says so, and goes on by itself."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aol_broker.audit.files import files_of
from aol_client import AOLDataClient, UnavailableError
from aol_wire.errors import Applied, Reason
from audit_logs import records_of
from running_brokers import StartBroker
from small_disks import mounted

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "size=8m") as disk:
        yield disk


async def becomes(endpoint: str, status: int) -> None:
    """Return when health says so; it is told by the stream of the health service, not asked for again and again."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        async for answer in watch:
            if answer.status == status:
                watch.cancel()
                return


async def test_on_a_full_disk_calls_are_refused_unapplied_and_served_again_when_there_is_room(
    start_broker: StartBroker, small_disk: Path
) -> None:
    audit = {"directory": str(small_disk / "audit"), "reserve_bytes": 256 << 10}
    broker = await start_broker(audit=audit)
    async with AOLDataClient(broker.endpoint, "shop", timeout=2) as client:
        await client.request_collection("events")
        (small_disk / "other").write_bytes(bytes(7 << 20))
        inserted = await insert_until_refused(client)
        with pytest.raises(UnavailableError) as refused:
            await client.insert("events", {})
        assert refused.value.reason == Reason.AUDIT_UNAVAILABLE
        assert refused.value.applied is Applied.NO
        assert "No space left" in str(refused.value)
        await becomes(broker.endpoint, NOT_SERVING)
        with pytest.raises(UnavailableError):
            await client.count("events")
        (small_disk / "other").unlink()
        await becomes(broker.endpoint, SERVING)
        stored = await client.count("events")
    records = records_of(small_disk / "audit")
    inserts = [record for record in records if record.get("operation") == "insert"]
    announced = {record["seq"] for record in inserts if record["stage"] == "intended"}
    assert {record["intent"] for record in inserts if record["intent"]} == announced
    made = [record for record in inserts if record["intent"] and record["outcome"] == "ok"]
    assert len(made) == stored >= inserted
    assert [record["operation"] for record in records if record.get("reason") == "AUDIT_UNAVAILABLE"] != []
    assert [record["reason"] for record in records if record.get("operation") == "audit_resumed"] == ["DISK_FULL"]


async def insert_until_refused(client: AOLDataClient) -> int:
    inserted = 0
    while True:
        calls = (client.insert("events", {"n": number}) for number in range(50))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        inserted += sum(isinstance(answer, str) for answer in answers)
        if any(isinstance(answer, UnavailableError) for answer in answers):
            return inserted


async def test_a_segment_that_is_replaced_under_a_running_broker_holds_calls_up_and_is_told_of(
    start_broker: StartBroker, tmp_path: Path
) -> None:
    broker = await start_broker()
    audit = tmp_path / "data" / "audit"
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.request_collection("events")
        await client.insert("events", {"_id": "before"})
        (segment,) = files_of(audit)
        shutil.copy(segment, tmp_path / "copy")
        segment.unlink()
        (tmp_path / "copy").rename(segment)
        # Refused at first, unapplied, and therefore repeated by the SDK until records can be written again.
        await client.insert("events", {"_id": "after"})
        assert await client.count("events") == 2
    (resumed,) = [record for record in records_of(audit) if record.get("operation") == "audit_resumed"]
    assert (resumed["reason"], resumed["filters"]["segment"]) == ("SEGMENT_REPLACED", segment.name)
    assert resumed["filters"]["refused"] >= 1
