"""How do audit records get into PostgreSQL? Into a table with a partition for each day, each record once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import TypeVar

import asyncpg
import orjson

from aol_broker.audit.sinks.destination import RefusedError, UnavailableError
from aol_broker.audit.sinks.giving_way import giving_way
from aol_broker.audit.sinks.postgres_rows import days_of, row_of
from aol_broker.audit.sinks.postgres_tables import Tables

APPLICATION_NAME = "aol audit sink"
_CLOSE_S = 0.5
# Data that cannot be stored (22), is against a constraint (23), or beyond a limit of the server (54).
_REFUSING_CLASSES = ("22", "23", "54")

T = TypeVar("T")


class PostgresSink:
    """One connection, opened when there is something to deliver; after any failure it is opened anew."""

    def __init__(self, url: str, password: str | None, tables: Tables) -> None:
        """`password` is for a URL that holds none."""
        self._url = url
        self._password = password
        self._tables = tables
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Insert records, all or none; those that are there already stay as they are.

        :raises UnavailableError: the server cannot be reached, or the table not be written.
        :raises RefusedError: the table cannot hold one of them.
        """
        try:
            text, days = await asyncio.to_thread(_rows, records)
        except (ValueError, TypeError, KeyError):
            raise RefusedError("BAD_RECORD") from None
        await self._run(lambda connection: self._insert(connection, text, days))

    async def put(self, line: bytes) -> None:
        """Insert a checkpoint into the table of checkpoints.

        :raises UnavailableError: it was not inserted.
        """
        text = line.rstrip(b"\n")
        values = (sha256(text).hexdigest(), text.decode())
        try:
            await self._run(lambda connection: connection.execute(self._tables.insert_checkpoint, *values))
        except RefusedError as error:
            raise UnavailableError(error.kind) from None

    async def close(self) -> None:
        """Close the connection; a server that does not answer is not waited for."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await connection.close(timeout=_CLOSE_S)

    async def _insert(self, connection: asyncpg.Connection, text: str, days: Sequence[date]) -> None:
        try:
            await connection.execute(self._tables.insert_records, text)
        except asyncpg.CheckViolationError:
            # The records of a new day, or of one whose partition was dropped.
            await self._tables.make_partitions(connection, days)
            await connection.execute(self._tables.insert_records, text)

    async def _run(self, work: Callable[[asyncpg.Connection], Awaitable[object]]) -> None:
        async with self._one_at_a_time:
            try:
                connection = await self._connected()
                await _broken_off_by_closing(connection, work(connection))
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
                self._drop()
                raise _failure(error) from None
            except BaseException:
                self._drop()
                raise

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            secret = {} if self._password is None else {"password": self._password}
            self._connection = await asyncpg.connect(
                self._url, server_settings={"application_name": APPLICATION_NAME}, **secret
            )
            await _broken_off_by_closing(self._connection, self._tables.make(self._connection))
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def _broken_off_by_closing(connection: asyncpg.Connection, work: Awaitable[T]) -> T:
    """Await a driver's work; who gives up waiting closes the connection.

    Left to itself, the driver would ask the server to cancel, on another connection, and wait for that as well.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        connection.terminate()
        await asyncio.wait([task])
        task.exception()
        raise


def _rows(records: Sequence[bytes]) -> tuple[str, list[date]]:
    """Return the rows of records as one JSON text, which is all that the driver has to encode, and their days."""
    rows = [row_of(line) for line in giving_way(records)]
    return orjson.dumps(rows).decode(), days_of(rows)


def _failure(error: Exception) -> RefusedError | UnavailableError:
    """Return what a driver's error means, by the class of its code and without its text, which quotes values."""
    if isinstance(error, asyncpg.PostgresError):
        code = str(error.sqlstate or "")
        kind = f"{code} {type(error).__name__}".strip()
        return RefusedError(kind) if code[:2] in _REFUSING_CLASSES else UnavailableError(kind)
    if isinstance(error, asyncpg.DataError):
        return RefusedError(type(error).__name__)
    return UnavailableError(type(error).__name__)
