"""Over a real broker and its SQLite process: what is dropped is gone, and what comes after it begins with nothing."""

import asyncio
import json
import uuid

import pytest
from typer.testing import CliRunner, Result

from aol.admin.v1 import admin_pb2
from aol_cli.app import app
from aol_cli.operator_calls import operator_calls
from aol_client import AOLDataClient, CollectionNotFoundError, InvalidRequestError, UnsupportedError
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

MANIFEST = """\
metadata: {{name: {name}, version: "1"}}
spec:
  dataRequirements:
    collections:
      - name: notes
        softDelete: true
        indexes: [{{fields: [slug], type: unique}}]
        storage: {{{storage}}}
"""


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A service of the test's own."""
    return f"drop-{uuid.uuid5(uuid.NAMESPACE_OID, request.node.name).hex[:12]}"


async def apply(broker: RunningBroker, name: str, storage: str = "") -> admin_pb2.ApplyManifestResponse:
    text = MANIFEST.format(name=name, storage=storage)
    async with operator_calls(broker.endpoint, broker.operator_token) as calls:
        request = admin_pb2.ApplyManifestRequest(manifest=text)
        return await calls.admin("ApplyManifest", request, admin_pb2.ApplyManifestResponse)


async def drop(broker: RunningBroker, collection: str) -> None:
    async with operator_calls(broker.endpoint, broker.operator_token) as calls:
        request = admin_pb2.DropCollectionRequest(collection=collection)
        assert (await calls.admin("DropCollection", request, admin_pb2.DropCollectionResponse)).dropped


async def test_what_is_dropped_is_gone_and_requested_again_is_empty(broker: RunningBroker, name: str) -> None:
    async with AOLDataClient(broker.endpoint, name) as client:
        index = {"fields": ["slug"], "type": "unique"}
        await client.request_collection("notes", indexes=[index])
        await client.request_collection("kept")
        for collection in ("notes", "kept"):
            await client.insert(collection, {"_id": "1", "slug": "a"})
        await drop(broker, f"{name}.notes")
        with pytest.raises(CollectionNotFoundError):
            await client.query("notes")
        with pytest.raises(CollectionNotFoundError):
            await client.insert("notes", {"_id": "2"})
        assert [info.collection_id for info in await client.list_collections()] == [f"{name}.kept"]
        await client.request_collection("notes")
        assert await client.query("notes") == []
        # Neither the index nor what it knew is left.
        await client.insert_many("notes", [{"_id": "1", "slug": "a"}, {"_id": "2", "slug": "a"}])
        assert (await client.describe_collection("notes")).indexes == ()
        assert await client.count("kept") == 1


async def test_the_same_manifest_makes_it_anew(broker: RunningBroker, name: str) -> None:
    await apply(broker, name)
    async with AOLDataClient(broker.endpoint, name) as client:
        await client.insert("notes", {"_id": "1"})
        await drop(broker, f"{name}.notes")
        assert list((await apply(broker, name)).created_collections) == [f"{name}.notes"]
        described = await client.describe_collection("notes")
        assert (described.soft_delete, len(described.indexes), described.declared) == (True, 1, True)
        assert await client.count("notes", deleted="include") == 0


async def test_what_sqlite_cannot_keep_so_is_refused_and_nothing_is_made(broker: RunningBroker, name: str) -> None:
    for storage in ("partitionBy: created_at, retainFor: 30d", "tenancy: schema"):
        with pytest.raises(UnsupportedError):
            await apply(broker, name, storage)
    with pytest.raises(InvalidRequestError) as unknown:
        await apply(broker, name, "adapter: nowhere")
    assert "it has sqlite" in str(unknown.value)
    async with AOLDataClient(broker.endpoint, name) as client:
        assert await client.list_collections() == []


def aol(broker: RunningBroker, *arguments: str, code: int = 0) -> Result:
    environment = {"AOL_ENDPOINT": broker.endpoint, "AOL_DATA_DIR": str(broker.data_dir)}
    result = CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == code, result.stderr
    return result


@pytest.fixture
def notes(broker: RunningBroker, name: str) -> str:
    """A declared collection with three documents, of which one is soft-deleted."""

    async def fill() -> None:
        await apply(broker, name)
        async with AOLDataClient(broker.endpoint, name) as client:
            await client.insert_many("notes", [{"_id": str(number), "slug": str(number)} for number in range(3)])
            await client.delete("notes", {"_id": "1"})

    asyncio.run(fill())
    return f"{name}.notes"


def test_without_yes_the_command_says_what_would_be_dropped_and_drops_nothing(
    broker: RunningBroker, notes: str, name: str
) -> None:
    for _ in range(2):
        refused = aol(broker, "collection", "drop", notes, code=1)
        assert refused.stdout == ""
        assert f"With --yes, {notes} goes for good: its 3 documents, kept by the adapter sqlite" in refused.stderr
        assert f"The manifest of {name} declares it" in refused.stderr
        assert f"To drop it: aol collection drop {notes} --yes" in refused.stderr
    asked = json.loads(aol(broker, "collection", "drop", notes, "--json", code=1).stdout)
    assert asked == {"collection": notes, "adapter": "sqlite", "declared": True, "documents": 3, "dropped": False}
    assert len(aol(broker, "query", notes, "--as", name, "--json").stdout.splitlines()) == 2


def test_with_yes_the_command_drops_it_and_then_there_is_none(broker: RunningBroker, notes: str, name: str) -> None:
    done = aol(broker, "collection", "drop", notes, "--yes")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"Dropped {notes}.",
        f"The manifest of {name} declares it: the next time that it is applied, it is made anew, empty.",
    ]
    assert aol(broker, "collections", "--service", name, "--json").stdout == ""
    assert "COLLECTION_NOT_FOUND" in aol(broker, "collection", "drop", notes, "--yes", code=4).stderr


def test_a_program_reads_that_it_was_dropped(broker: RunningBroker, notes: str) -> None:
    dropped = json.loads(aol(broker, "collection", "drop", notes, "--yes", "--json").stdout)
    assert dropped == {"collection": notes, "adapter": "sqlite", "declared": True, "documents": None, "dropped": True}


def test_a_name_without_its_service_is_a_mistake(broker: RunningBroker) -> None:
    assert "service.collection" in aol(broker, "collection", "drop", "notes", "--yes", code=2).stderr
