"""Who uses what: what real brokers count, over real sockets, is added up and outlives them."""

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from aol.admin.v1 import usage_pb2 as pb
from aol.admin.v1.admin_pb2_grpc import AdminStub
from aol_client import AOLDataClient, PermissionDeniedError
from postgres_server import sqlalchemy_url
from running_brokers import RunningBroker, StartBroker, running_broker

pytestmark = pytest.mark.integration


async def counted(endpoint: str, token: str, collection: str, path: str = "") -> dict[tuple[str, str, str], int]:
    async with grpc.aio.insecure_channel(endpoint) as channel:
        admin: Any = AdminStub(channel)  # type: ignore[no-untyped-call]
        request = pb.GetLineageRequest(collection=collection, path=path)
        answer = await admin.GetLineage(request, metadata=(("authorization", f"Bearer {token}"),))
    return {(edge.service, use.verb, use.path): use.calls for edge in answer.edges for use in edge.uses}


async def insert(endpoint: str, service: str, times: int) -> None:
    async with AOLDataClient(endpoint, service) as client:
        await client.request_collection("things")
        await asyncio.gather(*(client.insert("things", {"n": number}) for number in range(times)))


async def test_a_kill_loses_no_more_than_what_was_not_written_down(tmp_path: Path, start_broker: StartBroker) -> None:
    with running_broker(tmp_path, {"AOL_USAGE__FLUSH_EVERY_S": "3600"}) as running:
        await insert(running.endpoint, "shop", 20)
        # To ask is to write down.
        asked = await counted(running.endpoint, running.operator_token, "shop.things")
        assert asked == {("shop", "insert", ""): 20}
        await insert(running.endpoint, "shop", 7)
        running.process.kill()
        running.process.wait(timeout=20)
        after = await start_broker(data_dir=str(running.data_dir))
        assert await counted(after.endpoint, after.operator_token, "shop.things") == {("shop", "insert", ""): 20}
        await insert(after.endpoint, "shop", 5)
        assert await counted(after.endpoint, after.operator_token, "shop.things") == {("shop", "insert", ""): 25}


async def test_two_brokers_on_one_registry_add_up_and_a_stop_loses_nothing(
    tmp_path: Path, start_broker: StartBroker, postgres_database: str
) -> None:
    shared = {"registry": {"url": sqlalchemy_url(postgres_database)}}
    one = await start_broker(data_dir=str(tmp_path / "one"), **shared)
    two = await start_broker(data_dir=str(tmp_path / "two"), **shared)
    await insert(one.endpoint, "shop", 11)
    await insert(two.endpoint, "shop", 13)
    await two.stop()
    assert await counted(one.endpoint, one.operator_token, "shop.things") == {("shop", "insert", ""): 24}


async def test_counts_get_to_the_registry_by_themselves(
    tmp_path: Path, start_broker: StartBroker, postgres_database: str
) -> None:
    shared = {"registry": {"url": sqlalchemy_url(postgres_database)}}
    one = await start_broker(data_dir=str(tmp_path / "one"), usage={"flush_every_s": 0.05}, **shared)
    two = await start_broker(data_dir=str(tmp_path / "two"), **shared)
    await insert(one.endpoint, "shop", 3)
    while True:
        # Asked of the other one, which knows but what is in the registry.
        if await counted(two.endpoint, two.operator_token, "shop.things") == {("shop", "insert", ""): 3}:
            return


async def test_lineage_tells_who_names_a_path_and_leaves_out_whoever_was_refused(broker: RunningBroker) -> None:
    await insert(broker.endpoint, "lineage-owner", 2)
    async with AOLDataClient(broker.endpoint, "lineage-owner") as owner:
        await owner.grant_access("things", "lineage-reader", "read")
        await owner.update("things", {"n": 1}, {"colour": "red"})
    async with AOLDataClient(broker.endpoint, "lineage-reader") as reader:
        await reader.query("lineage-owner.things", {"colour": "red"}, projection=["n"], sort=[("at", "desc")])
    async with AOLDataClient(broker.endpoint, "lineage-stranger") as stranger:
        with pytest.raises(PermissionDeniedError):
            await stranger.query("lineage-owner.things")
    assert await counted(broker.endpoint, broker.operator_token, "lineage-owner.things", "colour") == {
        ("lineage-owner", "insert", "*"): 2,
        ("lineage-owner", "update", "colour"): 1,
        ("lineage-reader", "query", "colour"): 1,
    }
    asked = await counted(broker.endpoint, broker.operator_token, "lineage-owner.things")
    assert {service for service, _, _ in asked} == {"lineage-owner", "lineage-reader"}
