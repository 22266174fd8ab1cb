"""Does drift tell what differs, and what mends it, over the whole line?"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2, drift_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.commands import drift as drift_command
from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.registry.snapshot import Permission
from aol_broker.request import Peer
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us
from line import DATA, Line

OWNER = """\
metadata: {name: shop}
spec:
  dataRequirements:
    collections:
      - name: orders
        schemaHint: {status: string, at: datetime, gone: string, address: {city: string}}
        indexes:
          - {fields: [status], type: ascending}
          - {fields: [idle], type: ascending}
          - {fields: [number], type: unique}
        sharing: [{service: bank, permission: read}, {service: web, permission: read}]
      - {name: carts}
"""
ASKS = """\
metadata: {{name: {name}}}
spec:
  dataRequirements:
    accessRequests: [{{collection: shop.orders, permission: read}}]
"""
KINDS = drift_pb2.DriftKind.DESCRIPTOR.values_by_number


class Shop:
    """A shop and its neighbours; `begun_us` is a moment between what was declared and what was done."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.begun_us = 0

    async def apply(self, text: str) -> None:
        reply = await self.line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=text, source="f.yaml"))
        assert reply.error is None

    async def call(self, service: str, method: str, message: Any) -> None:
        reply = await self.line.pipeline.handle(DATA + method, message.SerializeToString(), Peer("t", service=service))
        assert reply.error is None, reply.error

    async def query(self, service: str, filter: Any, **more: Any) -> None:
        text = json.dumps(filter)
        await self.call(service, "QueryData", pb.QueryDataRequest(collection="shop.orders", filter=text, **more))

    async def insert(self, **document: Any) -> None:
        await self.call("shop", "StoreData", pb.StoreDataRequest(collection="orders", document=json.dumps(document)))

    async def drift(self, **more: Any) -> list[drift_pb2.DriftFinding]:
        request = drift_pb2.GetDriftRequest(since_us=self.begun_us, **more)
        reply = await self.line.operate("GetDrift", request)
        assert reply.error is None, reply.error
        return list(drift_pb2.GetDriftResponse.FromString(reply.payload).findings)

    async def found(self, kind: str, **more: Any) -> dict[tuple[str, str, str], drift_pb2.DriftFinding]:
        """Return the findings of a kind by collection, service and subject."""
        findings = [item for item in await self.drift(**more) if KINDS[item.kind].name == f"DRIFT_KIND_{kind}"]
        return {(item.collection, item.service, item.subject): item for item in findings}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    line = Line(tmp_path)
    await line.start()
    shop = Shop(line)
    for text in (OWNER, ASKS.format(name="bank"), ASKS.format(name="web"), "metadata: {name: guest}\n"):
        await shop.apply(text)
    await line.registry.grant("shop.orders", "guest", Permission.READ, "operator", "To look")
    await line.registry.grant("shop.orders", "guest", Permission.WRITE, "operator")
    shop.begun_us = now_us()
    yield shop
    await line.stop()


def edit_of(finding: drift_pb2.DriftFinding) -> tuple[str, str, str, bool, Any]:
    edit = finding.edit
    section = drift_pb2.ManifestSection.Name(edit.section).removeprefix("MANIFEST_SECTION_").lower()
    return edit.service, section, edit.collection, edit.remove, json.loads(edit.entry)


async def test_what_is_granted_and_not_used_is_taken_out_of_the_manifest_or_revoked(shop: Shop) -> None:
    await shop.query("bank", {"status": "open"})
    await shop.query("guest", {"status": "open"})
    found = await shop.found("UNUSED_GRANT")
    assert set(found) == {("shop.orders", "web", "read"), ("shop.orders", "guest", "write")}
    shared, granted = found["shop.orders", "web", "read"], found["shop.orders", "guest", "write"]
    entry = {"collection": "shop.orders", "permission": "read"}
    assert edit_of(shared) == ("web", "access_requests", "", True, entry)
    assert shared.command == ""
    assert granted.command == "aol revoke shop.orders guest write"
    assert not granted.HasField("edit")


async def test_what_was_granted_after_the_moment_is_not_said_to_be_unused(shop: Shop) -> None:
    await shop.line.registry.grant("shop.orders", "late", Permission.READ, "operator")
    assert {service for _, service, _ in await shop.found("UNUSED_GRANT")} == {"bank", "web", "guest"}
    await shop.call("shop", "RequestCollection", pb.RequestCollectionRequest(name="late"))
    assert ("shop.late", "shop", "late") not in await shop.found("UNREAD_COLLECTION")


async def test_what_is_used_and_not_asked_for_is_put_into_the_manifest(shop: Shop) -> None:
    assert await shop.found("UNDECLARED_USE") == {}
    await shop.query("guest", {"status": "open"})
    await shop.query("bank", {"status": "open"})
    [finding] = (await shop.found("UNDECLARED_USE")).values()
    entry = {"collection": "shop.orders", "permission": "read", "reason": "To look"}
    assert edit_of(finding) == ("guest", "access_requests", "", False, entry)


