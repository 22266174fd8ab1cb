"""Fixtures of the integration tests: real brokers with real adapter processes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from aol_broker.server import Broker
from aol_broker.settings import load_settings
from running_brokers import UNVERIFIED, RunningBroker, StartBroker, running_broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker that all tests of a session share; tests keep apart by the names of their services."""
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
async def start_broker(tmp_path: Path) -> AsyncIterator[StartBroker]:
    """Start brokers inside the test, by settings, with real adapter processes; they are stopped at its end."""
    started: list[Broker] = []

    async def start(**settings: Any) -> Broker:
        values = {"data_dir": str(tmp_path / "data"), "listen": "127.0.0.1:0", "authentication": UNVERIFIED, **settings}
        broker = Broker(load_settings(None, values))
        started.append(broker)
        await broker.start()
        return broker

    yield start
    for broker in started:
        await broker.stop()
