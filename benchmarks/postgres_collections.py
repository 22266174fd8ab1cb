"""How do ten thousand collections come to be in PostgreSQL within a minute? As copies of one that the adapter made."""

from collections.abc import Mapping, Sequence

import asyncpg

# Each table takes some locks until its transaction ends, and a server has room for some ten thousand.
_COPIED_AT_ONCE = 250

# What is left out are comments, and the view beside each collection, which no call of a service uses.
_COPY = """
DO $do$ BEGIN
EXECUTE 'CREATE SCHEMA IF NOT EXISTS {schema}';
FOR number IN 1 .. array_length({names}, 1) LOOP
    EXECUTE format('CREATE TABLE {schema}.%I (LIKE {original} INCLUDING DEFAULTS)',
        ({names})[number]);
    EXECUTE format('ALTER TABLE {schema}.%I ADD CONSTRAINT %I PRIMARY KEY (tenant, id)',
        ({names})[number], ({names})[number] || ':key');
END LOOP;
INSERT INTO aol.collections (service, name, generation, schema_hint, storage)
    SELECT '{service}', name, generation, schema_hint, storage
    FROM unnest({names}) AS name, (SELECT generation, schema_hint, storage FROM aol.collections LIMIT 1) AS original;
UPDATE aol.state SET changes = changes + 1;
END $do$
"""


async def copy_collection(dsn: str, service: str, name: str, copies: Mapping[str, Sequence[str]]) -> None:
    """Copy a collection, which must be the only one there, to others, given as their names by service.

    Making them is the adapter's work; this does the same, several times as fast, for where it is not what is measured.
    """
    connection = await asyncpg.connect(dsn)
    try:
        for copied_to, names in copies.items():
            for start in range(0, len(names), _COPIED_AT_ONCE):
                await connection.execute(
                    _statement(f'"aol_{service}"."{name}"', copied_to, names[start:][:_COPIED_AT_ONCE])
                )
    finally:
        await connection.close()


def _statement(original: str, service: str, names: Sequence[str]) -> str:
    array = "ARRAY[" + ", ".join(f"'{name}'" for name in names) + "]"
    return _COPY.format(schema=f'"aol_{service}"', original=original, service=service, names=array)
