"""A dropped collection is gone with what was granted of it, can be made again; a drop that failed can be repeated."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.registry.snapshot import GrantState, Origin
from aol_broker.registry.store import Registry
from aol_broker.request import Peer
from aol_wire.adapter import Count, Target
from aol_wire.errors import Applied, DataError, Reason
from line import Line, TroubledAdapter

OWNER = """\
metadata: {name: my-service}
spec:
  dataRequirements:
    collections:
      - name: things
        sharing: [{service: friend, permission: read}]
      - name: others
"""
FRIEND = """\
metadata: {name: friend}
spec:
  dataRequirements:
    accessRequests: [{collection: my-service.things, permission: read, reason: To see them}]
"""
THINGS = "my-service.things"


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """A line whose `things` hold three documents, and are shared with a friend who asked."""
    line = Line(tmp_path)
    await line.start()
    for text in (OWNER, FRIEND):
        await apply(line, text)
    for number in range(3):
        await insert(line, f"t{number}")
    yield line
    await line.stop()


async def apply(line: Line, text: str) -> admin_pb2.ApplyManifestResponse:
    reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=text))
    assert reply.error is None
    return admin_pb2.ApplyManifestResponse.FromString(reply.payload)


async def insert(line: Line, id_: str) -> None:
    reply = await line.call("StoreData", pb.StoreDataRequest(collection="things", document=f'{{"_id":"{id_}"}}'))
    assert reply.error is None


async def count(line: Line, collection: str = "things") -> int:
    reply = await line.call("CountData", pb.CountDataRequest(collection=collection))
    assert reply.error is None
    return pb.CountDataResponse.FromString(reply.payload).count


async def drop(line: Line, *, dry_run: bool = False) -> admin_pb2.DropCollectionResponse:
    reply = await line.operate("DropCollection", admin_pb2.DropCollectionRequest(collection=THINGS, dry_run=dry_run))
    assert reply.error is None
    return admin_pb2.DropCollectionResponse.FromString(reply.payload)


async def test_it_is_gone_from_the_registry_and_from_the_database(line: Line) -> None:
    answer = await drop(line)
    assert (answer.dropped, answer.collection.collection_id, answer.collection.declared) == (True, THINGS, True)
    assert THINGS not in line.registry.snapshot.collections
    with pytest.raises(DataError) as gone:
        await line.adapter.count(Count(Target("my-service", "things", None)))
    assert gone.value.reason is Reason.COLLECTION_NOT_FOUND
    missing = await line.refusal("CountData", pb.CountDataRequest(collection="things"))
    assert missing.reason is Reason.COLLECTION_NOT_FOUND
    assert await count(line, "others") == 0


async def test_requested_again_it_is_empty(line: Line) -> None:
    await drop(line)
    reply = await line.call("RequestCollection", pb.RequestCollectionRequest(name="things"))
    assert pb.RequestCollectionResponse.FromString(reply.payload).created
    assert await count(line) == 0


async def test_a_dry_run_says_what_it_would_be_and_changes_nothing(line: Line) -> None:
    before = line.registry.snapshot
    answer = await drop(line, dry_run=True)
    assert (answer.dropped, answer.document_count, answer.collection.adapter) == (False, 3, "memory")
    assert line.registry.snapshot == before
    assert await count(line) == 3


async def test_a_dry_run_of_a_database_that_does_not_answer_does_without_the_count(line: Line) -> None:
    await line.adapter.close()
    answer = await drop(line, dry_run=True)
    assert not answer.HasField("document_count")
    assert answer.collection.collection_id == THINGS


async def test_what_was_shared_and_granted_of_it_goes_and_what_was_asked_stays(line: Line) -> None:
    grant = pb.GrantAccessRequest(
        collection="things", target_service="guest", permission=collection_pb2.PERMISSION_WRITE
    )
    assert (await line.call("GrantAccess", grant)).error is None
    assert line.registry.snapshot.grants_of(THINGS, "guest")
    await drop(line)
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="things"))
    assert line.registry.snapshot.grants_of(THINGS, "guest") == ()
    (asked,) = line.registry.snapshot.grants_of(THINGS, "friend")
    assert (asked.state, asked.origin, asked.reason) == (GrantState.PENDING, Origin.REQUEST, "To see them")


@pytest.mark.parametrize("requested_meanwhile", [False, True])
async def test_the_same_manifest_makes_it_anew_with_what_it_shares(line: Line, requested_meanwhile: bool) -> None:
    await drop(line)
    if requested_meanwhile:
        await line.call("RequestCollection", pb.RequestCollectionRequest(name="things"))
    applied = await apply(line, OWNER)
    assert applied.changed
    assert list(applied.created_collections) == ([] if requested_meanwhile else [THINGS])
    assert line.registry.snapshot.collections[THINGS].declared
    (held,) = line.registry.snapshot.grants_of(THINGS, "friend")
    assert held.state is GrantState.ACTIVE
    assert await count(line) == 0
    assert not (await apply(line, OWNER)).changed


async def test_a_database_that_fails_leaves_everything_to_be_dropped_again(line: Line) -> None:
    await line.adapter.close()
    error = await line.operator_refusal("DropCollection", admin_pb2.DropCollectionRequest(collection=THINGS))
    assert error.reason is Reason.ADAPTER_DOWN
    assert THINGS in line.registry.snapshot.collections
    await line.adapter.start()
    assert (await drop(line)).dropped


async def test_a_drop_that_failed_after_the_database_is_finished_by_the_same_call(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(registry: Registry, collection_id: str) -> bool:
        raise DataError(Reason.REGISTRY_UNAVAILABLE, "not now", applied=Applied.NO)

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "drop_collection", fail)
        request = admin_pb2.DropCollectionRequest(collection=THINGS)
        assert (await line.operator_refusal("DropCollection", request)).reason is Reason.REGISTRY_UNAVAILABLE
    assert THINGS in line.registry.snapshot.collections
    assert await count(line) == 0
    assert (await drop(line)).dropped
    assert THINGS not in line.registry.snapshot.collections


async def test_an_unknown_collection_is_not_found_and_one_without_its_service_is_no_name(line: Line) -> None:
    for name, reason in (("my-service.nothing", Reason.COLLECTION_NOT_FOUND), ("things", Reason.BAD_PATH)):
        error = await line.operator_refusal("DropCollection", admin_pb2.DropCollectionRequest(collection=name))
        assert error.reason is reason
    await drop(line)
    again = await line.operator_refusal("DropCollection", admin_pb2.DropCollectionRequest(collection=THINGS))
    assert again.reason is Reason.COLLECTION_NOT_FOUND
    assert "aol collections" in again.message


async def test_the_owner_is_no_operator(line: Line) -> None:
    request = admin_pb2.DropCollectionRequest(collection=THINGS).SerializeToString()
    peer = Peer("test", service="my-service")
    reply = await line.pipeline.handle("/aol.admin.v1.Admin/DropCollection", request, peer)
    assert reply.error is not None
    assert reply.error.reason is Reason.NO_CREDENTIALS
    assert await count(line) == 3


async def test_each_is_in_the_audit_log_as_what_it_was(line: Line) -> None:
    await drop(line, dry_run=True)
    await drop(line)
    dry, real = [record for record in line.records() if record["operation"] == "drop_collection"]
    assert (dry["principal"], dry["collection"], dry["outcome"]) == ("operator", THINGS, "ok")
    assert (dry["filters"], dry["result_count"]) == ({"dry_run": True, "adapter": "memory"}, 3)
    assert (real["filters"], real["result_count"]) == ({"dry_run": False, "adapter": "memory"}, 1)


async def test_a_call_that_is_under_way_does_not_bring_the_collection_back(line: Line) -> None:
    """A write that finds the collection gone would make it again, were it not for the drop."""
    adapter: TroubledAdapter = line.adapter
    adapter.hang = asyncio.Event()
    request = pb.StoreDataRequest(collection="things", document='{"_id":"late"}')
    late = asyncio.create_task(line.call("StoreData", request))
    await adapter.hang.wait()
    await drop(line)
    adapter.hang = None
    adapter.hang_no_more()
    reply = await late
    assert reply.error is not None
    assert reply.error.reason is Reason.COLLECTION_NOT_FOUND
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="things"))
    assert await count(line) == 0


async def test_a_call_between_the_database_and_the_registry_does_not_bring_it_back_either(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget, refused = Registry.drop_collection, []

    async def forget_after_a_write(registry: Registry, collection_id: str) -> bool:
        request = pb.StoreDataRequest(collection="things", document='{"_id":"between"}')
        refused.append(await line.refusal("StoreData", request))
        return await forget(registry, collection_id)

    monkeypatch.setattr(Registry, "drop_collection", forget_after_a_write)
    await drop(line)
    assert [error.reason for error in refused] == [Reason.COLLECTION_NOT_FOUND]
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="things"))
    assert await count(line) == 0


async def test_another_broker_learns_of_it(line: Line, tmp_path: Path) -> None:
    other = Registry(f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}", default_adapter="memory")
    await other.open()
    assert THINGS in other.snapshot.collections
    await drop(line)
    snapshot = await other.refresh(line.registry.snapshot.revision)
    assert THINGS not in snapshot.collections
    assert snapshot.owned_by("my-service") == ("my-service.others",)
    assert snapshot == line.registry.snapshot
    await other.close()
