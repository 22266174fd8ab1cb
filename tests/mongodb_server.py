"""Where do tests get a MongoDB server? From a program of the test environment, each server with a folder of its own.

`secantusd-py` speaks MongoDB's protocol over WiredTiger, as a replica set of one. It is a process apart: nothing of it
is imported.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

URI_VARIABLE = "AOL_TEST_MONGODB_URI"
_START_TIMEOUT_S = 30.0
_POLL_S = 0.05


class MongodbServer:
    """One server on a port of this machine. `start` and `stop` block for as long as they take, about a second.

    :param options: more arguments of the program, such as `--sync-on-commit`.
    """

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aol-mongodb-"))
        self.port = _free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "none.toml").touch()

    def uri(self, *, user: str = "", password: str = "") -> str:
        """Return where the server is."""
        login = f"{quote(user)}:{quote(password)}@" if user else ""
        return f"mongodb://{login}127.0.0.1:{self.port}/?replicaSet=secantus"

    @property
    def pid(self) -> int:
        """The number of the server's process."""
        assert self._process is not None
        return self._process.pid

    def begin_start(self, *options: str) -> None:
        """Start the server and return before it answers."""
        command = [
            str(Path(sys.executable).with_name("secantusd-py")), "--config", str(self.folder / "none.toml"),
            "--host", "127.0.0.1", "--port", str(self.port), "--storage-path", str(self.folder / "data"),
            "--cache-size", "256M", *self._options, *options,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    async def start(self, *options: str) -> None:
        """Start the server and wait until it answers."""
        self.begin_start(*options)
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not await self._answers():
                await asyncio.sleep(_POLL_S)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it: SIGKILL is a crash."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            await asyncio.to_thread(process.wait, 30)

    async def remove(self) -> None:
        """Stop it and delete its folder."""
        await self.stop(signal.SIGKILL)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def pause(self) -> None:
        """Make it hang: it accepts nothing and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        os.kill(self.pid, signal.SIGCONT)

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("the server ended: " + (self.folder / "log").read_text()[-2000:])
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.uri(), serverSelectionTimeoutMS=200)
        try:
            await client.admin.command("hello")
        except PyMongoError:
            return False
        finally:
            await client.close()
        return True


@contextlib.asynccontextmanager
async def mongodb_server(*options: str) -> AsyncIterator[str]:
    """Provide the URI of a server: the one that the environment names, or one of our own with these options."""
    if given := os.environ.get(URI_VARIABLE):
        yield given
        return
    server = MongodbServer("--enable-test-commands", *options)
    try:
        await server.start()
        yield server.uri()
    finally:
        await server.remove()


@contextlib.asynccontextmanager
async def native(uri: str) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    """Provide a client as other tools are one."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri, serverSelectionTimeoutMS=5000)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def refusing(uri: str, *commands: str, mode: Any = "alwaysOn", **how: Any) -> AsyncIterator[None]:
    """Have the server refuse commands meanwhile.

    :param mode: `{"times": 2}` for the first two of them, `{"skip": 2}` for all but those.
    :param how: what else a `failCommand` is told; it refuses with the error of a write conflict when that is nothing.
    """
    async with native(uri) as client:
        data = {"failCommands": list(commands), **(how or {"errorCode": 112})}
        try:
            await client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
        except OperationFailure:
            pytest.skip("the server has no fail points (enableTestCommands)")
        try:
            yield
        finally:
            await client.admin.command("configureFailPoint", "failCommand", mode="off")


@contextlib.asynccontextmanager
async def fresh_prefix(uri: str) -> AsyncIterator[str]:
    """Provide a prefix of databases that nobody else has; the databases are dropped at the end."""
    prefix = f"t{secrets.token_hex(4)}"
    yield prefix
    async with native(uri) as client:
        for name in await client.list_database_names():
            if name.startswith(prefix):
                await client.drop_database(name)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
