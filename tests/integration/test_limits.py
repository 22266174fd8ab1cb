"""Limits over the wire: a service that calls too much is refused, its neighbour is not, and the SDK waits as told."""

import asyncio
import json
import time
from typing import Any

import grpc.aio
import pytest
from google.rpc import code_pb2

from aol_client import AOLDataClient, OverloadedError
from aol_wire.errors import Reason
from aol_wire.metadata import SERVICE_HEADER, STATUS_DETAILS_TRAILER
from aol_wire.status import from_status
from running_brokers import StartBroker

RATE = 20
HOSTILE_CALLS = 10 * RATE


class Hostile:
    """A caller who does not care what it is told."""

    def __init__(self, endpoint: str) -> None:
        self.served = 0
        self.refused = 0
        self.elapsed_s = 0.0
        self._endpoint = endpoint

    async def call(self, times: int, at_once: int) -> None:
        started = time.monotonic()
        async with grpc.aio.insecure_channel(self._endpoint) as channel:
            method: grpc.aio.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
                "/aol.data.v1.DataBroker/ListCollections"
            )
            await asyncio.gather(*(self._one_by_one(method, times // at_once) for _ in range(at_once)))
        self.elapsed_s = time.monotonic() - started

    async def _one_by_one(self, method: "grpc.aio.UnaryUnaryMultiCallable[Any, Any]", times: int) -> None:
        for _ in range(times):
            try:
                await method(b"", metadata=((SERVICE_HEADER, "hostile"),))
                self.served += 1
            except grpc.aio.AioRpcError as error:
                self._check(error)
                self.refused += 1

    def _check(self, error: grpc.aio.AioRpcError) -> None:
        details = dict(error.trailing_metadata())[STATUS_DETAILS_TRAILER]
        known = from_status(details if isinstance(details, bytes) else b"")
        assert known is not None
        assert (known.code, known.reason) == (code_pb2.RESOURCE_EXHAUSTED, Reason.QUOTA)
        assert known.retry_after_s is not None
        assert 0 < known.retry_after_s <= 1 / RATE


async def test_a_caller_far_over_its_limit_is_refused_and_its_neighbour_is_served(start_broker: StartBroker) -> None:
    limits = {"services": {"hostile": {"requests_per_s": RATE, "max_in_flight": 4}}}
    broker = await start_broker(limits=limits)
    hostile = Hostile(broker.endpoint)
    async with AOLDataClient(broker.endpoint, "neighbour") as neighbour:
        await neighbour.request_collection("events")
        attack = asyncio.create_task(hostile.call(HOSTILE_CALLS, at_once=4))
        inserted = 0
        while not attack.done():
            await asyncio.gather(*(neighbour.insert("events", {"n": n}) for n in range(4)))
            inserted += 4
        await attack
        assert await neighbour.count("events") == inserted
    assert hostile.served + hostile.refused == HOSTILE_CALLS
    assert hostile.served <= RATE + RATE * hostile.elapsed_s + 1


async def test_more_calls_at_once_than_a_service_may_have_wait_at_its_client(start_broker: StartBroker) -> None:
    broker = await start_broker(limits={"per_service": {"max_in_flight": 2}})
    async with AOLDataClient(broker.endpoint, "eager") as client:
        await client.request_collection("events")
        await asyncio.gather(*(client.insert("events", {"n": n}) for n in range(50)))
        assert await client.count("events") == 50
    records = [line for file in broker.settings.audit_dir.glob("*.jsonl") for line in file.read_text().splitlines()]
    reasons = {json.loads(line).get("reason", "") for line in records}
    assert len(records) > 100
    assert Reason.OVERLOADED not in reasons


async def test_the_sdk_waits_for_its_turn_as_far_as_its_timeout_goes(start_broker: StartBroker) -> None:
    services = {
        "eager": {"requests_per_s": 40, "requests_burst": 5},
        "late": {"requests_per_s": 0.01, "requests_burst": 1},
    }
    broker = await start_broker(limits={"services": services})
    async with AOLDataClient(broker.endpoint, "eager", timeout=20) as client:
        await client.request_collection("events")
        await asyncio.gather(*(client.insert("events", {"n": n}) for n in range(20)))
        assert await client.count("events") == 20
    async with AOLDataClient(broker.endpoint, "late", timeout=2) as client:
        await client.request_collection("events")
        with pytest.raises(OverloadedError) as caught:
            await client.count("events")
    assert caught.value.retry_after_s is not None
    assert 90 < caught.value.retry_after_s <= 100
