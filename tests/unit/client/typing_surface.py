"""The public surface as a type checker sees it. Checked by mypy, never run."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any, assert_type

from aol_client import (
    AccessRequest,
    AOLDataClient,
    BulkWriteError,
    CollectionInfo,
    DataClientError,
    Document,
    IndexInfo,
    PermissionDeniedError,
    QueryPlan,
    RequestAnswer,
    SecurityContext,
    SecurityInfo,
    StorageInfo,
)


def rows() -> Iterator[dict[str, int]]:
    yield {"n": 1}


async def async_rows() -> AsyncIterator[dict[str, object]]:
    yield {"n": 1}


async def surface(manifest: dict[str, Any], now: datetime) -> None:
    assert_type(AOLDataClient.from_config("config.yaml"), AOLDataClient)
    AOLDataClient("localhost:50051", "my-service", transport="fast")  # type: ignore[arg-type]
    async with AOLDataClient("localhost:50051", "my-service", timeout=3, token=None, transport="auto") as client:
        assert_type(client, AOLDataClient)
        hint, indexes = manifest.get("schemaHint"), manifest.get("indexes")
        assert_type(await client.request_collection(name="a", schema_hint=hint, indexes=indexes), str)
        assert_type(await client.insert("a", {"at": now, "tags": ["x"], "n": None}), str)
        assert_type(await client.insert_many("a", [{"n": 1}, {"n": 2}]), list[str])
        assert_type(await client.insert_many("a", rows(), atomic=True), list[str])
        assert_type(await client.insert_many("a", async_rows()), list[str])
        assert_type(await client.get("a", "id"), Document | None)
        assert_type(await client.find_one("a", {"n": {"$gt": 1}}, sort={"n": "desc"}), Document | None)
        found = await client.query("a", filters={}, projection=["n"], sort=[("n", "asc")], limit=1, skip=1)
        assert_type(found, list[dict[str, Any]])
        async for document in client.stream("a", page_size=100, deleted="include"):
            assert_type(document, dict[str, Any])
        assert_type(await client.count("a"), int)
        assert_type(await client.update("a", {"n": 1}, {"$inc": {"n": 1}}, max_affected=1), int)
        assert_type(await client.update(collection="a", filters={}, update_data={"n": 1}, allow_all=True), int)
        assert_type(await client.delete("a", {"_id": "x"}, if_version=1, timeout=1.5), int)
        assert_type(await client.restore("a", {"n": 1}, max_affected=1, timeout=1.5), int)
        assert_type(await client.purge("a", allow_all=True), int)
        plan = await client.explain("a", {"n": 1}, sort={"n": "asc"}, limit=1, skip=1, deleted="only")
        assert_type(plan, QueryPlan)
        assert_type(plan.proposed_index, str)
        assert_type(await client.grant_access(collection="a", target_service="b", permission="read"), bool)
        assert_type(await client.revoke_access("a", "b"), bool)
        assert_type(await client.pending_requests(made=True, refused=True), list[AccessRequest])
        assert_type(await client.approve_request("a", "b", "read", reason="x", fields=["n"]), RequestAnswer)
        assert_type((await client.refuse_request("a", "b", reason="x")).answered, tuple[str, ...])
        client.refuse_request("a", "b")  # type: ignore[call-arg, unused-coroutine]
        assert_type(await client.list_collections(), list[CollectionInfo])
        described = await client.describe_collection("a")
        assert_type(described.indexes, tuple[IndexInfo, ...])
        assert_type(described.storage, StorageInfo)
        assert_type(described.security, SecurityInfo | None)
        view = client.with_context(SecurityContext("north", "ann", teams=["ops"], attributes={"level": 2}))
        assert_type(view, AOLDataClient)
        assert_type(await view.count("a", context={"user": "bob"}), int)
        assert_type(await client.insert("a", {}, context=SecurityContext(token="x")), str)
        client.with_context("ann")  # type: ignore[arg-type]
        client.insert("a", ["not", "a", "dict"])  # type: ignore[arg-type, unused-coroutine]
        client.purge("a", {}, True)  # type: ignore[call-arg, unused-coroutine]
        plan.index = "key"  # type: ignore[misc]
        client.query("a", {}, ["n"])  # type: ignore[call-arg, unused-coroutine]


def errors(error: DataClientError) -> None:
    assert_type(error.reason, str)
    assert_type(error.request_id, str)
    assert_type(error.retry_after_s, float | None)
    if isinstance(error, BulkWriteError):
        assert_type(error.inserted_ids, tuple[str, ...])
    if isinstance(error, PermissionDeniedError):
        assert_type(error.details, dict[str, str])
