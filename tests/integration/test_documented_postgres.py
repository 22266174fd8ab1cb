"""Is what the documentation says of the PostgreSQL adapter so: arguments, privileges, names in the database?"""

import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from aol_adapters.postgres.adapter import CAPABILITIES, PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_broker.settings import load_settings
from aol_wire.adapter import CollectionSpec, Find, Insert, Target, Write
from aol_wire.errors import DataError, Reason
from aol_wire.indexes import IndexField, IndexSpec, IndexType
from aol_wire.storage import PartitionInterval, Storage, Tenancy
from postgres_server import rows, statements, with_database

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "adapters.md").read_text()
SECTION = TEXT.split("\n## PostgreSQL\n", 1)[1].split("\n## ", 1)[0]
ROLE, DATABASE, PASSWORD = "aol_adapter", "documents", "..."
FLIGHTS = Target("flight-ops", "flights")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def as_role(dsn: str) -> str:
    """Return the DSN of the same database for the documented role."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{ROLE}:{PASSWORD}@{host}"))


@pytest.fixture
async def documented(postgres_dsn: str) -> AsyncIterator[str]:
    """The database that the documented statements make, as the documented role sees it."""
    await statements(postgres_dsn, *blocks(SECTION, "sql")[0].splitlines())
    try:
        yield as_role(with_database(postgres_dsn, DATABASE))
    finally:
        await statements(postgres_dsn, f"DROP DATABASE {DATABASE} WITH (FORCE)", f"DROP ROLE {ROLE}")


@contextlib.asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[PostgresAdapter]:
    adapter = PostgresAdapter(Settings(dsn=dsn))
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


async def use(adapter: PostgresAdapter, spec: CollectionSpec) -> None:
    await adapter.ensure_collection(spec)
    [outcome] = await adapter.write(Write(spec.target, [Insert(UUID7, '{"origin":"JFK","minutes":7}', UUID7_US)]))
    assert outcome.error is None
    assert list((await adapter.find(Find(spec.target))).page.id) == [UUID7]


UUID7, UUID7_US = "019aab58-7400-7000-8000-000000000000", 1_763_812_800_000_000


def test_the_arguments_are_those_of_the_program() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "aol_adapters.postgres", "--help"], capture_output=True, text=True, check=True
    ).stdout
    of_every_adapter = {
        *("--help", "--listen", "--insecure-tcp"),
        *("--tls-certificate-file", "--tls-key-file", "--tls-client-ca-file"),
    }
    documented = set(re.findall(r"^\| `(--[a-z-]+)", SECTION, re.MULTILINE))
    assert documented == set(re.findall(r"--[a-z][a-z-]+", shown)) - of_every_adapter


def test_the_capabilities_are_those_of_the_adapter() -> None:
    [row] = re.findall(r"^\| PostgreSQL \|[^|]*\|(.*)\|$", TEXT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {capability.value for capability in CAPABILITIES}


@pytest.mark.parametrize("document", ["adapters.md", "moving.md"])
def test_the_configurations_are_ones_that_a_broker_takes(document: str, tmp_path: Path) -> None:
    found = blocks((ROOT / "docs" / document).read_text(), "yaml")
    assert found
    for text in found:
        (tmp_path / "broker.yaml").write_text(text)
        assert load_settings(tmp_path / "broker.yaml").adapters


async def test_a_role_that_owns_its_database_is_all_that_it_takes(documented: str) -> None:
    async with opened(documented) as adapter:
        await use(adapter, CollectionSpec(FLIGHTS, {"origin": "string"}))


async def test_a_role_that_may_create_in_a_database_of_others_is_enough(documented: str, postgres_dsn: str) -> None:
    await statements(
        postgres_dsn,
        f"ALTER DATABASE {DATABASE} OWNER TO CURRENT_USER",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {ROLE}",
    )
    async with opened(documented) as adapter:
        with pytest.raises(DataError) as refused:
            await adapter.check()
        assert refused.value.reason is Reason.ADAPTER_DOWN
    await statements(postgres_dsn, f"GRANT CREATE ON DATABASE {DATABASE} TO {ROLE}")
    async with opened(documented) as adapter:
        await use(adapter, CollectionSpec(FLIGHTS))


async def test_names_in_the_database_are_the_documented_ones(postgres_database: str) -> None:
    partitioned = Storage("created_at", PartitionInterval.DAY)
    apart = Storage(tenancy=Tenancy.SCHEMA)
    async with opened(postgres_database) as adapter:
        indexes = (IndexSpec((IndexField(("origin",)),), IndexType.ASCENDING),)
        await use(adapter, CollectionSpec(FLIGHTS, {"origin": "string", "minutes": "number"}, indexes))
        await use(adapter, CollectionSpec(Target("flight-ops", "log"), storage=partitioned))
        await adapter.ensure_collection(CollectionSpec(Target("flight-ops", "apart"), storage=apart))
        await adapter.write(Write(Target("flight-ops", "apart", "acme"), [Insert("one", "{}", 1)]))
    sql = "SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname = $1"
    names = {row["relname"] for row in await rows(postgres_database, sql, "aol_flight-ops")}
    assert {"flights", "flights:fields", "flights:index:1", "log", "log:p:2025-11-22"} <= names
    assert {"apart"} <= {row["relname"] for row in await rows(postgres_database, sql, "aol_flight-ops@acme")}
    catalogue = {row["relname"] for row in await rows(postgres_database, sql, "aol")}
    assert {"collections", "indexes", "tenants"} <= catalogue
    [view] = await rows(postgres_database, 'SELECT origin, minutes FROM "aol_flight-ops"."flights:fields"')
    assert (view["origin"], view["minutes"]) == ("JFK", 7)
