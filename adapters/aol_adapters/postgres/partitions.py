"""In which partition does a document lie, and which partitions are there? Intervals of time, made ahead and dropped."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from aol_adapters.postgres.layout import one_tenant
from aol_adapters.postgres.quoting import fit_name, quote_name
from aol_wire.datetimes import normalise, to_us
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json, Path
from aol_wire.paths import format_path
from aol_wire.storage import CREATED_AT, PartitionInterval, Storage
from aol_wire.values import get

MOST_PARTITIONS = 4_000
"""PostgreSQL plans each query over all partitions that it cannot exclude; this is more than ten years of days."""

CLOCKS_DIFFER_US = 86_400_000_000
"""How far the time in a document's id may be from its `_created_at`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID_VERSION = 7
# Of RFC 9562: the milliseconds since 1970 are the first 48 of 128 bits.
_BITS_AFTER_TIME = 80


@dataclass(frozen=True, slots=True)
class Partitioning:
    """How a collection is partitioned. A partition is named by the first day of its interval, as `2026-11-01`.

    :ivar path: the field that decides; None when it is the time in the document's id.
    """

    path: Path | None
    interval: PartitionInterval
    retain_for_s: int | None

    def of(self, document: Json, id_: str, created_us: int, now_us: int) -> str:
        """Return the partition of a document that is to be written.

        :raises DataError: BAD_DOCUMENT when it says no time, or one that is not kept any more.
        """
        start = self.start(self._time_us(document, id_, created_us))
        if self.is_over(start, now_us):
            raise DataError.invalid(
                Reason.BAD_DOCUMENT,
                "_id" if self.path is None else format_path(self.path),
                f"its time is longer ago than the collection keeps documents ({self.retain_for_s} seconds)",
            )
        return start.isoformat()

    def stored(self, document: Json) -> str:
        """Return the partition of a document that was read, of a collection that a field partitions."""
        value = get(document, self.path or ())
        return self.start(to_us(str(value)) or 0).isoformat()

    def start(self, us: int) -> date:
        """Return the first day of the interval of a time, given in microseconds since 1970."""
        day = (_EPOCH + timedelta(microseconds=us)).date()
        return day if self.interval is PartitionInterval.DAY else day.replace(day=1)

    def after(self, start: date) -> date:
        """Return the first day of the next interval."""
        if self.interval is PartitionInterval.DAY:
            return start + timedelta(days=1)
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)

    def is_over(self, start: date, now_us: int) -> bool:
        """Return whether all times of a partition are longer ago than documents are kept."""
        if self.retain_for_s is None:
            return False
        end = datetime.combine(self.after(start), datetime.min.time(), UTC)
        return end <= _EPOCH + timedelta(microseconds=now_us, seconds=-self.retain_for_s)

    def ahead(self, now_us: int) -> tuple[str, str]:
        """Return the partitions of now and of the next interval."""
        start = self.start(now_us)
        return start.isoformat(), self.after(start).isoformat()

    def _time_us(self, document: Json, id_: str, created_us: int) -> int:
        if self.path is None:
            return time_of_id(id_, created_us)
        value = get(document, self.path)
        us = to_us(value) if isinstance(value, str) and normalise(value) == value else None
        if us is None:
            raise DataError.invalid(
                Reason.BAD_DOCUMENT,
                format_path(self.path),
                "the collection is partitioned by this field, so every document has a date-time there",
            )
        return us


def partitioning(storage: Storage) -> Partitioning | None:
    """Return how a collection is partitioned; None when it is not."""
    if not storage.partition_by or storage.partition_interval is None:
        return None
    path = None if storage.partition_by == CREATED_AT else tuple(storage.partition_by.split("."))
    return Partitioning(path, storage.partition_interval, storage.retain_for_s)


def time_of_id(id_: str, created_us: int) -> int:
    """Return the time in a UUIDv7, in microseconds since 1970.

    :raises DataError: BAD_DOCUMENT for another id, and for a time that is far from when the document was made.
    """
    us = uuid7_us(id_)
    if us is None:
        raise DataError.invalid(
            Reason.BAD_DOCUMENT,
            "_id",
            "the collection is partitioned by created_at, so an id is a UUIDv7 in lower case, as the SDK makes them",
        )
    if abs(us - created_us) > CLOCKS_DIFFER_US:
        raise DataError.invalid(
            Reason.BAD_DOCUMENT, "_id", "the time in it is more than a day from now; correct the clock that made it"
        )
    return us


def uuid7_us(id_: str) -> int | None:
    """Return the time in an id, in microseconds since 1970; None when it is no UUIDv7 as `str(uuid)` writes it."""
    try:
        value = uuid.UUID(id_)
    except ValueError:
        return None
    if value.version != _UUID_VERSION or str(value) != id_:
        return None
    return (value.int >> _BITS_AFTER_TIME) * 1000


def partition_name(collection: str, start: str) -> str:
    """Return the name of a partition's table."""
    return fit_name(f"{collection}:p:{start}")


async def known(connection: asyncpg.Connection, table: str) -> dict[str, str]:
    """Return the partitions of a table: by their first days, the names of their tables."""
    rows = await connection.fetch(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_catalog.pg_inherits AS i "
        "JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)",
        table,
    )
    # FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')
    return {row["bound"].split("'")[1]: row["relname"] for row in rows if row["bound"]}


async def add(
    connection: asyncpg.Connection,
    table: str,
    schema: str,
    collection: str,
    *,
    by: Partitioning,
    starts: Iterable[str],
) -> set[str]:
    """Make the partitions that are missing, within a transaction that keeps others from doing so; return all.

    A partition is made as a table of its own and then attached, which keeps no reader and no writer waiting.

    :raises DataError: QUOTA, when there would be too many.
    """
    there = set(await known(connection, table))
    missing = sorted(set(starts) - there)
    if missing and len(there) + len(missing) > MOST_PARTITIONS:
        raise DataError(
            Reason.QUOTA,
            f"the collection has {len(there)} partitions, and at most {MOST_PARTITIONS} are made; partition it by "
            "months, or let partitions expire (retainFor)",
        )
    for start in missing:
        child = f"{schema}.{quote_name(partition_name(collection, start))}"
        end = by.after(date.fromisoformat(start)).isoformat()
        await connection.execute(
            f"DROP TABLE IF EXISTS {child};"
            f"CREATE TABLE {child} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);"
            f"{one_tenant(child, start)}"
            f"ALTER TABLE {table} ATTACH PARTITION {child} FOR VALUES FROM ('{start}') TO ('{end}')"
        )
    return there | set(missing)


async def expired(
    connection: asyncpg.Connection, table: str, schema: str, *, by: Partitioning, now_us: int
) -> dict[str, str]:
    """Return for each partition all of whose times are over the statement that detaches it, by its quoted name."""
    found: dict[str, str] = {}
    for start, name in sorted((await known(connection, table)).items()):
        if by.is_over(date.fromisoformat(start), now_us):
            child = f"{schema}.{quote_name(name)}"
            # Begun before and broken off, a detaching is finished; others cannot begin until it is.
            is_pending = await connection.fetchval(
                "SELECT inhdetachpending FROM pg_catalog.pg_inherits WHERE inhrelid = to_regclass($1)", child
            )
            how = "FINALIZE" if is_pending else "CONCURRENTLY"
            found[child] = f"ALTER TABLE {table} DETACH PARTITION {child} {how}"
    return found
