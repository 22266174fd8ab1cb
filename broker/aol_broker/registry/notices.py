"""How does a broker hear at once of what another one changed? By PostgreSQL's NOTIFY and LISTEN; SQLite has no such."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from aol_broker.registry.database import Database
from aol_wire.errors import DataError

CHANNEL = "aol_registry"
# What a connection is called in `pg_stat_activity` from when it listens.
LISTENER_NAME = "aol registry listener"
FIRST_DELAY_S = 0.1
LAST_DELAY_S = 10.0
# A network can drop a connection on which nothing is said without telling either end.
CHECK_EVERY_S = 30.0
# More than any revision, so that a refresh for it reads what there is.
_NEWEST = 2**63 - 1
_DIGITS_MAX = 18

_log = structlog.get_logger("aol.registry")


async def announce(connection: AsyncConnection, revision: int) -> None:
    """Have the transaction's commit tell everyone who listens that the registry has come to a revision."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_notify(CHANNEL, str(revision))))


class Listener:
    """Refreshes a registry as soon as it is told of a change. It is on top of polling, which needs nothing of this.

    A listening connection that is lost, or cannot be opened, is opened again, with growing delays. Behind a proxy that
    gives each transaction another connection (PgBouncer's transaction mode) nothing is ever heard.
    """

    def __init__(self, database: Database, refresh: Callable[[int], Awaitable[object]]) -> None:
        """`refresh` is called with the revision that was told, or a greater one."""
        self._database = database
        self._refresh = refresh
        self._delay_s = FIRST_DELAY_S

    async def run(self) -> None:
        """Listen for as long as this runs; return at once if the database cannot tell."""
        while self._database.can_notify:
            try:
                await self._listen()
            except DataError as error:
                # Told once, not at each attempt.
                report = _log.warning if self._delay_s == FIRST_DELAY_S else _log.debug
                report("registry.not_listening", reason=error.message, retry_in_s=self._delay_s)
            await asyncio.sleep(self._delay_s)
            self._delay_s = min(self._delay_s * 2, LAST_DELAY_S)

    async def _listen(self) -> None:
        """Open a connection and refresh on each notice, until the connection is lost.

        :raises DataError: REGISTRY_UNAVAILABLE, also by a refresh: what it did not read is read after the next start.
        """
        async with self._database.own_connection() as driver:
            notices = _Notices()
            driver.add_termination_listener(notices.on_lost)
            await driver.add_listener(CHANNEL, notices.on_notice)
            # What was announced before is not told again.
            await self._refresh(_NEWEST)
            await driver.execute(f"SET application_name = '{LISTENER_NAME}'")
            _log.info("registry.listening")
            self._delay_s = FIRST_DELAY_S
            while not notices.lost:
                try:
                    async with asyncio.timeout(CHECK_EVERY_S):
                        await notices.come()
                except TimeoutError:
                    await driver.execute("SELECT 1")
                if revision := notices.take():
                    await self._refresh(revision)
        _log.warning("registry.not_listening", reason="the connection was lost", retry_in_s=self._delay_s)


class _Notices:
    """What a listening connection has heard and nobody has taken yet. Many notices become one: the newest revision."""

    def __init__(self) -> None:
        self.lost = False
        self._revision = 0
        self._came = asyncio.Event()

    def on_notice(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        # Whoever can connect to the database can send anything.
        if payload.isascii() and payload.isdigit() and len(payload) <= _DIGITS_MAX:
            self._revision = max(self._revision, int(payload))
            self._came.set()

    def on_lost(self, _connection: Any) -> None:
        self.lost = True
        self._came.set()

    async def come(self) -> None:
        """Wait until there is something."""
        await self._came.wait()

    def take(self) -> int:
        """Return the newest revision that was announced, once; 0 if there was none."""
        revision, self._revision = self._revision, 0
        self._came.clear()
        return revision
