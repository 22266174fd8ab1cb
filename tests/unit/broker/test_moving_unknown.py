"""A broker that cannot know whether a collection is being copied lets no write through, and answers reads."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.registry.store import KNOWN_WITHIN_S, Registry
from aol_broker.request import Reply
from aol_wire.errors import Applied, DataError, Reason
from line import Line
from moves import good, store
from postgres_server import PostgresServer, sqlalchemy_url
from turned_clock import TurnedClock

JUST_WITHIN_S, JUST_BEYOND_S = KNOWN_WITHIN_S - 0.001, KNOWN_WITHIN_S + 0.001


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def line(tmp_path: Path, registry_url: str, clock: TurnedClock) -> AsyncIterator[Line]:
    """A line that looks at its registry only when a call makes it, on each kind of database."""
    line = await started(tmp_path, registry_url, clock)
    yield line
    await line.stop()


async def started(folder: Path, url: str, clock: TurnedClock) -> Line:
    line = Line(folder, registry=Registry(url, default_adapter="memory", clock=clock.monotonic_s))
    await line.start()
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="events"))
    assert (await store(line, "before")).error is None
    return line


async def alter(url: str, statement: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


async def take_away(url: str) -> None:
    await alter(url, "ALTER TABLE registry_revision RENAME TO away")


async def bring_back(url: str) -> None:
    await alter(url, "ALTER TABLE away RENAME TO registry_revision")


async def count(line: Line) -> int:
    reply = await line.call("CountData", pb.CountDataRequest(collection="events"))
    assert reply.error is None
    return pb.CountDataResponse.FromString(reply.payload).count


def refusal(reply: Reply) -> DataError:
    assert reply.error is not None
    return reply.error


async def test_writes_go_on_for_as_long_as_a_copy_waits_and_no_longer(
    line: Line, registry_url: str, clock: TurnedClock
) -> None:
    await take_away(registry_url)
    clock.turn(JUST_WITHIN_S)
    assert (await store(line, "within")).error is None
    clock.turn(JUST_BEYOND_S - JUST_WITHIN_S)
    error = refusal(await store(line, "beyond"))
    assert (error.reason, error.applied) == (Reason.REGISTRY_UNAVAILABLE, Applied.NO)
    assert error.retry_after_s
    assert await count(line) == 2, "reads go on"
    await bring_back(registry_url)
    assert (await store(line, "beyond")).error is None


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("StoreBatch", pb.StoreBatchRequest(collection="events", documents=["{}"])),
        ("UpdateData", pb.UpdateDataRequest(collection="events", allow_all=True, update='{"a": 3}')),
        ("DeleteData", pb.DeleteDataRequest(collection="events", allow_all=True)),
        ("PurgeData", pb.PurgeDataRequest(collection="events", allow_all=True)),
    ],
)
async def test_that_is_so_for_every_kind_of_write(
    line: Line, registry_url: str, clock: TurnedClock, method: str, request_: pb.StoreBatchRequest
) -> None:
    await take_away(registry_url)
    clock.turn(JUST_BEYOND_S)
    error = await line.refusal(method, request_)
    assert (error.reason, error.applied) == (Reason.REGISTRY_UNAVAILABLE, Applied.NO)
    assert await count(line) == 1


async def test_a_broker_that_only_has_not_looked_for_long_looks_and_writes(line: Line, clock: TurnedClock) -> None:
    clock.turn(3_600)
    assert (await store(line)).error is None


async def test_it_sees_a_copy_that_another_broker_has_begun_meanwhile(
    tmp_path: Path, line: Line, registry_url: str, clock: TurnedClock
) -> None:
    other = Line(tmp_path / "other", registry=Registry(registry_url, default_adapter="memory"), others=line.others)
    other.adapter = line.adapter
    other.others["second"] = type(line.adapter)()
    await other.start()
    await good(other)
    assert not line.registry.snapshot.collections["my-service.events"].moving_to, "nobody has told this broker"
    clock.turn(JUST_BEYOND_S)
    assert refusal(await store(line)).reason is Reason.OVERLOADED
    await other.audit.close()
    await other.registry.close()


async def test_a_registry_that_hangs_does_not_hold_writes_up(
    tmp_path: Path, postgres_database: str, clock: TurnedClock
) -> None:
    line = await started(tmp_path, sqlalchemy_url(postgres_database), clock)
    holder = await asyncpg.connect(postgres_database)
    async with holder.transaction():
        await holder.execute("LOCK TABLE public.registry_revision IN ACCESS EXCLUSIVE MODE")
        clock.turn(JUST_BEYOND_S)
        replies = await asyncio.gather(*(store(line, f"at-once-{n}") for n in range(20)))
    for error in map(refusal, replies):
        assert (error.reason, error.applied) == (Reason.REGISTRY_UNAVAILABLE, Applied.NO)
    assert (await store(line)).error is None
    await holder.close()
    await line.stop()


async def test_a_registry_that_is_gone_and_comes_back(tmp_path: Path, clock: TurnedClock) -> None:
    server = PostgresServer()
    await server.start()
    line = await started(tmp_path, sqlalchemy_url(server.dsn()), clock)
    await server.stop()
    clock.turn(JUST_BEYOND_S)
    assert refusal(await store(line)).reason is Reason.REGISTRY_UNAVAILABLE
    assert await count(line) == 1
    await server.start()
    assert (await store(line)).error is None
    await line.stop()
    await server.remove()
