"""The line: every RPC has a verb, every call leaves one record, and nothing raw reaches a transport."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.authorize import Right
from aol_broker.registry.store import Registry
from aol_broker.request import Peer
from aol_broker.verbs import VERBS
from aol_wire.errors import Applied, DataError, Reason
from line import ADMIN, DATA, Line

SECRET = "canary-4711"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="events"))
    yield line
    await line.stop()


def insert(document: str = "{}") -> pb.StoreDataRequest:
    return pb.StoreDataRequest(collection="events", document=document)


def test_every_rpc_has_a_verb_and_every_verb_is_an_rpc() -> None:
    services = (pb.DESCRIPTOR.services_by_name["DataBroker"], admin_pb2.DESCRIPTOR.services_by_name["Admin"])
    rpcs = {
        f"/{service.full_name}/{method.name}": method.input_type.full_name
        for service in services
        for method in service.methods
    }
    assert rpcs == {method: verb.request.DESCRIPTOR.full_name for method, verb in VERBS.items()}


def test_every_rpc_of_operators_asks_for_an_operator_but_for_what_a_service_does_with_its_own_manifest() -> None:
    rights = {verb.operation: verb.right for method, verb in VERBS.items() if method.startswith(ADMIN)}
    assert set(rights.values()) == {Right.OPERATOR, Right.DEPLOYER}
    assert {operation for operation, right in rights.items() if right is Right.DEPLOYER} == {
        *("plan_manifests", "apply_plan", "seed", "list_manifest_versions", "retire_manifest_version"),
        *("list_indexes", "list_grants"),
    }


def test_whatever_changes_data_asks_for_more_than_read() -> None:
    weak = {Right.SERVICE, Right.ANY, Right.READ}
    assert [verb.operation for verb in VERBS.values() if verb.writes and verb.right in weak] == []


async def test_a_call_leaves_one_record_with_what_it_did(line: Line) -> None:
    await line.call("StoreData", insert('{"_id": "a", "kind": "error"}'))
    query = pb.QueryDataRequest(collection="events", filter='{"kind": "error"}', request_id="mine")
    reply = await line.call("QueryData", query)
    assert reply.request_id == "mine"
    assert list(pb.QueryDataResponse.FromString(reply.payload).page.id) == ["a"]
    last = line.records()[-1]
    assert {key: last[key] for key in ("service", "operation", "collection", "filters", "result_count")} == {
        "service": "my-service",
        "operation": "query",
        "collection": "my-service.events",
        "filters": {"kind": "error"},
        "result_count": 1,
    }
    assert (last["request_id"], last["principal"], last["outcome"]) == ("mine", "service:my-service", "ok")
    assert [record["operation"] for record in line.records()] == ["request_collection", "insert", "query"]


@pytest.mark.parametrize(
    ("method", "payload", "peer", "reason", "outcome"),
    [
        ("QueryData", b"\xff\xff", Peer("t", service="my-service"), "BAD_REQUEST", "failed"),
        ("QueryData", b"", Peer("t"), "NO_CREDENTIALS", "denied"),
        ("QueryData", b"", Peer("t", service="Not a name"), "BAD_CREDENTIALS", "denied"),
        ("QueryData", b"", Peer("t", service="x", authorization="Bearer no"), "BAD_CREDENTIALS", "denied"),
        ("QueryData", b"", Peer("t", service="my-service"), "BAD_PATH", "failed"),
        (
            "QueryData",
            pb.QueryDataRequest(collection="other.events").SerializeToString(),
            Peer("t", service="my-service"),
            "GRANT_MISSING",
            "denied",
        ),
    ],
)
async def test_garbage_and_denials_are_recorded_too(
    line: Line, method: str, payload: bytes, peer: Peer, reason: str, outcome: str
) -> None:
    before = len(line.records())
    reply = await line.pipeline.handle(DATA + method, payload, peer)
    assert reply.error is not None
    records = line.records()
    assert len(records) == before + 1
    assert (records[-1]["reason"], records[-1]["outcome"]) == (reason, outcome)


async def test_a_bug_tells_the_request_id_and_no_more(line: Line) -> None:
    line.adapter.trouble = RuntimeError(f"could not parse {SECRET}")
    error = await line.refusal("QueryData", pb.QueryDataRequest(collection="events", request_id="r-77"))
    assert error.reason is Reason.INTERNAL_BUG
    assert SECRET not in error.message
    assert "r-77" in error.message
    assert line.records()[-1]["reason"] == "INTERNAL_BUG"


async def test_a_bug_in_a_write_says_that_its_effect_is_unknown(line: Line) -> None:
    line.adapter.trouble = RuntimeError("boom")
    assert (await line.refusal("StoreData", insert())).applied is Applied.UNKNOWN


async def test_the_log_of_a_bug_does_not_hold_its_text(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    line.adapter.trouble = ValueError(SECRET)
    await line.refusal("StoreData", insert(f'{{"a": "{SECRET}"}}'))
    said = capsys.readouterr()
    assert "ValueError" in said.out + said.err
    assert SECRET not in said.out + said.err


async def test_a_deadline_ends_a_call_that_hangs(line: Line) -> None:
    line.adapter.hang = asyncio.Event()
    error = await line.refusal("StoreData", insert(), timeout_s=0.05)
    assert (error.reason, error.applied) == (Reason.DEADLINE, Applied.UNKNOWN)
    assert line.records()[-1]["reason"] == "DEADLINE"


async def test_a_cancelled_read_is_recorded(line: Line) -> None:
    line.adapter.hang = asyncio.Event()
    task = asyncio.create_task(line.call("QueryData", pb.QueryDataRequest(collection="events")))
    await line.adapter.hang.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.records()[-1]["reason"] == "CANCELLED"


async def test_a_write_whose_caller_goes_away_is_finished_and_recorded_as_what_it_was(line: Line) -> None:
    for number in range(20):
        task = asyncio.create_task(line.call("StoreData", insert(f'{{"_id": "{number}"}}')))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await line.pipeline.drain()
    stored = (await line.call("CountData", pb.CountDataRequest(collection="events"))).payload
    recorded = [record["outcome"] for record in line.records() if record["operation"] == "insert"]
    assert pb.CountDataResponse.FromString(stored).count == recorded.count("ok") == len(recorded)


async def test_a_write_that_ran_out_of_time_is_recorded_as_unknown(line: Line) -> None:
    line.adapter.hang = asyncio.Event()
    await line.refusal("StoreData", insert(), timeout_s=0.5)
    assert line.adapter.calls == 1
    assert line.records()[-1]["outcome"] == "unknown"


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_a_call_without_time_left_is_refused_before_anything_is_sent(line: Line, timeout_s: float) -> None:
    error = await line.refusal("StoreData", insert(), timeout_s=timeout_s)
    assert (error.reason, error.applied) == (Reason.DEADLINE, Applied.NO)
    assert line.adapter.calls == 0


async def test_a_time_out_of_the_adapters_own_is_not_taken_for_the_callers(line: Line) -> None:
    line.adapter.trouble = TimeoutError("a driver's")
    error = await line.refusal("QueryData", pb.QueryDataRequest(collection="events"))
    assert error.reason is Reason.INTERNAL_BUG


async def test_a_write_whose_intention_cannot_be_recorded_is_not_made(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError(Reason.AUDIT_UNAVAILABLE, "no room", applied=Applied.NO)

    monkeypatch.setattr(line.audit, "intend", refuse)
    error = await line.refusal("StoreData", insert())
    assert (error.reason, error.applied) == (Reason.AUDIT_UNAVAILABLE, Applied.NO)
    assert line.adapter.calls == 0


async def test_no_answer_leaves_without_its_record(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise DataError(Reason.AUDIT_UNAVAILABLE, "no room")

    monkeypatch.setattr(line.audit, "complete", refuse)
    write = await line.refusal("StoreData", insert())
    assert (write.reason, write.applied) == (Reason.AUDIT_UNAVAILABLE, Applied.YES)
    read = await line.refusal("QueryData", pb.QueryDataRequest(collection="events"))
    assert (read.reason, read.applied) == (Reason.AUDIT_UNAVAILABLE, None)


async def test_a_read_whose_caller_goes_away_while_its_record_is_written_is_recorded_once(line: Line) -> None:
    """The first turns of the loop bring the call to where it waits for the disk, which takes a thread."""
    before = len(line.records())
    for turns in range(12):
        request = pb.CountDataRequest(collection="events", request_id=f"turn-{turns}")
        reading = asyncio.create_task(line.call("CountData", request))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        await line.call("CountData", pb.CountDataRequest(collection="events", request_id="other"))
    ids = [record["request_id"] for record in line.records()[before:]]
    assert len(ids) == len(set(ids)) + 11, "only 'other' comes again"


async def test_a_database_that_forgot_a_collection_gets_it_again(line: Line) -> None:
    await line.adapter.drop_collection(line_target())
    reply = await line.call("StoreData", insert('{"_id": "a"}'))
    assert reply.error is None
    assert pb.StoreDataResponse.FromString(reply.payload).document_id == "a"


def line_target() -> Any:
    from aol_wire.adapter import Target

    return Target("my-service", "events")


async def test_too_many_calls_at_once_are_refused_and_recorded(tmp_path: Path) -> None:
    line = Line(tmp_path, max_in_flight=2)
    await line.start()
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="events"))
    line.adapter.hang = asyncio.Event()
    tasks = [asyncio.create_task(line.call("StoreData", insert())) for _ in range(2)]
    await line.adapter.hang.wait()
    while line.adapter.calls < 2:
        await asyncio.sleep(0)
    error = await line.refusal("QueryData", pb.QueryDataRequest(collection="events"))
    assert error.reason is Reason.OVERLOADED
    assert error.retry_after_s is not None
    assert line.records()[-1]["reason"] == "OVERLOADED"
    line.adapter.hang_no_more()
    await asyncio.gather(*tasks)
    await line.stop()


async def test_a_stopped_adapter_makes_writes_unavailable_and_changes_nothing(line: Line) -> None:
    line.adapter.trouble = DataError(Reason.ADAPTER_DOWN, "it went away", retry_after_s=0.1)
    error = await line.refusal("StoreData", insert())
    assert (error.reason, error.applied) == (Reason.ADAPTER_DOWN, Applied.UNKNOWN)


async def test_the_answer_carries_the_registrys_revision(line: Line) -> None:
    before = (await line.call("CountData", pb.CountDataRequest(collection="events"))).revision
    after = (await line.call("RequestCollection", pb.RequestCollectionRequest(name="more"))).revision
    assert after > before


async def test_a_broker_that_is_behind_reads_the_registry_first(line: Line, tmp_path: Path) -> None:
    other = Registry(f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}", default_adapter="memory")
    await other.open()
    from aol_broker.registry.snapshot import CollectionRecord

    snapshot, _ = await other.declare_collection(CollectionRecord("my-service", "late", "memory"), "test")
    await other.close()
    count = pb.CountDataRequest(collection="late").SerializeToString()
    peer = Peer("test", service="my-service", revision=snapshot.revision)
    reply = await line.pipeline.handle(DATA + "CountData", count, peer)
    assert reply.error is None
