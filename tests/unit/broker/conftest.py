"""Fixtures of the broker's tests: the databases that a registry can lie in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol_broker.registry.store import Registry
from postgres_server import sqlalchemy_url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Where a registry of its own can be made on SQLite."""
    return f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """Where a registry of its own can be made on PostgreSQL."""
    return sqlalchemy_url(postgres_database)


@pytest.fixture(params=["sqlite", "postgres"])
def registry_url(request: pytest.FixtureRequest) -> str:
    """Where a registry of its own can be made: the tests that ask for it run on each kind of database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def registry(registry_url: str) -> AsyncIterator[Registry]:
    """An open registry, on each kind of database."""
    registry = Registry(registry_url, default_adapter="sqlite")
    await registry.open()
    yield registry
    await registry.close()


@pytest.fixture
async def other(registry_url: str, registry: Registry) -> AsyncIterator[Registry]:
    """A second broker's registry, on the same database."""
    other = Registry(registry_url, default_adapter="postgres")
    await other.open()
    yield other
    await other.close()
