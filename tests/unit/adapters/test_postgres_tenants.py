"""Does PostgreSQL keep tenants apart as the collection's storage says: in one table, in schemas, in databases?"""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_wire.adapter import CollectionSpec, Count, Find, Target
from aol_wire.errors import DataError, Reason
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState
from aol_wire.storage import PartitionInterval, Storage, Tenancy
from postgres_server import rows, statements, with_database

TARGET = Target("shop", "items")
APART = [Tenancy.SCHEMA, Tenancy.DATABASE]


@pytest.fixture
async def prefix(postgres_dsn: str) -> AsyncIterator[str]:
    """What databases of tenants begin with, so that tests do not meet; they are dropped at the end."""
    prefix = f"t{secrets.token_hex(4)}"
    yield prefix
    for row in await rows(postgres_dsn, "SELECT datname FROM pg_database WHERE datname LIKE $1", f"{prefix}%"):
        await statements(postgres_dsn, f'DROP DATABASE "{row[0]}" WITH (FORCE)')


@pytest.fixture
async def adapter(postgres_database: str, prefix: str) -> AsyncIterator[PostgresAdapter]:
    adapter = PostgresAdapter(
        Settings(dsn=postgres_database, prefix=prefix, upkeep_interval_s=3600, tenant_databases=2)
    )
    await adapter.start()
    yield adapter
    await adapter.close()


async def kept(adapter: PostgresAdapter, tenancy: Tenancy, *indexes: dict[str, Any], **storage: Any) -> Trial:
    specs = tuple(parse_index(index, "index") for index in indexes)
    spec = CollectionSpec(TARGET, {"at": "datetime"}, specs, storage=Storage(tenancy=tenancy, **storage))
    await adapter.ensure_collection(spec)
    return Trial(adapter, TARGET)


async def test_a_schema_for_each_tenant_holds_its_documents(
    adapter: PostgresAdapter, postgres_database: str, prefix: str
) -> None:
    trial = await kept(adapter, Tenancy.SCHEMA)
    for tenant in ("north", "south"):
        await trial.at(tenant=tenant).insert("1", {"of": tenant})
    for tenant in ("north", "south"):
        found = await rows(postgres_database, f'SELECT doc ->> \'of\' FROM "{prefix}_shop@{tenant}"."items"')
        assert [row[0] for row in found] == [tenant]


async def test_a_database_for_each_tenant_holds_its_documents(
    adapter: PostgresAdapter, postgres_database: str, prefix: str
) -> None:
    trial = await kept(adapter, Tenancy.DATABASE)
    await trial.at(tenant="north").insert("1", {"of": "north"})
    found = await rows(
        with_database(postgres_database, f"{prefix}_tenant_north"),
        f'SELECT doc ->> \'of\' FROM "{prefix}_shop"."items"',
    )
    assert [row[0] for row in found] == ["north"]


@pytest.mark.parametrize("tenancy", APART)
async def test_tenants_of_any_name_are_kept_apart(adapter: PostgresAdapter, tenancy: Tenancy) -> None:
    trial = await kept(adapter, tenancy)
    tenants = ["north", "North", "n'; DROP TABLE x; --", 'n"orth', "x" * 200, "x" * 199 + "y", "ähnlich", "a/b", "a b"]
    for tenant in tenants:
        await trial.at(tenant=tenant).insert("1", {"of": tenant})
    for tenant in tenants:
        assert (await trial.at(tenant=tenant).get("1"))["of"] == tenant


@pytest.mark.parametrize("tenancy", APART)
async def test_a_call_across_tenants_is_refused(adapter: PostgresAdapter, tenancy: Tenancy) -> None:
    trial = await kept(adapter, tenancy)
    for call in (
        adapter.find(Find(Target("shop", "items", None))),
        adapter.count(Count(Target("shop", "items", None))),
        trial.at(tenant=None).delete({}),
    ):
        with pytest.raises(DataError) as caught:
            await call
        assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED


@pytest.mark.parametrize("tenancy", APART)
async def test_reading_for_a_tenant_that_has_nothing_makes_nothing(
    adapter: PostgresAdapter, tenancy: Tenancy, postgres_database: str, prefix: str
) -> None:
    nobody = (await kept(adapter, tenancy)).at(tenant="nobody")
    assert await nobody.ids({"_id": "1"}) == []
    assert await nobody.ids({"n": 1}) == []
    assert await nobody.count() == 0
    assert await nobody.update({"n": 1}, {"m": 1}) == 0
    assert await nobody.delete({"_id": "1"}) == 0
    made = (
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1 "
        "UNION ALL SELECT datname FROM pg_database WHERE datname LIKE $1"
    )
    assert await rows(postgres_database, made, f"{prefix}%nobody%") == []


