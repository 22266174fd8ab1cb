"""Does a broker hear at once what another one changed, and does it do without when it cannot hear?"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import structlog.testing

from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.registry.notices import CHANNEL, LISTENER_NAME
from aol_broker.registry.snapshot import CollectionRecord, GrantState, Permission
from aol_broker.registry.store import Registry
from postgres_server import PostgresServer, rows, sqlalchemy_url, statements

EVENTS = CollectionRecord("shop", "events", "sqlite")
WITHIN_S = 20.0
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Registry]:
    registry = Registry(url, default_adapter="sqlite")
    await registry.open()
    yield registry
    await registry.close()


@contextlib.asynccontextmanager
async def following(registry: Registry) -> AsyncIterator[None]:
    task = asyncio.create_task(registry.follow())
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def listening_pids(dsn: str, *, other_than: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return the processes of the server that listeners are connected to, as soon as there is one."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = tuple(
                row["pid"] for row in await rows(dsn, LISTENERS, LISTENER_NAME) if row["pid"] not in other_than
            )
            if found:
                return found


async def seen(registry: Registry, condition: Callable[[], bool]) -> None:
    """Return as soon as the registry's snapshot, which nobody refreshes here, fulfils a condition."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            # Lets the loop run, by a statement that does not read the snapshot anew.
            await registry.check()


def may_read(registry: Registry, service: str = "bank") -> bool:
    grants = registry.snapshot.grants_of("shop.events", service)
    return any(grant.state is GrantState.ACTIVE for grant in grants)


@pytest.fixture
async def registry(postgres_url: str) -> AsyncIterator[Registry]:
    async with opened(postgres_url) as registry:
        await registry.declare_collection(EVENTS, "shop")
        yield registry


@pytest.fixture
async def listener(postgres_url: str, postgres_database: str, registry: Registry) -> AsyncIterator[Registry]:
    """A second broker's registry, which listens, and which nobody refreshes."""
    async with opened(postgres_url) as other, following(other):
        await listening_pids(postgres_database)
        yield other


async def test_grants_and_revocations_are_heard_without_a_refresh(registry: Registry, listener: Registry) -> None:
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    await seen(listener, lambda: may_read(listener))
    await registry.revoke("shop.events", "bank")
    await seen(listener, lambda: not may_read(listener))


async def test_collections_and_manifests_are_heard_without_a_refresh(registry: Registry, listener: Registry) -> None:
    await registry.declare_collection(CollectionRecord("shop", "more", "sqlite"), "shop")
    await seen(listener, lambda: "shop.more" in listener.snapshot.collections)
    sharing = (Sharing("bank", Permission.READ),)
    shop = Manifest("shop", "1", (DeclaredCollection("events", sharing=sharing),))
    bank = Manifest("bank", "1", (), (AccessRequest("shop.events", Permission.READ),))
    await registry.apply_manifest(bank, "ask", "manifest.yaml", "operator")
    await registry.apply_manifest(shop, "share", "manifest.yaml", "operator")
    await seen(listener, lambda: may_read(listener))
    assert listener.snapshot == registry.snapshot


async def test_many_changes_at_once_are_all_known_in_the_end(registry: Registry, listener: Registry) -> None:
    services = [f"s{number}" for number in range(50)]
    await asyncio.gather(*(registry.grant("shop.events", name, Permission.READ, "shop") for name in services))
    await seen(listener, lambda: all(may_read(listener, name) for name in services))


async def test_without_listening_nothing_is_heard_and_a_refresh_finds_it(
    registry: Registry, listener: Registry, postgres_url: str
) -> None:
    async with opened(postgres_url) as deaf:
        await registry.grant("shop.events", "bank", Permission.READ, "shop")
        await seen(listener, lambda: may_read(listener))
        assert not may_read(deaf)
        await deaf.refresh(deaf.snapshot.revision + 1)
        assert may_read(deaf)


async def test_a_change_that_is_not_made_is_not_announced(
    registry: Registry, listener: Registry, postgres_database: str
) -> None:
    before = listener.snapshot
    assert await registry.revoke("shop.events", "nobody") is False
    # Notices come in the order of the commits: this one is heard after all that was announced before it.
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    await seen(listener, lambda: may_read(listener))
    assert listener.snapshot.revision == before.revision + 1


