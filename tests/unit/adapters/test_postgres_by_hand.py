"""What do calls say when somebody has changed, by hand, what the adapter made in the database?"""

from collections.abc import Awaitable, Callable

import pytest

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_wire.adapter import CollectionSpec, Count, Delete, Find, Insert, Restore, Target, Write
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.paths import parse_sort
from postgres_adapters import TABLE, TARGET, failure_of, ids, insert, opened, touch
from postgres_server import rows, statements

TEXT = parse_index({"fields": ["note"], "type": "text"}, "index")
EMAIL = parse_index({"fields": ["email"], "type": "unique"}, "index")
NUMBER = parse_index({"fields": ["n"], "type": "ascending"}, "index")
SPEC = CollectionSpec(TARGET, indexes=(TEXT, EMAIL), schema_hint={"email": "string"})

DAMAGES = {
    "a column dropped": f"ALTER TABLE {TABLE} DROP COLUMN acl",
    "the documents dropped": f"ALTER TABLE {TABLE} DROP COLUMN doc CASCADE",
    "the words dropped": f"ALTER TABLE {TABLE} DROP COLUMN words1",
    "a column renamed": f"ALTER TABLE {TABLE} RENAME COLUMN doc TO document",
    "a column required": f"ALTER TABLE {TABLE} ADD COLUMN more text NOT NULL DEFAULT 'x'; "
    f"ALTER TABLE {TABLE} ALTER COLUMN more DROP DEFAULT",
    "a column of another type": f"ALTER TABLE {TABLE} DROP COLUMN doc CASCADE; "
    f"ALTER TABLE {TABLE} ADD COLUMN doc text NOT NULL DEFAULT '{{}}'",
    "a version of text": f'DROP VIEW "aol_shop"."orders:fields"; ALTER TABLE {TABLE} ALTER COLUMN version TYPE text',
    "a time that is one": f'DROP VIEW "aol_shop"."orders:fields"; ALTER TABLE {TABLE} '
    "ALTER COLUMN created_us TYPE timestamptz USING to_timestamp(created_us)",
    "a rule added": f"ALTER TABLE {TABLE} ADD CHECK (id <> 'new' AND deleted_us IS NULL AND version < 3)",
    "a key of another table": f"CREATE TABLE other (id text PRIMARY KEY); INSERT INTO other VALUES ('a'), ('b'); "
    f"ALTER TABLE {TABLE} ADD FOREIGN KEY (id) REFERENCES other",
    "a trigger that refuses": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$BEGIN RAISE EXCEPTION 'secret'; END$$; CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION refuse()",
    "the table dropped": f"DROP TABLE {TABLE} CASCADE",
    "the table renamed": f"ALTER TABLE {TABLE} RENAME TO elsewhere",
    "a view in its place": f"ALTER TABLE {TABLE} RENAME TO elsewhere; "
    f'CREATE VIEW {TABLE} AS SELECT * FROM "aol_shop"."elsewhere"',
    "the key dropped": f'ALTER TABLE {TABLE} DROP CONSTRAINT "orders:key"',
    "an index dropped": 'DROP INDEX "aol_shop"."orders:index:2"',
    "the schema dropped": 'DROP SCHEMA "aol_shop" CASCADE',
    "the catalogue dropped": 'DROP SCHEMA "aol" CASCADE',
    "the catalogue's collections dropped": 'DROP TABLE "aol"."collections" CASCADE',
    "the catalogue's state emptied": 'DELETE FROM "aol"."state"',
    "the catalogue's indexes damaged": "UPDATE aol.indexes SET spec = '{}'",
}

