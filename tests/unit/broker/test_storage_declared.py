"""What becomes of a collection's storage? Chosen when it is made, checked before anything is touched, never changed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_adapters.memory.adapter import CAPABILITIES, MemoryAdapter
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.store import Registry
from aol_broker.request import Reply
from aol_wire.adapter import Capability, CollectionSpec, Description, Ensured
from aol_wire.errors import DataError, Reason
from aol_wire.storage import PartitionInterval, Storage, Tenancy
from line import Line

MANIFEST = """\
metadata: {{name: my-service, version: "{version}"}}
spec:
  dataRequirements:
    collections:
      - name: things
        schemaHint: {{at: datetime}}
        storage: {{{storage}}}
"""
PARTITIONED = "adapter: roomy, partitionBy: at, partitionInterval: month, retainFor: 62d"
KEPT = Storage("at", PartitionInterval.MONTH, 62 * 86_400)
THINGS = "my-service.things"


class RoomyAdapter(MemoryAdapter):
    """Takes every storage, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Storage] = []

    async def describe(self) -> Description:
        return Description("roomy", "1", CAPABILITIES | {Capability.PARTITION, Capability.TENANCY})

    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        self.asked.append(spec.storage)
        return await super().ensure_collection(replace(spec, storage=Storage()))


@pytest.fixture
def roomy() -> RoomyAdapter:
    return RoomyAdapter()


@pytest.fixture
async def line(tmp_path: Path, roomy: RoomyAdapter) -> AsyncIterator[Line]:
    line = Line(tmp_path, others={"roomy": roomy})
    await line.start()
    yield line
    await line.stop()


def manifest(storage: str, version: int = 1) -> admin_pb2.ApplyManifestRequest:
    return admin_pb2.ApplyManifestRequest(manifest=MANIFEST.format(storage=storage, version=version))


async def apply(line: Line, storage: str, version: int = 1) -> CollectionRecord:
    reply = await line.operate("ApplyManifest", manifest(storage, version))
    assert reply.error is None
    return line.registry.snapshot.collections[THINGS]


async def refused(line: Line, storage: str, version: int = 2) -> DataError:
    """The refusal of a manifest, which has changed nothing."""
    before = line.registry.snapshot
    error = await line.operator_refusal("ApplyManifest", manifest(storage, version))
    assert line.registry.snapshot == before
    return error


async def test_the_manifest_chooses_the_adapter_which_is_told_how_to_keep_it(line: Line, roomy: RoomyAdapter) -> None:
    record = await apply(line, PARTITIONED)
    assert (record.adapter, record.storage) == ("roomy", KEPT)
    assert roomy.asked == [KEPT]


async def test_without_a_word_the_default_adapter_keeps_it(line: Line, roomy: RoomyAdapter) -> None:
    record = await apply(line, "")
    assert (record.adapter, record.storage, roomy.asked) == ("memory", Storage(), [])


async def test_an_adapter_that_is_not_there_is_refused_with_those_that_are(line: Line) -> None:
    error = await refused(line, "adapter: romy")
    assert error.reason is Reason.BAD_MANIFEST
    assert error.violations[0].path == f"{THINGS}.storage.adapter"
    assert "it has memory, roomy; did you mean 'roomy'?" in error.message


@pytest.mark.parametrize(
    ("storage", "capability"), [("partitionBy: created_at", "partition"), ("tenancy: schema", "tenancy")]
)
async def test_what_the_adapter_lacks_is_refused_before_it_is_asked(line: Line, storage: str, capability: str) -> None:
    error = await refused(line, storage)
    assert error.reason is Reason.CAPABILITY_UNSUPPORTED
    assert error.metadata == {"adapter": "memory", "capabilities": capability}


@pytest.mark.parametrize("storage", ["", "adapter: roomy", "partitionBy: at", PARTITIONED.replace("62d", "63d")])
async def test_the_storage_of_a_collection_that_exists_is_not_changed(
    line: Line, roomy: RoomyAdapter, storage: str
) -> None:
    await apply(line, PARTITIONED)
    error = await refused(line, storage)
    assert error.reason is Reason.BAD_MANIFEST
    assert error.violations[0].path == f"{THINGS}.storage"
    assert f"aol collection drop {THINGS} --yes" in error.message
    assert roomy.asked == [KEPT]


async def test_a_collection_that_exists_is_not_partitioned_later(line: Line) -> None:
    await apply(line, "adapter: roomy")
    assert (await refused(line, PARTITIONED)).reason is Reason.BAD_MANIFEST


