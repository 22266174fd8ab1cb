"""A broker removes what is too much of its audit log by itself, says so in it, and what is left verifies as whole."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aol_broker.audit.files import files_of
from aol_broker.audit.indexing import has_index
from aol_broker.audit.query import AuditQuery
from aol_broker.audit.search import search
from aol_cli.app import app
from aol_client import AOLDataClient
from running_brokers import StartBroker

pytestmark = pytest.mark.integration
RETAIN_BYTES = 60_000


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what goes on behind the calls."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


async def test_the_oldest_files_go_while_calls_go_on(start_broker: StartBroker, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "audit"
    broker = await start_broker(audit={"max_file_bytes": 16_384, "retain_bytes": RETAIN_BYTES})
    async with AOLDataClient(broker.endpoint, "kept") as client:
        await client.request_collection("events")
        for number in range(100):
            await client.insert("events", {"_id": str(number)})

    def settled() -> bool:
        files = files_of(folder)
        try:
            small = sum(path.stat().st_size for path in files) <= RETAIN_BYTES
            indexes = {path.stem for path in (folder / "index").iterdir()}
            return small and all(map(has_index, files[:-1])) and indexes <= {path.stem for path in files}
        except FileNotFoundError:
            return False  # one of them went while it was looked at

    await until(settled)
    assert len(search(folder, AuditQuery(operation="audit_retention", principal="broker")).lines) > 2
    await broker.stop()

    def verified() -> Result:
        return CliRunner().invoke(app, ["audit", "verify", str(folder)], catch_exceptions=False)

    said = await asyncio.to_thread(verified)
    assert (said.exit_code, "whole" in said.stdout) == (0, True), said.output
