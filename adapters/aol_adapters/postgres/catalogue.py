"""Which collections and indexes does a database hold, and in which tables and columns?"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import asyncpg
import orjson

from aol_adapters.kit.access import is_access
from aol_adapters.postgres.partitions import Partitioning, partitioning
from aol_adapters.postgres.quoting import fit_name, quote_name
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Path
from aol_wire.indexes import IndexField, IndexSpec, IndexState, IndexStatus, IndexType
from aol_wire.storage import PartitionInterval, Storage, Tenancy


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words, quoted, and the paths whose words are in it."""

    column: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as its catalogue says; `generation` goes up with each change of that.

    :ivar table: its schema and table, quoted.
    :ivar indexed: the paths that have columns in indexes that are ready.
    :ivar checked: the indexes whose rule holds for what is written: those that are ready or being built.
    :ivar expiring: the ttl indexes.
    :ivar uniques: the unique indexes, by their names in the database.
    :ivar words: the columns of words that are kept, and
    :ivar ready_words: those that `$text` looks into.
    :ivar access: the indexes of `kit.access` that are ready; of the others they are only in `indexes`.
    """

    service: str
    name: str
    table: str
    generation: int
    indexes: Mapping[int, IndexStatus]
    indexed: frozenset[Path]
    checked: tuple[IndexSpec, ...]
    expiring: tuple[IndexSpec, ...]
    uniques: Mapping[str, IndexSpec]
    words: tuple[Words, ...]
    ready_words: tuple[Words, ...]
    schema_hint: Mapping[str, str] = field(default_factory=dict)
    storage: Storage = field(default_factory=Storage)
    partitioned: Partitioning | None = None
    access: frozenset[IndexSpec] = frozenset()


def schema_name(prefix: str, service: str) -> str:
    """Return the name of the schema of a service."""
    return fit_name(f"{prefix}_{service}")


# Names of collections hold no colon, so nothing that a service can name meets these.
def index_name(collection: str, number: int) -> str:
    """Return the name of an index in the database."""
    return fit_name(f"{collection}:index:{number}")


def key_name(collection: str) -> str:
    """Return the name of the primary key, (tenant, id)."""
    return fit_name(f"{collection}:key")


def view_name(collection: str) -> str:
    """Return the name of the view with the hinted fields as columns."""
    return fit_name(f"{collection}:fields")


def words_column(number: int) -> str:
    """Return the column of the words of a text index."""
    return f"words{number}"


class Catalogue:
    """The tables of the schema `<prefix>`, in which a database says what it holds.

    Each statement names its schema, since nobody knows what the search path of a pooled connection is.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.schema = quote_name(prefix)
        self.collections = f"{self.schema}.collections"
        self.indexes = f"{self.schema}.indexes"
        self.state = f"{self.schema}.state"
        self.tenants = f"{self.schema}.tenants"

    def generation_is(self, service: str, name: str, generation: str) -> str:
        """Return the condition that a collection is still of a generation; all three are SQL."""
        return (
            f"(SELECT generation FROM {self.collections} AS known "
            f"WHERE known.service = {service} AND known.name = {name}) = {generation}"
        )

    def table(self, service: str, name: str) -> str:
        """Return the table of a collection, with its schema, quoted."""
        return f"{quote_name(schema_name(self.prefix, service))}.{quote_name(name)}"

    async def read(self, connection: asyncpg.Connection, service: str, name: str) -> Collection | None:
        """Return a collection, or None when it is not there."""
        rows = await connection.fetch(
            "SELECT c.generation, c.schema_hint::text AS schema_hint, c.storage::text AS storage, i.number, "
            "i.spec::text AS spec, i.state, i.offenders "
            f"FROM {self.collections} AS c LEFT JOIN {self.indexes} AS i USING (service, name) "
            "WHERE c.service = $1 AND c.name = $2 ORDER BY i.number",
            service,
            name,
        )
        if not rows:
            return None
        statuses = {
            row["number"]: IndexStatus(_spec(row["spec"]), IndexState(row["state"]), row["offenders"])
            for row in rows
            if row["number"] is not None
        }
        return _collection(
            service,
            name,
            self.table(service, name),
            generation=rows[0]["generation"],
            statuses=statuses,
            hint=orjson.loads(rows[0]["schema_hint"]),
            storage=_storage(rows[0]["storage"]),
        )

    async def read_version(self, connection: asyncpg.Connection) -> int:
        """Return the number of changes that the catalogue has had.

        :raises TypeError: it is not there.
        """
        return int(await connection.fetchval(f"SELECT changes FROM {self.state}"))

    async def add(
        self,
        connection: asyncpg.Connection,
        service: str,
        name: str,
        *,
        hint: Mapping[str, str],
        storage: Storage,
    ) -> None:
        """Record a collection."""
        await connection.execute(
            f"INSERT INTO {self.collections} (service, name, generation, schema_hint, storage) "
            f"SELECT $1, $2, changes, $3::jsonb, $4::jsonb FROM {self.state}",
            service,
            name,
            orjson.dumps(dict(hint)).decode(),
            orjson.dumps(storage).decode(),
        )
        await self._changed(connection)

    async def put_hint(self, connection: asyncpg.Connection, service: str, name: str, hint: Mapping[str, str]) -> None:
        """Record the hint by which the view was made."""
        await connection.execute(
            f"UPDATE {self.collections} SET schema_hint = $3::jsonb WHERE service = $1 AND name = $2",
            service,
            name,
            orjson.dumps(dict(hint)).decode(),
        )

    async def put_index(
        self, connection: asyncpg.Connection, service: str, name: str, number: int, status: IndexStatus
    ) -> None:
        """Record how an index stands, in a new generation of its collection."""
        await connection.execute(
            f"INSERT INTO {self.indexes} (service, name, number, spec, state, offenders) "
            "VALUES ($1, $2, $3, $4::jsonb, $5, $6) ON CONFLICT (service, name, number) "
            "DO UPDATE SET state = excluded.state, offenders = excluded.offenders",
            service,
            name,
            number,
            _spec_text(status.spec),
            status.state.value,
            status.offenders,
        )
        await self._changed(connection)
        await connection.execute(
            f"UPDATE {self.collections} SET generation = (SELECT changes FROM {self.state}) "
            "WHERE service = $1 AND name = $2",
            service,
            name,
        )

    async def remove(self, connection: asyncpg.Connection, service: str, name: str) -> None:
        """Forget a collection and its indexes."""
        await connection.execute(f"DELETE FROM {self.collections} WHERE service = $1 AND name = $2", service, name)
        await self._changed(connection)

    async def partitioned(self, connection: asyncpg.Connection) -> list[tuple[str, str]]:
        """Return the collections (service, name) that are partitioned."""
        sql = f"SELECT service, name FROM {self.collections} WHERE storage ->> 'partition_by' <> '' ORDER BY 1, 2"
        return [(row["service"], row["name"]) for row in await connection.fetch(sql)]

    async def add_tenant(self, connection: asyncpg.Connection, service: str, name: str, tenant: str) -> None:
        """Record that a tenant has documents of its own place."""
        sql = f"INSERT INTO {self.tenants} (service, name, tenant) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
        await connection.execute(sql, service, name, tenant)

    async def read_tenants(self, connection: asyncpg.Connection, service: str, name: str) -> list[str]:
        """Return the tenants that have documents of their own place."""
        sql = f"SELECT tenant FROM {self.tenants} WHERE service = $1 AND name = $2 ORDER BY tenant"
        return [row["tenant"] for row in await connection.fetch(sql, service, name)]

    async def read_all_tenants(self, connection: asyncpg.Connection) -> list[tuple[str, str, str]]:
        """Return (service, name, tenant) of all of them."""
        rows = await connection.fetch(f"SELECT service, name, tenant FROM {self.tenants} ORDER BY 1, 2, 3")
        return [(row["service"], row["name"], row["tenant"]) for row in rows]

    async def named(self, connection: asyncpg.Connection, condition: str) -> list[tuple[str, str]]:
        """Return the collections (service, name) that have an index for which a condition of ours holds."""
        rows = await connection.fetch(
            f"SELECT DISTINCT service, name FROM {self.indexes} WHERE {condition} ORDER BY service, name"
        )
        return [(row["service"], row["name"]) for row in rows]

    async def _changed(self, connection: asyncpg.Connection) -> None:
        await connection.execute(f"UPDATE {self.state} SET changes = changes + 1")