@pytest.mark.parametrize("tenancy", APART)
async def test_an_index_that_is_added_holds_for_every_tenant(adapter: PostgresAdapter, tenancy: Tenancy) -> None:
    trial = await kept(adapter, tenancy)
    north, south = trial.at(tenant="north"), trial.at(tenant="south")
    await north.insert("1", {"n": 1})
    await south.insert("1", {"n": []})
    ensured = await trial.ensure({"fields": ["n"], "type": "ascending"})
    assert [(status.state, status.offenders) for status in ensured.indexes] == [(IndexState.FAILED, 1)]
    await south.delete({"_id": "1"})
    ensured = await trial.ensure({"fields": ["n"], "type": "ascending"})
    assert [status.state for status in ensured.indexes] == [IndexState.READY]
    assert [status.state for status in await trial.inspect()] == [IndexState.READY]
    with pytest.raises(DataError) as caught:
        await south.insert("2", {"n": []})
    assert caught.value.reason is Reason.BAD_DOCUMENT


@pytest.mark.parametrize("tenancy", APART)
async def test_dropping_takes_what_all_tenants_have(adapter: PostgresAdapter, tenancy: Tenancy) -> None:
    trial = await kept(adapter, tenancy)
    await trial.at(tenant="north").insert("1", {})
    await adapter.drop_collection(TARGET)
    with pytest.raises(DataError) as caught:
        await trial.at(tenant="north").count()
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
    await kept(adapter, tenancy)
    assert await trial.at(tenant="north").count() == 0
    await trial.at(tenant="north").insert("1", {"again": True})


@pytest.mark.parametrize("tenancy", APART)
async def test_another_adapter_finds_what_a_tenant_has(
    adapter: PostgresAdapter, tenancy: Tenancy, postgres_database: str, prefix: str
) -> None:
    trial = await kept(adapter, tenancy)
    await trial.at(tenant="north").insert("1", {"n": 1})
    other = PostgresAdapter(Settings(dsn=postgres_database, prefix=prefix, upkeep_interval_s=3600))
    await other.start()
    assert await Trial(other, TARGET).at(tenant="north").ids({"n": 1}) == ["1"]
    await other.close()


async def test_the_pools_of_tenants_are_kept_and_their_number_is_bounded(
    adapter: PostgresAdapter, postgres_database: str, prefix: str
) -> None:
    trial = await kept(adapter, Tenancy.DATABASE)
    for number in range(6):
        await trial.at(tenant=f"tenant-{number}").insert("1", {"n": number})
    sql = "SELECT DISTINCT datname FROM pg_stat_activity WHERE datname LIKE $1"
    assert len(await rows(postgres_database, sql, f"{prefix}_tenant_%")) <= 2
    for number in range(6):
        assert (await trial.at(tenant=f"tenant-{number}").get("1"))["n"] == number


async def test_a_tenant_s_documents_can_lie_in_partitions(adapter: PostgresAdapter) -> None:
    trial = await kept(adapter, Tenancy.SCHEMA, partition_by="at", partition_interval=PartitionInterval.MONTH)
    north = trial.at(tenant="north")
    await north.fill({f"{n}": {"at": f"2026-0{n}-01T00:00:00.000000Z"} for n in range(1, 6)})
    assert await north.ids({"at": {"$gte": "2026-03-01T00:00:00.000000Z"}}) == ["3", "4", "5"]


async def test_a_role_that_may_not_make_databases_is_told_what_it_lacks(
    postgres_database: str, postgres_dsn: str, prefix: str
) -> None:
    role, secret = f"{prefix}_role", secrets.token_hex(8)
    name = postgres_database.split("/")[3].split("?", maxsplit=1)[0]
    await statements(
        postgres_dsn, f"CREATE ROLE {role} LOGIN PASSWORD '{secret}'", f'GRANT CREATE ON DATABASE "{name}" TO {role}'
    )
    tail = postgres_database.split("@", 1)[1]
    adapter = PostgresAdapter(Settings(dsn=f"postgresql://{role}:{secret}@{tail}", prefix=prefix))
    await adapter.start()
    try:
        trial = await kept(adapter, Tenancy.DATABASE)
        with pytest.raises(DataError) as caught:
            await trial.at(tenant="north").insert("1", {})
        assert caught.value.reason is Reason.ADAPTER_DOWN
        assert "CREATEDB" in caught.value.message
        assert secret not in str(caught.value)
        await trial.insert("1", {})
    finally:
        await adapter.close()
        await statements(postgres_database, f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")
