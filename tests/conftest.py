"""What all tests share: a real PostgreSQL and a MongoDB, which a session starts when its first test asks for them."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from mongodb_server import fresh_prefix, mongodb_server
from postgres_server import fresh_database, postgres_server

# Tables that the program prints are as wide as they are, and not as the terminal of whoever runs the tests.
os.environ.pop("COLUMNS", None)

# A shell that runs tests in the background has them ignore Ctrl-C, and so would the programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is no matter of right and wrong, and differs from machine to machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def _servers_loop() -> Iterator[asyncio.Runner]:
    """A loop of the fixtures' own, so that they serve tests of whatever loop scope, and tests without one."""
    # With a factory, a runner leaves the thread's current event loop as it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="session")
def postgres_dsn(_servers_loop: asyncio.Runner) -> Iterator[str]:
    """The DSN of the database `postgres` of a server that all tests of a session share."""
    server = postgres_server()
    dsn = _servers_loop.run(server.__aenter__())
    yield dsn
    _servers_loop.run(server.__aexit__(None, None, None))


@pytest.fixture
def postgres_database(_servers_loop: asyncio.Runner, postgres_dsn: str) -> Iterator[str]:
    """The DSN of a new database on the shared server, which is dropped after the test."""
    database = fresh_database(postgres_dsn)
    dsn = _servers_loop.run(database.__aenter__())
    yield dsn
    _servers_loop.run(database.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def mongodb_uri(_servers_loop: asyncio.Runner) -> Iterator[str]:
    """The URI of a server that all tests of a session share."""
    server = mongodb_server()
    uri = _servers_loop.run(server.__aenter__())
    yield uri
    _servers_loop.run(server.__aexit__(None, None, None))


@pytest.fixture
def mongodb_prefix(_servers_loop: asyncio.Runner, mongodb_uri: str) -> Iterator[str]:
    """A prefix of databases on the shared server, which are dropped after the test."""
    prefix = fresh_prefix(mongodb_uri)
    name = _servers_loop.run(prefix.__aenter__())
    yield name
    _servers_loop.run(prefix.__aexit__(None, None, None))
