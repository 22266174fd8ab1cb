"""Does the registry keep what it is told, tell every broker, and fail cleanly?"""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.registry.database import Database
from aol_broker.registry.snapshot import CollectionRecord, Permission, SecretsPolicy, Validation
from aol_broker.registry.store import SECRET_BYTES, Registry
from aol_broker.registry.writer import Writer
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.indexes import IndexField, IndexSpec, IndexType
from aol_wire.schema_hint import parse_schema_hint

BY_NAME = IndexSpec((IndexField(("name",)),), IndexType.UNIQUE)
BY_AGE = IndexSpec((IndexField(("a", "b")), IndexField(("age",), descending=True)), IndexType.COMPOUND)
EXPIRY = IndexSpec((IndexField(("at",)),), IndexType.TTL, 60)
HINT = parse_schema_hint(
    {
        "at": {"type": "datetime", "required": True},
        "n": {"type": "number", "min": -0.5, "max": 2**63 - 1, "enum": [1, 2.5]},
        "l": {"type": "array", "items": {"sku": {"type": "string", "pattern": "^a", "minLength": 1}, "n": "number"}},
    }
)
EVENTS = CollectionRecord(
    "shop",
    "events",
    "sqlite",
    "what happened",
    HINT.types,
    (BY_NAME, BY_AGE, EXPIRY),
    field_rules=HINT.rules,
    secrets=SecretsPolicy.WARN,
)


async def test_a_collection_is_made_once_and_read_back_whole(registry: Registry, registry_url: str) -> None:
    before = registry.snapshot
    snapshot, created = await registry.declare_collection(EVENTS, "shop")
    assert created is True
    assert snapshot is registry.snapshot
    assert snapshot.revision == before.revision + 1
    assert before.collections == {}
    again = Registry(registry_url, default_adapter="sqlite")
    await again.open()
    assert again.snapshot.collection("shop", "events") == EVENTS
    assert again.snapshot.services["shop"].manifest_version == 0
    assert again.snapshot == registry.snapshot
    await again.close()


async def test_declaring_the_same_again_changes_nothing(registry: Registry, other: Registry) -> None:
    snapshot, _ = await registry.declare_collection(EVENTS, "shop")
    assert await registry.declare_collection(EVENTS, "shop") == (snapshot, False)
    # The other broker has not heard of it yet, and finds out when it tries.
    assert other.snapshot.collections == {}
    _, created = await other.declare_collection(EVENTS, "shop")
    assert created is False
    assert (await other.refresh(snapshot.revision)).revision == snapshot.revision


async def test_declaring_again_adds_indexes_and_takes_none_away(registry: Registry) -> None:
    await registry.declare_collection(replace(EVENTS, indexes=(BY_NAME,)), "shop")
    snapshot, created = await registry.declare_collection(
        CollectionRecord("shop", "events", "sqlite", indexes=(BY_AGE,)), "shop"
    )
    found = snapshot.collections["shop.events"]
    assert created is False
    assert found.indexes == (BY_NAME, BY_AGE)
    assert (found.description, found.schema_hint, found.field_rules) == ("what happened", HINT.types, HINT.rules)


async def test_a_description_and_a_hint_change_when_they_are_given_and_the_adapter_never(registry: Registry) -> None:
    await registry.declare_collection(EVENTS, "shop")
    changed = CollectionRecord("shop", "events", "postgres", "new words", {"n": "number"}, soft_delete=True)
    snapshot, _ = await registry.declare_collection(changed, "shop")
    found = snapshot.collections["shop.events"]
    assert (found.description, dict(found.schema_hint), dict(found.field_rules)) == ("new words", {"n": "number"}, {})
    assert (found.adapter, found.soft_delete, found.secrets) == ("sqlite", False, SecretsPolicy.WARN)


MANIFEST = Manifest(
    "shop",
    "1.0",
    (
        DeclaredCollection("events", "what happened", {"at": "datetime"}, (BY_NAME,), True, Validation.STRICT),
        DeclaredCollection("items", sharing=(Sharing("bank", Permission.READ),)),
    ),
    (AccessRequest("bank.accounts", Permission.READ, "to be paid"),),
)