async def test_a_lost_connection_is_opened_again_and_what_was_missed_is_read(
    registry: Registry, listener: Registry, postgres_dsn: str, postgres_database: str
) -> None:
    name = postgres_database.partition("?")[0].rpartition("/")[2]
    lost = await listening_pids(postgres_database)
    # Nobody gets a new connection; those that there are go on.
    await statements(postgres_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await statements(postgres_dsn, *(f"SELECT pg_terminate_backend({pid}, 5000)" for pid in lost))
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    assert not may_read(listener)
    await statements(postgres_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await seen(listener, lambda: may_read(listener))
    await listening_pids(postgres_database, other_than=lost)
    await registry.revoke("shop.events", "bank")
    await seen(listener, lambda: not may_read(listener))


@pytest.mark.parametrize("payload", ["", "x", "-1", "1.5", "٣", "9" * 18, "9" * 19, "9" * 7000])
async def test_a_forged_notice_harms_nobody(
    registry: Registry, listener: Registry, postgres_database: str, payload: str
) -> None:
    await statements(postgres_database, f"NOTIFY {CHANNEL}, '{payload}'")
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    await seen(listener, lambda: may_read(listener))
    assert listener.snapshot == registry.snapshot


async def test_following_a_registry_that_cannot_tell_returns_at_once(sqlite_url: str) -> None:
    async with opened(sqlite_url) as registry, asyncio.timeout(WITHIN_S):
        await registry.follow()


async def test_a_registry_that_gets_no_connection_to_listen_on_works_and_says_so_once(
    postgres_database: str,
) -> None:
    role, password = f"few_{secrets.token_hex(6)}", "s3cret"
    await statements(
        postgres_database,
        f"CREATE ROLE {role} LOGIN PASSWORD '{password}' CONNECTION LIMIT 1",
        f"GRANT ALL ON SCHEMA public TO {role}",
    )
    address = sqlalchemy_url(postgres_database).partition("@")[2]
    with structlog.testing.capture_logs() as logged:
        async with opened(f"postgresql+asyncpg://{role}:{password}@{address}") as registry, following(registry):
            await seen(
                registry, lambda: len([line for line in logged if line["event"] == "registry.not_listening"]) > 1
            )
            await registry.declare_collection(EVENTS, "shop")
            await statements(postgres_database, f"ALTER ROLE {role} CONNECTION LIMIT 9")
            await listening_pids(postgres_database)
    told = [line for line in logged if line["log_level"] in ("info", "warning")]
    assert [line["event"] for line in told] == ["registry.not_listening", "registry.listening"]
    assert "TooManyConnectionsError" in told[0]["reason"]
    assert password not in str(logged)
    await statements(postgres_database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_a_connection_that_only_seems_to_be_there_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aol_broker.registry.notices.CHECK_EVERY_S", 0.2)
    monkeypatch.setattr("aol_broker.registry.database.COMMAND_TIMEOUT_S", 1.0)
    server = PostgresServer()
    try:
        await server.start()
        async with opened(sqlalchemy_url(server.dsn())) as registry, following(registry):
            (silent,) = await listening_pids(server.dsn())
            os.kill(silent, signal.SIGSTOP)
            await listening_pids(server.dsn(), other_than=(silent,))
            os.kill(silent, signal.SIGCONT)
    finally:
        await server.remove()


async def test_a_server_that_goes_away_is_told_in_one_line_without_secrets_and_listened_to_again() -> None:
    server = PostgresServer()
    try:
        await server.start()
        url = sqlalchemy_url(server.dsn())
        with structlog.testing.capture_logs() as logged:
            async with opened(url) as registry, opened(url) as other, following(other):
                first = await listening_pids(server.dsn())
                await server.stop()
                await server.start()
                await listening_pids(server.dsn(), other_than=first)
                await registry.declare_collection(EVENTS, "shop")
                await seen(other, lambda: "shop.events" in other.snapshot.collections)
    finally:
        await server.remove()
    told = [line["event"] for line in logged if line["log_level"] in ("info", "warning")]
    assert told == ["registry.listening", "registry.not_listening", "registry.listening"]
    assert server.password not in str(logged)
    assert str(server.folder) not in str(logged)
