"""How does the adapter use its server? The settings of the program and of the connections."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aol_wire.ids import now_us

APPLICATION_NAME = "aol-data-broker"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the adapter is told.

    :ivar uri: a MongoDB connection string, `mongodb://user@host:27017/?authSource=admin` or `mongodb+srv://…`.
    :ivar password: of the user in the URI, instead of one that stands there.
    :ivar pool_size: how many connections there are at most.
    :ivar pool_wait_s: how long a call waits for one of them before it is OVERLOADED, its own deadline aside.
    :ivar connect_timeout_s: how long making a connection may take.
    :ivar selection_timeout_s: how long a call waits for a server that takes writes before it is ADAPTER_DOWN.
    :ivar prefix: what the names of the adapter's databases begin with.
    :ivar at_once_up_to: how many documents a collection has at most whose indexes are built before `ensure_collection`
        returns. Those of larger ones are built in the background.
    :ivar at_once_s: how long `ensure_collection` waits for them at most; they go on in the background then.
    :ivar upkeep_interval_s: how long between two rounds of what is done unasked.
    :ivar catalogue_age_s: how long what the catalogue said is believed.
    :ivar clock: by which documents expire, in microseconds since 1970.
    """

    uri: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    pool_size: int = 32
    pool_wait_s: float = 5.0
    connect_timeout_s: float = 5.0
    selection_timeout_s: float = 2.0
    prefix: str = "aol"
    at_once_up_to: int = 20_000
    at_once_s: float = 10.0
    upkeep_interval_s: float = 60.0
    catalogue_age_s: float = 1.0
    clock: Callable[[], int] = now_us

    def client_arguments(self) -> dict[str, Any]:
        """Return what `AsyncMongoClient` takes; these come before what the URI says."""
        arguments: dict[str, Any] = {
            "host": self.uri,
            "appname": APPLICATION_NAME,
            "maxPoolSize": self.pool_size,
            "waitQueueTimeoutMS": round(self.pool_wait_s * 1000),
            "connectTimeoutMS": round(self.connect_timeout_s * 1000),
            "serverSelectionTimeoutMS": round(self.selection_timeout_s * 1000),
            # A server that comes back is seen again at once, and one that is gone soon.
            "heartbeatFrequencyMS": 1000,
            # Acknowledged means on the disks of a majority; read is what was acknowledged.
            "w": "majority",
            "journal": True,
            "readConcernLevel": "majority",
            "readPreference": "primary",
            "retryWrites": True,
            "retryReads": True,
        }
        if self.password is not None:
            arguments["password"] = self.password
        return arguments
