"""What does a change say that fails half-way, and does the broker that made it follow it in the end?"""

import asyncio
import gc
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest
from aol_broker.registry.access_changes import Granted
from aol_broker.registry.database import Database
from aol_broker.registry.snapshot import CollectionRecord, Permission
from aol_broker.registry.store import Registry
from aol_wire.errors import Applied, DataError, Reason

EVENTS = CollectionRecord("shop", "events", "sqlite")
MANIFEST = Manifest("shop", "1", (DeclaredCollection("items"),), (AccessRequest("bank.accounts", Permission.READ),))


@pytest.fixture
async def registry(registry: Registry) -> Registry:
    await registry.declare_collection(EVENTS, "shop")
    return registry


async def _alter(url: str, statement: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


async def break_reading(url: str) -> None:
    """From now on snapshots cannot be loaded, while grants can be written: loading reads a table more."""
    await _alter(url, "ALTER TABLE revocations RENAME TO away")


async def mend_reading(url: str) -> None:
    await _alter(url, "ALTER TABLE away RENAME TO revocations")


async def failure(work: Awaitable[object]) -> DataError:
    with pytest.raises(DataError) as caught:
        await work
    assert caught.value.reason is Reason.REGISTRY_UNAVAILABLE
    return caught.value


def may_read(registry: Registry, service: str = "bank") -> bool:
    return any(grant.state == "active" for grant in registry.snapshot.grants_of("shop.events", service))


async def test_a_change_that_is_made_but_cannot_be_read_back_says_so(registry: Registry, registry_url: str) -> None:
    await break_reading(registry_url)
    error = await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    assert error.applied is Applied.YES
    assert error.retry_after_s
    assert "The change is made" in error.message
    assert not may_read(registry)


async def test_what_could_not_be_read_back_is_there_after_a_refresh(registry: Registry, registry_url: str) -> None:
    await break_reading(registry_url)
    await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    await failure(registry.refresh(registry.snapshot.revision + 1))
    await mend_reading(registry_url)
    await registry.refresh(registry.snapshot.revision + 1)
    assert may_read(registry)


async def test_repeating_a_grant_that_was_not_read_back_makes_it_hold(registry: Registry, registry_url: str) -> None:
    await break_reading(registry_url)
    await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    await mend_reading(registry_url)
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.UNCHANGED
    assert may_read(registry)


async def test_a_repetition_that_finds_the_registry_unreadable_still_has_changed_nothing(
    registry: Registry, registry_url: str
) -> None:
    await break_reading(registry_url)
    await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    again = await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    assert again.applied is Applied.NO


@pytest.mark.parametrize(
    "repeat",
    [
        lambda registry: registry.grant("shop.events", "bank", Permission.READ, "shop"),
        lambda registry: registry.revoke("shop.events", "nobody"),
        lambda registry: registry.declare_collection(CollectionRecord("shop", "new", "sqlite"), "shop"),
        lambda registry: registry.apply_manifest(MANIFEST, "text", "manifest.yaml", "operator"),
    ],
    ids=["grant", "revoke", "declare", "apply"],
)
async def test_a_change_that_another_broker_made_already_is_known_after_it(
    registry: Registry, registry_url: str, repeat: Callable[[Registry], Awaitable[Any]]
) -> None:
    other = Registry(registry_url, default_adapter="sqlite")
    await other.open()
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    await registry.declare_collection(CollectionRecord("shop", "new", "sqlite"), "shop")
    await registry.apply_manifest(MANIFEST, "text", "manifest.yaml", "operator")
    await repeat(other)
    assert other.snapshot == registry.snapshot
    await other.close()


async def test_a_change_that_never_began_says_no(registry: Registry, registry_url: str) -> None:
    await _alter(registry_url, "ALTER TABLE grants RENAME TO away")
    error = await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    assert error.applied is Applied.NO
    await _alter(registry_url, "ALTER TABLE away RENAME TO grants")
    assert await registry.grant("shop.events", "bank", Permission.READ, "shop") is Granted.NEW


async def test_a_commit_that_fails_says_that_nobody_knows(sqlite_url: str, tmp_path: Path) -> None:
    registry = Registry(sqlite_url, default_adapter="sqlite")
    await registry.open()
    await registry.declare_collection(EVENTS, "shop")
    journal = tmp_path / "registry.db-wal"
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size, old[1]))
    try:
        error = await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert error.applied is Applied.UNKNOWN
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    assert may_read(registry)
    await registry.close()


async def test_changes_that_wait_for_one_that_is_not_read_back_are_made(registry: Registry, registry_url: str) -> None:
    await break_reading(registry_url)
    outcomes = await asyncio.gather(
        *(registry.grant("shop.events", f"s{number}", Permission.READ, "shop") for number in range(5)),
        return_exceptions=True,
    )
    assert [outcome.applied for outcome in outcomes if isinstance(outcome, DataError)] == [Applied.YES] * 5
    await mend_reading(registry_url)
    await registry.refresh(registry.snapshot.revision + 1)
    assert all(may_read(registry, f"s{number}") for number in range(5))


async def test_every_connection_forces_its_commits_to_disk(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.reading() as connection:
        modes = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        ]
    await database.close()
    assert modes == ["wal", 2]


async def test_garbage_is_collected_again_after_a_reading_whatever_became_of_it(
    registry: Registry, registry_url: str
) -> None:
    """It is not, while a snapshot is made."""
    assert gc.isenabled()
    await break_reading(registry_url)
    await failure(registry.grant("shop.events", "bank", Permission.READ, "shop"))
    assert gc.isenabled()