async def test_collections_that_nobody_reads_are_told(shop: Shop) -> None:
    await shop.insert(status="open")
    found = await shop.found("UNREAD_COLLECTION")
    assert {key[0]: item.command for key, item in found.items()} == {
        "shop.orders": "aol impact shop.orders",  # it is written
        "shop.carts": "aol collection drop shop.carts",
    }
    await shop.call("bank", "CountData", pb.CountDataRequest(collection="shop.orders"))
    assert {key[0] for key in await shop.found("UNREAD_COLLECTION")} == {"shop.carts"}


async def test_an_index_that_no_query_uses_is_taken_out_unless_it_does_more(shop: Shop) -> None:
    await shop.query("bank", {"$or": [{"status": "open"}, {"x": 1}]})
    [(key, finding)] = (await shop.found("UNUSED_INDEX")).items()
    assert key == ("shop.orders", "shop", "ascending(idle)")
    assert edit_of(finding) == ("shop", "indexes", "orders", True, {"fields": ["idle"], "type": "ascending"})
    request = pb.QueryDataRequest(collection="shop.orders")
    request.sort.add(path="idle")
    await shop.call("bank", "QueryData", request)
    assert await shop.found("UNUSED_INDEX") == {}


async def test_an_index_that_was_declared_after_the_moment_is_not_said_to_be_unused(shop: Shop) -> None:
    await shop.apply(OWNER.replace("[idle], type: ascending}", "[later], type: ascending}"))
    await shop.query("bank", {"status": "open"})
    assert await shop.found("UNUSED_INDEX") == {}


async def test_what_no_index_serves_is_told_with_the_index_that_would(shop: Shop) -> None:
    for _ in range(3):
        await shop.query("bank", {"customer": "x", "total": {"$gt": 1}})
    await shop.query("web", {"customer": "y", "total": {"$lt": 1}})
    for served in ({"status": "open", "customer": 1}, {"_id": "a", "customer": 1}, {"number": 7, "z": 1}, {}):
        await shop.query("bank", served)
    [finding] = (await shop.found("UNSERVED_QUERY")).values()
    entry = {"fields": ["customer", "total"], "type": "compound"}
    assert edit_of(finding) == ("shop", "indexes", "orders", False, entry)
    assert finding.detail.startswith("4 calls of bank, web ")


async def test_a_manifest_that_is_given_is_compared_with_the_registry_both_ways(shop: Shop) -> None:
    text = OWNER.replace("{name: carts}", "{name: new}").replace("[status], type: ascending", "[more], type: ascending")
    text += "    accessRequests: [{collection: bank.accounts, permission: read}]\n"
    await shop.query("bank", {"status": "open"})
    given = [drift_pb2.ManifestText(text=text, source="new shop.yaml")]
    missing = await shop.found("NOT_REGISTERED", manifests=given)
    assert set(missing) == {
        ("shop.new", "shop", "new"),
        ("shop.orders", "shop", "ascending(more)"),
        ("bank.accounts", "shop", "read"),
    }
    assert {item.command for item in missing.values()} == {"aol apply 'new shop.yaml'"}
    undeclared = await shop.found("NOT_DECLARED", manifests=given)
    assert set(undeclared) == {("shop.carts", "shop", "carts"), ("shop.orders", "shop", "ascending(status)")}
    assert await shop.found("NOT_REGISTERED") == {}
    assert await shop.found("NOT_DECLARED") == {}


async def test_a_request_that_a_given_manifest_no_longer_has_is_told(shop: Shop) -> None:
    given = [drift_pb2.ManifestText(text="metadata: {name: bank}\n", source="bank.yaml")]
    assert {key: item.command for key, item in (await shop.found("NOT_DECLARED", manifests=given)).items()} == {
        ("shop.orders", "bank", "read"): "aol apply bank.yaml"
    }


async def test_a_dropped_collection_and_one_made_by_a_call_are_told(shop: Shop) -> None:
    index = {"fields": ["q"], "type": "ascending"}
    request = pb.RequestCollectionRequest(name="extra", description="More", schema_hint='{"q": "string"}')
    request.indexes.add(type=1).fields.add(path="q")
    await shop.call("shop", "RequestCollection", request)
    dropped = await shop.line.operate("DropCollection", admin_pb2.DropCollectionRequest(collection="shop.carts"))
    assert dropped.error is None
    [(key, missing)] = (await shop.found("NOT_REGISTERED")).items()
    assert (key, missing.command) == (("shop.carts", "shop", "carts"), "aol apply f.yaml")
    [extra] = (await shop.found("NOT_DECLARED")).values()
    entry = {"name": "extra", "description": "More", "schemaHint": {"q": "string"}, "indexes": [index]}
    assert edit_of(extra) == ("shop", "collections", "", False, entry)


