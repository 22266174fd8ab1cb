"""How is the registry's database reached? An engine, its transactions, and what its errors become."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from aol_wire.errors import DataError, Reason

BUSY_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 10.0
RETRY_AFTER_S = 1.0
# Where the tables are on PostgreSQL.
SCHEMA = "public"
_WAL_RETRY_S = 0.01

# Any number that nobody else uses for an advisory lock in the same database: "aolreg" in ASCII.
_POSTGRES_LOCK = 0x616F6C726567


class Database:
    """One registry's database. SQLite by aiosqlite, or PostgreSQL by asyncpg; the statements are the same."""

    def __init__(self, url: str, password: str | None = None) -> None:
        """Prepare an engine; nothing is opened yet. `password` is for a URL that holds none.

        :raises DataError: REGISTRY_UNAVAILABLE, the URL cannot be used or its driver is not installed.
        """
        try:
            parsed = make_url(url)
            if password is not None:
                parsed = parsed.set(password=password)
            self._is_sqlite = parsed.get_backend_name() == "sqlite"
            self._file = parsed.database if self._is_sqlite else None
            self._engine = _file_engine(parsed) if self._is_sqlite else _server_engine(parsed, pool_pre_ping=True)
        except ArgumentError:
            raise _unavailable("its URL is not one that SQLAlchemy reads") from None
        except ModuleNotFoundError as error:
            raise _unavailable(f"the Python package {error.name} is not installed") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @property
    def can_notify(self) -> bool:
        """Whether the database tells its connections what others announce."""
        return not self._is_sqlite

    def make_file(self) -> None:
        """Make the file of a SQLite registry readable by its owner alone: it holds keys.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        if self._file in (None, "", ":memory:"):
            return
        path = Path(str(self._file))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A file that is there is not touched: closing it would take SQLite's locks on it away from this process.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise _unavailable(f"its file cannot be opened: {error.strerror}") from None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction whose statements all see the same state.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        options = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with _translated():
            async with self._engine.connect() as connection:
                await connection.execution_options(**options)
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; a block that does not commit changes nothing. Its first statement is a write.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        with _translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Any]:
        """Open a connection beside the pool, outside of any transaction, on a server; give the driver's own object.

        The pool's connections are for calls: where a server refuses new ones, calls go on with those that there are.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        with _translated():
            async with _server_engine(self._engine.url, poolclass=NullPool).connect() as connection:
                yield (await connection.get_raw_connection()).driver_connection

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that no other one of this kind runs beside, in whatever process.

        :raises DataError: REGISTRY_UNAVAILABLE.
        """
        with _translated():
            async with self._engine.connect() as connection:
                if self._is_sqlite:
                    await connection.execution_options(aol_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    if not self._is_sqlite:
                        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
                    yield connection


def _server_engine(url: URL, **pool: Any) -> AsyncEngine:
    arguments = {"timeout": BUSY_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S}
    engine = create_async_engine(url, connect_args=arguments, hide_parameters=True, **pool)

    # PostgreSQL looks first in a schema that is named like the user, where an adapter may keep tables of these names.
    # For one transaction: behind a proxy, what is set for longer would be set for others.
    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL search_path = {SCHEMA}")

    return engine


def _file_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)

    # The driver would begin transactions only before a write; several reads would then see several states.
    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: DBAPIConnection, _record: object) -> None:
        driver: Any = connection
        driver.isolation_level = None
        driver.run_async(_use_wal)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("aol_begin", "BEGIN"))

    return engine


async def _use_wal(connection: aiosqlite.Connection) -> None:
    """Have a database written by way of a log, each commit forced to disk.

    SQLite heeds no timeout while a new database becomes one with a log, which others may be doing at the same time.
    """
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            await connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            await asyncio.sleep(_WAL_RETRY_S)
        else:
            return


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what a driver raises into REGISTRY_UNAVAILABLE, without its text: drivers quote values and hosts."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _unavailable(_name_of(error)) from None
    except OSError as error:
        # The class alone: the text names the host.
        raise _unavailable(type(error).__name__) from None
    except Exception as error:
        # asyncpg's own exceptions come through unwrapped while a connection is being made.
        if type(error).__module__.partition(".")[0] == "asyncpg":
            raise _unavailable(type(error).__name__) from None
        raise


def _name_of(error: SQLAlchemyError) -> str:
    """Return the most telling name of a database's error, for example SQLITE_BUSY or ConnectionDoesNotExistError."""
    driver: BaseException = getattr(error, "orig", None) or error
    name = getattr(driver, "sqlite_errorname", None)
    return str(name) if name else type(driver.__cause__ or driver).__name__


def _unavailable(why: str) -> DataError:
    return DataError(
        Reason.REGISTRY_UNAVAILABLE,
        f"The broker's registry cannot be used now: {why}.",
        retry_after_s=RETRY_AFTER_S,
    )