async def test_a_manifest_does_not_move_a_collection(line: Line) -> None:
    await apply(line, "adapter: roomy")
    error = await refused(line, "adapter: memory")
    assert error.violations[0].path == f"{THINGS}.storage.adapter"
    assert f"`aol copy {THINGS} --to memory`" in error.message


async def test_a_manifest_that_names_no_adapter_leaves_a_collection_where_it_is(line: Line) -> None:
    await apply(line, PARTITIONED)
    record = await apply(line, PARTITIONED.removeprefix("adapter: roomy, "), 2)
    assert (record.adapter, record.storage) == ("roomy", KEPT)


async def test_a_collection_by_call_is_kept_by_the_default_adapter_and_a_manifest_may_say_so(line: Line) -> None:
    assert (await line.call("RequestCollection", pb.RequestCollectionRequest(name="things"))).error is None
    assert (await refused(line, "adapter: roomy")).violations[0].path == f"{THINGS}.storage.adapter"
    assert (await apply(line, "adapter: memory", 3)).declared


async def test_a_call_does_not_take_the_time_of_its_partitions_away(line: Line) -> None:
    await apply(line, PARTITIONED)
    error = await line.refusal(
        "RequestCollection", pb.RequestCollectionRequest(name="things", schema_hint='{"n":"number"}')
    )
    assert (error.reason, error.violations[0].path) == (Reason.BAD_REQUEST, "storage.partition_by")
    request = pb.RequestCollectionRequest(name="things", schema_hint='{"at":"datetime","n":"number"}')
    assert (await line.call("RequestCollection", request)).error is None
    assert line.registry.snapshot.collections[THINGS].storage == KEPT


async def test_the_storage_is_told_to_services_and_operators(line: Line) -> None:
    await apply(line, PARTITIONED)
    reply = await line.call("DescribeCollection", pb.DescribeCollectionRequest(collection="things"))
    described = pb.DescribeCollectionResponse.FromString(reply.payload).collection
    assert (described.adapter, described.storage) == (
        "roomy",
        collection_pb2.Storage(
            partition_by="at",
            partition_interval=collection_pb2.PARTITION_INTERVAL_MONTH,
            retain_for_seconds=62 * 86_400,
            tenancy=collection_pb2.TENANCY_SHARED,
        ),
    )
    listed = await line.operate("ListCollections", admin_pb2.ListCollectionsRequest())
    assert admin_pb2.ListCollectionsResponse.FromString(listed.payload).collections[0].storage == described.storage


@pytest.mark.parametrize("storage", [Storage(), KEPT, Storage(tenancy=Tenancy.DATABASE)])
async def test_it_is_the_same_after_a_restart(tmp_path: Path, storage: Storage) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}"
    registry = Registry(url, default_adapter="memory")
    await registry.open()
    record = CollectionRecord("my-service", "things", "memory", storage=storage)
    await registry.declare_collection(record, "operator")
    await registry.close()
    registry = Registry(url, default_adapter="memory")
    await registry.open()
    assert registry.snapshot.collections[THINGS] == record
    await registry.close()


async def copy(line: Line, to_adapter: str) -> Reply:
    request = admin_pb2.CopyCollectionRequest(collection=THINGS, to_adapter=to_adapter)
    return await line.operate("CopyCollection", request)


async def test_it_moves_only_to_an_adapter_that_can_keep_it_so(line: Line, roomy: RoomyAdapter) -> None:
    await apply(line, f"{PARTITIONED}, tenancy: schema")
    reply = await copy(line, "memory")
    assert reply.error is not None
    assert (reply.error.reason, reply.error.metadata["capabilities"]) == (
        Reason.CAPABILITY_UNSUPPORTED,
        "partition, tenancy",
    )
    assert await line.registry.move_of(THINGS) is None


async def test_where_it_moves_to_it_is_kept_as_it_was(tmp_path: Path) -> None:
    roomy, roomier = RoomyAdapter(), RoomyAdapter()
    line = Line(tmp_path, others={"roomy": roomy, "roomier": roomier})
    await line.start()
    await apply(line, PARTITIONED)
    assert (await copy(line, "roomier")).error is None
    move = await line.registry.move_of(THINGS)
    assert move is not None
    await line.registry.advance_move(move, replace(move, marked_us=0, step=1))
    while await line.registry.move_of(THINGS) is not None:
        assert (await copy(line, "roomier")).error is None
    assert set(roomier.asked) == {KEPT}
    assert line.registry.snapshot.collections[THINGS].storage == KEPT
    await line.stop()
