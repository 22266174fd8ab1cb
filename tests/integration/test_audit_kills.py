"""A broker that is killed again and again under load: no answer is without its record, and the chain holds."""

import asyncio
import contextlib
import json
import random
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.audit.verify import verify
from audit_logs import records_of
from forked_brokers import BrokerForks, broker_forks

# Each kill is another place in the load: what a change broke shows in a few, and what is rare takes many.
KILLS = [15, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
DATA = "/aol.data.v1.DataBroker/"
HEADERS = (("aol-service", "loader"),)


async def load(channel: grpc.aio.Channel, name: str, answered: list[str]) -> None:
    """Insert and count in turn, and note the request ids of the calls that were answered, until the broker is gone."""
    insert: Any = channel.unary_unary(DATA + "StoreData", request_serializer=pb.StoreDataRequest.SerializeToString)
    count: Any = channel.unary_unary(DATA + "CountData", request_serializer=pb.CountDataRequest.SerializeToString)
    number = 0
    with contextlib.suppress(grpc.aio.AioRpcError):
        while True:
            number += 1
            request_id = f"{name}-{number}"
            document = json.dumps({"_id": request_id})
            await insert(
                pb.StoreDataRequest(collection="events", document=document, request_id=request_id), metadata=HEADERS
            )
            answered.append(request_id)
            await count(pb.CountDataRequest(collection="events", request_id=f"{request_id}-c"), metadata=HEADERS)
            answered.append(f"{request_id}-c")


async def one_life(brokers: BrokerForks, folder: Path, life: int, answered: list[str]) -> None:
    endpoint = await asyncio.to_thread(brokers.start, folder)
    before, least = len(answered), random.Random(life).randint(1, 60)
    async with grpc.aio.insecure_channel(endpoint) as channel:
        request: Any = channel.unary_unary(
            DATA + "RequestCollection", request_serializer=pb.RequestCollectionRequest.SerializeToString
        )
        await request(pb.RequestCollectionRequest(name="events"), metadata=HEADERS)
        loads = [asyncio.create_task(load(channel, f"{life}-{worker}", answered)) for worker in range(8)]
        while len(answered) < before + least:
            await asyncio.sleep(0)
        brokers.kill()
        await asyncio.gather(*loads)


@pytest.mark.parametrize("kills", KILLS)
async def test_no_answer_is_without_its_record_and_no_document_without_the_record_that_announced_it(
    tmp_path: Path, kills: int
) -> None:
    folder, answered = tmp_path / "data", list[str]()
    with broker_forks(tmp_path / "stderr") as brokers:
        for life in range(kills):
            await one_life(brokers, folder, life, answered)
        # One more start ends what the last kill left without an end.
        documents = await stored(await asyncio.to_thread(brokers.start, folder))
        brokers.kill()
    log = (tmp_path / "stderr").read_text()
    assert "Traceback" not in log, log
    records = records_of(folder / "audit")
    verification = verify(folder / "audit")
    assert verification.whole, verification.damages
    assert verification.last_seq == len(records)
    ended = {record["request_id"] for record in records if record["stage"] == "completed" and record["outcome"] == "ok"}
    assert len(answered) > kills * 10
    assert set(answered) - ended == set()
    announced = {record["request_id"]: record["seq"] for record in records if record["stage"] == "intended"}
    with_end = {record["intent"] for record in records if record["intent"]}
    assert set(announced.values()) == with_end, "every announced write has one end"
    assert documents - announced.keys() == set()


async def stored(endpoint: str) -> set[str]:
    async with grpc.aio.insecure_channel(endpoint) as channel:
        query: Any = channel.unary_unary(
            DATA + "QueryData",
            request_serializer=pb.QueryDataRequest.SerializeToString,
            response_deserializer=pb.QueryDataResponse.FromString,
        )
        answer = await query(pb.QueryDataRequest(collection="events"), metadata=HEADERS)
        assert not answer.next_page_token
        return set(answer.page.id)
