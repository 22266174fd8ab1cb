"""How do tests get a real broker? A whole `aol up` of its own process, or a broker inside the test."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aol_broker.server import Broker

# What a configuration needs that has callers believed by name, as those of `aol up` are.
UNVERIFIED = {"verifiers": [{"type": "token"}, {"type": "insecure"}]}
READY = re.compile(r"ready on (\S+:\d+)")


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that `aol up` started, with a SQLite adapter process."""

    endpoint: str
    data_dir: Path
    process: "subprocess.Popen[str]"

    @property
    def operator_token(self) -> str:
        """The operators' token."""
        return (self.data_dir / "operator.token").read_text().strip()

    def audit(self) -> list[dict[str, Any]]:
        """The audit records of calls that ended, oldest first."""
        files = sorted((self.data_dir / "audit").glob("*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [line for line in lines if line.get("stage", "intended") != "intended"]


@contextlib.contextmanager
def running_broker(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[RunningBroker]:
    """Run `aol up` in a folder, with more environment variables, and stop it at the end."""
    manifests = folder / "manifests"
    manifests.mkdir()
    command = [sys.executable, "-m", "aol_cli", "up", "--data-dir", str(folder / "data")]
    command += ["--manifests", str(manifests), "--listen", "127.0.0.1:0"]
    variables = {**os.environ, **(environment or {})}
    with (folder / "stderr").open("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables)
        assert process.stdout is not None
        try:
            ready = READY.search(process.stdout.readline())
            assert ready is not None, (folder / "stderr").read_text()
            yield RunningBroker(ready[1], folder / "data", process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
            process.stdout.close()


StartBroker = Callable[..., Awaitable[Broker]]
