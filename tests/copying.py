"""How do tests copy a collection as operators do? Brokers, adapters and commands, each a process of its own."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from running_brokers import UNVERIFIED

READY = re.compile(r"aol ready on (127\.0\.0\.1:\d+)")
WITHIN_S = 60

Process = subprocess.Popen[str]
Start = Callable[..., Process]


@dataclass
class Site:
    """Adapters, the first of which keeps new collections, and the brokers and commands that a test starts on them."""

    folder: Path
    start: Start
    adapters: Mapping[str, Mapping[str, Any]]
    # A copy waits for calls to end: so long.
    deadline_s: int = 4

    def configure(self, name: str, registry: str) -> Path:
        settings = {
            "listen": "127.0.0.1:0",
            "data_dir": str(self.folder / name),
            "adapters": self.adapters,
            "default_adapter": next(iter(self.adapters)),
            "registry": {"url": f"sqlite+aiosqlite:///{self.folder / registry}"},
            "authentication": {**UNVERIFIED, "operator_token": "the operator's own token"},
            "limits": {"default_deadline_s": self.deadline_s, "max_deadline_s": self.deadline_s},
            "log": {"level": "error"},
        }
        file = self.folder / f"{name}.yaml"
        file.write_text(json.dumps(settings))
        return file

    def broker(self, name: str = "broker") -> "Running":
        process = self.start("serve", "--config", str(self.configure(name, "registry.db")))
        assert process.stdout is not None
        ready = READY.match(process.stdout.readline())
        assert ready is not None, process.communicate()[1]
        return Running(process, ready[1])

    def aol(self, endpoint: str, *arguments: str) -> Process:
        return self.start(*arguments, env={"AOL_ENDPOINT": endpoint, "AOL_OPERATOR_TOKEN": "the operator's own token"})

    def copying(self, endpoint: str, to_adapter: str = "second") -> Process:
        """Start a copy of `mover.items`, and return when its first step is told."""
        process = self.aol(endpoint, "copy", "mover.items", "--to", to_adapter)
        wait_for(process, "Writes are refused until it is done")
        return process

    def phase(self) -> str:
        with closing(sqlite3.connect(self.folder / "registry.db")) as connection:
            rows = connection.execute("SELECT phase FROM moves").fetchall()
        return str(rows[0][0]) if rows else ""

    def audit(self, name: str = "broker") -> list[dict[str, Any]]:
        files = sorted((self.folder / name / "audit").glob("*.jsonl"))
        records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [
            it
            for it in records
            if it.get("stage") != "intended" and it.get("operation") in ("copy_collection", "abort_copy")
        ]


@dataclass
class Running:
    """A broker process."""

    process: Process
    endpoint: str


def sqlite_program(folder: Path) -> dict[str, Any]:
    """Return the configuration of a SQLite adapter that keeps its files in a folder."""
    return {"command": [sys.executable, "-m", "aol_adapters.sqlite", "--data-dir", str(folder)]}


def wait_for(process: Process, text: str) -> None:
    """Read what a process says until it says this."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    pytest.fail(f"{said}, and on stderr: {process.communicate()[1]}")


def ended(process: Process, code: int = 0, *, within_s: float = WITHIN_S) -> tuple[str, str]:
    """Wait for a command to end, and return what it still had to say."""
    stdout, stderr = process.communicate(timeout=within_s)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    return stdout, stderr
