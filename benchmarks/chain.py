"""What stands between a service and its database? A broker process with its adapter process, on a free port."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from aol.admin.v1 import admin_pb2
from aol_cli.operator_calls import OperatorCalls, operator_calls

_START_S = 60
_STOP_S = 15
_LOG_LINES_SHOWN = 20
_TOKEN = "benchmarks-operator"
_MIB = 1 << 20
AUDITED = ("aol_cli", "serve")
UNAUDITED = ("benchmarks.unaudited",)
"""The programs that can be measured: the broker as users run it, and one that keeps no audit log."""


class ChainFailedError(Exception):
    """The broker did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A broker that answers at `endpoint`, and its adapter, both processes of their own."""

    endpoint: str
    broker_pid: int
    adapter_pid: int

    def resident_mib(self) -> dict[str, float]:
        """Return the resident memory of the two processes, in MiB."""
        pids = {"broker": self.broker_pid, "adapter": self.adapter_pid}
        return {name: psutil.Process(pid).memory_info().rss / _MIB for name, pid in pids.items()}

    async def register(self, collections: Mapping[str, Sequence[str]]) -> None:
        """Declare collections, given as their names by service, by a manifest of each service.

        :raises DataClientError: the broker refuses one.
        """
        async with operator_calls(self.endpoint, _TOKEN) as calls:
            for service, names in collections.items():
                await _apply(calls, service, names)


@asynccontextmanager
async def running_chain(
    folder: Path,
    adapter: Mapping[str, Any],
    program: Sequence[str] = AUDITED,
    *,
    limits: Mapping[str, Any] | None = None,
) -> AsyncIterator[Chain]:
    """A broker whose only adapter is configured as `adapter` says, with everything that it keeps in `folder`.

    `limits` are as in the broker's configuration.

    :raises ChainFailedError: it ended, or was not ready in time.
    """
    folder.mkdir(parents=True)
    config, log = folder / "broker.yaml", folder / "broker.log"
    config.write_text(yaml.safe_dump(_settings(folder, adapter, limits or {})))
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *program, "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            env=_environment(),
            # Ctrl-C in a terminal reaches this program only, which then stops the broker in order.
            start_new_session=True,
        )
    try:
        endpoint = await _endpoint_when_ready(process, log)
        # A program that indexes audit records comes and goes beside it.
        (adapter_process,) = (child for child in psutil.Process(process.pid).children() if not _indexes(child))
        yield Chain(endpoint, process.pid, adapter_process.pid)
    finally:
        await _stop(process)


def _indexes(child: psutil.Process) -> bool:
    try:
        line = child.cmdline()
    except psutil.Error:
        line = []
    # One that has ended has no line any more.
    return not line or "aol_broker.audit.indexing" in line


def _environment() -> dict[str, str]:
    """Return what the broker gets: not what configures the user's own one, nor what is for the benchmark's gRPC."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("AOL_", "GRPC_ENABLE_FORK"))}


def _settings(folder: Path, adapter: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "listen": "127.0.0.1:0",
        "data_dir": str(folder / "data"),
        "adapters": {"measured": dict(adapter)},
        "authentication": {"verifiers": [{"type": "insecure"}], "operator_token": _TOKEN},
        "limits": dict(limits),
        "log": {"level": "warning", "format": "text"},
    }


async def _apply(calls: OperatorCalls, service: str, collections: Sequence[str]) -> None:
    manifest = {
        "metadata": {"name": service, "version": "1"},
        "spec": {"dataRequirements": {"enabled": True, "collections": [{"name": name} for name in collections]}},
    }
    request = admin_pb2.ApplyManifestRequest(manifest=yaml.safe_dump(manifest), source="benchmarks")
    await calls.admin("ApplyManifest", request, admin_pb2.ApplyManifestResponse)


async def _endpoint_when_ready(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_S):
            line = (await process.stdout.readline()).decode()
    except TimeoutError:
        line = ""
    endpoint = re.search(r"127\.0\.0\.1:\d+", line)
    if endpoint is None:
        last = log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
        raise ChainFailedError("The broker did not start. Its last words:\n" + "\n".join(last))
    return endpoint.group()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    finally:
        # Too slow, or this program is told again to stop: no more waiting. Adapters end when their broker does.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
