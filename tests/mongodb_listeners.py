"""How do tests see what a MongoDB adapter sends, and which of its connections it closes?"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo.monitoring import CommandListener, CommandStartedEvent, ConnectionPoolListener

from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings


class Commands(CommandListener):
    """Notes the commands that are sent."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self.times: Counter[str] = Counter()

    def started(self, event: CommandStartedEvent) -> None:
        self.times[event.command_name] += 1
        self.sent[event.command_name] = dict(event.command)

    def succeeded(self, _: object) -> None:
        """Nothing."""

    def failed(self, _: object) -> None:
        """Nothing."""


class Connections(ConnectionPoolListener):
    """Counts the connections that are closed."""

    closed = 0

    def connection_closed(self, _: object) -> None:
        self.closed += 1

    def pool_created(self, _: object) -> None:
        """Nothing."""

    def pool_ready(self, _: object) -> None:
        """Nothing."""

    def pool_cleared(self, _: object) -> None:
        """Nothing."""

    def pool_closed(self, _: object) -> None:
        """Nothing."""

    def connection_created(self, _: object) -> None:
        """Nothing."""

    def connection_ready(self, _: object) -> None:
        """Nothing."""

    def connection_check_out_started(self, _: object) -> None:
        """Nothing."""

    def connection_check_out_failed(self, _: object) -> None:
        """Nothing."""

    def connection_checked_out(self, _: object) -> None:
        """Nothing."""

    def connection_checked_in(self, _: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Watched(Settings):
    """Settings of a client that is listened to."""

    listeners: tuple[Commands, Connections] = field(default_factory=lambda: (Commands(), Connections()))

    def client_arguments(self) -> dict[str, Any]:
        """Return those of the adapter, and the listeners."""
        return {**super().client_arguments(), "event_listeners": self.listeners}


@asynccontextmanager
async def listened_to(uri: str, prefix: str) -> AsyncIterator[tuple[MongodbAdapter, Commands, Connections]]:
    """Provide an adapter, and what notes its commands and its connections that are closed."""
    commands, connections = Commands(), Connections()
    adapter = MongodbAdapter(Watched(uri=uri, prefix=prefix, listeners=(commands, connections)))
    await adapter.start()
    try:
        yield adapter, commands, connections
    finally:
        await adapter.close()
