"""Does a registry on a database server tell what is wrong with that server, and work again when it is back?"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable

import pytest

from aol_broker.registry.access_changes import Granted
from aol_broker.registry.database import Database
from aol_broker.registry.snapshot import CollectionRecord, Permission
from aol_broker.registry.store import Registry
from aol_broker.registry.writer import Writer
from aol_wire.errors import Applied, DataError, Reason
from postgres_server import PostgresServer, rows, sqlalchemy_url, statements

EVENTS = CollectionRecord("shop", "events", "sqlite")
PASSWORD = "wr0ng-s3cret"


@pytest.fixture
async def server() -> AsyncIterator[PostgresServer]:
    """A server of the test's own, which it may stop, and which is not started."""
    server = PostgresServer()
    yield server
    await server.remove()


@pytest.fixture
async def registry(postgres_url: str) -> AsyncIterator[Registry]:
    registry = Registry(postgres_url, default_adapter="sqlite")
    await registry.open()
    await registry.declare_collection(EVENTS, "shop")
    yield registry
    await registry.close()


async def failure(work: Awaitable[object]) -> DataError:
    with pytest.raises(DataError) as caught:
        await work
    assert caught.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert caught.value.retry_after_s
    assert caught.value.__cause__ is None
    return caught.value


async def test_a_server_that_is_not_there_at_the_start_can_come_later(server: PostgresServer) -> None:
    registry = Registry(sqlalchemy_url(server.dsn()), default_adapter="sqlite")
    error = await failure(registry.open())
    assert server.password not in str(error)
    assert str(server.folder) not in str(error)
    await server.start()
    await registry.open()
    assert await registry.declare_collection(EVENTS, "shop") == (registry.snapshot, True)
    await registry.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_a_server_that_goes_away_is_unavailable_and_works_again_by_itself(
    server: PostgresServer, how: signal.Signals
) -> None:
    await server.start()
    registry = Registry(sqlalchemy_url(server.dsn()), default_adapter="sqlite")
    await registry.open()
    snapshot, _ = await registry.declare_collection(EVENTS, "shop")
    await server.stop(how)
    assert (await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))).applied is Applied.NO
    await failure(registry.refresh(snapshot.revision + 1))
    await failure(registry.check())
    # What was read stays known meanwhile.
    assert registry.snapshot is snapshot
    await server.start()
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.NEW
    assert registry.snapshot.revision == snapshot.revision + 1
    await registry.close()


async def test_a_server_that_hangs_is_unavailable_and_works_again_by_itself(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.start()
    registry = Registry(sqlalchemy_url(server.dsn()), default_adapter="sqlite")
    await registry.open()
    await registry.close()
    monkeypatch.setattr("aol_broker.registry.database.BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setattr("aol_broker.registry.database.COMMAND_TIMEOUT_S", 0.2)
    impatient = Registry(sqlalchemy_url(server.dsn()), default_adapter="sqlite")
    server.pause()
    await failure(impatient.refresh(1))
    server.resume()
    await _until_it_answers(impatient)
    await impatient.close()


async def _until_it_answers(registry: Registry) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await registry.check()
            except DataError:
                continue


async def test_a_password_that_the_url_leaves_out_is_given_beside_it(
    postgres_database: str,
) -> None:
    role, password = f"role_{secrets.token_hex(6)}", " p@ss/word:?% "
    await statements(
        postgres_database,
        f"CREATE ROLE {role} LOGIN PASSWORD '{password}'",
        f"GRANT ALL ON SCHEMA public TO {role}",
    )
    url = f"postgresql+asyncpg://{role}@{sqlalchemy_url(postgres_database).partition('@')[2]}"
    registry = Registry(url, default_adapter="sqlite", password=password)
    await registry.open()
    await registry.close()
    wrong = Registry(url, default_adapter="sqlite", password=PASSWORD)
    assert PASSWORD not in str(await failure(wrong.open()))
    await wrong.close()
    await statements(postgres_database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_a_wrong_password_is_told_without_it(postgres_dsn: str) -> None:
    server_url = sqlalchemy_url(postgres_dsn)
    address = server_url.partition("://")[2].partition("@")[2]
    registry = Registry(f"postgresql+asyncpg://aol:{PASSWORD}@{address}", default_adapter="sqlite")
    error = await failure(registry.open())
    await registry.close()
    assert "InvalidPasswordError" in error.message
    assert PASSWORD not in str(error)


async def test_a_database_that_does_not_exist_is_told_without_its_name(postgres_url: str) -> None:
    registry = Registry(postgres_url.replace("/test_", "/s3cret_"), default_adapter="sqlite")
    error = await failure(registry.open())
    await registry.close()
    assert "InvalidCatalogNameError" in error.message
    assert "s3cret" not in str(error)


async def test_a_commit_whose_answer_is_lost_says_that_nobody_knows(registry: Registry, postgres_database: str) -> None:
    await statements(
        postgres_database,
        "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON grants DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION hang_up()",
    )
    error = await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    assert error.applied is Applied.UNKNOWN
    await statements(postgres_database, "DROP TRIGGER at_commit ON grants")
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.NEW


async def test_a_schema_that_is_named_like_the_user_is_not_mistaken_for_the_registrys(
    registry: Registry, postgres_url: str, postgres_database: str
) -> None:
    await statements(
        postgres_database,
        "CREATE SCHEMA AUTHORIZATION CURRENT_USER",
        *(f"CREATE TABLE {name} (something integer)" for name in ("collections", "grants", "registry_version")),
    )
    (found,) = await rows(postgres_database, "SELECT current_schema() <> 'public' AS elsewhere")
    assert found["elsewhere"]
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.NEW
    another = Registry(postgres_url, default_adapter="sqlite")
    await another.open()
    assert another.snapshot == registry.snapshot
    await another.close()


async def test_connections_that_the_server_closed_are_not_noticed_by_callers(
    registry: Registry, postgres_dsn: str, postgres_database: str
) -> None:
    name = postgres_database.partition("?")[0].rpartition("/")[2]
    await statements(postgres_dsn, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.NEW


async def test_a_change_that_waits_too_long_for_another_is_unavailable_and_changes_nothing(
    registry: Registry, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aol_broker.registry.database.COMMAND_TIMEOUT_S", 1.0)
    impatient = Registry(postgres_url, default_adapter="sqlite")
    await impatient.check()
    holder = Database(postgres_url)
    async with holder.writing() as connection:
        await Writer.begin(connection)
        error = await failure(impatient.grant("shop.events", "bank", Permission.READ, "shop"))
        assert error.applied is Applied.NO
    await holder.close()
    assert await impatient.grant("shop.events", "bank", Permission.READ, "shop") is Granted.NEW
    await impatient.close()
