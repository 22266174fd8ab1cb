"""What the line's records say of a call: who, by what right, how much; and what they do not say, whoever calls."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.audit.files import files_of
from aol_broker.audit.record import FILTER_MAX_BYTES
from aol_broker.audit.value_hash import KEY_NAME, hash_value
from aol_broker.request import Peer, Reply
from aol_broker.transport import peer_of
from line import ADMIN, DATA, TOKEN, Line

MANIFEST = """\
metadata: {name: my-service, version: "1"}
spec:
  dataRequirements:
    collections:
      - {name: people, sensitive: [ssn], sharing: [{service: reader, permission: read}]}
      - {name: shaped, audit: shape}
"""
ASKING = """\
metadata: {name: reader}
spec:
  dataRequirements:
    accessRequests: [{collection: my-service.people, permission: read}]
"""
CANARY = "canary-8c1f4"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    for manifest in (MANIFEST, ASKING):
        assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=manifest))).error is None
    yield line
    await line.stop()


async def as_service(line: Line, service: str, method: str, message: Any, traceparent: str = "") -> Reply:
    return await line.pipeline.handle(
        DATA + method, message.SerializeToString(), Peer("test", service, traceparent=traceparent)
    )


def said(line: Line, *keys: str) -> dict[str, Any]:
    last = line.records()[-1]
    return {key: last[key] for key in keys}


def written(line: Line) -> list[dict[str, Any]]:
    """Every record as it is on the disk, those of intentions too."""
    return [json.loads(text) for file in files_of(line.audit.directory) for text in file.read_text().splitlines()]


def query(filters: Any, collection: str = "people", **more: Any) -> pb.QueryDataRequest:
    return pb.QueryDataRequest(collection=collection, filter=json.dumps(filters), **more)


async def test_a_record_says_who_called_and_by_what_right(line: Line) -> None:
    request = query({"n": 1}, projection=["name", "login.at"])
    reply = await as_service(line, "my-service", "QueryData", request, traceparent=f"00-{TRACE}-{'b7' * 8}-01")
    assert said(line, "principal", "verified_by", "on_behalf_of", "peer", "trace_id", "grant", "fields") == {
        "principal": "service:my-service",
        "verified_by": "insecure",
        "on_behalf_of": "",
        "peer": "test",
        "trace_id": TRACE,
        "grant": "owner",
        "fields": ["name", "login.at"],
    }
    sizes = {"bytes_in": request.ByteSize(), "bytes_out": len(reply.payload)}
    assert said(line, "bytes_in", "bytes_out") == sizes
    assert said(line, "revision") == {"revision": line.registry.snapshot.revision}
    await as_service(line, "reader", "QueryData", query({}, "my-service.people"))
    [grant] = line.registry.snapshot.grants_of("my-service.people", "reader")
    assert grant.number > 0
    assert said(line, "grant", "fields") == {"grant": f"sharing:read#{grant.number}", "fields": None}


async def test_a_record_says_for_whom_an_operator_acts(line: Line) -> None:
    peer = Peer("test", service="my-service", authorization=f"Bearer {TOKEN}")
    await line.pipeline.handle(DATA + "QueryData", query({}).SerializeToString(), peer)
    assert said(line, "service", "principal", "verified_by", "on_behalf_of", "grant") == {
        "service": "my-service",
        "principal": "operator",
        "verified_by": "token",
        "on_behalf_of": "my-service",
        "grant": "owner",
    }
    await line.operate("ListServices", admin_pb2.ListServicesRequest())
    assert said(line, "verified_by", "on_behalf_of", "grant") == {
        "verified_by": "token",
        "on_behalf_of": "",
        "grant": "operator",
    }


async def test_a_call_that_was_not_allowed_has_no_grant_but_the_revision_at_which_it_was_not(line: Line) -> None:
    await as_service(line, "stranger", "QueryData", query({}, "my-service.people"))
    revision = line.registry.snapshot.revision
    assert said(line, "outcome", "grant", "revision") == {"outcome": "denied", "grant": "", "revision": revision}
    await line.pipeline.handle(DATA + "QueryData", b"", Peer("test", authorization="Bearer no"))
    assert said(line, "principal", "verified_by", "revision", "peer") == {
        "principal": "",
        "verified_by": "",
        "revision": 0,
        "peer": "test",
    }


async def test_both_records_of_an_insert_are_found_by_the_documents_id(line: Line) -> None:
    await line.call("StoreData", pb.StoreDataRequest(collection="people", document='{"_id": "in-it", "ssn": "1"}'))
    reply = await line.call("StoreData", pb.StoreDataRequest(collection="people", document="{}"))
    made = pb.StoreDataResponse.FromString(reply.payload).document_id
    documents = ['{"_id": "a"}', '{"_id": 5}', '{"_id": "b"}']
    await line.call("StoreBatch", pb.StoreBatchRequest(collection="people", documents=documents))
    batch = {"_id": {"$in": ["a", "b"]}}
    assert [(record["stage"], record["filters"]) for record in written(line)[-6:]] == [
        ("intended", {"_id": "in-it"}),
        ("completed", {"_id": "in-it"}),
        ("intended", {"_id": made}),
        ("completed", {"_id": made}),
        ("intended", batch),
        ("completed", {**batch, "failures": {"BAD_DOCUMENT": 1}}),
    ]


@pytest.mark.parametrize(
    ("service", "name", "shown"),
    [
        ("my-service", "people", "hash"),
        ("stranger", "my-service.people", "hash"),
        ("reader", "my-service.people", "hash"),
        ("stranger", "my-service.shaped", "string"),
        ("stranger", "my-service.peopl", "string"),
        ("stranger", "nobody.people", "string"),
        ("my-service", "peopl", "string"),
        ("my-service", "Not a Name", "string"),
        ("my-service", "", "string"),
    ],
)
async def test_no_guess_at_a_sensitive_field_is_shown_whoever_makes_it_and_however_the_call_ends(
    line: Line, service: str, name: str, shown: str
) -> None:
    await as_service(line, service, "QueryData", query({"ssn": CANARY}, name))
    hmac = {"$hmac": hash_value(CANARY, await line.registry.secret(KEY_NAME))}
    assert said(line, "filters") == {"filters": {"ssn": hmac if shown == "hash" else shown}}
    update = pb.UpdateDataRequest(collection=name, filter=json.dumps({"ssn": CANARY}), update=f'{{"ssn": "{CANARY}"}}')
    await as_service(line, service, "UpdateData", update)
    assert CANARY not in json.dumps(written(line))


async def test_the_hash_of_a_value_is_an_operators_to_ask_for_and_its_record_says_nothing_of_the_value(
    line: Line,
) -> None:
    request = admin_pb2.HashAuditValueRequest(value=f'"{CANARY}"')
    reply = await line.operate("HashAuditValue", request)
    found = admin_pb2.HashAuditValueResponse.FromString(reply.payload).hmac
    assert found == hash_value(CANARY, await line.registry.secret(KEY_NAME))
    assert said(line, "operation", "outcome", "filters") == {
        "operation": "hash_audit_value",
        "outcome": "ok",
        "filters": None,
    }
    denied = await line.pipeline.handle(
        ADMIN + "HashAuditValue", request.SerializeToString(), Peer("test", service="my-service")
    )
    assert denied.error is not None
    assert said(line, "outcome") == {"outcome": "denied"}
    for bad in ("", CANARY, "NaN", '{"a": 1, "a": 2}', "[" * 100 + "]" * 100, f"{2**64 + 1}"):
        error = await line.operator_refusal("HashAuditValue", admin_pb2.HashAuditValueRequest(value=bad))
        assert (error.reason, CANARY in error.message) == ("BAD_REQUEST", False)
    records = json.dumps(written(line))
    assert CANARY not in records
    assert found not in records


async def test_no_caller_makes_a_record_longer_than_the_log_has_made_sure_of_room_for(line: Line) -> None:
    hostile = '\x01"\\\u202e\U0001f600'
    name = "s" * 63
    headers = {"aol-service": name, "traceparent": "00-" + hostile * 1000, "aol-revision": "0"}
    peer = peer_of(f"ipv6:{hostile * 1000}", headers.items())
    request = pb.QueryDataRequest(
        collection=f"{'o' * 63}.{'c' * 63}",
        filter=json.dumps({"a": "x" * (FILTER_MAX_BYTES - 100)}),
        projection=[hostile * 100] * 256,
        request_id='"' * 128,
    )
    batch = pb.StoreBatchRequest(
        collection="people", documents=["{}"] * 300, document_ids=[hostile * 25] * 300, request_id="\\" * 128
    )
    await line.pipeline.handle(DATA + "QueryData", request.SerializeToString(), peer)
    await line.pipeline.handle(DATA + "StoreBatch", batch.SerializeToString(), Peer(peer.address, "my-service"))
    for record in written(line)[-3:]:
        assert len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()) <= FILTER_MAX_BYTES + 4096
        assert len(record["peer"]) <= 128
        assert record["peer"].isascii()
        assert record["trace_id"] == ""
