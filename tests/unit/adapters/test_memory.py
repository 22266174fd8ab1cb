"""Is the memory adapter what the suite of all adapters cannot see?"""

import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.memory.adapter import CAPABILITIES, MemoryAdapter
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason


async def test_an_adapter_that_is_not_started_is_down() -> None:
    adapter = MemoryAdapter()
    with pytest.raises(DataError) as caught:
        await adapter.check()
    assert caught.value.reason is Reason.ADAPTER_DOWN
    with pytest.raises(DataError) as caught:
        await Trial(adapter).ensure()
    assert caught.value.reason is Reason.ADAPTER_DOWN


async def test_what_it_keeps_ends_with_it() -> None:
    adapter = MemoryAdapter()
    await adapter.start()
    trial = Trial(adapter)
    await trial.ensure()
    await trial.insert("1", {})
    await adapter.close()
    await adapter.start()
    with pytest.raises(DataError) as caught:
        await trial.count()
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND


async def test_it_never_declares_more_than_it_has() -> None:
    adapter = MemoryAdapter(frozenset(Capability))
    assert (await adapter.describe()).capabilities == CAPABILITIES
    assert Capability.EXPLAIN not in CAPABILITIES


async def test_documents_handed_out_are_not_those_kept() -> None:
    adapter = MemoryAdapter()
    await adapter.start()
    trial = Trial(adapter)
    await trial.ensure()
    document = {"a": {"b": [1]}}
    await trial.insert("1", document)
    document["a"]["b"].append(2)
    (await trial.get("1"))["a"] = None
    assert (await trial.get("1"))["a"] == {"b": [1]}
    await trial.update({}, {"$push": {"a.b": 3}})
    assert (await trial.get("1"))["a"] == {"b": [1, 3]}
    await adapter.close()
