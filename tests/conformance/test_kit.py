"""Do the project's own adapters keep every rule of the kit, in process and as programs?"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from aol_adapters.conformance.rule import Rule
from aol_adapters.conformance.rules import RULES
from aol_adapters.conformance.runner import Verdict, fresh_service, try_program, try_rule
from aol_adapters.conformance.workspace import Workspace
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_cli.adapter_programs import LaunchedProgram, Reach, absent_adapter, hosted
from aol_wire.adapter import Adapter, Capability
from aol_wire.errors import DataError, Reason

SERVICE = fresh_service()


def memory_program(_: Path) -> tuple[str, ...]:
    return sys.executable, "-m", "aol_adapters.memory"


def sqlite_program(folder: Path) -> tuple[str, ...]:
    return sys.executable, "-m", "aol_adapters.sqlite", "--data-dir", str(folder)


PROGRAMS = {"memory over the socket": memory_program, "sqlite over the socket": sqlite_program}


@asynccontextmanager
async def started(adapter: Adapter) -> AsyncIterator[Adapter]:
    await adapter.start()
    yield adapter
    await adapter.close()


@asynccontextmanager
async def launched(command: tuple[str, ...]) -> AsyncIterator[Adapter]:
    async with hosted(Reach(command=command)) as adapter:
        yield adapter.adapter


OPENED: dict[str, Callable[[Path], AbstractAsyncContextManager[Adapter]]] = {
    "memory": lambda _: started(MemoryAdapter()),
    "memory, the core alone": lambda _: started(MemoryAdapter(capabilities=frozenset())),
    "sqlite": lambda folder: started(SqliteAdapter(folder)),
    "memory over the socket": lambda folder: launched(memory_program(folder)),
    "sqlite over the socket": lambda folder: launched(sqlite_program(folder)),
}


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=OPENED)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Adapter, frozenset[Capability]]]:
    """An adapter that all rules share, and what it declares."""
    async with OPENED[request.param](tmp_path_factory.mktemp("adapter")) as adapter:
        yield adapter, (await adapter.describe()).capabilities


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.program], ids=lambda rule: rule.name)
async def test_it_keeps_the_rule(opened: tuple[Adapter, frozenset[Capability]], rule: Rule) -> None:
    adapter, capabilities = opened
    result = await try_rule(rule, adapter, capabilities, service=SERVICE)
    if result.verdict in (Verdict.NOT_DECLARED, Verdict.DOES_NOT_APPLY):
        pytest.skip(result.detail)
    assert result.verdict is Verdict.PASS, f"{rule.sentence}\n{result.detail}"


@pytest.mark.integration
@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.program], ids=lambda rule: rule.name)
async def test_its_program_keeps_the_rule(kind: str, rule: Rule, tmp_path: Path) -> None:
    program = LaunchedProgram(PROGRAMS[kind](tmp_path))
    result = await try_program(rule, program, absent_adapter(), Workspace())
    assert result.verdict is Verdict.PASS, f"{rule.sentence}\n{result.detail}"


@pytest.mark.parametrize("make", [lambda _: MemoryAdapter(), SqliteAdapter], ids=["memory", "sqlite"])
async def test_closing_twice_is_harmless_and_a_closed_adapter_is_down(
    make: Callable[[Path], Adapter], tmp_path: Path
) -> None:
    adapter = make(tmp_path)
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
