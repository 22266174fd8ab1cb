"""The `aol` command in the test's own process, or as a process of its own, on the broker that the tests share."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aol_cli.app import app
from aol_client import AOLDataClient
from running_brokers import RunningBroker

MANIFEST = """\
metadata: {{name: {name}, version: "1"}}
spec:
  dataRequirements:
    enabled: true
    collections: {collections}
    accessRequests: {requests}
"""
OWNED = """
      - name: tickets
        description: What people wait for
        schemaHint: {title: string, priority: number}
        indexes: [{fields: [priority], type: ascending}]
        sharing: [{service: cli-reader, permission: read}]
      - name: secrets"""
WANTED = """
      - {collection: cli-owner.tickets, permission: read, reason: To count them}
      - {collection: cli-owner.secrets, permission: read, reason: Curiosity}"""

Aol = Callable[..., Result]


@pytest.fixture(scope="session")
def environment(broker: RunningBroker) -> dict[str, str]:
    """What leads the command to the broker, and to its operator's token."""
    return {"AOL_ENDPOINT": broker.endpoint, "AOL_DATA_DIR": str(broker.data_dir)}


@pytest.fixture(scope="session")
def aol(environment: dict[str, str]) -> Aol:
    """Run the command, which should end with `code`; `env` goes on top of the environment."""

    def run(*arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(app, arguments, env={**environment, **(env or {})}, catch_exceptions=False)
        assert result.exit_code == code, result.stderr
        assert "\x1b" not in result.output
        return result

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the command in an empty folder, as a process that does not outlive the test."""
    started: list[subprocess.Popen[str]] = []
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AOL_")}
    folder = tmp_path / "cwd"
    folder.mkdir()

    def start_process(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "aol_cli", *arguments],
            env={**inherited, **(env or {})},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manifests")
    for name, collections, requests in (("cli-owner", OWNED, "[]"), ("cli-reader", "[]", WANTED)):
        (folder / name).mkdir()
        text = MANIFEST.format(name=name, collections=collections, requests=requests)
        (folder / name / "manifest.yaml").write_text(text)
    return folder


@pytest.fixture(scope="session")
def applied(aol: Aol, manifests: Path, broker: RunningBroker) -> Result:
    """The manifests of both services, the reader's first, and three tickets."""

    async def store() -> None:
        async with AOLDataClient(broker.endpoint, "cli-owner") as client:
            for number in range(3):
                title = f"\x1b[31mticket {number}"
                await client.insert(
                    "tickets", {"_id": f"t{number}", "title": title, "priority": number, "at": {"x": 1}}
                )

    files = [str(manifests / name / "manifest.yaml") for name in ("cli-reader", "cli-owner")]
    done = aol("apply", *files)
    asyncio.run(store())
    return done
