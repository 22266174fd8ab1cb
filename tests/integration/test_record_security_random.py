"""Does a call on a secured collection reach what it may, never a document too many, never one too few?"""

import os
from pathlib import Path

import pytest

from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.server import Broker
from aol_broker.settings import load_settings
from running_brokers import UNVERIFIED, RunningBroker
from secured_programs import prepare, run_programs

pytestmark = pytest.mark.integration

_SEED = int(os.environ.get("AOL_SECURITY_SEED", "1"))


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(2_000, id="2000"),
        pytest.param(100_000, id="100000", marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
)
async def test_random_calls_reach_what_the_model_says(tmp_path: Path, calls: int) -> None:
    settings = {
        "data_dir": str(tmp_path),
        "listen": "127.0.0.1:0",
        "audit": {"durability": "os"},
        "authentication": UNVERIFIED,
    }
    broker = Broker(load_settings(None, settings), in_process={"memory": MemoryAdapter()})
    await broker.start()
    try:
        await prepare(broker.endpoint, broker.operator_token)
        assert await run_programs(broker.endpoint, _SEED, calls) >= calls
    finally:
        await broker.stop()


async def test_so_do_random_calls_on_a_database_of_its_own_process(broker: RunningBroker) -> None:
    await prepare(broker.endpoint, broker.operator_token)
    assert await run_programs(broker.endpoint, 10_000 + _SEED, 300) >= 300
