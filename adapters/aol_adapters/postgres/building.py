"""How are collections and their indexes made and dropped? Nothing that is there is rewritten or dropped unasked."""

from collections.abc import Iterable

import asyncpg

from aol_adapters.kit.access import declared, wanted
from aol_adapters.postgres import indexing, layout, views
from aol_adapters.postgres.builds import Builds
from aol_adapters.postgres.catalogue import Collection, index_name, key_name, schema_name, view_name, words_column
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.quoting import quote_name, quote_text
from aol_wire.adapter import CollectionSpec, Ensured, Target
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus, IndexType

# Who waits for a table's lock makes everybody behind wait too.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '3s'"


async def ensure(database: Database, builds: Builds, spec: CollectionSpec) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`."""
    spec = wanted(spec)
    target, until = spec.target, Deadline(None)
    async with database.catalogue_connection(until) as connection:
        known = await database.catalogue.read(connection, target.service, target.collection)
    if known is not None and _is_complete(known, spec):
        return Ensured(declared(_statuses(known, spec.indexes)), created=False)

    async def work() -> bool:
        async with database.connection(until) as connection, connection.transaction():
            return await _make(database, connection, spec)

    created = await database.again(work, until, target)
    database.forget()
    if created and spec.storage.partition_by:
        made = await _read(database, target)
        if made.partitioned is not None:
            await database.add_partitions(made, made.partitioned.ahead(database.settings.clock()), until)
    if not created:
        await database.again(lambda: builds.build(database, target), until, target)
    return Ensured(declared(_statuses(await _read(database, target), spec.indexes)), created)


def together(one: Iterable[IndexStatus], other: Iterable[IndexStatus]) -> tuple[IndexStatus, ...]:
    """Return how indexes stand that are kept in two places: as in the place where they are worse off."""
    others = {status.spec: status for status in other}
    worse = {IndexState.READY: 0, IndexState.BUILDING: 1, IndexState.FAILED: 2}
    found = []
    for status in one:
        second = others.get(status.spec, status)
        state = max(status.state, second.state, key=lambda state: worse[state])
        offenders = status.offenders + second.offenders if second is not status else status.offenders
        found.append(IndexStatus(status.spec, state, offenders))
    return tuple(found)


async def inspect(database: Database, target: Target) -> tuple[IndexStatus, ...]:
    """Return how the indexes of a collection stand; see `Adapter.inspect_collection`."""
    database.forget()
    return declared((await _read(database, target)).indexes.values())


async def drop(database: Database, target: Target) -> None:
    """Drop a collection; see `Adapter.drop_collection`."""
    until = Deadline(None)
    table = database.catalogue.table(target.service, target.collection)
    view = _view(database, target)

    async def work() -> None:
        async with database.connection(until) as connection, connection.transaction():
            await layout.lock_ddl(connection)
            await connection.execute(_LOCK_TIMEOUT)
            await connection.execute(f"DROP VIEW IF EXISTS {view}")
            await connection.execute(f"DROP TABLE IF EXISTS {table}")
            await database.catalogue.remove(connection, target.service, target.collection)

    if not await _has_schema(database, target, until):
        return
    await database.again(work, until, target)
    database.forget()


async def _has_schema(database: Database, target: Target, until: Deadline) -> bool:
    sql = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1"
    async with database.connection(until) as connection:
        return await connection.fetchval(sql, schema_name(database.settings.prefix, target.service)) is not None


async def _make(database: Database, connection: asyncpg.Connection, spec: CollectionSpec) -> bool:
    """Make what is missing, within a transaction; return whether the collection was. Indexes of one that was there are
    noted as BUILDING only: from then on, what is written must fit them."""
    target, catalogue = spec.target, database.catalogue
    await layout.lock_ddl(connection)
    await connection.execute(_LOCK_TIMEOUT)
    known = await catalogue.read(connection, target.service, target.collection)
    table = catalogue.table(target.service, target.collection)
    if known is None:
        schema = quote_name(schema_name(database.settings.prefix, target.service))
        key, partitioned = quote_name(key_name(target.collection)), bool(spec.storage.partition_by)
        await layout.create_table(
            connection, schema, table, key=key, description=spec.description, partitioned=partitioned
        )
        await catalogue.add(connection, target.service, target.collection, hint=spec.schema_hint, storage=spec.storage)
    await _add_indexes(database, connection, spec, known)
    if known is None or dict(known.schema_hint) != dict(spec.schema_hint):
        await views.put(connection, table, _view(database, target), spec.schema_hint)
        await catalogue.put_hint(connection, target.service, target.collection, spec.schema_hint)
    return known is None


async def _add_indexes(
    database: Database, connection: asyncpg.Connection, spec: CollectionSpec, known: Collection | None
) -> None:
    target, catalogue = spec.target, database.catalogue
    table = catalogue.table(target.service, target.collection)
    numbers = {} if known is None else {status.spec: number for number, status in known.indexes.items()}
    for index in dict.fromkeys(spec.indexes):
        number = numbers.get(index)
        if number is not None and known is not None and known.indexes[number].state is not IndexState.FAILED:
            continue
        if number is None:
            number = numbers[index] = max(numbers.values(), default=0) + 1
        if index.type is IndexType.TEXT:
            # Writers fill it in from the same moment on from which they know of the index.
            await connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {words_column(number)} tsvector")
            text = quote_text(f"The words of {index.name}, as the text search configuration 'simple' has them")
            await connection.execute(f"COMMENT ON COLUMN {table}.{words_column(number)} IS {text}")
        state = IndexState.BUILDING
        if known is None:
            await connection.execute(
                indexing.create_statement(
                    table,
                    index_name(target.collection, number),
                    number,
                    index,
                    partitioned=bool(spec.storage.partition_by),
                )
            )
            state = IndexState.READY
        await catalogue.put_index(connection, target.service, target.collection, number, IndexStatus(index, state))


async def _read(database: Database, target: Target) -> Collection:
    return await database.collection(target.service, target.collection, Deadline(None))


def _is_complete(known: Collection, spec: CollectionSpec) -> bool:
    there = {status.spec for status in known.indexes.values() if status.state is not IndexState.FAILED}
    return there.issuperset(spec.indexes) and dict(known.schema_hint) == dict(spec.schema_hint)


def _statuses(known: Collection, indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    by_spec = {status.spec: status for status in known.indexes.values()}
    return tuple(by_spec[index] for index in indexes)


def _view(database: Database, target: Target) -> str:
    schema = quote_name(schema_name(database.settings.prefix, target.service))
    return f"{schema}.{quote_name(view_name(target.collection))}"
