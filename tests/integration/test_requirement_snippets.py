"""Do the snippets of the requirements run as they stand, against a real broker and a real adapter process?

Only the import path differs. What a snippet leaves open (`_load_manifest`, `fetch_expensive_data`...) is filled in.
"""
# ruff: noqa: DTZ003 - the snippets use utcnow()

import logging
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
import yaml

from aol_client import AOLDataClient, CollectionNotFoundError, DataClientError, PermissionDeniedError
from requirement_service import MyService

if TYPE_CHECKING:
    from running_brokers import RunningBroker

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
]

logger = logging.getLogger(__name__)


@pytest.fixture(params=["frames", "unary"])
async def service(broker: "RunningBroker", tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[MyService]:
    """A service of its own for each test, configured by a file, with its collections requested, over each transport."""
    name = f"snippet-{uuid.uuid5(uuid.NAMESPACE_OID, request.node.name).hex[:12]}"
    config = {
        "metadata": {"name": name, "version": "1.0.0"},
        "spec": {"dataClient": {"aolCoreEndpoint": broker.endpoint}},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    made = MyService(path)
    made.data_client = AOLDataClient.from_config(path, transport=request.param)
    await made.initialize_collections()
    yield made
    await made.data_client.close()


async def test_initialisation_gives_namespaced_collections_with_their_indexes(service: MyService) -> None:
    name = service.config["metadata"]["name"]
    listed = await service.data_client.list_collections()
    assert [info.collection_id for info in listed if info.owner == name] == [f"{name}.events", f"{name}.metrics"]
    described = await service.data_client.describe_collection("events")
    assert [(index.type, index.state) for index in described.indexes] == [("ascending", "ready"), ("compound", "ready")]
    assert described.schema_hint["timestamp"] == "datetime"
    await service.initialize_collections()
    assert await service.data_client.describe_collection("events") == described, "a second time changes nothing"


async def test_from_config_reads_the_same_file(service: MyService, tmp_path: Path) -> None:
    async with AOLDataClient.from_config(tmp_path / "config.yaml") as client:
        assert await client.count("events") == 0


async def test_insert_a_single_document(service: MyService) -> None:
    # Insert a single document
    doc_id = await service.data_client.insert(
        "events",
        {
            "event_id": str(uuid.uuid4()),
            "timestamp": datetime.utcnow().isoformat(),
            "event_type": "user.login",
            "data": {"user_id": "12345", "ip_address": "192.168.1.1"},
        },
    )
    stored = await service.data_client.get("events", doc_id)
    assert stored is not None
    assert stored["data"] == {"user_id": "12345", "ip_address": "192.168.1.1"}
    assert stored["_id"] == doc_id
    assert stored["_version"] == 1
    assert stored["_created_at"] == stored["_updated_at"]


async def test_simple_query(service: MyService) -> None:
    for n in range(12):
        await service.log_event("user.login" if n else "user.logout", {"n": n})
    # Simple query
    results = await service.data_client.query(collection="events", filters={"event_type": "user.login"}, limit=10)
    assert len(results) == 10
    assert all(event["event_type"] == "user.login" for event in results)
    assert len(await service.data_client.query("events", filters={"event_type": "user.login"})) == 11


async def test_query_with_operators(service: MyService) -> None:
    for name, value, timestamp in [
        ("response_time", 250, "2025-11-22T08:00:00Z"),
        ("response_time", 120.5, "2025-11-22T10:00:00+01:00"),
        ("response_time", 100, "2025-11-22T09:00:00Z"),
        ("response_time", 300, "2025-11-21T23:59:59Z"),
        ("throughput", 500, "2025-11-22T08:00:00Z"),
    ]:
        await service.data_client.insert("metrics", {"metric_name": name, "value": value, "timestamp": timestamp})
    # Query with operators
    results = await service.data_client.query(
        collection="metrics",
        filters={
            "metric_name": "response_time",
            "value": {"$gt": 100},  # Greater than 100
            "timestamp": {"$gte": "2025-11-22T00:00:00Z"},  # Since midnight
        },
        projection=["metric_name", "value", "timestamp"],  # Only these fields
        sort={"timestamp": "desc"},
        limit=50,
    )
    assert [(found["value"], found["timestamp"]) for found in results] == [
        (120.5, "2025-11-22T09:00:00.000000Z"),
        (250, "2025-11-22T08:00:00.000000Z"),
    ]
    assert results[0].keys() == {"_id", "metric_name", "value", "timestamp"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (2, [2]),
        ({"$eq": 2}, [2]),
        ({"$ne": 2}, [1, 3]),
        ({"$gt": 2}, [3]),
        ({"$gte": 2}, [2, 3]),
        ({"$lt": 2}, [1]),
        ({"$lte": 2}, [1, 2]),
        ({"$in": [1, 3, 9]}, [1, 3]),
        ({"$nin": [1, 3]}, [2]),
    ],
)
async def test_filter_operators(service: MyService, condition: Any, expected: list[int]) -> None:
    await service.data_client.insert_many("metrics", [{"value": value} for value in (1, 2, 3)])
    found = await service.data_client.query("metrics", filters={"value": condition}, sort={"value": "asc"})
    assert [document["value"] for document in found] == expected


async def test_regex_operator(service: MyService) -> None:
    for event_type in ("user.login", "user.logout", "error"):
        await service.log_event(event_type, {})
    found = await service.data_client.query("events", filters={"event_type": {"$regex": "^user\\."}})
    assert sorted(event["event_type"] for event in found) == ["user.login", "user.logout"]


async def test_update_documents_matching_a_filter(service: MyService) -> None:
    for event_id in ("12345", "12345", "67890"):
        await service.data_client.insert("events", {"event_id": event_id})
    # Update documents matching filter
    updated_count = await service.data_client.update(
        collection="events",
        filters={"event_id": "12345"},
        update_data={"processed": True, "processed_at": datetime.utcnow().isoformat()},
    )
    assert updated_count == 2
    changed = await service.data_client.query("events", filters={"processed": True})
    assert [(event["event_id"], event["_version"]) for event in changed] == [("12345", 2), ("12345", 2)]


async def test_delete_documents_matching_a_filter(service: MyService) -> None:
    for timestamp, processed in [
        ("2025-10-01T00:00:00Z", True),
        ("2025-10-02T00:00:00Z", False),
        ("2025-11-02T00:00:00Z", True),
    ]:
        await service.data_client.insert("events", {"timestamp": timestamp, "processed": processed})
    # Delete documents matching filter
    deleted_count = await service.data_client.delete(
        collection="events",
        filters={
            "timestamp": {"$lt": "2025-11-01T00:00:00Z"},  # Older than Nov 1
            "processed": True,
        },
    )
    assert deleted_count == 1
    assert await service.data_client.count("events") == 2


async def test_sharing_gives_another_service_what_was_granted_and_no_more(broker: "RunningBroker") -> None:
    async with (
        AOLDataClient(broker.endpoint, "service-a") as service_a,
        AOLDataClient(broker.endpoint, "service-b") as service_b,
        AOLDataClient(broker.endpoint, "service-c") as service_c,
    ):
        await service_a.request_collection("events")
        await service_a.request_collection("shared_cache")
        await service_a.insert("events", {"event_type": "error"})
        with pytest.raises(PermissionDeniedError, match=r"Permission denied for collection 'service-a\.events'"):
            await service_b.query(collection="service-a.events", filters={"event_type": "error"}, limit=100)

        # Service A grants read access to Service B
        await service_a.grant_access(collection="events", target_service="service-b", permission="read")

        # Grant write access (use with caution)
        await service_a.grant_access(collection="shared_cache", target_service="service-c", permission="write")

        # Query another service's collection (permission required)
        events = await service_b.query(collection="service-a.events", filters={"event_type": "error"}, limit=100)
        assert len(events) == 1
        with pytest.raises(PermissionDeniedError):
            await service_b.insert("service-a.events", {"event_type": "forged"})
        assert await service_c.insert("service-a.shared_cache", {"key": "k"})
        with pytest.raises(PermissionDeniedError):
            await service_c.query("service-a.events")

        await service_a.revoke_access(collection="events", target_service="service-b")
        with pytest.raises(PermissionDeniedError):
            await service_b.query("service-a.events")


async def test_time_series(service: MyService) -> None:
    for value in (1, 2, 3):
        await service.store_metric("load", value)
    await service.store_metric("other", 4)
    old = (datetime.utcnow() - timedelta(hours=30)).isoformat()
    await service.data_client.insert("metrics", {"metric_name": "load", "value": 0, "timestamp": old})
    recent = await service.get_recent_metrics("load")
    assert [metric["value"] for metric in recent] == [1, 2, 3]
    assert [metric["value"] for metric in await service.get_recent_metrics("load", hours=48)] == [0, 1, 2, 3]


async def test_event_sourcing(service: MyService) -> None:
    first = await service.log_event("created", {"n": 1})
    second = await service.log_event("changed", {"n": 2})
    await service.replay_events()
    assert [event["event_id"] for event in service.processed] == [first, second]
    service.processed.clear()
    await service.replay_events(since=(datetime.utcnow() + timedelta(hours=1)).isoformat())
    assert service.processed == []


async def test_caching(service: MyService) -> None:
    await service.data_client.request_collection("cache")
    value = await service.get_with_cache("k1")
    assert await service.get_with_cache("k1") == value == {"of": "k1", "answer": 42}
    assert service.fetched == 1
    await service.get_with_cache("k2")
    assert service.fetched == 2


async def test_gathered_inserts(service: MyService) -> None:
    results = await service.bulk_insert([{"n": n} for n in range(300)])
    assert not [result for result in results if isinstance(result, BaseException)]
    assert len(set(results)) == 300
    assert await service.data_client.count("events") == 300


async def test_pagination(service: MyService) -> None:
    events = [{"n": n, "timestamp": f"2025-11-22T00:00:{n % 60:02}Z", "event_type": "e"} for n in range(250)]
    await service.data_client.insert_many("events", events)
    all_events = await service.get_all_events({"event_type": "e"})
    assert sorted(event["n"] for event in all_events) == list(range(250))
    stamps = [event["timestamp"] for event in all_events]
    assert stamps == sorted(stamps)


async def test_schema_evolution_old_and_new_documents_live_side_by_side(service: MyService) -> None:
    await service.data_client.insert("events", {"event_id": "123", "timestamp": "2025-11-22T00:00:00Z"})
    await service.data_client.insert("events", {"event_id": "456", "new_field": "value", "schema_version": 2})
    found = await service.data_client.query("events", sort={"event_id": "asc"})
    assert [event.get("schema_version", 1) for event in found] == [1, 2]


async def test_error_handling(service: MyService, caplog: pytest.LogCaptureFixture) -> None:
    for collection in ("other-service.data", "my-collection"):
        try:
            await service.data_client.insert(collection, {"n": 1})
        except PermissionDeniedError:
            logger.error("No permission to write to collection")  # noqa: TRY400 - as it stands
        except DataClientError as e:
            logger.error(f"Database operation failed: {e}")  # noqa: TRY400 - as it stands
    assert "No permission to write to collection" in caplog.text
    assert "Database operation failed: Collection 'my-collection' not found" in caplog.text


async def test_troubleshooting_messages_say_what_to_do(service: MyService) -> None:
    with pytest.raises(CollectionNotFoundError, match="Collection 'my-collection' not found") as not_found:
        await service.data_client.query("my-collection")
    assert "request_collection" in str(not_found.value)
    await service.data_client.request_collection("my-collection")
    assert await service.data_client.query("my-collection") == []

    with pytest.raises(
        PermissionDeniedError, match=r"Permission denied for collection 'other-service\.data'"
    ) as denied:
        await service.data_client.query("other-service.data")
    assert "accessRequests" in str(denied.value)


# The two examples of the requirements' chapter on testing.


@pytest.fixture
async def data_client() -> AOLDataClient:
    client = AOLDataClient("aol-core:50051", "test-service")
    client._stub = AsyncMock()  # Mock gRPC stub
    return client


@pytest.mark.asyncio
async def test_insert(data_client: Any) -> None:
    # Mock response
    data_client._stub.StoreData.return_value = AsyncMock(success=True, document_id="doc123")

    doc_id = await data_client.insert("test_collection", {"key": "value"})
    assert doc_id == "doc123"


@pytest.mark.integration
async def test_full_data_flow(broker: "RunningBroker") -> None:
    # Start services in docker-compose
    client = AOLDataClient(broker.endpoint, "test-service")

    # Request collection
    await client.request_collection("test_data")

    # Insert
    doc_id = await client.insert("test_data", {"test": True})
    assert doc_id

    # Query
    results = await client.query("test_data", filters={"test": True})
    assert len(results) == 1
    assert results[0]["test"] is True
