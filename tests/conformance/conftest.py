"""Which adapters does the suite hold to the rules? Each gets every test, on an empty database of its own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Adapter, Capability


def _memory(_: Path) -> Adapter:
    from aol_adapters.memory.adapter import MemoryAdapter

    return MemoryAdapter()


def _memory_core(_: Path) -> Adapter:
    """The core alone: what is not declared must be refused."""
    from aol_adapters.memory.adapter import MemoryAdapter

    return MemoryAdapter(capabilities=frozenset())


def _sqlite(folder: Path) -> Adapter:
    from aol_adapters.sqlite.adapter import SqliteAdapter

    return SqliteAdapter(folder)


_ADAPTERS: dict[str, Callable[[Path], Adapter]] = {"memory": _memory, "memory-core": _memory_core, "sqlite": _sqlite}


@pytest.fixture(params=list(_ADAPTERS))
async def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Adapter]:
    """A started adapter with nothing in it."""
    adapter = _ADAPTERS[request.param](tmp_path)
    await adapter.start()
    yield adapter
    await adapter.close()


@pytest.fixture
async def trial(adapter: Adapter) -> Trial:
    """An empty collection without indexes."""
    trial = Trial(adapter)
    await trial.ensure()
    return trial


@pytest.fixture
async def capabilities(adapter: Adapter) -> frozenset[Capability]:
    """What the adapter declares."""
    return (await adapter.describe()).capabilities


@pytest.fixture
def needs(capabilities: frozenset[Capability]) -> Callable[[Capability], None]:
    """A function that skips the test when the adapter does not declare a capability."""

    def skip_without(capability: Capability) -> None:
        if capability not in capabilities:
            pytest.skip(f"the adapter does not declare {capability}")

    return skip_without
