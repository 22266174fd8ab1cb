"""What all tests share: a real PostgreSQL, which a session starts when its first test asks for it."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import settings

from postgres_server import fresh_database, postgres_server

# How long an example takes is no matter of right and wrong, and differs from machine to machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def _postgres_loop() -> Iterator[asyncio.Runner]:
    """A loop of the fixtures' own, so that they serve tests of whatever loop scope, and tests without one."""
    # With a factory, a runner leaves the thread's current event loop as it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="session")
def postgres_dsn(_postgres_loop: asyncio.Runner) -> Iterator[str]:
    """The DSN of the database `postgres` of a server that all tests of a session share."""
    server = postgres_server()
    dsn = _postgres_loop.run(server.__aenter__())
    yield dsn
    _postgres_loop.run(server.__aexit__(None, None, None))


@pytest.fixture
def postgres_database(_postgres_loop: asyncio.Runner, postgres_dsn: str) -> Iterator[str]:
    """The DSN of a new database on the shared server, which is dropped after the test."""
    database = fresh_database(postgres_dsn)
    dsn = _postgres_loop.run(database.__aenter__())
    yield dsn
    _postgres_loop.run(database.__aexit__(None, None, None))