async def test_fields_of_documents_are_compared_with_the_hint(shop: Shop) -> None:
    for number in range(12):
        colour = {"colour": "red"} if number == 7 else {}
        address = {"city": "X", "zip": number % 2 or "a"}
        await shop.insert(status="open", number=number, at="2025-11-22", address=address, free={"x": 1}, **colour)
    unseen = await shop.found("UNSEEN_FIELD", sample_documents=100)
    assert {subject for _, _, subject in unseen} == {"gone"}
    assert edit_of(unseen["shop.orders", "shop", "gone"]) == ("shop", "schema_hint", "orders", True, {"gone": "string"})
    unhinted = await shop.found("UNHINTED_FIELD", sample_documents=100)
    edits = {subject: item.HasField("edit") and edit_of(item)[4] for (_, _, subject), item in unhinted.items()}
    assert edits == {
        "number": {"number": "number"},
        "colour": {"colour": "string"},
        "free": {"free": "object"},
        "address.zip": False,  # of two types
    }
    assert await shop.found("UNHINTED_FIELD", sample_documents=0) == {}


async def test_few_documents_do_not_show_that_a_field_is_gone_and_no_value_is_told(shop: Shop) -> None:
    for number in range(5):
        await shop.insert(status="canary-4711", number=number, colour="canary-4711")
    assert await shop.found("UNSEEN_FIELD", sample_documents=100) == {}
    assert "canary-4711" not in str(await shop.drift(sample_documents=100))


async def test_drift_of_one_service_is_what_it_owns_and_what_it_holds(shop: Shop) -> None:
    assert {item.service for item in await shop.drift(service="web")} == {"web"}
    assert {item.collection for item in await shop.drift(service="shop")} == {"shop.orders", "shop.carts"}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (drift_pb2.GetDriftRequest(since_us=-1), Reason.BAD_REQUEST),
        (drift_pb2.GetDriftRequest(sample_documents=1001), Reason.BAD_REQUEST),
        (drift_pb2.GetDriftRequest(limit=-1), Reason.BAD_REQUEST),
        (drift_pb2.GetDriftRequest(manifests=[drift_pb2.ManifestText(text="metadata: [")]), Reason.BAD_MANIFEST),
        (
            drift_pb2.GetDriftRequest(manifests=[drift_pb2.ManifestText(text="metadata: {name: a}")] * 2),
            Reason.BAD_REQUEST,
        ),
    ],
    ids=["before 1970", "too many documents", "less than none", "no manifest", "two manifests of a service"],
)
async def test_what_cannot_be_asked_is_refused(shop: Shop, request_: drift_pb2.GetDriftRequest, reason: Reason) -> None:
    assert (await shop.line.operator_refusal("GetDrift", request_)).reason is reason


async def test_of_many_differences_some_of_each_kind_are_told_and_all_are_counted(shop: Shop) -> None:
    everything = await shop.drift()
    kinds = Counter(item.kind for item in everything)
    assert max(kinds.values()) > 1
    for limit in (1, len(kinds), len(everything) - 1, len(everything), 0):
        request = drift_pb2.GetDriftRequest(since_us=shop.begun_us, limit=limit)
        answer = drift_pb2.GetDriftResponse.FromString((await shop.line.operate("GetDrift", request)).payload)
        assert len(answer.findings) == (limit or len(everything))
        assert {item.kind: item.findings for item in answer.counts} == kinds
        assert [item for item in everything if item in answer.findings] == list(answer.findings)
        assert len({item.kind for item in answer.findings}) == min(limit or len(kinds), len(kinds))


async def test_what_a_call_had_no_time_to_read_the_next_one_reads(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reading(text: str, source: str) -> Manifest:
        read.append(parse_manifest(text, source).service)
        if len(read) == 3:
            raise asyncio.CancelledError  # as when the call's time is over
        return parse_manifest(text, source)

    monkeypatch.setattr(drift_command, "_MANIFESTS_AT_A_TIME", 1)
    monkeypatch.setattr(drift_command, "parse_manifest", reading)
    with pytest.raises(asyncio.CancelledError):
        await shop.line.operate("GetDrift", drift_pb2.GetDriftRequest())
    await shop.drift()
    assert sorted([*read[:2], *read[3:]]) == ["bank", "guest", "shop", "web"]


async def test_documents_that_cannot_be_looked_at_are_told_and_the_rest_is_too(shop: Shop) -> None:
    shop.line.adapter.trouble = DataError(Reason.ADAPTER_DOWN, "It is away.")
    reply = await shop.line.operate("GetDrift", drift_pb2.GetDriftRequest(sample_documents=10))
    answer = drift_pb2.GetDriftResponse.FromString(reply.payload)
    assert list(answer.not_sampled) == ["shop.orders"]
    assert answer.since_us > 0
