"""Do audit records reach the sinks of a whole broker, without a call that waits for one?"""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2 as pb
from aol_cli.operator_calls import operator_calls
from aol_client import AOLDataClient, PermissionDeniedError
from postgres_server import rows
from running_brokers import READY, UNVERIFIED

pytestmark = pytest.mark.integration

LOOPBACK = "127.0.0.1"
# Of two brokers: what is asked for, what is inserted, and what is refused.
ALL = 1 + 600 + 1 + 10 + 1
SINKS_DOCUMENTED = (
    (Path(__file__).parents[2] / "docs" / "audit.md").read_text().split("\n## Sinks\n")[1].split("\n## ")[0]
)


class Serving:
    """A broker that `aol serve` started, with audit records on its standard output."""

    def __init__(self, folder: Path, sinks: list[dict[str, Any]]) -> None:
        self.folder = folder
        config = {
            "listen": f"{LOOPBACK}:0",
            "data_dir": str(folder / "data"),
            "authentication": UNVERIFIED,
            "audit": {"sinks": sinks, "max_file_bytes": 65536},
            # So little that nobody has to read it.
            "log": {"level": "error"},
        }
        (folder / "broker.yaml").write_text(json.dumps(config))
        command = [sys.executable, "-m", "aol_cli", "serve", "--config", str(folder / "broker.yaml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        found = None
        while found is None:
            line = self.process.stderr.readline()
            assert line, "the broker ended"
            found = READY.search(line)
        self.endpoint = found[1]

    def written(self) -> list[str]:
        """The lines of all records, in the files of the broker."""
        files = sorted((self.folder / "data" / "audit").glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text().splitlines()]
        return [line for line in lines if "checkpoint" not in json.loads(line)]

    def end(self, how: signal.Signals) -> str:
        """End it and return what is left of its standard output."""
        self.process.send_signal(how)
        said, _ = self.process.communicate(timeout=20)
        return said


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Any]:
    started: list[Serving] = []

    def start(sinks: list[dict[str, Any]]) -> Serving:
        started.append(Serving(tmp_path, sinks))
        return started[-1]

    yield start
    for broker in started:
        broker.process.kill()
        broker.process.communicate()


async def insert(endpoint: str, count: int) -> None:
    async with AOLDataClient(endpoint, "shop") as client:
        await client.request_collection("events")
        await asyncio.gather(*(client.insert("events", {"n": number, "pad": "x" * 100}) for number in range(count)))


async def test_a_broker_serves_while_nobody_reads_its_records_and_is_killed_and_all_of_them_arrive(
    serving: Any, postgres_database: str
) -> None:
    """Standard output is a full pipe, one sink is where nothing answers; a third gets everything, across a kill -9."""
    # The system takes connections in, and nobody ever answers.
    with socket.create_server((LOOPBACK, 0)) as hung:
        port = hung.getsockname()[1]
        sinks: list[dict[str, Any]] = [
            {"name": "out", "type": "stdout"},
            {"name": "hung", "type": "postgres", "url": f"postgresql://u:s3cret@{LOOPBACK}:{port}/d"},
            {"name": "nobody", "type": "otlp", "endpoint": f"http://{LOOPBACK}:1"},
            {"name": "db", "type": "postgres", "url": postgres_database, "table": "audit.records"},
        ]
        first = serving(sinks)
        await insert(first.endpoint, 600)
        left = first.end(signal.SIGKILL)
        second = serving(sinks)
        await insert(second.endpoint, 10)
        async with AOLDataClient(second.endpoint, "stranger") as client:
            with pytest.raises(PermissionDeniedError):
                await client.query("shop.events")
        behind = await _status_when(second, lambda seqs: seqs["db"] >= ALL)
        assert list(behind) == ["out", "hung", "nobody", "db"]
        assert behind["hung"] == behind["nobody"] == 0
        said = second.end(signal.SIGTERM)
        assert second.process.returncode == 0
    written = second.written()
    for lines in (left.splitlines()[:-1], said.splitlines()[:-1]):
        assert lines == written[written.index(lines[0]) :][: len(lines)]
    found = await rows(postgres_database, "SELECT record FROM audit.records ORDER BY seq")
    assert len(found) >= ALL
    assert [row["record"] for row in found] == written[: len(found)]
    [documented] = re.findall(r"```sql\n(.*?)```", SINKS_DOCUMENTED, re.DOTALL)
    assert [row["reason"] for row in await rows(postgres_database, documented)] == ["GRANT_MISSING"]


async def _status_when(broker: Serving, holds: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Return up to which record each sink has come, once something holds of it; each question is a record more."""
    token = (broker.folder / "data" / "operator.token").read_text().strip()
    async with asyncio.timeout(60), operator_calls(broker.endpoint, token) as calls:
        while True:
            answer = await calls.admin("AuditStatus", pb.AuditStatusRequest(), pb.AuditStatusResponse)
            seqs = {sink.name: sink.seq for sink in answer.sinks}
            if holds(seqs):
                return seqs
