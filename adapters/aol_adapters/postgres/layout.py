"""What is in a database before there are documents? The catalogue's tables, and those of collections."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import asyncpg

from aol_adapters.postgres.failures import damaged_catalogue
from aol_adapters.postgres.quoting import quote_name, quote_text
from aol_wire.errors import DataError, Reason

LAYOUT_VERSION = 1
SERVER_LEAST = 140_000
"""`server_version_num` of PostgreSQL 14, the first whose `numeric` has infinities."""

# Any number that nobody else uses for an advisory lock in the same database: "aolddl" in ASCII.
DDL_LOCK = 0x616F6C64646C

_TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    layout integer NOT NULL,
    changes bigint NOT NULL
);
INSERT INTO {schema}.state (layout, changes) VALUES ({version}, 1) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS {schema}.collections (
    service text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    schema_hint jsonb NOT NULL,
    storage jsonb NOT NULL,
    PRIMARY KEY (service, name)
);
CREATE TABLE IF NOT EXISTS {schema}.tenants (
    service text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    PRIMARY KEY (service, name, tenant),
    FOREIGN KEY (service, name) REFERENCES {schema}.collections ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS {schema}.indexes (
    service text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    spec jsonb NOT NULL,
    state text NOT NULL,
    offenders bigint NOT NULL,
    PRIMARY KEY (service, name, number),
    FOREIGN KEY (service, name) REFERENCES {schema}.collections ON DELETE CASCADE
);
COMMENT ON SCHEMA {schema} IS 'AOL data broker: what this database holds';
COMMENT ON TABLE {schema}.state IS 'One row: the layout''s version, and how often the catalogue has changed';
COMMENT ON TABLE {schema}.collections IS 'A row a collection; documents are in {prefix_text}_<service>.<name>';
COMMENT ON TABLE {schema}.tenants IS 'A row a tenant whose documents have a schema or database of their own';
COMMENT ON TABLE {schema}.indexes IS 'One row an index that was asked for, and how it stands';
"""

_DOCUMENTS = """
CREATE TABLE {table} (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    deleted_us bigint,{part}
    owner text COLLATE "C",
    acl jsonb,
    doc jsonb NOT NULL,
    CONSTRAINT {key} PRIMARY KEY (tenant, id{key_part})
){partitioned};
COMMENT ON COLUMN {table}.tenant IS 'The tenant; empty where the collection has none';
COMMENT ON COLUMN {table}.id IS '_id';
COMMENT ON COLUMN {table}.version IS '_version: 1, and one more with each update';
COMMENT ON COLUMN {table}.created_us IS '_created_at, microseconds since 1970-01-01T00:00:00Z';
COMMENT ON COLUMN {table}.updated_us IS '_updated_at, microseconds since 1970-01-01T00:00:00Z';
COMMENT ON COLUMN {table}.deleted_us IS '_deleted_at, microseconds since 1970; null unless soft-deleted';
COMMENT ON COLUMN {table}.owner IS '_owner';
COMMENT ON COLUMN {table}.acl IS '_acl';
COMMENT ON COLUMN {table}.doc IS 'The document';
"""

_WHOLE = {"part": "", "key_part": "", "partitioned": ""}
_PARTITIONED = {
    "part": "\n    part date NOT NULL,",
    "key_part": ", part",
    "partitioned": " PARTITION BY RANGE (part)",
}

# Until a table is analysed, the planner takes an equality for very selective, and so the tenant, which is the same for
# all or many documents of most collections: it would read them all by their key rather than a few by an index. So it is
# told once, on a table with two rows, that there is one tenant, whichever it is asked for. Later statistics, made by
# autovacuum, replace this.
_ONE_TENANT = """
ALTER TABLE {table} ALTER COLUMN tenant SET (n_distinct = 1);
INSERT INTO {table} (tenant, id, version, created_us, updated_us, doc{column})
    VALUES ('a', 'a', 1, 0, 0, '{{}}'{value}), ('b', 'b', 1, 0, 0, '{{}}'{value});
ANALYZE {table} (tenant);
TRUNCATE {table};
ALTER TABLE {table} ALTER COLUMN tenant RESET (n_distinct);
"""


async def prepare(connection: asyncpg.Connection, prefix: str) -> None:
    """Make the catalogue if it is not there.

    :raises DataError: ADAPTER_DOWN for a server, database or catalogue that cannot be used.
    """
    await _check_server(connection)
    schema = quote_name(prefix)
    known = await connection.fetchval("SELECT to_regclass($1)", f"{schema}.indexes")
    if known is None:
        async with connection.transaction():
            await lock_ddl(connection)
            await connection.execute(_TABLES.format(schema=schema, version=LAYOUT_VERSION, prefix_text=prefix))
    layout = await connection.fetchval(f"SELECT layout FROM {schema}.state")
    if layout is None:
        raise damaged_catalogue(schema)
    if layout != LAYOUT_VERSION:
        raise DataError(
            Reason.ADAPTER_DOWN,
            f"the database has layout {layout}, made by another version of this adapter, which reads layout "
            f"{LAYOUT_VERSION}; run that version",
        )


async def lock_ddl(connection: asyncpg.Connection) -> None:
    """Keep others from making schemas and tables until the transaction ends: `IF NOT EXISTS` alone loses races."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", DDL_LOCK)


async def create_table(
    connection: asyncpg.Connection, schema: str, table: str, *, key: str, description: str, partitioned: bool
) -> None:
    """Make the table of a collection, and its schema if need be, with comments; names are quoted already."""
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    await connection.execute(_DOCUMENTS.format(table=table, key=key, **(_PARTITIONED if partitioned else _WHOLE)))
    if partitioned:
        text = quote_text("The first day of the interval that the document lies in; decides the partition")
        await connection.execute(f"COMMENT ON COLUMN {table}.part IS {text}")
    else:
        await connection.execute(one_tenant(table))
    await comment(connection, table, description)


def one_tenant(table: str, part: str = "") -> str:
    """Return statements that tell the planner of a new table that it is of one tenant.

    :param part: where the table is a partition, the first day of its interval.
    """
    column, value = (", part", f", '{part}'") if part else ("", "")
    return _ONE_TENANT.format(table=table, column=column, value=value)


async def comment(connection: asyncpg.Connection, table: str, description: str) -> None:
    """Say in the database what a collection is."""
    text = quote_text(description or "A collection of the AOL data broker")
    await connection.execute(f"COMMENT ON TABLE {table} IS {text}")


async def _check_server(connection: asyncpg.Connection) -> None:
    version = int(await connection.fetchval("SHOW server_version_num"))
    encoding = await connection.fetchval("SHOW server_encoding")
    problem = ""
    if version < SERVER_LEAST:
        problem = f"PostgreSQL {version // 10_000} is too old; the adapter needs 14 or later"
    elif encoding != "UTF8":
        problem = f"the database's encoding is {encoding}; the adapter needs one made with ENCODING 'UTF8'"
    if problem:
        raise DataError(Reason.ADAPTER_DOWN, problem, retry_after_s=60.0)
