"""Faults: what is acknowledged stays, what is not is told, and the broker recovers by itself."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aol_broker.adapters.host import AdapterHost
from aol_broker.server import Broker, StartError
from aol_client import AOLDataClient, DataClientError, UnavailableError
from aol_wire.errors import Applied, Reason
from running_brokers import StartBroker


def host_of(broker: Broker) -> AdapterHost:
    backend = broker.backends[0]
    assert isinstance(backend, AdapterHost)
    return backend


def kill(host: AdapterHost) -> None:
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_killed_adapter_loses_no_acknowledged_insert(start_broker: StartBroker) -> None:
    broker = await start_broker()
    host = host_of(broker)
    acknowledged: list[str] = []
    failures: list[BaseException] = []
    stop = asyncio.Event()

    async def insert_until_stopped(client: AOLDataClient, worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                acknowledged.append(await client.insert("events", {"_id": f"{worker}-{number}", "n": number}))
            except DataClientError as error:
                failures.append(error)

    async with AOLDataClient(broker.endpoint, "loader", timeout=20) as client:
        await client.request_collection("events")
        workers = [asyncio.create_task(insert_until_stopped(client, number)) for number in range(16)]
        for _ in range(3):
            seen, pid = len(acknowledged), host.pid
            await until(lambda seen=seen: len(acknowledged) > seen + 100)  # type: ignore[misc]
            kill(host)
            await until(lambda pid=pid: host.ready and host.pid != pid)  # type: ignore[misc]
        seen = len(acknowledged)
        await until(lambda: len(acknowledged) > seen + 100)
        stop.set()
        await asyncio.gather(*workers)
        stored = {document["_id"] async for document in client.stream("events", projection=["_id"])}
    assert set(acknowledged) <= stored
    assert failures == [], "the SDK repeats inserts, which carry their id, until the adapter is back"


async def test_calls_while_the_adapter_is_away_fail_at_once_and_say_when_to_come_again(
    start_broker: StartBroker, tmp_path: Path
) -> None:
    broker = await start_broker(
        adapters={"absent": {"command": [str(tmp_path / "no-such-program")]}}, default_adapter="absent"
    )
    async with AOLDataClient(broker.endpoint, "caller", timeout=3) as client:
        with pytest.raises(UnavailableError) as caught:
            await client.request_collection("events")
    assert caught.value.reason == Reason.ADAPTER_DOWN
    assert caught.value.retry_after_s is not None
    assert caught.value.applied == Applied.NO


async def test_an_update_in_flight_when_the_adapter_dies_is_of_unknown_effect_and_not_repeated(
    start_broker: StartBroker,
) -> None:
    broker = await start_broker()
    host = host_of(broker)
    outcomes: list[DataClientError] = []
    async with AOLDataClient(broker.endpoint, "updater", timeout=20) as client:
        await client.request_collection("counters")
        await client.insert("counters", {"_id": "one", "value": 0})
        done = 0

        async def count_up() -> None:
            nonlocal done
            while not outcomes:
                try:
                    updated = await client.update("counters", {"_id": "one"}, {"$inc": {"value": 1}})
                except DataClientError as error:
                    outcomes.append(error)
                else:
                    done += updated

        workers = [asyncio.create_task(count_up()) for _ in range(8)]
        await until(lambda: done > 50)
        while not outcomes:
            kill(host)
            # At one moment or another none of them is with the adapter: then they are repeated, and nobody hears of it.
            goal = done + 50
            await until(lambda goal=goal: bool(outcomes) or (host.ready and done > goal))  # type: ignore[misc]
        await asyncio.gather(*workers)
        await until(lambda: host.ready)
        counter = await client.get("counters", "one")
    assert counter is not None
    unknown = sum(1 for error in outcomes if error.applied == Applied.UNKNOWN)
    assert done <= counter["value"] <= done + unknown
    assert {error.reason for error in outcomes} <= {Reason.ADAPTER_DOWN}


async def test_stopping_leaves_no_process_behind(start_broker: StartBroker) -> None:
    broker = await start_broker()
    pid = host_of(broker).pid
    assert pid is not None
    async with asyncio.timeout(5):
        await broker.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_second_broker_on_the_data_folder_is_refused_and_the_first_goes_on(start_broker: StartBroker) -> None:
    first = await start_broker()
    with pytest.raises(StartError, match="in use by another broker"):
        await start_broker()
    async with AOLDataClient(first.endpoint, "caller") as client:
        assert await client.request_collection("events") == "caller.events"


async def test_a_port_that_is_taken_is_named(start_broker: StartBroker, tmp_path: Path) -> None:
    first = await start_broker()
    with pytest.raises(StartError, match="Cannot listen on"):
        await start_broker(data_dir=str(tmp_path / "other"), listen=first.endpoint)


async def test_a_data_folder_of_a_newer_version_is_refused(start_broker: StartBroker, tmp_path: Path) -> None:
    broker = await start_broker()
    await broker.stop()
    (tmp_path / "data" / "layout-version").write_text("2\n")
    with pytest.raises(StartError, match="made by a newer version"):
        await start_broker()


async def test_data_grants_and_audit_survive_a_restart(start_broker: StartBroker) -> None:
    first = await start_broker()
    async with AOLDataClient(first.endpoint, "owner") as client:
        await client.request_collection("events")
        await client.insert("events", {"_id": "one"})
        await client.grant_access("events", "reader", "read")
    await first.stop()
    second = await start_broker()
    async with AOLDataClient(second.endpoint, "reader") as client:
        assert [document["_id"] for document in await client.query("owner.events")] == ["one"]


async def test_listening_beyond_loopback_is_refused_with_the_reason(start_broker: StartBroker) -> None:
    from aol_broker.settings import SettingsError

    with pytest.raises(SettingsError, match="insecure_remote"):
        await start_broker(listen="0.0.0.0:0")


async def test_a_cancelled_query_does_not_disturb_the_next_one(start_broker: StartBroker) -> None:
    broker = await start_broker()
    async with AOLDataClient(broker.endpoint, "caller") as client:
        await client.request_collection("events")
        await client.insert_many("events", ({"n": n} for n in range(5000)))
        for _ in range(20):
            task: asyncio.Task[Any] = asyncio.create_task(_all(client))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert await client.count("events") == 5000


async def _all(client: AOLDataClient) -> list[dict[str, Any]]:
    return await client.query("events", filters={"n": {"$gte": 0}}, sort={"n": "desc"})
