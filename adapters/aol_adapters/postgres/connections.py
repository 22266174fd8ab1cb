"""What is a connection to PostgreSQL, how long may work on it take, and how does a transaction on it end?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import asyncpg

from aol_adapters.postgres.failures import LOST, deadline, failure
from aol_wire.errors import Applied, DataError, Reason

BROKEN_OFF_S = 0.5
"""How long a statement that was broken off may take to come to rest."""


class Deadline:
    """When the time of a call is over."""

    def __init__(self, timeout_s: float | None) -> None:
        self._end = None if timeout_s is None else monotonic() + timeout_s

    def left(self) -> float | None:
        """Return the seconds that are left; None when there is no limit.

        :raises DataError: DEADLINE.
        """
        if self._end is None:
            return None
        left = self._end - monotonic()
        if left <= 0:
            raise deadline()
        return left


class Session(asyncpg.Connection):  # type: ignore[misc]
    """A connection that knows when it was used last."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.used_at = monotonic()


async def note_use(connection: Session) -> None:
    """Take notice that a connection goes back to the pool."""
    connection.used_at = monotonic()


@asynccontextmanager
async def transaction(
    connection: asyncpg.Connection, until: Deadline, *, readonly: bool = False
) -> AsyncIterator[None]:
    """Run a block as a transaction, or as a savepoint of the one that there is.

    :raises DataError: DEADLINE and ADAPTER_DOWN, both with `applied` UNKNOWN when it was the commit that failed.
    """
    begun = connection.transaction(readonly=readonly)
    try:
        async with asyncio.timeout(until.left()):
            await begun.start()
    except BaseException:
        # Whether it has begun, nobody knows.
        connection.terminate()
        raise
    try:
        yield
    except BaseException:
        await _undo(connection, begun)
        raise
    try:
        async with asyncio.timeout(until.left()):
            await begun.commit()
    except (TimeoutError, *LOST) as error:
        found = failure(error)
        if found is None:
            raise
        found.applied = Applied.UNKNOWN
        raise found from None


async def _undo(connection: asyncpg.Connection, begun: "asyncpg.transaction.Transaction") -> None:
    """Roll back; a connection that is gone has done so, and one that does not answer is left to do so."""
    try:
        async with asyncio.timeout(BROKEN_OFF_S):
            await begun.rollback()
    except (asyncpg.PostgresError, TimeoutError, *LOST):
        connection.terminate()


async def connect(*arguments: Any, **named: Any) -> asyncpg.Connection:
    """Make a connection.

    :raises DataError: ADAPTER_DOWN, for a DSN that cannot be read.
    :raises ConnectionError: it took too long; that is not the time of a caller.
    """
    try:
        return await asyncpg.connect(*arguments, **named)
    except TimeoutError:
        raise ConnectionError from None
    except ValueError:
        # Its text shows the DSN.
        raise DataError(
            Reason.ADAPTER_DOWN,
            "the DSN of PostgreSQL cannot be read; it is postgresql://USER@HOST:PORT/DATABASE, and within names and "
            "the password what is special in a URI is written as %XX",
            retry_after_s=60.0,
        ) from None
