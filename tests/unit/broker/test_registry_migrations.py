"""Do the migrations lead to the tables, back, and there again; and does a newer database stay untouched?"""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from aol_broker.registry.database import Database
from aol_broker.registry.rows import from_row
from aol_broker.registry.schema import VERSION_TABLE, RegistryVersionError, bring_up, current_revision, take_down
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.registry.tables import collections, metadata


def _differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_the_migrations_make_the_tables_that_the_program_uses(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.begin() as connection:
        bring_up(connection)
        assert _differences(connection) == []
    engine.dispose()


def test_the_migrations_go_up_down_and_up_again(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.begin() as connection:
        assert current_revision(connection) is None
        bring_up(connection)
        at = current_revision(connection)
        assert at is not None
        take_down(connection, "base")
        assert current_revision(connection) is None
        assert inspect(connection).get_table_names() == [VERSION_TABLE]
        bring_up(connection)
        assert current_revision(connection) == at
        assert _differences(connection) == []
    engine.dispose()


def test_the_collections_of_an_older_registry_are_there_after_it_was_brought_up(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.begin() as connection:
        bring_up(connection)
        take_down(connection, "0001")
        columns = "collection_id, service, name, adapter, description, schema_hint, indexes, soft_delete, validation"
        values = "'shop.items', 'shop', 'items', 'sqlite', '', '{}', '[]', 0, 'off', 0, 'shop', 1"
        connection.execute(
            text(f"INSERT INTO collections ({columns}, declared, created_by, created_us) VALUES ({values})")
        )
        bring_up(connection)
        assert _differences(connection) == []
        [row] = connection.execute(collections.select()).mappings()
    engine.dispose()
    assert from_row(row) == CollectionRecord("shop", "items", "sqlite")


async def _migrate_and_fail(database: Database) -> None:
    async with database.migrating() as connection:
        await connection.run_sync(bring_up)
        raise ZeroDivisionError


async def test_a_migration_that_does_not_end_well_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    database = Database(f"sqlite+aiosqlite:///{file}")
    with pytest.raises(ZeroDivisionError):
        await _migrate_and_fail(database)
    await database.close()
    engine = create_engine(f"sqlite:///{file}")
    assert inspect(engine).get_table_names() == []
    engine.dispose()


async def test_a_database_of_a_newer_program_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        bring_up(connection)
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        connection.execute(text("CREATE TABLE from_the_future (x INTEGER)"))
    registry = Registry(f"sqlite+aiosqlite:///{file}", default_adapter="sqlite")
    with pytest.raises(RegistryVersionError) as refused:
        await registry.open()
    await registry.close()
    assert "9999" in str(refused.value)
    assert "0003" in str(refused.value)
    with engine.connect() as connection:
        assert current_revision(connection) == "9999"
        assert "from_the_future" in inspect(connection).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("attempt", range(10))
async def test_brokers_that_open_a_new_registry_at_once_all_succeed(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}"
    registries = [Registry(url, default_adapter="sqlite") for _ in range(6)]
    await asyncio.gather(*(registry.open() for registry in registries))
    assert {await registry.secret("key") for registry in registries} == {await registries[0].secret("key")}
    await asyncio.gather(*(registry.close() for registry in registries))