async def test_a_manifest_makes_its_collections_and_the_same_text_is_the_same_version(registry: Registry) -> None:
    first = await registry.apply_manifest(MANIFEST, "text 1", "manifest.yaml", "operator")
    revision = registry.snapshot.revision
    assert (first.service, first.version, first.changed) == ("shop", 1, True)
    assert first.created == ("shop.events", "shop.items")
    assert [(grant.collection_id, grant.reason) for grant in first.pending] == [("bank.accounts", "to be paid")]
    again = await registry.apply_manifest(MANIFEST, "text 1", "elsewhere.yaml", "another")
    assert (again.version, again.changed, again.created, again.pending) == (1, False, (), first.pending)
    assert registry.snapshot.revision == revision
    second = await registry.apply_manifest(MANIFEST, "text 2", "manifest.yaml", "operator")
    assert (second.version, second.changed, second.created) == (2, True, ())
    assert registry.snapshot.services["shop"].manifest_version == 2
    found = registry.snapshot.collections["shop.events"]
    assert (found.adapter, found.declared, found.soft_delete, found.validation) == ("sqlite", True, True, "strict")


async def test_what_audit_records_show_is_what_the_newest_manifest_says(registry: Registry, other: Registry) -> None:
    hidden = AuditPolicy(AuditLevel.SHAPE, (("_id",), ("login", "pin")))
    for policy in (AuditPolicy(), hidden, AuditPolicy(AuditLevel.METADATA)):
        manifest = Manifest("shop", collections=(DeclaredCollection("events", audit=policy),))
        await registry.apply_manifest(manifest, f"{policy}", "manifest.yaml", "operator")
        # What a service asks for, or no longer declares, makes nothing readable.
        await registry.declare_collection(CollectionRecord("shop", "events", "sqlite", "other words"), "shop")
        await registry.apply_manifest(Manifest("shop"), f"none after {policy}", "manifest.yaml", "operator")
        assert registry.snapshot.collections["shop.events"].audit == policy
        found = await other.refresh(registry.snapshot.revision)
        assert found.collections["shop.events"].audit == policy


async def test_a_collection_that_a_manifest_no_longer_names_stays_undeclared_and_unshared(registry: Registry) -> None:
    await registry.apply_manifest(MANIFEST, "text 1", "manifest.yaml", "operator")
    asker = Manifest("bank", "1", (), (AccessRequest("shop.items", Permission.READ),))
    applied = await registry.apply_manifest(asker, "ask", "manifest.yaml", "operator")
    assert len(applied.active) == 1
    await registry.apply_manifest(Manifest("shop"), "text 2", "manifest.yaml", "operator")
    assert registry.snapshot.collections["shop.items"].declared is False
    assert [grant.state for grant in registry.snapshot.grants_of("shop.items", "bank")] == ["pending"]
    assert registry.snapshot.grants_of("bank.accounts", "shop") == ()


async def test_a_manifest_takes_over_a_collection_that_was_requested_before(registry: Registry) -> None:
    await registry.declare_collection(CollectionRecord("shop", "events", "memory", indexes=(BY_AGE,)), "shop")
    applied = await registry.apply_manifest(MANIFEST, "text", "manifest.yaml", "operator")
    found = registry.snapshot.collections["shop.events"]
    assert applied.created == ("shop.items",)
    assert (found.adapter, found.declared, found.indexes) == ("memory", True, (BY_AGE, BY_NAME))


async def test_a_change_that_fails_in_the_middle_changes_nothing(registry: Registry, other: Registry) -> None:
    before = registry.snapshot
    # The parser lets no request through twice; here that stops the transaction when most of it is written.
    twice = Manifest("shop", "1", MANIFEST.collections, (MANIFEST.access_requests[0],) * 2)
    with pytest.raises(DataError) as failed:
        await registry.apply_manifest(twice, "text", "manifest.yaml", "operator")
    assert failed.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert failed.value.applied is Applied.NO
    assert "to be paid" not in str(failed.value)
    assert registry.snapshot is before
    assert (await other.refresh(before.revision + 1)).services == {}


