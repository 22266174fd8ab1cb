"""Does what was deleted in a soft-delete collection stay away, come back, and go for good, for those who may?"""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from aol.admin.v1 import admin_pb2
from aol_cli.app import app
from aol_cli.operator_calls import operator_calls
from aol_client import (
    AOLDataClient,
    ConflictError,
    InvalidRequestError,
    PermissionDeniedError,
    PreconditionFailedError,
)
from aol_wire.datetimes import normalise
from running_brokers import RunningBroker

pytestmark = pytest.mark.integration

MANIFEST = """\
metadata: {{name: {name}, version: "1"}}
spec:
  dataRequirements:
    enabled: true
    collections:
      - name: notes
        softDelete: true
        indexes: [{{fields: [slug], type: unique}}, {{fields: [text], type: text}}]
      - name: plain
"""


async def apply(broker: RunningBroker, text: str) -> None:
    async with operator_calls(broker.endpoint, broker.operator_token) as calls:
        request = admin_pb2.ApplyManifestRequest(manifest=text, source="manifest.yaml")
        await calls.admin("ApplyManifest", request, admin_pb2.ApplyManifestResponse)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A service of the test's own."""
    return f"soft-{uuid.uuid5(uuid.NAMESPACE_OID, request.node.name).hex[:12]}"


@pytest.fixture
async def owner(broker: RunningBroker, name: str) -> AsyncIterator[AOLDataClient]:
    """The owner of `notes`, in which there are three."""
    await apply(broker, MANIFEST.format(name=name))
    async with AOLDataClient(broker.endpoint, name) as client:
        for number in range(3):
            await client.insert(
                "notes", {"_id": f"n{number}", "slug": f"s{number}", "n": number, "text": f"note number {number}"}
            )
        yield client


async def ids(client: AOLDataClient, deleted: str = "exclude", collection: str = "notes") -> list[str]:
    found = await client.query(collection, sort={"_id": "asc"}, deleted=deleted)
    assert await client.count(collection, deleted=deleted) == len(found)
    return [document["_id"] for document in found]


async def test_the_collection_is_described_as_one_that_keeps_what_is_deleted(owner: AOLDataClient) -> None:
    assert (await owner.describe_collection("notes")).soft_delete is True
    assert (await owner.describe_collection("plain")).soft_delete is False


async def test_a_deleted_document_is_hidden_from_every_way_of_asking(owner: AOLDataClient) -> None:
    assert await owner.delete("notes", {"_id": "n1"}) == 1
    assert await ids(owner) == ["n0", "n2"]
    assert await owner.get("notes", "n1") is None
    assert await owner.find_one("notes", {"slug": "s1"}) is None
    assert await owner.query("notes", {"$text": "1"}) == []
    assert [document["_id"] async for document in owner.stream("notes", {"n": {"$gte": 1}})] == ["n2"]
    assert await owner.update("notes", {"_id": "n1"}, {"n": 9}) == 0
    assert await owner.delete("notes", {"_id": "n1"}) == 0


async def test_include_and_only_show_deleted_documents_with_the_time_of_it(owner: AOLDataClient) -> None:
    before = await owner.get("notes", "n1")
    assert before is not None
    await owner.delete("notes", {"_id": "n1"})
    assert await ids(owner, "include") == ["n0", "n1", "n2"]
    assert await ids(owner, "only") == ["n1"]
    (deleted,) = await owner.query("notes", deleted="only")
    deleted_at = deleted.pop("_deleted_at")
    assert normalise(deleted_at) == deleted_at >= before["_created_at"]
    assert deleted == before, "but for the mark, nothing of it changes"
    assert all("_deleted_at" not in document for document in await owner.query("notes"))
    (stale,) = await owner.query("notes", {"_deleted_at": {"$lte": deleted_at}}, deleted="include")
    assert stale["_id"] == "n1"
    assert await owner.count("notes", {"_deleted_at": None}, deleted="include") == 2


async def test_ids_and_unique_values_stay_taken_until_the_purge(owner: AOLDataClient) -> None:
    await owner.delete("notes", {"_id": "n1"})
    with pytest.raises(ConflictError) as same_id:
        await owner.insert("notes", {"_id": "n1", "slug": "another"})
    assert (same_id.value.reason, same_id.value.applied) == ("DUPLICATE_ID", "no")
    with pytest.raises(ConflictError) as same_document:
        await owner.insert("notes", {"_id": "n1", "slug": "s1", "n": 1, "text": "note number 1"})
    assert same_document.value.reason == "DUPLICATE_ID"
    with pytest.raises(ConflictError) as same_slug:
        await owner.insert("notes", {"_id": "n3", "slug": "s1"})
    assert same_slug.value.reason == "UNIQUE_VIOLATION"
    assert await owner.purge("notes", {"_id": "n1"}) == 1
    assert await owner.insert("notes", {"_id": "n1", "slug": "s1", "n": 10}) == "n1"
    again = await owner.get("notes", "n1")
    assert again is not None
    assert (again["n"], again["_version"]) == (10, 1)


async def test_restore_brings_back_what_was_deleted_as_it_was(owner: AOLDataClient) -> None:
    await owner.update("notes", {"_id": "n1"}, {"n": 5})
    before = await owner.get("notes", "n1")
    await owner.delete("notes", {"n": {"$gte": 2}})
    assert await ids(owner, "only") == ["n1", "n2"]
    assert await owner.restore("notes", {"n": 5}) == 1
    assert await owner.get("notes", "n1") == before
    assert [document["_id"] for document in await owner.query("notes", {"$text": "number 1"})] == ["n1"]
    assert await ids(owner, "only") == ["n2"]
    assert await owner.restore("notes", {"n": 5}) == 0, "a document that is not deleted is none to restore"


