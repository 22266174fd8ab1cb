"""A collection moves to another adapter: whole, or not at all, and nobody writes to it meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.backends import Backends, InProcessBackend
from aol_broker.dispatch import Dispatch
from aol_broker.registry.moves import Phase
from aol_broker.registry.store import Registry
from aol_broker.scope import WHOLE
from aol_wire.adapter import CollectionSpec, Delete, Find, Insert, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filter_parser import parse_filter
from line import Line
from moves import (
    EVENTS,
    EVERYWHERE,
    abort,
    adapter_of,
    contents,
    good,
    let_time_pass,
    move_of,
    moving_line,
    refused,
    remove_softly,
    run_on_to,
    run_to,
    store,
)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = await moving_line(tmp_path)
    yield line
    await line.stop()


async def test_a_moved_collection_has_all_that_it_had_and_its_new_adapter_keeps_it(line: Line) -> None:
    before = await contents(line.adapter)
    assert [version for *_, version, _ in before] == [1, 1, 3]
    assert [deleted for *_, deleted in before] == [1_700_000_000_000_000, 0, 0]
    done = await run_to(line, admin_pb2.COPY_PHASE_DONE)
    assert (done.from_adapter, done.to_adapter, done.total, done.copied, done.compared) == ("memory", "second", 3, 3, 3)
    assert len(done.checksum) == 64
    assert adapter_of(line) == "second"
    assert await contents(line.others["second"]) == before
    assert await line.registry.move_of(EVENTS) is None
    assert (await store(line)).error is None
    assert len(await contents(line.others["second"])) == 4
    assert await contents(line.adapter) == before, "what was in the old place stays there"


async def test_documents_keep_their_tenants(line: Line) -> None:
    for tenant in ("b", "a"):
        insert = Insert("text", '{"k": 1}', 1, "ann", '["x"]')
        await line.adapter.write(Write(replace(EVERYWHERE, tenant=tenant), [insert]))
    before = await contents(line.adapter)
    assert [tenant for tenant, *_ in before] == ["", "", "", "a", "b"]
    await run_to(line, admin_pb2.COPY_PHASE_DONE)
    assert await contents(line.others["second"]) == before
    page = (await line.others["second"].find(Find(EVERYWHERE))).page
    assert (page.owner[-1], page.acl[-1]) == ("ann", '["x"]')


async def test_writes_are_refused_from_the_mark_to_the_end_and_say_when_to_come_again(line: Line) -> None:
    await good(line)
    writes = [
        ("StoreData", pb.StoreDataRequest(collection="events", document="{}")),
        ("StoreBatch", pb.StoreBatchRequest(collection="events", documents=["{}"])),
        ("UpdateData", pb.UpdateDataRequest(collection="events", allow_all=True, update='{"a": 3}')),
        ("DeleteData", pb.DeleteDataRequest(collection="events", allow_all=True)),
        ("RestoreData", pb.RestoreDataRequest(collection="events", allow_all=True)),
        ("PurgeData", pb.PurgeDataRequest(collection="events", allow_all=True)),
        ("RequestCollection", pb.RequestCollectionRequest(name="events", description="another")),
    ]
    before = await contents(line.adapter)
    for method, request in writes:
        error = await line.refusal(method, request)
        assert (error.reason, error.applied) == (Reason.OVERLOADED, Applied.NO), method
        assert error.retry_after_s
        assert "is being copied to another adapter" in error.message
    assert await contents(line.adapter) == before
    assert (await line.call("RequestCollection", pb.RequestCollectionRequest(name="events"))).error is None
    reply = await line.call("CountData", pb.CountDataRequest(collection="events"))
    assert pb.CountDataResponse.FromString(reply.payload).count == 2


async def test_a_manifest_that_changes_the_collection_is_refused_and_one_that_does_not_is_not(line: Line) -> None:
    await good(line)
    text = "metadata: {{name: my-service}}\nspec: {{dataRequirements: {{collections: [{{name: {0}}}]}}}}"
    for collection, expected in (("events", Reason.OVERLOADED), ("others", None)):
        reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=text.format(collection)))
        assert (reply.error and reply.error.reason) == expected


async def test_those_who_look_at_the_collection_see_where_it_is_being_copied_to(line: Line) -> None:
    async def seen() -> list[tuple[str, str]]:
        described = await line.call("DescribeCollection", pb.DescribeCollectionRequest(collection="events"))
        listed = await line.operate("ListCollections", admin_pb2.ListCollectionsRequest())
        one = pb.DescribeCollectionResponse.FromString(described.payload).collection
        [other] = admin_pb2.ListCollectionsResponse.FromString(listed.payload).collections
        return [(collection.adapter, collection.moving_to) for collection in (one, other)]

    assert await seen() == [("memory", "")] * 2
    await good(line)
    assert await seen() == [("memory", "second")] * 2
    await let_time_pass(line)
    await run_on_to(line, admin_pb2.COPY_PHASE_DONE)
    assert await seen() == [("second", "")] * 2


async def test_access_can_be_granted_meanwhile(line: Line) -> None:
    await good(line)
    request = pb.GrantAccessRequest(
        collection="events", target_service="reader", permission=collection_pb2.PERMISSION_READ
    )
    assert (await line.call("GrantAccess", request)).error is None


async def test_another_broker_of_the_registry_learns_of_the_mark_and_of_the_end(line: Line) -> None:
    other = Registry(f"sqlite+aiosqlite:///{line.folder / 'registry.db'}", default_adapter="memory")
    await other.open()
    await good(line)
    snapshot = await other.refresh(other.snapshot.revision + 1)
    assert (snapshot.collections[EVENTS].adapter, snapshot.collections[EVENTS].moving_to) == ("memory", "second")
    await let_time_pass(line)
    await run_on_to(line, admin_pb2.COPY_PHASE_DONE)
    snapshot = await other.refresh(other.snapshot.revision + 1)
    assert (snapshot.collections[EVENTS].adapter, snapshot.collections[EVENTS].moving_to) == ("second", "")
    await other.close()


async def test_nothing_is_copied_before_every_broker_can_know_and_nothing_compared_before_writes_have_ended(
    line: Line,
) -> None:
    await good(line)
    move = await move_of(line)
    in_the_future = move.marked_us + 3_600_000_000
    await line.registry.advance_move(move, replace(move, marked_us=in_the_future))
    assert (await good(line)).phase == admin_pb2.COPY_PHASE_MARKED
    with pytest.raises(DataError):
        await contents(line.others["second"])
    move = await move_of(line)
    await line.registry.advance_move(move, replace(move, phase=Phase.SETTLING))
    assert (await good(line)).phase == admin_pb2.COPY_PHASE_SETTLING


@pytest.mark.parametrize("phase", [admin_pb2.COPY_PHASE_COPYING, admin_pb2.COPY_PHASE_VERIFYING])
async def test_a_new_broker_goes_on_where_the_one_before_was_killed(line: Line, tmp_path: Path, phase: int) -> None:
    before = await contents(line.adapter)
    await run_to(line, phase)
    successor = Line(tmp_path, others=line.others)
    successor.adapter = line.adapter
    successor.audit = line.audit
    await successor.start()
    await run_on_to(successor, admin_pb2.COPY_PHASE_DONE)
    assert await contents(line.others["second"]) == before
    await successor.registry.close()


async def test_a_page_that_was_copied_before_its_step_was_noted_is_copied_again(line: Line) -> None:
    before = await contents(line.adapter)
    await run_to(line, admin_pb2.COPY_PHASE_COPYING)
    copying = await move_of(line)
    await good(line)
    after = await move_of(line)
    await line.registry.advance_move(after, replace(copying, step=after.step))
    await run_on_to(line, admin_pb2.COPY_PHASE_DONE)
    assert await contents(line.others["second"]) == before


async def test_a_step_that_somebody_else_has_taken_meanwhile_changes_nothing(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_INDEXING)
    seen = await move_of(line)
    assert await line.registry.advance_move(seen, replace(seen, phase=Phase.SETTLING))
    assert not await line.registry.advance_move(seen, replace(seen, phase=Phase.COPYING))
    assert not await line.registry.finish_move(seen)
    assert (await move_of(line)).phase is Phase.SETTLING
    assert not await line.registry.begin_move(seen), "it moves already"


async def change_target(line: Line, *mutations: Any) -> None:
    await line.others["second"].write(Write(replace(EVERYWHERE, tenant=""), mutations))


async def test_a_difference_is_found_and_nothing_is_switched(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    await change_target(
        line, Delete(parse_filter('{"_id": "text"}'), 1), Insert("text", '{"k": "text"}', 1), Insert("z", '{"k": 0}', 1)
    )
    answer = await good(line)
    assert answer.phase == admin_pb2.COPY_PHASE_DIFFERENT
    assert (answer.differences.missing, answer.differences.unexpected, answer.differences.different) == (0, 1, 1)
    assert adapter_of(line) == "memory"
    assert (await store(line)).error is not None, "writes stay refused until the copy is given up"


async def test_metadata_alone_is_a_difference(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    await remove_softly(line.others["second"], "text")
    assert (await good(line)).differences.different == 1


async def test_a_difference_that_was_mended_is_compared_again(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    await change_target(line, Insert("z", '{"k": 0}', 1))
    assert (await good(line)).phase == admin_pb2.COPY_PHASE_DIFFERENT
    await change_target(line, Delete(parse_filter('{"_id": "z"}'), 1))
    answer = await run_on_to(line, admin_pb2.COPY_PHASE_DONE)
    assert not answer.HasField("differences")


@pytest.mark.parametrize(
    "phase",
    [admin_pb2.COPY_PHASE_MARKED, admin_pb2.COPY_PHASE_COPYING, admin_pb2.COPY_PHASE_VERIFYING],
)
async def test_a_copy_that_is_given_up_leaves_nothing_behind_and_can_be_begun_again(line: Line, phase: int) -> None:
    await (run_to(line, phase) if phase != admin_pb2.COPY_PHASE_MARKED else good(line))
    answer = await abort(line)
    assert (answer.aborted, answer.adapter, answer.to_adapter) == (True, "memory", "second")
    with pytest.raises(DataError) as caught:
        await contents(line.others["second"])
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
    assert (await store(line)).error is None
    assert (await abort(line)).aborted is False
    assert (await run_to(line, admin_pb2.COPY_PHASE_DONE)).copied == 4


async def test_giving_up_lets_writes_through_even_while_the_copy_cannot_be_dropped(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    second = line.others["second"]
    copied = await contents(second)
    await second.close()
    reply = await line.operate("AbortCopy", admin_pb2.AbortCopyRequest(collection=EVENTS))
    assert reply.error is not None
    assert reply.error.reason is Reason.ADAPTER_DOWN
    assert (await store(line)).error is None
    await second.start()
    assert copied
    error = await refused(line)
    assert (error.reason, "--abort" in error.message) == (Reason.BAD_REQUEST, True)
    assert (await abort(line)).aborted
    await good(line)


async def test_a_target_that_holds_such_a_collection_already_is_refused_before_anything_is_marked(line: Line) -> None:
    second = line.others["second"]
    await second.ensure_collection(CollectionSpec(EVERYWHERE))
    await change_target(line, Insert("theirs", "{}", 1))
    error = await refused(line)
    assert (error.reason, error.violations[0].path) == (Reason.BAD_REQUEST, "to_adapter")
    assert "documents in it: 1" in error.message
    assert await line.registry.move_of(EVENTS) is None
    assert (await store(line)).error is None
    assert [id_ for _, id_, *_ in await contents(second)] == ["theirs"]


async def test_a_target_that_cannot_do_what_the_indexes_need_is_refused_before_anything_is_marked(line: Line) -> None:
    error = await refused(line, "plain")
    assert (error.reason, error.metadata["capabilities"]) == (Reason.CAPABILITY_UNSUPPORTED, "unique")
    assert await line.registry.move_of(EVENTS) is None


async def test_a_collection_that_is_there_already_is_left_alone(line: Line) -> None:
    answer = await good(line, "memory")
    assert (answer.phase, answer.already_there) == (admin_pb2.COPY_PHASE_DONE, True)
    assert line.registry.snapshot.collections[EVENTS].moving_to == ""


async def test_unknown_collections_and_adapters_and_a_second_copy_at_once_are_refused(line: Line) -> None:
    assert (await refused(line, collection="my-service.nothing")).reason is Reason.COLLECTION_NOT_FOUND
    error = await refused(line, "third")
    assert (error.reason, "memory, plain, second" in error.message) == (Reason.BAD_REQUEST, True)
    await good(line)
    error = await refused(line, "memory")
    assert (error.reason, "is being copied to 'second'" in error.message) == (Reason.BAD_REQUEST, True)


async def test_an_index_that_documents_do_not_fit_moves_as_it_is(line: Line) -> None:
    for id_, value in (("1", "same"), ("2", "same")):
        document = json.dumps({"k": id_, "u": value})
        await line.call("StoreData", pb.StoreDataRequest(collection="events", document_id=id_, document=document))
    spec = collection_pb2.IndexSpec(type=collection_pb2.INDEX_TYPE_UNIQUE, fields=[collection_pb2.IndexField(path="u")])
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="events", indexes=[spec]))
    assert (await run_to(line, admin_pb2.COPY_PHASE_DONE)).compared == 5
    states = {status.spec.name: status.state for status in await line.others["second"].inspect_collection(EVERYWHERE)}
    assert states == {"unique(k)": "ready", "ascending(k)": "ready", "unique(u)": "failed"}


async def test_page_tokens_of_the_old_adapter_are_refused_by_name_after_the_move(line: Line) -> None:
    query = pb.QueryDataRequest(collection="events", page_size=1)
    page = pb.QueryDataResponse.FromString((await line.call("QueryData", query)).payload)
    query.page_token = page.next_page_token
    assert (await line.call("QueryData", query)).error is None
    await run_to(line, admin_pb2.COPY_PHASE_DONE)
    assert (await line.refusal("QueryData", query)).reason is Reason.BAD_PAGE_TOKEN


async def test_a_write_that_was_under_way_and_lands_behind_the_copy_is_found(line: Line) -> None:
    line.adapter.hang = asyncio.Event()
    late = asyncio.create_task(store(line, "late"))
    await line.adapter.hang.wait()
    line.adapter.hang = None
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    line.adapter.hang_no_more()
    assert (await late).error is None
    answer = await good(line)
    assert (answer.phase, answer.differences.missing) == (admin_pb2.COPY_PHASE_DIFFERENT, 1)


async def test_a_write_that_was_let_in_before_the_mark_is_refused_before_it_reaches_its_adapter(line: Line) -> None:
    backends = Backends({"memory": InProcessBackend("memory", line.adapter)}, "memory")
    record = line.registry.snapshot.collections[EVENTS]
    await good(line)
    with pytest.raises(DataError) as caught:
        await Dispatch(backends, line.registry).write(record, WHOLE, [Insert("late", '{"k": 1}', 1)], timeout_s=1)
    assert (caught.value.reason, caught.value.applied) == (Reason.OVERLOADED, Applied.NO)


async def test_every_step_is_in_the_audit_log(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_COPYING)
    await abort(line)
    records = [it for it in line.records() if it["operation"] in ("copy_collection", "abort_copy")]
    assert [it["filters"].get("phase") for it in records] == ["marked", "copying", None]
    assert {(it["principal"], it["collection"], it["outcome"]) for it in records} == {("operator", EVENTS, "ok")}
    assert records[0]["filters"]["to_adapter"] == "second"
