"""How is a connection to the server made, and what does it know of itself?"""

from time import monotonic
from typing import Any

import asyncpg

from aol_wire.errors import DataError, Reason


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


class Session(asyncpg.Connection):  # type: ignore[misc]
    """A connection that knows when it was used last."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.used_at = monotonic()


async def note_use(connection: Session) -> None:
    """Note that a connection was used just now."""
    connection.used_at = monotonic()
