"""Do the documents that are there fit a new index, and how is it made?"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import asyncpg
import orjson

from aol_adapters.kit.access import ACLS_INDEX, OWNERS_INDEX
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection, words_column
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.expiring import expired
from aol_adapters.postgres.places import TENANT_ACL, indexed_place
from aol_adapters.postgres.quoting import quote_name, quote_path
from aol_adapters.postgres.words import document_words, vector
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.limits import INDEXED_STRING_MAX_BYTES

_FILLED_AT_ONCE = 500


def create_statement(
    table: str, index: str, number: int, spec: IndexSpec, *, partitioned: bool, how: str = "", only: bool = False
) -> str:
    """Return the statement that makes an index, of the expressions that the compiler emits.

    :param index: its name in the database.
    :param how: words that come before the name, such as CONCURRENTLY.
    :param only: make it of the partitioned table alone; those of its partitions are attached to it.
    """
    kind = "UNIQUE INDEX" if spec.type is IndexType.UNIQUE else "INDEX"
    begin = f"CREATE {kind} {how} {quote_name(index)} ON {'ONLY ' if only else ''}{table}"
    if spec == OWNERS_INDEX:
        return f"{begin} (tenant, owner, id) WHERE owner IS NOT NULL"
    if spec == ACLS_INDEX:
        # Nothing waits in a list beside the index, which every search would go through. The index is of all rows: of an
        # expression in a partial one, the planner does not use what it knows.
        return f"{begin} USING gin (({TENANT_ACL}) jsonb_path_ops) WITH (fastupdate = off)"
    if spec.type is IndexType.TEXT:
        return f"{begin} USING gin ({words_column(number)})"
    columns = ["tenant"]
    direction = ""
    for field in spec.fields:
        at = indexed_place(field.path)
        direction = " DESC" if field.descending else ""
        columns += [f"({at.number}){direction}", f"({at.text}){direction}"]
    if spec.type is IndexType.UNIQUE:
        # Partitions cannot look into each other: values are unique in each.
        columns += ["part"] if partitioned else []
    else:
        # Documents of equal values come in the order of their ids, in the direction of the last field.
        columns.append(f"id{direction}")
    return f"{begin} ({', '.join(columns)})"


async def count_misfits(connection: asyncpg.Connection, collection: Collection, spec: IndexSpec, now_us: int) -> int:
    """Return how many documents hold what an index does not take, those that are expired aside."""
    bindings = Bindings()
    is_expired = _expired(collection, now_us, bindings)
    sql = f"SELECT count(*) FROM {collection.table} WHERE {_misfit(spec)} AND NOT {is_expired}"
    return int(await connection.fetchval(sql, *bindings.values))


async def count_repeats(connection: asyncpg.Connection, collection: Collection, spec: IndexSpec, now_us: int) -> int:
    """Return how many documents have the values that another one has already in a unique index.

    Those that are expired, and those that do not fit for another reason, are left aside.
    """
    bindings = Bindings()
    places = [indexed_place(field.path) for field in spec.fields]
    values = ", ".join(f"{at.number}, {at.text}" for at in places)
    part = ", part" if collection.partitioned is not None else ""
    sql = (
        "SELECT coalesce(sum(documents - 1), 0)::int8 FROM ("
        f"SELECT count(*) AS documents FROM {collection.table} WHERE NOT {_misfit(spec)} "
        f"AND NOT {_expired(collection, now_us, bindings)} GROUP BY tenant, {values}{part}) AS repeated"
    )
    return int(await connection.fetchval(sql, *bindings.values))


async def remove_expired(connection: asyncpg.Connection, collection: Collection, now_us: int) -> None:
    """Remove what is expired, so that it keeps no unique values."""
    bindings = Bindings()
    condition = expired(collection, now_us, bindings)
    if condition is not None:
        await connection.execute(f"DELETE FROM {collection.table} WHERE {condition}", *bindings.values)


async def fill_words(database: Database, collection: Collection, number: int, spec: IndexSpec) -> None:
    """Fill in the words of a new text index, by portions; what is written meanwhile has its words already."""
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        # Behind a transaction pooler each portion is a transaction, so that nobody waits for all of them.
        async with database.connection(Deadline(None)) as connection:
            after = await _fill_portion(connection, collection, number, spec, after)


async def _fill_portion(
    connection: asyncpg.Connection, collection: Collection, number: int, spec: IndexSpec, after: tuple[str, str]
) -> tuple[str, str] | None:
    """Fill in the words of the documents behind a key; return the last one's key, None if there were none."""
    column, paths = words_column(number), [field.path for field in spec.fields]
    records = await connection.fetch(
        f"SELECT tenant, id, version, doc::text FROM {collection.table} "
        f"WHERE (tenant, id) > ($1::text, $2::text) ORDER BY tenant, id LIMIT {_FILLED_AT_ONCE}",
        *after,
    )
    if not records:
        return None
    await connection.execute(
        f"UPDATE {collection.table} AS stored SET {column} = {vector('new.words')} "
        "FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[]) AS new(tenant, id, version, words) "
        "WHERE stored.tenant = new.tenant AND stored.id = new.id AND stored.version = new.version "
        "AND new.words IS NOT NULL",
        [record[0] for record in records],
        [record[1] for record in records],
        [record[2] for record in records],
        [document_words(orjson.loads(record[3]), paths) for record in records],
    )
    return records[-1][0], records[-1][1]


def _misfit(spec: IndexSpec) -> str:
    """Return the condition for rows that an index does not take, never NULL: the rule of `aol_wire.indexed_paths`."""
    conditions = []
    for field in spec.fields:
        for length in range(1, len(field.path)):
            conditions.append(f"coalesce(jsonb_typeof(doc #> {quote_path(field.path[:length])}) = 'array', false)")
        at = f"doc #> {quote_path(field.path)}"
        conditions.append(f"coalesce(jsonb_typeof({at}) IN ('array', 'object'), false)")
        if spec.type is not IndexType.TEXT:
            value = f"doc #>> {quote_path(field.path)}"
            conditions.append(f"coalesce(octet_length({value}) > {INDEXED_STRING_MAX_BYTES}, false)")
    return f"({' OR '.join(conditions)})"


def _expired(collection: Collection, now_us: int, bindings: Bindings) -> str:
    return expired(collection, now_us, bindings) or "false"