CALLS: dict[str, Callable[[PostgresAdapter], Awaitable[object]]] = {
    "insert": lambda adapter: adapter.write(insert("new", document='{"note": "two words", "email": "b"}')),
    "inserts": lambda adapter: adapter.write(Write(TARGET, [Insert("x", "{}", 1)], atomic=True)),
    "repeat": lambda adapter: adapter.write(insert("a", document='{"email": "another"}')),
    "update": lambda adapter: adapter.write(touch()),
    "atomic": lambda adapter: adapter.write(touch(atomic=True)),
    "delete": lambda adapter: adapter.write(Write(TARGET, [Delete(parse_filter('{"_id": "none"}'), 2, soft=True)])),
    "restore": lambda adapter: adapter.write(Write(TARGET, [Restore(None)])),
    "get": lambda adapter: adapter.find(Find(TARGET, parse_filter('{"_id": "a"}'))),
    "find": lambda adapter: adapter.find(Find(TARGET, None, parse_sort([("_created_at", False), ("n", True)]))),
    "long find": lambda adapter: adapter.find(Find(TARGET, parse_filter('{"_version": {"$gt": 0}}'), limit=1000)),
    "words": lambda adapter: adapter.find(Find(TARGET, parse_filter('{"$text": "words"}'))),
    "count": lambda adapter: adapter.count(Count(TARGET, parse_filter('{"email": "a"}'))),
    "explain": lambda adapter: adapter.explain(Find(TARGET)),
    "inspect": lambda adapter: adapter.inspect_collection(TARGET),
    "ensure": lambda adapter: adapter.ensure_collection(SPEC),
    "a new index": lambda adapter: adapter.ensure_collection(CollectionSpec(TARGET, indexes=(TEXT, EMAIL, NUMBER))),
    "another collection": lambda adapter: adapter.ensure_collection(CollectionSpec(Target("shop", "more"))),
    "sweep": lambda adapter: adapter.sweep(),
    "check": lambda adapter: adapter.check(),
    "drop": lambda adapter: adapter.drop_collection(TARGET),
}


async def damage(dsn: str, sql: str) -> None:
    async with opened(dsn) as adapter:
        await adapter.ensure_collection(SPEC)
        document = '{"note": "two words", "email": "a", "n": 1}'
        await adapter.write(Write(TARGET, [Insert("a", document, 1), Insert("b", '{"email": "c"}', 1)]))
    await statements(dsn, sql)


async def refusals(adapter: PostgresAdapter) -> dict[str, DataError]:
    """Return what fails of all calls."""
    found = {name: await failure_of(call(adapter)) for name, call in CALLS.items()}
    return {name: error for name, error in found.items() if error is not None}


def is_told_well(error: DataError) -> bool:
    """Whether an operator learns what is wrong, and nobody what was stored."""
    assert "secret" not in str(error)
    if error.reason in {Reason.COLLECTION_NOT_FOUND, Reason.DUPLICATE_ID, Reason.UNIQUE_VIOLATION}:
        return True
    return error.reason is Reason.ADAPTER_DOWN and any(
        named in error.message for named in (TABLE, 'the schema "aol"', '"aol".state')
    )


@pytest.mark.parametrize("name", DAMAGES)
async def test_every_call_says_what_is_not_as_it_was_made_or_is_answered(postgres_database: str, name: str) -> None:
    await damage(postgres_database, DAMAGES[name])
    async with opened(postgres_database) as adapter:
        refused = await refusals(adapter)
    assert {call: error for call, error in refused.items() if not is_told_well(error)} == {}


@pytest.mark.parametrize("name", DAMAGES)
async def test_an_adapter_that_runs_says_so_too(postgres_database: str, name: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a", document='{"note": "two words", "email": "a", "n": 1}'))
        for call in ("get", "find", "long find", "words", "count", "update", "inspect"):
            await CALLS[call](adapter)
        await statements(postgres_database, DAMAGES[name])
        refused = await refusals(adapter)
    assert {call: error for call, error in refused.items() if not is_told_well(error)} == {}


async def test_an_index_that_is_gone_is_missed_by_nobody_but_the_clock(postgres_database: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(NUMBER,)))
        await adapter.write(insert("a", document='{"n": 1}'))
        await statements(postgres_database, 'DROP INDEX "aol_shop"."orders:index:1"')
        await adapter.write(insert("b", document='{"n": 2}'))
        assert await ids(adapter) == ["a", "b"]


async def test_nothing_that_is_there_is_taken_over_or_dropped_by_a_catalogue_that_lost_it(
    postgres_database: str,
) -> None:
    await damage(postgres_database, 'DROP SCHEMA "aol" CASCADE')
    async with opened(postgres_database) as adapter:
        error = await failure_of(adapter.ensure_collection(SPEC))
        assert error is not None
        assert error.reason is Reason.ADAPTER_DOWN
        assert TABLE in error.message
    (stored,) = await rows(postgres_database, f"SELECT count(*) FROM {TABLE}")
    assert stored[0] == 2


async def test_what_depends_on_a_table_is_named_as_what_keeps_it_from_being_dropped(postgres_database: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        await statements(postgres_database, f"CREATE VIEW mine AS SELECT doc FROM {TABLE}")
        error = await failure_of(adapter.drop_collection(TARGET))
        assert error is not None
        assert error.reason is Reason.ADAPTER_DOWN
        assert "depends on the table" in error.message
        assert await ids(adapter) == []