async def test_purge_removes_only_what_was_deleted_before(owner: AOLDataClient) -> None:
    await owner.delete("notes", {"_id": "n1"})
    assert await owner.purge("notes", allow_all=True) == 1
    assert await ids(owner, "include") == ["n0", "n2"]
    assert await owner.purge("notes", allow_all=True) == 0
    assert await owner.restore("notes", allow_all=True) == 0


@pytest.mark.parametrize("method", ["restore", "purge"])
async def test_the_guards_hold_and_what_they_refuse_changes_nothing(owner: AOLDataClient, method: str) -> None:
    await owner.delete("notes", {"n": {"$lte": 1}})
    change = getattr(owner, method)
    with pytest.raises(InvalidRequestError) as refused:
        await change("notes", {})
    assert refused.value.reason == "FILTER_REQUIRED"
    with pytest.raises(PreconditionFailedError) as too_many:
        await change("notes", allow_all=True, max_affected=1)
    assert (too_many.value.reason, too_many.value.applied) == ("MAX_AFFECTED_EXCEEDED", "no")
    with pytest.raises(InvalidRequestError):
        await change("notes", {"n": {"$near": 1}})
    assert await ids(owner, "only") == ["n0", "n1"]
    assert await change("notes", {"n": 1}, max_affected=1) == 1


async def test_a_collection_that_keeps_nothing_deletes_for_good(owner: AOLDataClient) -> None:
    await owner.insert_many("plain", [{"_id": "a"}, {"_id": "b"}])
    assert await owner.delete("plain", {"_id": "a"}) == 1
    assert await ids(owner, "only", "plain") == []
    assert await ids(owner, "include", "plain") == ["b"]
    assert await owner.restore("plain", allow_all=True) == 0
    assert await owner.purge("plain", allow_all=True) == 0
    assert await ids(owner, "exclude", "plain") == ["b"]
    await owner.insert("plain", {"_id": "a", "n": 1})


async def test_write_is_enough_to_delete_and_restore_but_not_to_purge(
    broker: RunningBroker, owner: AOLDataClient, name: str
) -> None:
    notes = f"{name}.notes"
    await owner.grant_access("notes", f"{name}-friend", "write")
    async with AOLDataClient(broker.endpoint, f"{name}-friend") as friend:
        assert await friend.delete(notes, {"_id": "n1"}) == 1
        with pytest.raises(PermissionDeniedError) as denied:
            await friend.purge(notes, {"_id": "n1"})
        assert denied.value.reason == "GRANT_MISSING"
        assert await ids(owner, "only") == ["n1"]
        assert await friend.restore(notes, {"_id": "n1"}) == 1
        await friend.delete(notes, {"_id": "n1"})
        await owner.grant_access("notes", f"{name}-friend", "admin")
        assert await friend.purge(notes, {"_id": "n1"}) == 1
    assert await ids(owner, "include") == ["n0", "n2"]


async def test_read_is_enough_for_neither(broker: RunningBroker, owner: AOLDataClient, name: str) -> None:
    await owner.delete("notes", {"_id": "n1"})
    await owner.grant_access("notes", f"{name}-reader", "read")
    async with AOLDataClient(broker.endpoint, f"{name}-reader") as reader:
        assert await ids(reader, "only", f"{name}.notes") == ["n1"]
        for change in (reader.restore, reader.purge, reader.delete):
            with pytest.raises(PermissionDeniedError):
                await change(f"{name}.notes", {"_id": "n1"})
    assert await ids(owner, "only") == ["n1"]


async def test_restore_and_purge_are_in_the_audit_log_with_their_counts(
    broker: RunningBroker, owner: AOLDataClient, name: str
) -> None:
    await owner.delete("notes", {"n": {"$lte": 1}})
    await owner.restore("notes", {"_id": "n0"})
    await owner.purge("notes", {"_id": "n1"})
    records = [record for record in broker.audit() if record["service"] == name]
    done = [
        (record["operation"], record["result_count"])
        for record in records
        if record["operation"] in {"delete", "restore", "purge"} and record["outcome"] == "ok"
    ]
    assert done == [("delete", 2), ("restore", 1), ("purge", 1)]


async def test_the_command_shows_deleted_documents_when_asked(
    broker: RunningBroker, owner: AOLDataClient, name: str
) -> None:
    await owner.delete("notes", {"_id": "n1"})

    async def shown(*arguments: str) -> list[str]:
        command = ["query", "notes", "--as", name, "--endpoint", broker.endpoint, "--sort", "_id", *arguments]
        # In a thread of its own, as the command runs an event loop.
        done = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout.splitlines()

    header, _, *rows = await shown("--deleted", "include")
    assert sorted(header.split()) == ["_deleted_at", "_id", "n", "slug", "text"]
    assert header.endswith("_deleted_at")
    assert [row.split()[0] for row in rows] == ["n0", "n1", "n2"]
    assert [re.search(r"\d{4}-\d\d-\d\dT\S+Z$", row) is not None for row in rows] == [False, True, False]
    assert [json.loads(line)["_id"] for line in await shown("--deleted", "only", "--json")] == ["n1"]
    assert [json.loads(line)["_id"] for line in await shown("--json")] == ["n0", "n2"]
