"""Admission on the line: what a manifest says of fields and secrets holds for every call, and is shown."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_client.collection_info import collection_info
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.status import from_status
from line import Line

MANIFEST = """
metadata: {name: my-service}
spec:
  dataRequirements:
    collections:
      - name: items
        validation: strict
        schemaHint:
          sku: {type: string, required: true, maxLength: 8}
          stock: {type: number, min: 0}
      - name: accounts
        secrets: off
"""


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=MANIFEST))).error is None
    yield line
    await line.stop()


def paths(error: DataError) -> list[str]:
    assert error.reason is Reason.VALIDATION_FAILED
    assert error.applied is Applied.NO
    return [violation.path for violation in error.violations]


async def stored(line: Line, collection: str) -> int:
    reply = await line.call("CountData", pb.CountDataRequest(collection=collection))
    return pb.CountDataResponse.FromString(reply.payload).count


async def test_a_document_that_does_not_keep_the_rules_is_not_stored(line: Line) -> None:
    request = pb.StoreDataRequest(collection="items", document='{"sku": "far too long", "stock": -1}')
    assert paths(await line.refusal("StoreData", request)) == ["sku", "stock"]
    assert await stored(line, "items") == 0


async def test_of_a_batch_those_that_keep_the_rules_are_stored(line: Line) -> None:
    documents = [json.dumps(it) for it in ({"sku": "a"}, {}, {"sku": "b", "password": "hunter2"}, {"sku": "c"})]
    reply = await line.call("StoreBatch", pb.StoreBatchRequest(collection="items", documents=documents))
    answer = pb.StoreBatchResponse.FromString(reply.payload)
    errors = {failure.index: from_status(failure.status) for failure in answer.failures}
    told = {index: [item.path for item in error.violations] for index, error in errors.items() if error is not None}
    assert told == {1: ["sku"], 2: ["password"]}
    assert await stored(line, "items") == 2
    refusal = await line.refusal(
        "StoreBatch", pb.StoreBatchRequest(collection="items", documents=documents, atomic=True)
    )
    assert paths(refusal) == ["sku"]
    assert refusal.message.startswith("documents[1]: ")


async def test_an_update_keeps_the_rules_when_its_filter_says_so(line: Line) -> None:
    assert (
        await line.call("StoreData", pb.StoreDataRequest(collection="items", document='{"sku":"a","stock":3}'))
    ).error is None
    take = '{"$inc": {"stock": -2}}'
    broad = pb.UpdateDataRequest(collection="items", filter='{"sku": "a"}', update=take)
    assert paths(await line.refusal("UpdateData", broad)) == ["stock"]
    guarded = pb.UpdateDataRequest(collection="items", filter='{"sku": "a", "stock": {"$gte": 2}}', update=take)
    counts = []
    for _ in range(2):
        reply = await line.call("UpdateData", guarded)
        assert reply.error is None
        counts.append(pb.UpdateDataResponse.FromString(reply.payload).updated_count)
    assert counts == [1, 0]


async def test_secrets_are_refused_unless_the_manifest_says_otherwise(line: Line) -> None:
    text = '{"sku": "a", "password": "hunter2"}'
    assert paths(await line.refusal("StoreData", pb.StoreDataRequest(collection="items", document=text))) == [
        "password"
    ]
    undeclared = await line.call("RequestCollection", pb.RequestCollectionRequest(name="loose"))
    assert undeclared.error is None
    assert paths(await line.refusal("StoreData", pb.StoreDataRequest(collection="loose", document=text))) == [
        "password"
    ]
    update = pb.UpdateDataRequest(collection="loose", allow_all=True, update='{"a.password": "hunter2"}')
    assert paths(await line.refusal("UpdateData", update)) == ["a.password"]
    assert (await line.call("StoreData", pb.StoreDataRequest(collection="accounts", document=text))).error is None
    assert "hunter2" not in str(line.records())


async def test_rules_and_the_policy_of_secrets_are_shown(line: Line) -> None:
    reply = await line.call("DescribeCollection", pb.DescribeCollectionRequest(collection="items"))
    info = collection_info(pb.DescribeCollectionResponse.FromString(reply.payload).collection)
    assert info.schema_hint == {"sku": "string", "stock": "number"}
    assert info.field_rules == {
        "sku": {"type": "string", "required": True, "maxLength": 8},
        "stock": {"type": "number", "min": 0},
    }
    assert info.secrets == "refuse"


async def test_a_service_gives_rules_by_a_request_too_and_is_told_what_is_wrong_with_them(line: Line) -> None:
    hint = {"n": {"type": "number", "max": 3}}
    request = pb.RequestCollectionRequest(name="asked", schema_hint=json.dumps(hint))
    assert (await line.call("RequestCollection", request)).error is None
    reply = await line.call("DescribeCollection", pb.DescribeCollectionRequest(collection="asked"))
    assert collection_info(pb.DescribeCollectionResponse.FromString(reply.payload).collection).field_rules == hint
    bad = pb.RequestCollectionRequest(name="asked", schema_hint='{"n": {"type": "number", "max": 3, "min": 4}}')
    refusal = await line.refusal("RequestCollection", bad)
    assert refusal.reason is Reason.BAD_REQUEST
    assert [violation.path for violation in refusal.violations] == ["n.min"]
