"""Which databases are measured, and how is each set up? A real server, or files, that nobody else uses."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from benchmarks.chain import Chain
from benchmarks.direct_mongodb import direct_mongodb
from benchmarks.direct_postgres import direct_postgres
from benchmarks.direct_sqlite import direct_sqlite
from benchmarks.postgres_collections import copy_collection
from benchmarks.registered import by_service, collection, service
from benchmarks.store import Store
from benchmarks.targets import MONGODB, POSTGRESQL, SQLITE
from postgres_server import PostgresServer, statements, with_database


class Database(Protocol):
    """A database that runs."""

    name: str

    def direct(self) -> AbstractAsyncContextManager[Store]:
        """Connect to it without a broker."""

    async def adapter(self, name: str) -> Mapping[str, Any]:
        """Return the broker's configuration of an adapter that keeps documents apart from those of other names."""

    async def register(self, name: str, chain: Chain, collections: int) -> None:
        """Have a broker register so many collections, with the adapter of that name."""

    async def settle(self) -> None:
        """Do now what is put off otherwise, on both sides."""


class Sqlite:
    """Files in a folder."""

    name = SQLITE

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Store]:
        """Open a file of its own."""
        with direct_sqlite(self._folder / "direct.db") as store:
            yield store

    async def adapter(self, name: str) -> Mapping[str, Any]:
        """Give each adapter a folder."""
        return {"command": [sys.executable, "-m", "aol_adapters.sqlite", "--data-dir", str(self._folder / name)]}

    async def register(self, name: str, chain: Chain, collections: int) -> None:
        """Register them."""
        await chain.register(by_service(range(collections)))

    async def settle(self) -> None:
        """SQLite puts off nothing."""


class Postgres:
    """A server with durable commits."""

    name = POSTGRESQL

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Store]:
        """Connect to a database of its own, on the same server."""
        await self._create("direct")
        async with direct_postgres(self._server.dsn("direct")) as store:
            yield store

    async def adapter(self, name: str) -> Mapping[str, Any]:
        """Give each adapter a database."""
        await self._create(name)
        return {
            "command": [sys.executable, "-m", "aol_adapters.postgres"],
            "environment": {"AOL_POSTGRES_DSN": self._server.dsn(name)},
        }

    async def register(self, name: str, chain: Chain, collections: int) -> None:
        """Register them when the tables are there, which are copied from the first: it is several times as fast."""
        await chain.register(by_service([0]))
        copies = by_service(range(1, collections))
        await copy_collection(self._server.dsn(name), service(0), collection(0), copies)
        await chain.register(by_service(range(collections)))

    async def settle(self) -> None:
        """Vacuum and analyse."""
        for database in await self._databases():
            await statements(with_database(self._server.dsn(), database), "VACUUM ANALYZE")

    async def _create(self, name: str) -> None:
        await statements(self._server.dsn(), f'CREATE DATABASE "{name}"')

    async def _databases(self) -> list[str]:
        connection = await asyncpg.connect(self._server.dsn())
        try:
            rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname IN ('direct', 'main')")
        finally:
            await connection.close()
        return [row["datname"] for row in rows]


class Mongodb:
    """The server that the tests have, or the one that they are told to use."""

    name = MONGODB

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def direct(self) -> AbstractAsyncContextManager[Store]:
        """Connect to a database of its own, on the same server."""
        return direct_mongodb(self._uri)

    async def adapter(self, name: str) -> Mapping[str, Any]:
        """Give each adapter databases of a prefix of its own."""
        return {
            "command": [sys.executable, "-m", "aol_adapters.mongodb", "--database-prefix", name],
            "environment": {"AOL_MONGODB_URI": self._uri},
        }

    async def register(self, name: str, chain: Chain, collections: int) -> None:
        """Register them."""
        await chain.register(by_service(range(collections)))

    async def settle(self) -> None:
        """MongoDB puts off nothing that could be asked for."""
