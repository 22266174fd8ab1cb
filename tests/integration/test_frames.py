"""Is a call in a frame the same as one by itself: permitted, audited, ended once? Against real brokers and adapters."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from aol.admin.v1 import admin_pb2
from aol.admin.v1.admin_pb2_grpc import AdminStub
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.data_broker_pb2_grpc import DataBrokerStub
from aol.frames.v1 import frames_pb2
from aol_client import AOLDataClient, BulkWriteError, ConflictError, DataClientError, InvalidRequestError
from aol_wire.frames.channel import FramesChannel
from aol_wire.ids import uuid7
from aol_wire.limits import REQUEST_MAX_BYTES
from aol_wire.status import from_status
from framed_peer import RawStream, frame_of_calls
from running_brokers import RunningBroker, StartBroker

pytestmark = pytest.mark.integration

DATA = "/aol.data.v1.DataBroker/"


@asynccontextmanager
async def both_channels(endpoint: str) -> AsyncIterator[dict[str, Any]]:
    """A channel that makes calls one by one, and one that makes them in frames."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        framed = FramesChannel(channel, max_frame_bytes=REQUEST_MAX_BYTES)
        yield {"unary": channel, "frames": framed}
        await framed.close()


def data_stub(channel: Any) -> Any:
    return DataBrokerStub(channel)  # type: ignore[no-untyped-call]


