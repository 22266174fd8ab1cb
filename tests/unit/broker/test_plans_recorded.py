"""What do plans know of calls, what do audit records tell of plans, and who may make them?"""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import plan_pb2 as pb
from aol.data.v1 import data_broker_pb2 as data_pb2
from aol_wire.ids import now_us
from line import Line
from manifest_samples import text
from plan_calls import applied, planned, refused

ITEMS: dict[str, Any] = {
    "name": "items",
    "schemaHint": {"title": "string", "price": "number"},
    "sharing": [{"service": "bank", "permission": "read"}],
}
OWNER = text("shop", "1", [ITEMS])
READER = text("bank", "1", [], [{"collection": "shop.items", "permission": "read", "reason": "sums"}])
PLANNING = {"plan_manifests", "apply_plan", "retire_manifest_version"}


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_what_was_seen_until_now_counts_in_the_plan_of_a_field_that_goes(line: Line) -> None:
    await applied(line, await planned(line, READER, OWNER))
    query = data_pb2.QueryDataRequest(collection="shop.items", filter='{"price": {"$gt": 1}}', projection=["title"])
    before_us = now_us()
    assert (await line.call("QueryData", query, service="bank")).error is None
    plan = await planned(line, text("shop", "2", [{**ITEMS, "schemaHint": {"title": "string"}}]))
    [change] = [item for item in plan.changes if item.path == "shop.items.schemaHint.price"]
    [declared, observed] = change.consumers
    assert (declared.service, declared.known) == ("bank", "declared")
    assert (observed.service, observed.known, observed.detail) == ("bank", "observed", "query naming price, once")
    assert before_us <= observed.last_us <= now_us()


async def test_what_operators_do_with_plans_is_on_record_by_names_versions_and_digests(line: Line) -> None:
    secret = {**ITEMS, "description": "a description of theirs"}
    plan = await planned(line, text("shop", "1", [secret]))
    await applied(line, plan)
    await applied(line, await planned(line, OWNER))
    back = pb.PlanManifestsRequest(manifests=[pb.ManifestToPlan(service="shop", version=1)])
    assert (await line.operate("PlanManifests", back)).error is None
    retired = pb.RetireManifestVersionRequest(service="shop", version=1)
    assert (await line.operate("RetireManifestVersion", retired)).error is None
    records = [record for record in line.records() if record["operation"] in PLANNING]
    assert "theirs" not in json.dumps(records)
    shown = [record["filters"] for record in records if record["outcome"] == "ok"]
    first, second = (item for item in shown if "changed" in item)
    assert first["plan"] != second["plan"]
    sha256 = hashlib.sha256(text("shop", "1", [secret]).encode()).hexdigest()
    assert first["manifests"] == [{"service": "shop", "version": 1, "sha256": sha256}]
    assert {"changes": 1, "manifests": [{"service": "shop", "sha256": sha256}]} in shown
    assert {"service": "shop", "version": 1} in shown
    # What is refused names the plan too.
    plan.revision += 1
    await refused(line, plan)
    assert line.records()[-1]["filters"] == {"plan": first["plan"]}
