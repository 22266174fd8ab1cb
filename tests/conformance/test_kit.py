"""Do the project's own adapters keep every rule of the kit, in process and as programs?"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from aol_adapters.conformance.rule import Rule
from aol_adapters.conformance.rules import RULES
from aol_adapters.conformance.runner import Verdict, fresh_service, try_program, try_rule
from aol_adapters.conformance.workspace import Workspace
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings as MongodbSettings
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_cli.adapter_programs import LaunchedProgram, Reach, absent_adapter, hosted
from aol_wire.adapter import Adapter, Capability
from aol_wire.errors import DataError, Reason

SERVICE = fresh_service()


@dataclass(frozen=True, slots=True)
class Place:
    """Where an adapter may keep its data."""

    request: pytest.FixtureRequest

    @property
    def folder(self) -> Path:
        factory: pytest.TempPathFactory = self.request.getfixturevalue("tmp_path_factory")
        return factory.mktemp("adapter")

    @property
    def postgres_dsn(self) -> str:
        return str(self.request.getfixturevalue("postgres_dsn"))

    @property
    def mongodb_uri(self) -> str:
        return str(self.request.getfixturevalue("mongodb_uri"))


def memory_program(_: Place) -> Reach:
    return Reach(command=(sys.executable, "-m", "aol_adapters.memory"))


def sqlite_program(place: Place) -> Reach:
    return Reach(command=(sys.executable, "-m", "aol_adapters.sqlite", "--data-dir", str(place.folder)))


def postgres_program(place: Place) -> Reach:
    command = (sys.executable, "-m", "aol_adapters.postgres")
    return Reach(command=command, environment={"AOL_POSTGRES_DSN": place.postgres_dsn})


def mongodb_program(place: Place) -> Reach:
    command = (sys.executable, "-m", "aol_adapters.mongodb")
    return Reach(command=command, environment={"AOL_MONGODB_URI": place.mongodb_uri})


PROGRAMS = {
    "memory over the socket": memory_program,
    "sqlite over the socket": sqlite_program,
    "postgres over the socket": postgres_program,
    "mongodb over the socket": mongodb_program,
}


@asynccontextmanager
async def started(adapter: Adapter) -> AsyncIterator[Adapter]:
    await adapter.start()
    yield adapter
    await adapter.close()


@asynccontextmanager
async def launched(reach: Reach) -> AsyncIterator[Adapter]:
    async with hosted(reach) as adapter:
        yield adapter.adapter


# MongoDB's over the socket alone: the test server is slow, and the same adapter answers in both ways.
OPENED: dict[str, Callable[[Place], AbstractAsyncContextManager[Adapter]]] = {
    "memory": lambda _: started(MemoryAdapter()),
    "memory, the core alone": lambda _: started(MemoryAdapter(capabilities=frozenset())),
    "sqlite": lambda place: started(SqliteAdapter(place.folder)),
    "postgres": lambda place: started(PostgresAdapter(Settings(dsn=place.postgres_dsn))),
    "memory over the socket": lambda place: launched(memory_program(place)),
    "sqlite over the socket": lambda place: launched(sqlite_program(place)),
    "postgres over the socket": lambda place: launched(postgres_program(place)),
    "mongodb over the socket": lambda place: launched(mongodb_program(place)),
}


# Fixtures of servers are not asynchronous ones, and cannot be asked for by those.
@pytest.fixture(scope="session", params=OPENED)
def opening(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Adapter]:
    return OPENED[request.param](Place(request))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def opened(
    opening: AbstractAsyncContextManager[Adapter],
) -> AsyncIterator[tuple[Adapter, frozenset[Capability]]]:
    """An adapter that all rules share, and what it declares."""
    async with opening as adapter:
        yield adapter, (await adapter.describe()).capabilities


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.program], ids=lambda rule: rule.name)
async def test_it_keeps_the_rule(opened: tuple[Adapter, frozenset[Capability]], rule: Rule) -> None:
    adapter, capabilities = opened
    result = await try_rule(rule, adapter, capabilities, service=SERVICE)
    if result.verdict in (Verdict.NOT_DECLARED, Verdict.DOES_NOT_APPLY):
        pytest.skip(result.detail)
    assert result.verdict is Verdict.PASS, f"{rule.sentence}\n{result.detail}"


@pytest.fixture(params=PROGRAMS)
def reach(request: pytest.FixtureRequest) -> Reach:
    return PROGRAMS[request.param](Place(request))


@pytest.mark.integration
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.program], ids=lambda rule: rule.name)
async def test_its_program_keeps_the_rule(reach: Reach, rule: Rule) -> None:
    program = LaunchedProgram(reach.command or (), reach.environment)
    result = await try_program(rule, program, absent_adapter(), Workspace())
    assert result.verdict is Verdict.PASS, f"{rule.sentence}\n{result.detail}"


MAKERS: dict[str, Callable[[Place], Adapter]] = {
    "memory": lambda _: MemoryAdapter(),
    "sqlite": lambda place: SqliteAdapter(place.folder),
    "postgres": lambda place: PostgresAdapter(Settings(dsn=place.postgres_dsn)),
    "mongodb": lambda place: MongodbAdapter(MongodbSettings(uri=place.mongodb_uri)),
}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest) -> Adapter:
    return MAKERS[request.param](Place(request))


async def test_closing_twice_is_harmless_and_a_closed_adapter_is_down(made: Adapter) -> None:
    adapter = made
    await adapter.start()
    await adapter.close()
    await adapter.close()
    with pytest.raises(DataError) as caught:
        await adapter.check()
    assert caught.value.reason is Reason.ADAPTER_DOWN


async def test_sqlite_is_held_to_the_rules_of_every_capability_but_those_of_servers(tmp_path: Path) -> None:
    async with started(SqliteAdapter(tmp_path)) as adapter:
        declared = (await adapter.describe()).capabilities
    beyond = {Capability.PARTITION, Capability.TENANCY}
    assert frozenset().union(*(rule.needs for rule in RULES)) <= declared | beyond


def test_every_rule_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert len({rule.sentence for rule in RULES}) == len(RULES)
    assert [rule.name for rule in RULES if not rule.sentence.endswith(".")] == []
