"""Does the demo run from an empty folder to the audit trail, and leave nothing behind, however it ends?"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from examples.flights.broker_process import BrokerFailedError, running_broker

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = (REPOSITORY / "docs" / "quickstart.md").read_text(encoding="utf-8")


@asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The demo, with its temporary folder inside of `folder`, so that its processes can be told by their arguments."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.flights.demo"),
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONWARNINGS": "default"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that were given something in this folder."""
    return [line for line in command_lines() if str(folder) in line]


def command_lines() -> Iterator[str]:
    if not Path("/proc/self/cmdline").exists():
        listed = subprocess.run(["ps", "-axww", "-o", "args="], capture_output=True, text=True, check=True)
        yield from listed.stdout.splitlines()
        return
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end while it is read.
        with suppress(FileNotFoundError, ProcessLookupError):
            yield entry.read_text(encoding="utf-8", errors="replace").replace("\0", " ")


async def test_it_tells_its_story_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running_demo(tmp_path) as demo:
        stdout, stderr = await demo.communicate()
    assert (demo.returncode, stderr.decode()) == (0, "")
    story = stdout.decode()
    told = [
        "flight-ops.planes",
        "7016/7016",
        "1. Which carriers",
        "2. Which ten flights",
        "3. How did delays",
        "PermissionDeniedError: GRANT_MISSING",
        "insert_many",
        "denied",
    ]
    rest = story
    for what in told:
        _, found, rest = rest.partition(what)
        assert found, f"{what} is not told, or too early"
    assert max(map(len, story.splitlines())) <= 80
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_stops_what_it_started_when_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    async with running_demo(tmp_path) as demo:
        assert demo.stdout is not None
        while b"Ready at" not in await demo.stdout.readline():
            assert not demo.stdout.at_eof()
        assert processes_of(tmp_path) != []
        demo.send_signal(number)
        _, stderr = await demo.communicate()
    assert (demo.returncode, stderr.decode()) == (128 + number, "")
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


async def test_it_stops_what_it_started_when_something_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running_broker(tmp_path / "data", REPOSITORY / "manifests"):
            raise ZeroDivisionError
    assert processes_of(tmp_path) == []


async def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    manifest = tmp_path / "manifests" / "broken" / "manifest.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("metadata: {name: broken}\nspec: {dataRequirements: {colections: []}}\n")
    with pytest.raises(BrokerFailedError, match="colections"):
        async with running_broker(tmp_path / "data", tmp_path / "manifests"):
            pass
    assert processes_of(tmp_path) == []


async def test_the_service_of_the_quickstart_works_as_printed(tmp_path: Path) -> None:
    manifests = tmp_path / "manifests"
    for service, text in [
        ("flight-ops", (REPOSITORY / "manifests" / "flight-ops" / "manifest.yaml").read_text(encoding="utf-8")),
        ("ticket-desk", fenced("yaml")),
    ]:
        (manifests / service).mkdir(parents=True)
        (manifests / service / "manifest.yaml").write_text(text, encoding="utf-8")
    async with running_broker(tmp_path / "data", manifests) as broker:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", fenced("python").replace("127.0.0.1:50051", broker.endpoint)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        stdout, stderr = await program.communicate()
    assert (program.returncode, stderr.decode()) == (0, "")
    first, denial = stdout.decode().split("\n", 1)
    assert first == "1 Bag left in New York version 2"
    assert "flight-ops.flights" in denial
    assert "sharing" in denial


def fenced(language: str) -> str:
    """The one block of this language in the quickstart."""
    _, block = QUICKSTART.split(f"```{language}\n")
    return block.split("```")[0]
