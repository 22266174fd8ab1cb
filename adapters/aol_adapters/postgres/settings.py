"""How does the adapter use its server? The settings of the program and of the connections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aol_wire.ids import now_us

APPLICATION_NAME = "aol-data-broker"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the adapter is told.

    :ivar dsn: a URI as libpq takes it, `postgresql://user@host:5432/database?sslmode=…`.
    :ivar password: instead of one in the DSN.
    :ivar pool_size: how many connections there are at most, a further one for health aside.
    :ivar pool_wait_s: how long a call waits for one of them before it is OVERLOADED, its own deadline aside.
    :ivar connect_timeout_s: how long making a connection may take.
    :ivar idle_s: how long a connection rests before it is checked when it is used again.
    :ivar transaction_pooling: the DSN leads to a pooler, such as PgBouncer, that gives out connections for one
        transaction each: then nothing is kept in sessions, neither settings nor prepared statements.
    :ivar database: instead of the one in the DSN.
    :ivar tenant_databases: how many tenants' databases are open at once, each with up to a quarter of `pool_size`.
    :ivar prefix: what the names of the adapter's schemas begin with.
    :ivar at_once_up_to: how many documents a collection has at most whose indexes are built before `ensure_collection`
        returns. Those of larger ones are built in the background.
    :ivar upkeep_interval_s: how long between two rounds of what is done unasked.
    :ivar clock: by which documents expire, in microseconds since 1970.
    """

    dsn: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    pool_size: int = 16
    pool_wait_s: float = 5.0
    connect_timeout_s: float = 5.0
    idle_s: float = 30.0
    transaction_pooling: bool = False
    database: str | None = None
    tenant_databases: int = 16
    prefix: str = "aol"
    at_once_up_to: int = 20_000
    upkeep_interval_s: float = 60.0
    clock: Callable[[], int] = now_us

    def connect_arguments(self) -> dict[str, Any]:
        """Return what `asyncpg.connect` takes."""
        arguments: dict[str, Any] = {
            "dsn": self.dsn,
            "timeout": self.connect_timeout_s,
            "server_settings": _EVERYWHERE if self.transaction_pooling else {**_EVERYWHERE, **_OF_SESSIONS},
            # The names of prepared statements mean nothing on another server connection.
            "statement_cache_size": 0 if self.transaction_pooling else _CACHED_STATEMENTS,
            # A statement is prepared once and serves filters of every value; it must not grow old by time alone.
            "max_cached_statement_lifetime": 0,
        }
        if self.database is not None:
            arguments["database"] = self.database
        if self.password is not None:
            arguments["password"] = self.password
        return arguments


_CACHED_STATEMENTS = 512
_EVERYWHERE: dict[str, str] = {"application_name": APPLICATION_NAME}
_OF_SESSIONS: Mapping[str, str] = {
    # Acknowledged means durable, whatever the server's default is.
    "synchronous_commit": "on",
    # Queries are short and full of CASE, for which compiling costs more than it brings.
    "jit": "off",
    # A page is read by one process: those of others would all read ahead of its end, and are for other callers.
    "max_parallel_workers_per_gather": "0",
    # What a condition costs that looks into a document, and what a page costs that is in memory or on an SSD: with
    # the defaults, made for spinning disks and numbers in columns, scans are preferred to indexes.
    "cpu_operator_cost": "0.01",
    "random_page_cost": "1.1",
    # Nobody's functions or operators come before PostgreSQL's own.
    "search_path": "pg_catalog",
    "default_transaction_isolation": "read committed",
    "TimeZone": "UTC",
    # What a killed adapter was running ends, and so do its transactions.
    "client_connection_check_interval": "1000",
    "idle_in_transaction_session_timeout": "60000",
}