async def told(call: Any) -> tuple[Any, ...]:
    """All that a caller is told of a failure, but what is different for each call."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = caught.value
    trailers = dict(error.trailing_metadata() or ())
    details = trailers["grpc-status-details-bin"]
    reason = from_status(details if isinstance(details, bytes) else details.encode())
    assert reason is not None
    assert reason.metadata.pop("request_id") == trailers["aol-request-id"]
    return error.code(), error.details(), trailers["aol-revision"], reason.reason, reason.metadata, reason.applied


def of_request(records: list[dict[str, Any]], request_id: str) -> dict[str, Any]:
    """The one record of a call, without what is different for each call."""
    (record,) = (record for record in records if record["request_id"] == request_id and record["outcome"] != "intended")
    changing = {"timestamp", "seq", "request_id", "duration_ms", "prev", "hash"}
    return {key: value for key, value in record.items() if key not in changing}


async def test_without_a_grant_a_call_in_a_frame_is_denied_and_audited_like_another(broker: RunningBroker) -> None:
    async with AOLDataClient(broker.endpoint, "frames-owner") as owner:
        await owner.request_collection("secrets")
    headers = (("aol-service", "frames-stranger"),)
    tellings, ids = [], []
    async with both_channels(broker.endpoint) as channels:
        for channel in channels.values():
            ids.append(uuid7())
            document = pb.StoreDataRequest(collection="frames-owner.secrets", document="{}", request_id=ids[-1])
            tellings.append(await told(data_stub(channel).StoreData(document, metadata=headers)))
    unary, framed = (of_request(broker.audit(), request_id) for request_id in ids)
    assert tellings[0] == tellings[1]
    assert tellings[0][0] is grpc.StatusCode.PERMISSION_DENIED
    assert unary == framed
    assert (framed["outcome"], framed["reason"]) == ("denied", "GRANT_MISSING")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("aol-service", "No Service"),),
        (("aol-service", "frames-caller"), ("authorization", "Bearer wrong")),
        (("authorization", "Bearer wrong"),),
    ],
)
async def test_who_is_nobody_one_by_one_is_nobody_in_frames(
    broker: RunningBroker, headers: tuple[tuple[str, str], ...]
) -> None:
    tellings, ids = [], []
    async with both_channels(broker.endpoint) as channels:
        for channel in channels.values():
            ids.append(uuid7())
            request = pb.CountDataRequest(collection="things", request_id=ids[-1])
            tellings.append(await told(data_stub(channel).CountData(request, metadata=headers)))
    assert tellings[0] == tellings[1]
    assert tellings[0][0] is grpc.StatusCode.UNAUTHENTICATED


async def test_an_operator_is_one_in_frames_too(broker: RunningBroker) -> None:
    operator = (("authorization", f"Bearer {broker.operator_token}"),)
    service = (("aol-service", "frames-caller"),)
    request = admin_pb2.ListServicesRequest()
    async with both_channels(broker.endpoint) as channels:
        stubs: list[Any] = [AdminStub(channel) for channel in channels.values()]  # type: ignore[no-untyped-call]
        unary, framed = [await stub.ListServices(request, metadata=operator) for stub in stubs]
        denied = [await told(stub.ListServices(request, metadata=service)) for stub in stubs]
    assert unary == framed
    assert denied[0] == denied[1]
    assert denied[0][0] is grpc.StatusCode.UNAUTHENTICATED


async def test_a_poisoned_call_of_a_frame_fails_alone(broker: RunningBroker) -> None:
    async with AOLDataClient(broker.endpoint, "frames-poisoned", transport="frames") as client:
        await client.request_collection("events")
        await client.insert("events", {"_id": "taken", "n": -1})
        documents = [{"_id": f"e{number}", "n": number} for number in range(50)]
        documents[7] = {"_id": "e7", "a.b": "refused by the broker"}
        documents[30] = {"_id": "taken", "n": 30}
        inserts = [client.insert("events", document) for document in documents]
        results = await asyncio.gather(*inserts, return_exceptions=True)
        assert isinstance(results.pop(30), ConflictError)
        assert isinstance(results.pop(7), InvalidRequestError)
        assert not [result for result in results if isinstance(result, BaseException)]
        assert await client.count("events") == 49
        with pytest.raises(BulkWriteError) as caught:
            await client.insert_many("events", [{"_id": "x1"}, {"_id": "taken", "n": 1}, {"_id": "x2"}])
        assert caught.value.inserted_ids == ("x1", "x2")


async def test_bytes_that_are_no_request_fail_their_call_alone_and_are_audited(broker: RunningBroker) -> None:
    async with grpc.aio.insecure_channel(broker.endpoint) as channel:
        stream = RawStream(channel, ("aol-service", "frames-garbage"))
        greeting = await stream.greet()
        assert greeting.hello.max_calls > 1
        good = pb.ListCollectionsRequest().SerializeToString()
        await stream.send(frame_of_calls(f"{DATA}ListCollections", good, b"\xff\xff", good))
        replied: list[int] = []
        failures: list[frames_pb2.Failure] = []
        while len(replied) + len(failures) < 3:
            replies = (await stream.receive()).replies
            replied += replies.ids
            failures += replies.failures
    assert sorted(replied) == [1, 3]
    assert [failure.id for failure in failures] == [2]
    error = from_status(failures[0].details)
    assert error is not None
    assert error.reason == "BAD_REQUEST"
    assert of_request(broker.audit(), failures[0].request_id)["reason"] == "BAD_REQUEST"


COUNT = f"{DATA}CountData"
BROKEN_FRAMES = [
    (b"garbage", grpc.StatusCode.INVALID_ARGUMENT),
    (frames_pb2.Frame(calls=frames_pb2.Calls(ids=range(1, 1_000_001))), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (frame_of_calls(COUNT, *[b""] * 100_000), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (frame_of_calls(COUNT, b"", b"", ids=(1, 1)), grpc.StatusCode.INVALID_ARGUMENT),
]


@pytest.mark.parametrize(("frame", "code"), BROKEN_FRAMES)
async def test_a_broken_frame_ends_its_stream_with_a_clear_status_and_leaves_the_broker_well(
    broker: RunningBroker, frame: frames_pb2.Frame | bytes, code: grpc.StatusCode
) -> None:
    async with (
        AOLDataClient(broker.endpoint, "frames-well", transport="frames") as client,
        grpc.aio.insecure_channel(broker.endpoint) as channel,
    ):
        await client.request_collection("events")
        stream = RawStream(channel, ("aol-service", "frames-garbage"))
        await stream.greet()
        await stream.send(frame)
        ended = await stream.end()
        assert ended[0] is code
        assert "hello" in ended[1] or "frame" in ended[1] or "calls" in ended[1]
        assert await client.count("events") == 0


async def test_a_client_goes_on_when_its_broker_was_restarted(start_broker: StartBroker) -> None:
    first = await start_broker()
    async with AOLDataClient(first.endpoint, "frames-restart", transport="frames", timeout=30) as client:
        await client.request_collection("events")
        stop = asyncio.Event()
        acknowledged: list[str] = []

        async def insert_until_stopped(worker: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                acknowledged.append(await client.insert("events", {"_id": f"{worker}-{number}"}))

        workers = [asyncio.create_task(insert_until_stopped(number)) for number in range(16)]
        await _more(acknowledged, 50)
        await first.stop()
        await start_broker(listen=first.endpoint)
        await _more(acknowledged, 50)
        stop.set()
        await asyncio.gather(*workers)
        stored = {document["_id"] for document in await client.query("events", projection=["_id"])}
    assert set(acknowledged) <= stored


async def _more(acknowledged: list[str], count: int) -> None:
    seen = len(acknowledged)
    async with asyncio.timeout(20):
        while len(acknowledged) < seen + count:
            await asyncio.sleep(0.01)


OUTCOMES = ("ok", "unknown")


class Cutter:
    """A relay between a client and a broker, which cuts the line when it is told to."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = ""
        self.cuts = 0
        self._to = endpoint.split(":")
        self._lines: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Cutter"]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield self
        server.close()
        self.cut()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        await server.wait_closed()

    def cut(self) -> None:
        self.cuts += 1
        for line in self._lines:
            line.transport.abort()
        self._lines.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        self._lines |= {writer, far_writer}
        for ends in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(self._carry(*ends))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class Storm:
    """Ten thousand calls on one channel, in random order, with every kind of end that a call can have."""

    CALLS = 10_000
    AT_A_TIME = 200
    CUTS = 8

    def __init__(self, channel: grpc.aio.Channel, cutter: Cutter, seed: int) -> None:
        self.random = random.Random(seed)
        self.ends: dict[str, str] = {}
        self._channel = channel
        self._cutter = cutter
        self._frames = FramesChannel(channel, max_frame_bytes=REQUEST_MAX_BYTES)
        self._stub = data_stub(self._frames)
        self._left = list(range(self.CALLS))
        self.random.shuffle(self._left)
        self._cut_at = {self.CALLS * number // (self.CUTS + 1) for number in range(1, self.CUTS + 1)}

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(self.AT_A_TIME)))
        await self._frames.close()

    async def _work(self) -> None:
        while self._left:
            number = self._left.pop()
            if len(self._left) in self._cut_at:
                self._cutter.cut()
            await self._channel.channel_ready()
            await self._one(number)

    async def _one(self, number: int) -> None:
        request_id = f"storm-{number}"
        task = asyncio.ensure_future(self._call(number, request_id))
        if self.random.random() < 0.1:
            for _ in range(self.random.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
            end = "OK"
        except asyncio.CancelledError:
            end = "CANCELLED"
        except grpc.aio.AioRpcError as error:
            end = error.code().name
        assert request_id not in self.ends
        self.ends[request_id] = end

    async def _call(self, number: int, request_id: str) -> None:
        timeout = self.random.choice((0.001, 0.02, 30.0, 30.0, 30.0))
        headers = (("aol-service", "frames-storm"),)
        if number % 20 == 0:
            insert = pb.StoreDataRequest(collection="events", document="{}", document_id=request_id)
            insert.request_id = request_id
            answer = await self._stub.StoreData(insert, timeout=timeout, metadata=headers)
            assert answer.document_id == request_id
        else:
            count = pb.CountDataRequest(collection="events", request_id=request_id, filter='{"_id": "storm-0"}')
            await self._stub.CountData(count, timeout=timeout, metadata=headers)


async def test_ten_thousand_calls_with_cancellations_deadlines_and_cuts_end_each_in_exactly_one_outcome(
    broker: RunningBroker,
) -> None:
    async with AOLDataClient(broker.endpoint, "frames-storm", timeout=30) as client:
        await client.request_collection("events")
        async with (
            Cutter(broker.endpoint).running() as cutter,
            grpc.aio.insecure_channel(
                cutter.endpoint,
                options=(("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 20)),
            ) as channel,
        ):
            storm = Storm(channel, cutter, seed=20_261_126)
            async with asyncio.timeout(100):
                await storm.run()
        stored = {document["_id"] for document in await client.query("events", projection=["_id"])}
        assert await client.count("events") == len(stored), "the broker is well"
    ends = storm.ends
    assert len(ends) == Storm.CALLS
    assert set(ends.values()) == {"OK", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"}
    completed = [it for it in broker.audit() if it["request_id"].startswith("storm-")]
    records = Counter(record["request_id"] for record in completed)
    assert set(records.values()) == {1}, "a call is recorded once"
    succeeded = {request_id for request_id, end in ends.items() if end == "OK"}
    assert succeeded <= {record["request_id"] for record in completed if record["outcome"] == "ok"}
    inserts = {request_id for request_id in ends if int(request_id.removeprefix("storm-")) % 20 == 0}
    assert succeeded & inserts <= stored <= inserts
    recorded = {outcome: {it["request_id"] for it in completed if it["outcome"] == outcome} for outcome in OUTCOMES}
    assert recorded["ok"] & inserts <= stored <= recorded["ok"] | recorded["unknown"]


@pytest.mark.parametrize("transport", ["auto", "frames", "unary"])
async def test_a_service_gets_the_same_answers_over_every_transport(broker: RunningBroker, transport: Any) -> None:
    async with AOLDataClient(broker.endpoint, f"frames-{transport}", transport=transport) as client:
        await client.request_collection("events")
        await client.insert_many("events", ({"_id": f"e{n:05}", "n": n, "text": "x" * 400} for n in range(12_000)))
        assert len(await client.query("events", sort={"n": "asc"})) == 12_000
        assert await client.update("events", {"n": {"$lt": 10}}, {"$inc": {"n": 1}}) == 10
        assert await client.delete("events", {"n": {"$gte": 10_000}}) == 2_000
        with pytest.raises(DataClientError) as caught:
            await client.count("elsewhere.events")
    assert caught.value.reason == "GRANT_MISSING"
