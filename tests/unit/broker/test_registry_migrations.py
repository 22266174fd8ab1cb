"""Do the migrations lead to the tables, back, and there again; and does a newer database stay untouched?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from aol_broker.registry.database import Database
from aol_broker.registry.schema import VERSION_TABLE, RegistryVersionError, bring_up, current_revision, take_down
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.registry.tables import metadata
from aol_wire.storage import Storage


@pytest.fixture
async def database(registry_url: str) -> AsyncIterator[Database]:
    database = Database(registry_url)
    yield database
    await database.close()


def _differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def _table_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


async def test_the_migrations_make_the_tables_that_the_program_uses(database: Database) -> None:
    async with database.migrating() as connection:
        await connection.run_sync(bring_up)
        assert await connection.run_sync(_differences) == []


async def test_the_migrations_go_up_down_and_up_again(database: Database) -> None:
    async with database.migrating() as connection:
        assert await connection.run_sync(current_revision) is None
        await connection.run_sync(bring_up)
        at = await connection.run_sync(current_revision)
        assert at is not None
        await connection.run_sync(take_down, "base")
        assert await connection.run_sync(current_revision) is None
        assert await connection.run_sync(_table_names) == [VERSION_TABLE]
        await connection.run_sync(bring_up)
        assert await connection.run_sync(current_revision) == at
        assert await connection.run_sync(_differences) == []


OLD_COLLECTION = """
INSERT INTO collections (collection_id, service, name, adapter, description, schema_hint, indexes, soft_delete,
validation, declared, created_by, created_us) VALUES
('shop.items', 'shop', 'items', 'sqlite', 'Wares', '{"at": "datetime"}', '[]', false, 'off', true, 'operator', 1)
"""


def _put_a_collection_of_the_first_version(connection: Connection) -> None:
    bring_up(connection)
    take_down(connection, "0001")
    assert "storage" not in {column["name"] for column in inspect(connection).get_columns("collections")}
    connection.execute(text(OLD_COLLECTION))
    connection.execute(text("UPDATE registry_revision SET revision = 1"))
    connection.execute(text("INSERT INTO touched_collections (collection_id, revision) VALUES ('shop.items', 1)"))


async def test_a_collection_from_before_there_was_storage_is_kept_as_it_was(
    database: Database, registry_url: str
) -> None:
    async with database.migrating() as connection:
        await connection.run_sync(_put_a_collection_of_the_first_version)
    registry = Registry(registry_url, default_adapter="sqlite")
    await registry.open()
    record = registry.snapshot.collections["shop.items"]
    assert record == CollectionRecord(
        "shop", "items", "sqlite", description="Wares", schema_hint={"at": "datetime"}, declared=True
    )
    assert record.storage == Storage()
    async with database.migrating() as connection:
        assert await connection.run_sync(_differences) == []
    await registry.close()


async def _migrate_and_fail(database: Database) -> None:
    async with database.migrating() as connection:
        await connection.run_sync(bring_up)
        raise ZeroDivisionError


async def test_a_migration_that_does_not_end_well_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await _migrate_and_fail(database)
    async with database.reading() as connection:
        assert await connection.run_sync(_table_names) == []


async def test_a_database_of_a_newer_program_is_refused_and_stays_as_it_is(
    database: Database, registry_url: str
) -> None:
    async with database.migrating() as connection:
        await connection.run_sync(bring_up)
        await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        await connection.execute(text("CREATE TABLE from_the_future (x INTEGER)"))
    registry = Registry(registry_url, default_adapter="sqlite")
    with pytest.raises(RegistryVersionError) as refused:
        await registry.open()
    await registry.close()
    assert "9999" in str(refused.value)
    assert "0011" in str(refused.value)
    async with database.reading() as connection:
        assert await connection.run_sync(current_revision) == "9999"
        assert "from_the_future" in await connection.run_sync(_table_names)


@pytest.mark.parametrize("attempt", range(10))
async def test_brokers_that_open_a_new_registry_at_once_all_succeed(sqlite_url: str, attempt: int) -> None:
    await _open_at_once(sqlite_url)


@pytest.mark.parametrize("attempt", range(2))
async def test_brokers_that_open_a_new_registry_on_a_server_at_once_all_succeed(
    postgres_url: str, attempt: int
) -> None:
    await _open_at_once(postgres_url)


async def _open_at_once(url: str) -> None:
    registries = [Registry(url, default_adapter="sqlite") for _ in range(6)]
    await asyncio.gather(*(registry.open() for registry in registries))
    assert {await registry.secret("key") for registry in registries} == {await registries[0].secret("key")}
    await asyncio.gather(*(registry.close() for registry in registries))