async def test_two_brokers_see_each_other_after_a_refresh(registry: Registry, other: Registry) -> None:
    await registry.declare_collection(EVENTS, "shop")
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    assert other.snapshot.revision < registry.snapshot.revision
    assert await other.refresh(registry.snapshot.revision) == registry.snapshot
    await other.revoke("shop.events", "bank")
    assert await registry.refresh(other.snapshot.revision) == other.snapshot
    assert registry.snapshot.grants_of("shop.events", "bank") == ()


async def test_a_refresh_that_is_not_behind_reads_nothing(registry: Registry) -> None:
    await registry.declare_collection(EVENTS, "shop")
    snapshot = registry.snapshot
    assert await registry.refresh(0) is snapshot
    assert await registry.refresh(snapshot.revision) is snapshot


async def test_a_forged_revision_gets_the_newest_there_is(registry: Registry) -> None:
    await registry.declare_collection(EVENTS, "shop")
    snapshot = registry.snapshot
    answers = await asyncio.gather(*(registry.refresh(2**62) for _ in range(20)))
    assert all(answer is snapshot for answer in answers)


async def test_many_writers_in_two_brokers_all_succeed(registry: Registry, other: Registry) -> None:
    records = [CollectionRecord("shop", f"c{number}", "sqlite") for number in range(20)]
    made = await asyncio.gather(
        *(each.declare_collection(record, "shop") for record in records for each in (registry, other))
    )
    assert sum(created for _, created in made) == len(records)
    newest = max(registry.snapshot.revision, other.snapshot.revision)
    assert await registry.refresh(newest) == await other.refresh(newest)
    assert registry.snapshot.owned_by("shop") == tuple(sorted(record.collection_id for record in records))


async def test_a_snapshot_made_in_steps_equals_one_that_is_read_at_once(registry: Registry, other: Registry) -> None:
    asker = Manifest("bank", "1", (), (AccessRequest("shop.items", Permission.READ),))
    await registry.apply_manifest(MANIFEST, "1", "m", "operator")
    await registry.apply_manifest(asker, "1", "m", "operator")
    await registry.grant("shop.events", "bank", Permission.ADMIN, "shop")
    await registry.revoke("shop.items", "bank", Permission.READ)
    await registry.apply_manifest(Manifest("bank"), "2", "m", "operator")
    await registry.declare_collection(CollectionRecord("bank", "x", "sqlite"), "bank")
    assert await other.refresh(registry.snapshot.revision) == registry.snapshot


async def test_a_cancelled_caller_leaves_a_finished_change(registry: Registry) -> None:
    task = asyncio.create_task(registry.declare_collection(EVENTS, "shop"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The next change waits for the cancelled one's.
    await registry.grant("shop.events", "bank", Permission.READ, "shop")
    assert registry.snapshot.collection("shop", "events") == EVENTS


async def test_closing_waits_for_changes_and_twice_is_harmless(registry_url: str) -> None:
    registry = Registry(registry_url, default_adapter="sqlite")
    await registry.open()
    task = asyncio.create_task(registry.declare_collection(EVENTS, "shop"))
    await asyncio.sleep(0)
    await registry.close()
    await registry.close()
    assert (await task)[1] is True


async def test_a_secret_is_random_shared_and_stays(registry: Registry, other: Registry) -> None:
    first, second = await asyncio.gather(registry.secret("page-token"), other.secret("page-token"))
    assert first == second
    assert len(first) == SECRET_BYTES
    assert await registry.secret("something-else") != first
    assert await registry.secret("page-token") == first


async def test_the_file_is_for_its_owner_alone(sqlite_url: str, tmp_path: Path) -> None:
    registry = Registry(sqlite_url, default_adapter="sqlite")
    await registry.open()
    await registry.secret("page-token")
    assert {file.stat().st_mode & 0o077 for file in tmp_path.glob("registry.db*")} == {0}
    await registry.close()


async def test_a_busy_database_is_unavailable_and_then_available_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aol_broker.registry.database.BUSY_TIMEOUT_S", 0.05)
    impatient = Registry(sqlite_url, default_adapter="sqlite")
    await impatient.open()
    holder = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DataError) as busy:
        await impatient.declare_collection(EVENTS, "shop")
    holder.execute("ROLLBACK")
    holder.close()
    assert busy.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert "SQLITE_BUSY" in busy.value.message
    assert busy.value.applied is Applied.NO
    assert busy.value.retry_after_s
    await impatient.check()
    assert (await impatient.declare_collection(EVENTS, "shop"))[1] is True
    await impatient.close()


async def _open_and_close(url: str) -> None:
    registry = Registry(url, default_adapter="sqlite")
    try:
        await registry.open()
    finally:
        await registry.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:////proc/nowhere/s3cret.db",
        "postgresql+asyncpg://user:s3cret@127.0.0.1:1/s3cret",
        "postgresql+asyncpg://user:s3cret@host.invalid/s3cret",
        "s3cret",
        "s3cret+nothing://x",
    ],
)
async def test_a_database_that_cannot_be_used_is_unavailable_and_the_error_holds_nothing_of_its_url(url: str) -> None:
    with pytest.raises(DataError) as failed:
        await _open_and_close(url)
    assert failed.value.reason is Reason.REGISTRY_UNAVAILABLE
    assert not any(part in str(failed.value) for part in ("s3cret", "user", "127.0.0.1", "host.invalid"))
    assert failed.value.__cause__ is None


