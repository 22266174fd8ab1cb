"""How does a program start a broker of its own, and make sure that it is gone afterwards?"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

START_S = 60
# `aol up` ends within 5 s of SIGTERM.
STOP_S = 10
LOG_LINES_SHOWN = 20


class BrokerFailedError(Exception):
    """The broker did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that answers at `endpoint` and keeps everything under `data_dir`."""

    endpoint: str
    data_dir: Path


@asynccontextmanager
async def running_broker(data_dir: Path, manifests: Path) -> AsyncIterator[RunningBroker]:
    """A broker with its adapter process and the manifests applied, on a free port of loopback, stopped on the way out.

    :raises BrokerFailedError: it ended, or was not ready within START_S.
    """
    log = data_dir / "broker.log"
    with _opened(log) as log_file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aol_cli", "up", "--listen", "127.0.0.1:0"),
            *("--data-dir", str(data_dir), "--manifests", str(manifests)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            # Ctrl-C in a terminal reaches this program only, which then stops the broker in order.
            start_new_session=True,
        )
    try:
        endpoint = await _endpoint_when_ready(process, log)
        yield RunningBroker(endpoint, data_dir)
    finally:
        await _stop(process)


async def _endpoint_when_ready(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = (await process.stdout.readline()).decode()
    except TimeoutError:
        line = ""
    endpoint = re.search(r"127\.0\.0\.1:\d+", line)
    if endpoint is None:
        raise BrokerFailedError("The broker did not start. Its last words:\n" + _last_lines(log))
    return endpoint.group()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    finally:
        # Too slow, or this program is told again to stop: no more waiting. Adapters end when their broker does.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _opened(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:])
