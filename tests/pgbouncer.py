"""Where do tests get a PgBouncer? From the machine, if it has one; it gives out connections for a transaction each."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from postgres_server import as_nobody, give_to_nobody

PROGRAM = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
_PORT = 6432
_START_TIMEOUT_S = 10.0
_POLL_S = 0.05


@contextlib.asynccontextmanager
async def pgbouncer(dsn: str, *, server_connections: int) -> AsyncIterator[str]:
    """Provide a DSN that leads to a database by way of a pooler, which has so many connections to the server."""
    assert PROGRAM is not None
    parts = urlsplit(dsn)
    folder = Path(tempfile.mkdtemp(prefix="aol-bouncer-"))
    (folder / "users").write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n')
    host = parse_qs(parts.query)["host"][0]
    (folder / "ini").write_text(
        "[databases]\n"
        f"* = host={host}\n"
        "[pgbouncer]\n"
        f"listen_port = {_PORT}\n"
        f"unix_socket_dir = {folder}\n"
        "auth_type = scram-sha-256\n"
        f"auth_file = {folder}/users\n"
        "pool_mode = transaction\n"
        f"default_pool_size = {server_connections}\n"
        "max_client_conn = 200\n"
    )
    for path in (folder, folder / "users", folder / "ini"):
        give_to_nobody(path)
    process = subprocess.Popen(as_nobody([PROGRAM, "-q", str(folder / "ini")]), start_new_session=True)
    try:
        pooled = f"{parts.scheme}://{parts.netloc}{parts.path}?host={folder}&port={_PORT}"
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not await _answers(pooled):
                assert process.poll() is None, "PgBouncer has ended"
                await asyncio.sleep(_POLL_S)
        yield pooled
    finally:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, 10)
        shutil.rmtree(folder, ignore_errors=True)


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, statement_cache_size=0)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
