"""Is it told how far the indexes of an applied plan are, until they are built or cannot be?"""

from dataclasses import replace
from pathlib import Path

import pytest

from aol.admin.v1 import plan_pb2 as pb
from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.server import Broker
from aol_broker.settings import load_settings
from aol_cli.operator_calls import operator_calls
from aol_cli.planning import apply_plan, follow_indexes, plan_texts
from aol_wire.adapter import Target
from aol_wire.indexes import IndexState, IndexStatus
from manifest_samples import text
from running_brokers import UNVERIFIED

pytestmark = pytest.mark.integration


class BuildingAdapter(MemoryAdapter):
    """Builds an index each time that it is asked how they stand."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        found = await super().inspect_collection(target)
        built, self._asked = self._asked, self._asked + 1
        return tuple(
            status if place < built else replace(status, state=IndexState.BUILDING)
            for place, status in enumerate(found)
        )


async def test_building_indexes_are_told_until_all_are_built(tmp_path: Path) -> None:
    values = {"data_dir": str(tmp_path / "data"), "listen": "127.0.0.1:0", "authentication": UNVERIFIED}
    settings = load_settings(None, values)
    broker = Broker(settings, in_process={"memory": BuildingAdapter()})
    await broker.start()
    try:
        told: list[str] = []
        indexes = [{"fields": [name], "type": "ascending"} for name in ("a", "b")]
        manifest = text("shop", "1", [{"name": "items", "indexes": indexes}])
        async with operator_calls(broker.endpoint, broker.operator_token) as calls:
            plan = await plan_texts(calls, [("manifest.yaml", manifest)])
            [applied] = await apply_plan(calls, plan, pb.CHANGE_GRADE_SAFE, told.append)
            assert (applied.version, applied.created, told) == (1, ["shop.items"], [])
            assert await follow_indexes(calls, plan, told.append) == []
        assert told == [
            "  building 2 indexes: shop.items ascending(a), shop.items ascending(b)",
            "  building 1 index: shop.items ascending(b)",
        ]
    finally:
        await broker.stop()