async def test_a_file_that_is_no_database_is_unavailable(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"this is not a database, but it is long enough to look at" * 100)
    with pytest.raises(DataError) as failed:
        await _open_and_close(sqlite_url)
    assert failed.value.reason is Reason.REGISTRY_UNAVAILABLE


_WRITER = textwrap.dedent("""
    import asyncio, os, signal, sys
    from aol_broker.registry.database import Database
    from aol_broker.registry.store import Registry
    from aol_broker.registry.snapshot import CollectionRecord
    from aol_broker.registry.writer import Writer

    async def main():
        url = sys.argv[1]
        registry = Registry(url, default_adapter="sqlite")
        await registry.open()
        for number in range(5):
            await registry.declare_collection(CollectionRecord("shop", f"c{number}", "sqlite"), "shop")
        async with Database(url).writing() as connection:
            writer = await Writer.begin(connection)
            await writer.store([CollectionRecord("shop", "half", "sqlite")], (), "shop")
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
""")


async def test_a_broker_that_is_killed_in_a_change_loses_that_change_alone(registry_url: str) -> None:
    command = [sys.executable, "-c", _WRITER, registry_url]
    process = await asyncio.to_thread(
        subprocess.run, command, env={"PYTHONPATH": ":".join(sys.path)}, timeout=60, check=False
    )
    assert process.returncode == -signal.SIGKILL
    registry = Registry(registry_url, default_adapter="sqlite")
    await registry.open()
    assert registry.snapshot.owned_by("shop") == tuple(f"shop.c{number}" for number in range(5))
    assert registry.snapshot.revision == 5
    await registry.declare_collection(CollectionRecord("shop", "half", "sqlite"), "shop")
    assert registry.snapshot.revision == 6
    await registry.close()


async def test_ten_thousand_collections_are_registered_and_looked_up(registry: Registry, other: Registry) -> None:
    many = Manifest("shop", "1", tuple(DeclaredCollection(f"c{number}") for number in range(10_000)))
    applied = await registry.apply_manifest(many, "text", "manifest.yaml", "operator")
    assert len(applied.created) == 10_000
    await other.refresh(registry.snapshot.revision)
    assert other.snapshot.collection("shop", "c9999") is not None
    assert len(other.snapshot.owned_by("shop")) == 10_000


async def test_a_writer_that_writes_nothing_is_not_counted(registry: Registry, registry_url: str) -> None:
    database = Database(registry_url)
    async with database.writing() as connection:
        writer = await Writer.begin(connection)
        assert writer.revision == registry.snapshot.revision + 1
        assert writer.changed is False
    await database.close()
    await registry.declare_collection(EVENTS, "shop")
    assert registry.snapshot.revision == 1
