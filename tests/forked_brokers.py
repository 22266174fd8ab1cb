"""A broker that is quick to start and to kill: a program that has loaded everything, and forks one when it is told to.

Run as a program: for each line on stdin, the folder of a broker, it forks one, and writes its process id and endpoint.
Nothing of gRPC runs before the fork, so that it may be forked.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_broker.logs import configure
from aol_broker.server import Broker
from aol_broker.settings import load_settings
from running_brokers import UNVERIFIED


class BrokerForks:
    """Starts brokers, each over SQLite inside its process; they end with the test at the latest."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self._program = program
        self._pid = 0

    def start(self, folder: Path) -> str:
        """Start a broker on a folder, and return its endpoint."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(f"{folder}\n")
        self._program.stdin.flush()
        pid, endpoint = self._program.stdout.readline().split()
        self._pid = int(pid)
        return endpoint

    def kill(self) -> None:
        """Kill the broker that was started last, if it is still there."""
        pid, self._pid = self._pid, 0
        if pid:
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def broker_forks(errors: Path) -> Iterator[BrokerForks]:
    """Have the program running; what the brokers log goes into a file."""
    with errors.open("w") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "forked_brokers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            forks = BrokerForks(program)
            yield forks
        finally:
            forks.kill()
            program.stdin.close()
            program.stdout.close()
            program.wait(timeout=20)


def _serve() -> None:
    configure("info", "json")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(_run(Path(line.strip())))
            os._exit(0)
        os.waitpid(pid, 0)


async def _run(folder: Path) -> None:
    settings = load_settings(
        None,
        {
            "data_dir": str(folder),
            "broker_id": "here",
            "listen": "127.0.0.1:0",
            "authentication": UNVERIFIED,
            "audit": {"max_file_bytes": 64 << 10, "reserve_bytes": 64 << 10},
        },
    )
    broker = Broker(settings, in_process={"sqlite": SqliteAdapter(folder / "sqlite")})
    await broker.start()
    sys.stdout.write(f"{os.getpid()} {broker.endpoint}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    _serve()
