"""Requests and answers at their limits: refused by name, counted before they are read, never half told."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2, audit_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.audit.log import Intent
from aol_broker.audit.record import AuditRecord
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_broker.request import Peer, Reply
from aol_wire.errors import DataError, Reason
from aol_wire.index_parser import index_from_proto
from aol_wire.limits import (
    COLLECTION_MAX_INDEXES,
    DESCRIPTION_MAX_CHARACTERS,
    LIST_MAX_BYTES,
    REQUEST_MAX_BYTES,
    SCHEMA_HINT_MAX_BYTES,
)
from aol_wire.status import from_status
from line import ADMIN, TOKEN, Line


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="events"))
    yield line
    await line.stop()


async def operator(line: Line, method: str, message: Any) -> Reply:
    peer = Peer("test", authorization=f"Bearer {TOKEN}")
    return await line.pipeline.handle(ADMIN + method, message.SerializeToString(), peer)


async def operator_refusal(line: Line, method: str, message: Any) -> DataError:
    reply = await operator(line, method, message)
    assert reply.error is not None
    return reply.error


def ascending(*names: str) -> list[collection_pb2.IndexSpec]:
    field = collection_pb2.IndexField
    return [collection_pb2.IndexSpec(type=collection_pb2.INDEX_TYPE_ASCENDING, fields=[field(path=n)]) for n in names]


def manifest(indexes: range, version: int) -> admin_pb2.ApplyManifestRequest:
    lines = "".join(f"        - {{fields: [f{number}], type: ascending}}\n" for number in indexes)
    text = (
        f"metadata: {{name: my-service, version: '{version}'}}\nspec:\n  dataRequirements:\n    collections:\n"
        f"    - name: many\n      indexes:\n{lines}"
    )
    return admin_pb2.ApplyManifestRequest(manifest=text)


async def test_indexes_are_counted_before_they_are_read(line: Line) -> None:
    request = pb.RequestCollectionRequest(name="events", indexes=ascending(*[""] * (COLLECTION_MAX_INDEXES + 1)))
    assert (await line.refusal("RequestCollection", request)).reason is Reason.TOO_LARGE


async def test_a_schema_hint_and_a_description_have_their_limits(line: Line) -> None:
    hint = pb.RequestCollectionRequest(name="events", schema_hint="x" * (SCHEMA_HINT_MAX_BYTES + 1))
    assert (await line.refusal("RequestCollection", hint)).reason is Reason.TOO_LARGE
    description = "d" * (DESCRIPTION_MAX_CHARACTERS + 1)
    called = pb.RequestCollectionRequest(name="events", description=description)
    assert (await line.refusal("RequestCollection", called)).reason is Reason.TOO_LARGE
    collection = f"{{name: a, description: {description}}}"
    text = f"metadata: {{name: my-service}}\nspec: {{dataRequirements: {{collections: [{collection}]}}}}"
    applied = await operator_refusal(line, "ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=text))
    assert applied.reason is Reason.BAD_MANIFEST


async def test_a_deep_schema_hint_is_no_bug(line: Line) -> None:
    request = pb.RequestCollectionRequest(name="events", schema_hint='{"a":' * 1000 + "1" + "}" * 1000)
    assert (await line.refusal("RequestCollection", request)).reason is Reason.BAD_REQUEST


async def test_two_manifests_together_may_not_declare_too_many_indexes(line: Line) -> None:
    assert (await operator(line, "ApplyManifest", manifest(range(40), 1))).error is None
    assert (await operator_refusal(line, "ApplyManifest", manifest(range(40, 80), 2))).reason is Reason.TOO_LARGE
    assert (await operator(line, "ApplyManifest", manifest(range(10, 64), 3))).error is None
    assert len(line.registry.snapshot.collections["my-service.many"].indexes) == COLLECTION_MAX_INDEXES


async def test_two_requests_at_once_may_not_add_too_many_indexes(line: Line) -> None:
    requests = [
        pb.RequestCollectionRequest(name="events", indexes=ascending(*(f"f{number}" for number in numbers)))
        for numbers in (range(40), range(40, 80))
    ]
    replies = await asyncio.gather(*(line.call("RequestCollection", request) for request in requests))
    assert sorted(reply.error.reason for reply in replies if reply.error is not None) == [Reason.TOO_LARGE]
    assert len(line.registry.snapshot.collections["my-service.events"].indexes) == 40


async def test_a_collection_that_has_too_many_indexes_can_still_be_asked_for(line: Line) -> None:
    many = ascending(*(f"f{number}" for number in range(100)))
    crowded = CollectionRecord("my-service", "many", "memory", indexes=tuple(map(index_from_proto, many)))
    await line.registry.declare_collection(crowded, "test")
    known = pb.RequestCollectionRequest(name="many", indexes=many[:3], description="new words")
    assert (await line.call("RequestCollection", known)).error is None
    more = pb.RequestCollectionRequest(name="many", indexes=ascending("f1", "another"))
    assert (await line.refusal("RequestCollection", more)).reason is Reason.TOO_LARGE


async def test_a_list_that_no_answer_can_carry_is_an_error_with_advice(line: Line) -> None:
    # Larger than a request may make them, as an older broker may have stored them: it takes fewer.
    for number in range(LIST_MAX_BYTES >> 20):
        record = CollectionRecord("my-service", f"c{number}", "memory", description="d" * (1 << 20))
        await line.registry.declare_collection(record, "test")
    own = await line.refusal("ListCollections", pb.ListCollectionsRequest())
    every = await operator_refusal(line, "ListCollections", admin_pb2.ListCollectionsRequest())
    assert own.reason is every.reason is Reason.TOO_LARGE
    assert (await operator(line, "ListCollections", admin_pb2.ListCollectionsRequest(service="other"))).error is None


async def test_other_calls_get_their_turn_while_a_large_batch_is_checked(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = ['{"a": "' + "x" * 100_000 + '"}'] * 100
    turns, turns_until_checked = 0, 0
    intend = line.audit.intend

    def checked(record: AuditRecord) -> Intent:
        # What comes after waits for the disk, and others get as many turns as the disk takes time.
        nonlocal turns_until_checked
        turns_until_checked = turns
        return intend(record)

    monkeypatch.setattr(line.audit, "intend", checked)

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def turns_during(request: pb.StoreBatchRequest) -> int:
        nonlocal turns
        turns = 0
        reply = await line.call("StoreBatch", request)
        assert reply.error is None
        return turns_until_checked

    taking = asyncio.create_task(take_turns())
    few = await turns_during(pb.StoreBatchRequest(collection="events", documents=documents[:1]))
    many = await turns_during(pb.StoreBatchRequest(collection="events", documents=documents))
    taking.cancel()
    assert many - few >= 30


async def test_a_batch_that_fails_altogether_fits_its_answer_and_tells_every_reason(line: Line) -> None:
    # Each failure tells of twenty long paths, which would make 27 MB of them.
    hint = {f"{'k' * 240}.{number}n": "number" for number in range(20)}
    strict = CollectionRecord("my-service", "strict", "memory", schema_hint=hint, validation=Validation.STRICT)
    await line.registry.declare_collection(strict, "test")
    document = json.dumps({"k" * 240: {f"{number}n": "text" for number in range(20)}})
    reply = await line.call("StoreBatch", pb.StoreBatchRequest(collection="strict", documents=[document] * 3000))
    assert len(reply.payload) < REQUEST_MAX_BYTES
    failures = pb.StoreBatchResponse.FromString(reply.payload).failures
    assert [failure.index for failure in failures] == list(range(3000))
    errors = [from_status(failure.status) for failure in (failures[0], failures[-1])]
    assert [error.reason for error in errors if error is not None] == [Reason.VALIDATION_FAILED] * 2


@pytest.mark.parametrize("moment", [-1, 2**63 - 1, 253402300800000000])
async def test_a_search_of_the_audit_log_takes_only_times_that_there_are(line: Line, moment: int) -> None:
    for request in (admin_pb2.SearchAuditRequest(since_us=moment), admin_pb2.SearchAuditRequest(until_us=moment)):
        assert (await operator_refusal(line, "SearchAudit", request)).reason is Reason.BAD_REQUEST
    latest = admin_pb2.SearchAuditRequest(since_us=253402300799999999, until_us=253402300799999999)
    assert (await operator(line, "SearchAudit", latest)).error is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("limit", -1),
        ("after_seq", -1),
        ("outcome", "good"),
        ("stages", ["completed", "begun"]),
        ("text", "x" * 1025),
        ("recorded_request_id", "x" * 1025),
    ],
)
async def test_a_search_of_the_audit_log_takes_only_what_records_can_hold(line: Line, path: str, value: Any) -> None:
    refusal = await operator_refusal(line, "SearchAudit", admin_pb2.SearchAuditRequest(**{path: value}))
    assert refusal.reason is Reason.BAD_REQUEST
    assert [violation.path for violation in refusal.violations] == [path]


async def test_what_a_search_looked_for_is_recorded_within_the_room_of_a_record(line: Line) -> None:
    control = "\x01" * 1024
    request = admin_pb2.SearchAuditRequest(service="s", text=control, trace_id=control, field=control)
    assert (await operator(line, "SearchAudit", request)).error is None
    said = line.records()[-1]["filters"]
    assert said.keys() == {"service", "text", "trace_id", "field"}
    assert said["service"] == "s"
    assert said["text"].keys() == {"$hmac"}
    request = admin_pb2.SearchAuditRequest(service="s", since_us=1, stages=["completed"], unresolved=True)
    assert (await operator(line, "SearchAudit", request)).error is None
    assert line.records()[-1]["filters"] == {
        "service": "s",
        "since": "1970-01-01T00:00:00.000001Z",
        "stages": ["completed"],
        "unresolved": True,
    }


@pytest.mark.parametrize(
    "request_message",
    [
        audit_pb2.SummarizeAuditRequest(),
        audit_pb2.SummarizeAuditRequest(collection="s" * 1025),
        audit_pb2.SummarizeAuditRequest(collection="s.c", since_us=-1),
    ],
    ids=["no collection", "a long one", "no time"],
)
async def test_a_summary_of_the_audit_log_is_of_a_collection(line: Line, request_message: Any) -> None:
    assert (await operator_refusal(line, "SummarizeAudit", request_message)).reason is Reason.BAD_REQUEST


async def test_an_answer_of_the_audit_log_says_when_not_all_fits(line: Line) -> None:
    found = json.dumps({"a": "x" * 15_000})
    for _ in range(150):
        await line.call("CountData", pb.CountDataRequest(collection="events", filter=found))
    reply = await operator(line, "SearchAudit", admin_pb2.SearchAuditRequest(limit=10_000))
    answer = admin_pb2.SearchAuditResponse.FromString(reply.payload)
    assert answer.truncated
    assert 100 < len(answer.records) < 150
    assert json.loads(answer.records[-1])["operation"] == "count"


async def test_an_update_cannot_lead_around_strict_validation(line: Line) -> None:
    text = """
metadata: {name: my-service}
spec: {dataRequirements: {collections: [{name: strict, validation: strict, schemaHint: {a: {b: number}, n: number}}]}}
"""
    assert (await operator(line, "ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=text))).error is None
    for update in ('{"a": {"b": "text"}}', '{"$push": {"n": 1}}', '{"n.x": 1}'):
        request = pb.UpdateDataRequest(collection="strict", allow_all=True, update=update)
        assert (await line.refusal("UpdateData", request)).reason is Reason.VALIDATION_FAILED
