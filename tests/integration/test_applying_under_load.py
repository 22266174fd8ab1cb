"""Does applying plans fail any of the calls that are made meanwhile?"""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from aol.admin.v1 import plan_pb2 as pb
from aol_cli.operator_calls import OperatorCalls, operator_calls
from aol_cli.planning import apply_plan, follow_indexes, plan_texts
from aol_client import AOLDataClient
from manifest_samples import text
from running_brokers import RunningBroker, running_broker

pytestmark = pytest.mark.integration

WORKERS = 32
ASKS = {"collection": "shop.items", "permission": "read", "reason": "sums"}
READER = text("bank", "1", [], [ASKS])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with running_broker(tmp_path) as running:
        yield running


def shop(number: int) -> str:
    """A manifest with other indexes, other sharing and another hint each time; the bank always may read."""
    indexes = [{"fields": ["kind"], "type": "ascending"}, {"fields": [f"n{number}"], "type": "ascending"}]
    sharing = [{"service": "bank", "permission": "admin" if number % 2 else "read"}]
    sharing += [{"service": f"other-{number}", "permission": "write"}]
    hint = {"kind": "string", "n": "number", f"n{number}": "number"}
    items = {"name": "items", "schemaHint": hint, "indexes": indexes, "sharing": sharing}
    return text("shop", str(number), [items, {"name": f"more-{number}"}])


async def applied(calls: OperatorCalls, *manifests: str) -> pb.Plan:
    told: list[str] = []
    plan = await plan_texts(calls, [(f"{place}.yaml", manifest) for place, manifest in enumerate(manifests)])
    await apply_plan(calls, plan, pb.CHANGE_GRADE_DESTRUCTIVE, told.append)
    assert await follow_indexes(calls, plan, told.append) == []
    return plan


async def test_ten_plans_are_applied_while_32_calls_are_in_flight_and_none_fails(broker: RunningBroker) -> None:
    ended, ids = asyncio.Event(), count()
    done = 0

    async def work(owner: AOLDataClient, reader: AOLDataClient) -> None:
        nonlocal done
        while not ended.is_set():
            number = next(ids)
            await owner.insert("items", {"_id": f"i{number}", "kind": f"k{number % 7}", "n": number})
            await owner.update("items", {"_id": f"i{number}"}, {"n": -number})
            [found] = await reader.query("shop.items", {"_id": f"i{number}"})
            assert found["n"] == -number
            done += 1

    async with operator_calls(broker.endpoint, broker.operator_token) as calls:
        await applied(calls, shop(0), READER)
        async with (
            AOLDataClient(broker.endpoint, "shop") as owner,
            AOLDataClient(broker.endpoint, "bank") as reader,
            asyncio.TaskGroup() as workers,
        ):
            for _ in range(WORKERS):
                workers.create_task(work(owner, reader))
            for number in range(1, 11):
                assert (await applied(calls, shop(number), READER)).changes
            ended.set()
    async with AOLDataClient(broker.endpoint, "shop") as owner:
        assert await owner.count("items") == next(ids) == done
    assert done > 2 * WORKERS
