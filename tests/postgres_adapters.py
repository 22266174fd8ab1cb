"""How do tests get a PostgreSQL adapter, and how do they get in its way?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import APPLICATION_NAME, Settings
from aol_wire.adapter import Find, Insert, Target, Update, Write
from aol_wire.errors import DataError
from aol_wire.filter_parser import parse_filter
from aol_wire.update_parser import parse_update
from postgres_server import PostgresServer, rows

TARGET = Target("shop", "orders")
TABLE = '"aol_shop"."orders"'
_POLL_S = 0.01
_PATIENCE_S = 30.0


@asynccontextmanager
async def opened(dsn: str, **settings: Any) -> AsyncIterator[PostgresAdapter]:
    """Provide an adapter that is started."""
    adapter = PostgresAdapter(Settings(dsn=dsn, **settings))
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


@asynccontextmanager
async def own_server(**settings: str) -> AsyncIterator[PostgresServer]:
    """Provide a server that nobody else uses."""
    server = PostgresServer(**settings)
    try:
        await server.start()
        yield server
    finally:
        await server.remove()


@asynccontextmanager
async def holding(dsn: str, *statements: str) -> AsyncIterator[asyncpg.Connection]:
    """Provide a connection of somebody else, in a transaction that has run statements and is undone at the end."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("BEGIN")
        for statement in statements:
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(_PATIENCE_S):
        while not await condition():
            await asyncio.sleep(_POLL_S)


async def until_waiting(dsn: str, statements: int = 1) -> None:
    """Wait until so many of the adapter's statements wait for a lock."""

    async def wait() -> bool:
        return len(await of_adapter(dsn, "wait_event_type = 'Lock'")) >= statements

    await until(wait)


async def of_adapter(dsn: str, condition: str) -> Sequence[asyncpg.Record]:
    """Return what the server says about the adapter's connections to this database for which something holds."""
    sql = f"SELECT * FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() AND {condition}"
    return await rows(dsn, sql, APPLICATION_NAME)


def insert(*ids: str, document: str = "{}", timeout_s: float | None = None) -> Write:
    """Return a write of documents."""
    return Write(TARGET, [Insert(id_, document, 1) for id_ in ids], timeout_s=timeout_s)


def touch(filter: str = "{}", update: str = '{"$set": {"touched": true}}', **how: Any) -> Write:
    """Return a write that updates what matches."""
    return Write(TARGET, [Update(parse_filter(filter), parse_update(update), 2)], **how)


async def ids(adapter: PostgresAdapter) -> list[str]:
    """Return the ids of all documents."""
    return list((await adapter.find(Find(TARGET, limit=100_000, max_bytes=1 << 30))).page.id)


async def failure_of(call: Awaitable[object]) -> DataError | None:
    """Return why a call failed, as a whole or in its one mutation; None when it did not."""
    try:
        answer = await call
    except DataError as error:
        return error
    if not isinstance(answer, list):
        return None
    (outcome,) = answer
    assert outcome.error is None or isinstance(outcome.error, DataError)
    return outcome.error


async def error_of(call: Awaitable[object]) -> DataError:
    """Return why a call fails, which it does."""
    error = await failure_of(call)
    assert error is not None
    return error