def not_found(name: str) -> DataError:
    """Return the error about a collection that was not ensured."""
    return DataError(Reason.COLLECTION_NOT_FOUND, f"the collection {name!r} was not made here yet")


def _collection(
    service: str,
    name: str,
    table: str,
    *,
    generation: int,
    statuses: Mapping[int, IndexStatus],
    hint: Mapping[str, str],
    storage: Storage,
) -> Collection:
    others = {number: status for number, status in statuses.items() if not is_access(status.spec)}
    ready = {number: status.spec for number, status in others.items() if status.state is IndexState.READY}
    kept = {number: status.spec for number, status in others.items() if status.state is not IndexState.FAILED}
    access = (it.spec for it in statuses.values() if is_access(it.spec) and it.state is IndexState.READY)
    return Collection(
        service=service,
        name=name,
        table=table,
        generation=generation,
        indexes=statuses,
        indexed=frozenset(field.path for spec in _of_values(ready.values()) for field in spec.fields),
        checked=tuple(kept.values()),
        expiring=tuple(spec for spec in ready.values() if spec.type is IndexType.TTL),
        uniques={index_name(name, number): spec for number, spec in kept.items() if spec.type is IndexType.UNIQUE},
        words=_words(kept),
        ready_words=_words(ready),
        schema_hint=hint,
        storage=storage,
        partitioned=partitioning(storage),
        access=frozenset(access),
    )


def _of_values(specs: Iterable[IndexSpec]) -> Iterable[IndexSpec]:
    return (spec for spec in specs if spec.type is not IndexType.TEXT)


def _words(indexes: Mapping[int, IndexSpec]) -> tuple[Words, ...]:
    return tuple(
        Words(words_column(number), tuple(field.path for field in spec.fields))
        for number, spec in indexes.items()
        if spec.type is IndexType.TEXT
    )


def _spec_text(spec: IndexSpec) -> str:
    fields = [{"path": field.path, "descending": field.descending} for field in spec.fields]
    return orjson.dumps({"type": spec.type, "fields": fields, "expire_after_s": spec.expire_after_s}).decode()


def _storage(text: str) -> Storage:
    stored = orjson.loads(text)
    interval = stored["partition_interval"]
    return Storage(
        stored["partition_by"],
        None if interval is None else PartitionInterval(interval),
        stored["retain_for_s"],
        Tenancy(stored["tenancy"]),
    )


def _spec(text: str) -> IndexSpec:
    stored = orjson.loads(text)
    fields = tuple(IndexField(tuple(field["path"]), field["descending"]) for field in stored["fields"])
    return IndexSpec(fields, IndexType(stored["type"]), stored["expire_after_s"])
