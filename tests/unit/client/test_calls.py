"""How does one call reach the broker and come back? Against a real server."""

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import grpc.aio
import pytest
import stamina

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import (
    AOLDataClient,
    DataClientError,
    DeadlineExceededError,
    InvalidRequestError,
    OverloadedError,
    UnavailableError,
    UnsupportedError,
)
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from framed_peer import FramedPeer, framed_channel

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker


def adapter_down(applied: Applied | None = None, retry_after_s: float | None = 0.0) -> DataError:
    return DataError(Reason.ADAPTER_DOWN, "the adapter is away", applied=applied, retry_after_s=retry_after_s)


async def test_a_call_names_the_service_and_carries_no_other_identity(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    await client.count("events")
    headers = broker.calls[0].headers
    assert headers["aol-service"] == "test-service"
    assert "authorization" not in headers
    assert "aol-revision" not in headers


async def test_a_token_is_sent_as_a_bearer_token_and_never_shown(broker: "ScriptedBroker") -> None:
    async with AOLDataClient(broker.endpoint, "test-service", token="s3cret") as client:
        await client.count("events")
        assert "s3cret" not in repr(client)
    assert broker.calls[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("token", ["", "line\nbreak", "né", "nul\0"])
def test_a_token_that_cannot_be_a_header_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        AOLDataClient("localhost:1", "test-service", token=token)
    assert not token or token not in str(caught.value)


async def test_the_highest_revision_of_any_answer_is_sent_back(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    for shown in ("7", "3", "9"):
        broker.trailers = [("aol-revision", shown)]
        await client.count("events")
    await client.count("events")
    assert [call.headers.get("aol-revision") for call in broker.calls] == [None, "7", "7", "9"]


async def test_the_revision_of_an_answer_in_a_frame_is_sent_back_too() -> None:
    peer = FramedPeer()
    await peer.start()
    try:
        async with framed_channel(peer.endpoint) as channel:
            client = AOLDataClient(peer.endpoint, "test-service")
            serialize, deserialize = pb.CountDataRequest.SerializeToString, pb.CountDataResponse.FromString
            client._stub = SimpleNamespace(CountData=channel.unary_unary("/t.T/Echo", serialize, deserialize))
            for _ in range(3):
                await client.count("events")
    finally:
        await peer.stop()
    assert [call.revision for call in peer.begun] == [0, 9, 9]


async def test_the_revision_of_a_failed_call_counts_too(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.trailers = [("aol-revision", "12")]
    broker.answer("CountData", DataError(Reason.COLLECTION_NOT_FOUND, "Collection 'events' not found"))
    with pytest.raises(DataClientError):
        await client.count("events")
    await client.count("events")
    assert broker.calls[1].headers["aol-revision"] == "12"


@pytest.mark.parametrize("hostile", ["", "-1", "1e3", " 5", "9" * 30, str(1 << 63), "0x10"])
async def test_a_revision_that_is_not_one_is_left_aside(
    broker: "ScriptedBroker", client: AOLDataClient, hostile: str
) -> None:
    broker.trailers = [("aol-revision", hostile)]
    await client.count("events")
    await client.count("events")
    assert "aol-revision" not in broker.calls[1].headers


async def test_a_read_is_made_again_while_the_broker_is_unavailable(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("CountData", adapter_down(), adapter_down(), pb.CountDataResponse(count=4))
    assert await client.count("events") == 4
    assert len({call.request.request_id for call in broker.calls}) == 1, "one logical call has one request id"


@pytest.mark.parametrize("applied", list(Applied))
async def test_an_insert_is_made_again_with_the_same_id_whatever_happened(
    broker: "ScriptedBroker", client: AOLDataClient, applied: Applied
) -> None:
    broker.answer("StoreData", adapter_down(applied))
    document_id = await client.insert("events", {"n": 1})
    first, second = broker.requests("StoreData")
    assert first == second
    assert second.document_id == document_id


async def test_an_update_is_made_again_only_if_it_surely_changed_nothing(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("UpdateData", adapter_down(Applied.NO), pb.UpdateDataResponse(updated_count=2))
    assert await client.update("events", {"n": 1}, {"n": 2}) == 2
    broker.answer("DeleteData", adapter_down(Applied.NO), pb.DeleteDataResponse(deleted_count=3))
    assert await client.delete("events", {"n": 1}) == 3


@pytest.mark.parametrize("applied", [Applied.UNKNOWN, Applied.YES, None])
async def test_an_update_that_may_have_changed_something_is_not_made_again(
    broker: "ScriptedBroker", client: AOLDataClient, applied: Applied | None
) -> None:
    broker.answer("UpdateData", adapter_down(applied))
    with pytest.raises(UnavailableError) as caught:
        await client.update("events", {"n": 1}, {"$inc": {"n": 1}})
    assert len(broker.calls) == 1
    assert caught.value.applied == (applied or Applied.UNKNOWN)


def overloaded(applied: Applied | None = None, retry_after_s: float | None = 0.0) -> DataError:
    return DataError(Reason.OVERLOADED, "it is being copied", applied=applied, retry_after_s=retry_after_s)


async def test_a_write_that_was_refused_for_now_is_made_again(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("UpdateData", *[overloaded(Applied.NO)] * 2, pb.UpdateDataResponse(updated_count=2))
    assert await client.update("events", {"n": 1}, {"$inc": {"n": 1}}) == 2
    broker.answer("StoreData", overloaded(Applied.NO))
    await client.insert("events", {"n": 1})
    broker.answer("CountData", overloaded(), pb.CountDataResponse(count=4))
    assert await client.count("events") == 4


async def test_a_refusal_for_now_comes_through_when_the_timeout_is_over_sooner(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("UpdateData", overloaded(Applied.NO, retry_after_s=5.0))
    with pytest.raises(OverloadedError) as caught:
        await client.update("events", {"n": 1}, {"n": 2}, timeout=4.0)
    assert (len(broker.calls), caught.value.retry_after_s) == (1, 5.0)


@pytest.mark.parametrize(
    "error", [overloaded(Applied.UNKNOWN), overloaded(Applied.YES), overloaded(Applied.NO, retry_after_s=None)]
)
async def test_an_overload_that_may_have_changed_something_or_names_no_time_is_not_called_again(
    broker: "ScriptedBroker", client: AOLDataClient, error: DataError
) -> None:
    broker.answer("UpdateData", error)
    with pytest.raises(OverloadedError):
        await client.update("events", {"n": 1}, {"$inc": {"n": 1}})
    assert len(broker.calls) == 1


async def test_a_rate_that_is_used_up_is_waited_for_as_long_as_the_broker_says(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    waits = [0.2, 0.1]
    broker.answer(
        "UpdateData",
        *(DataError(Reason.QUOTA, "too many", retry_after_s=wait, applied=Applied.NO) for wait in waits),
        pb.UpdateDataResponse(updated_count=2),
    )
    started = time.monotonic()
    assert await client.update("events", {"n": 1}, {"$inc": {"n": 1}}) == 2
    assert time.monotonic() - started >= sum(waits)
    broker.calls.clear()
    broker.answer("UpdateData", DataError(Reason.QUOTA, "for good", applied=Applied.NO))
    with pytest.raises(OverloadedError):
        await client.update("events", {"n": 1}, {"n": 2})
    assert len(broker.calls) == 1


PASSING = {
    Reason.ADAPTER_DOWN,
    Reason.AUDIT_UNAVAILABLE,
    Reason.REGISTRY_UNAVAILABLE,
    Reason.IDENTITY_UNAVAILABLE,
    Reason.OVERLOADED,
    Reason.QUOTA,
}


async def test_only_what_passes_by_itself_is_a_reason_to_call_again(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    for reason in set(Reason) - PASSING:
        broker.calls.clear()
        broker.answer("CountData", DataError(reason, "no", retry_after_s=0.0))
        with pytest.raises(DataClientError) as caught:
            await client.count("events")
        assert caught.value.reason == reason
        assert len(broker.calls) == 1


async def test_a_wait_that_the_timeout_does_not_allow_is_not_begun(broker: "ScriptedBroker") -> None:
    broker.answer("CountData", adapter_down(retry_after_s=3600.0))
    async with AOLDataClient(broker.endpoint, "test-service") as client:
        with pytest.raises(UnavailableError) as caught:
            await client.count("events")
    assert caught.value.retry_after_s == 3600.0
    assert len(broker.calls) == 1


async def test_every_attempt_gets_only_the_time_that_is_left() -> None:
    timeouts: list[float] = []

    async def away(request: Any, *, timeout: float, metadata: Any) -> Any:
        timeouts.append(timeout)
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

    client = AOLDataClient("localhost:1", "test-service")
    client._stub = AsyncMock(CountData=away)
    with pytest.raises(UnavailableError):
        await client.count("events", timeout=0.5)
    assert len(timeouts) > 1
    assert timeouts[0] == 0.5
    assert timeouts == sorted(set(timeouts), reverse=True)
    assert timeouts[-1] > 0


async def test_repetitions_end_with_the_timeout(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    broker.answer("CountData", *[adapter_down()] * 1000)
    with pytest.raises(UnavailableError):
        await client.count("events", timeout=0.3)
    assert 1 < len(broker.calls) < 1000


async def test_a_broker_that_never_answers_ends_in_a_deadline_error_with_its_name(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    async def never(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    broker.answer("StoreData", never)
    with pytest.raises(DeadlineExceededError) as caught:
        await client.insert("events", {"n": 1}, timeout=0.1)
    assert caught.value.reason == Reason.DEADLINE
    assert caught.value.applied == Applied.UNKNOWN
    assert broker.endpoint in str(caught.value)
    assert caught.value.request_id == broker.calls[0].request.request_id


async def test_cancelling_the_task_cancels_the_call_in_the_broker(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    arrived, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, context: Any) -> Any:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    broker.answer("QueryData", wait)
    task = asyncio.create_task(client.query("events"))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await cancelled.wait()


async def test_a_refused_connection_says_what_to_check(broker: "ScriptedBroker") -> None:
    await broker.stop()
    async with AOLDataClient(broker.endpoint, "test-service") as client:
        with pytest.raises(UnavailableError) as caught:
            await client.count("events", timeout=0.5)
    assert broker.endpoint in str(caught.value)
    assert "check that it runs" in str(caught.value)
    assert caught.value.reason == "UNAVAILABLE"
    assert isinstance(caught.value.__cause__, grpc.aio.AioRpcError)


async def test_a_client_outlives_a_restart_of_the_broker(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    await client.insert("events", {"n": 1})
    await broker.stop()
    insert = asyncio.create_task(client.insert("events", {"n": 2}, timeout=20.0))
    await asyncio.sleep(0)
    await broker.start(broker.endpoint)
    assert await insert == broker.requests("StoreData")[-1].document_id


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INTERNAL, DataClientError),
        (grpc.StatusCode.UNKNOWN, DataClientError),
        (grpc.StatusCode.NOT_FOUND, DataClientError),
        (grpc.StatusCode.UNIMPLEMENTED, UnsupportedError),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequestError),
    ],
)
@pytest.mark.parametrize("details", [None, b"", b"\xff\xff garbage", b"\x08\x05"])
async def test_a_failure_without_a_reason_is_told_by_its_code_and_not_by_its_text(
    broker: "ScriptedBroker",
    client: AOLDataClient,
    code: grpc.StatusCode,
    kind: type[DataClientError],
    details: bytes | None,
) -> None:
    async def refuse(request: Any, context: Any) -> Any:
        trailers = () if details is None else ((STATUS_DETAILS_TRAILER, details),)
        await context.abort(code, "password=hunter2", trailing_metadata=trailers)

    broker.answer("CountData", refuse)
    with pytest.raises(DataClientError) as caught:
        await client.count("events")
    assert type(caught.value) is kind
    assert caught.value.reason == code.name
    assert "hunter2" not in str(caught.value)


async def test_an_answer_that_cannot_be_decoded_is_a_malformed_answer(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    async def garbage(request: Any, context: Any) -> Any:
        return b"\xff\xff\xff"

    broker.answer("CountData", garbage)
    with pytest.raises(DataClientError, match="malformed"):
        await client.count("events")


async def test_a_thousand_inserts_at_once_all_arrive(broker: "ScriptedBroker", client: AOLDataClient) -> None:
    ids = await asyncio.gather(*(client.insert("events", {"n": n}, timeout=60.0) for n in range(1000)))
    assert len(set(ids)) == 1000
    assert {request.document_id for request in broker.requests("StoreData")} == set(ids)


async def test_repetitions_log_nothing_that_a_user_stored(
    broker: "ScriptedBroker",
    client: AOLDataClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    broker.answer("StoreData", adapter_down(), adapter_down())
    with caplog.at_level(logging.DEBUG):
        await client.insert("events", {"name": "Margaret-Hamilton"})
    logged = caplog.text + str([vars(record) for record in caplog.records]) + "".join(capfd.readouterr())
    assert "retry_scheduled" in logged
    assert "Hamilton" not in logged


async def test_a_service_that_turns_stamina_off_gets_the_first_error(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    broker.answer("CountData", adapter_down())
    stamina.set_active(False)
    try:
        with pytest.raises(UnavailableError):
            await client.count("events")
    finally:
        stamina.set_active(True)
    assert len(broker.calls) == 1
