"""What service do the requirements show? Theirs, as it stands, with its snippets as methods.

Only the import path differs. What a snippet leaves open (`_load_manifest`, `fetch_expensive_data`...) is filled in.
"""
# ruff: noqa: DTZ003 - the snippets use utcnow()

import asyncio
import logging
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from aol_client import AOLDataClient

logger = logging.getLogger(__name__)

MANIFEST = """
kind: "AOLAgent"
apiVersion: "v1"
metadata:
  name: "my-service"
  version: "1.0.0"

spec:
  # Data storage requirements
  dataRequirements:
    enabled: true

    # Collections this service will own
    collections:
      - name: "events"
        description: "Application event log"
        schemaHint:
          event_id: "string"
          timestamp: "datetime"
          event_type: "string"
          data: "object"
        indexes:
          - fields: ["timestamp"]
            type: "ascending"
          - fields: ["event_type", "timestamp"]
            type: "compound"

      - name: "metrics"
        description: "Performance metrics"
        schemaHint:
          metric_name: "string"
          value: "number"
          timestamp: "datetime"
        indexes:
          - fields: ["metric_name", "timestamp"]
            type: "compound"
"""


def get_correlation_id() -> str:
    return "correlation-1"


class MyService:
    """The service of the requirements, with its snippets as methods."""

    def __init__(self, config_path: str | Path = "config.yaml") -> None:
        # Load config
        with open(config_path) as f:  # noqa: PTH123 - as it stands
            self.config = yaml.safe_load(f)

        # Initialize data client
        self.data_client = AOLDataClient(
            aol_core_endpoint=self.config["spec"]["dataClient"]["aolCoreEndpoint"],
            service_name=self.config["metadata"]["name"],
        )
        self.processed: list[dict[str, Any]] = []
        self.fetched = 0

    def _load_manifest(self) -> Any:
        return yaml.safe_load(MANIFEST)

    async def initialize_collections(self) -> None:
        """Request collections declared in manifest"""
        manifest = self._load_manifest()

        for collection_spec in manifest["spec"]["dataRequirements"]["collections"]:
            collection_id = await self.data_client.request_collection(
                name=collection_spec["name"],
                schema_hint=collection_spec.get("schemaHint"),
                indexes=collection_spec.get("indexes"),
            )
            logger.info(f"Collection '{collection_spec['name']}' ready: {collection_id}")

    # Store time-series metrics efficiently
    async def store_metric(self, name: str, value: float) -> None:
        await self.data_client.insert(
            "metrics",
            {
                "metric_name": name,
                "value": value,
                "timestamp": datetime.utcnow().isoformat(),
                "tags": {"service": self.config["metadata"]["name"], "version": self.config["metadata"]["version"]},
            },
        )

    # Query recent metrics
    async def get_recent_metrics(self, name: str, hours: int = 24) -> list[dict[str, Any]]:
        since = (datetime.utcnow() - timedelta(hours=hours)).isoformat()

        return await self.data_client.query(
            "metrics", filters={"metric_name": name, "timestamp": {"$gte": since}}, sort={"timestamp": "asc"}
        )

    # Append-only event log
    async def log_event(self, event_type: str, data: dict[str, Any]) -> str:
        event_id = str(uuid.uuid4())

        await self.data_client.insert(
            "events",
            {
                "event_id": event_id,
                "event_type": event_type,
                "timestamp": datetime.utcnow().isoformat(),
                "data": data,
                "metadata": {"service": self.config["metadata"]["name"], "correlation_id": get_correlation_id()},
            },
        )

        return event_id

    # Replay events
    async def replay_events(self, since: str | None = None) -> None:
        filters: dict[str, Any] = {}
        if since:
            filters["timestamp"] = {"$gte": since}

        events = await self.data_client.query("events", filters=filters, sort={"timestamp": "asc"}, limit=1000)

        for event in events:
            await self.process_event(event)

    async def process_event(self, event: dict[str, Any]) -> None:
        self.processed.append(event)

    async def get_with_cache(self, key: str) -> Any:
        # Try cache first
        cached = await self.data_client.query("cache", filters={"key": key}, limit=1)

        if cached and not self._is_expired(cached[0]):
            return cached[0]["value"]

        # Cache miss - fetch and store
        value = await self.fetch_expensive_data(key)

        await self.data_client.insert(
            "cache",
            {
                "key": key,
                "value": value,
                "cached_at": datetime.utcnow().isoformat(),
                "ttl": 3600,  # seconds
            },
        )

        return value

    def _is_expired(self, entry: dict[str, Any]) -> bool:
        age = datetime.utcnow() - datetime.fromisoformat(entry["cached_at"])
        return bool(age.total_seconds() > entry["ttl"])

    async def fetch_expensive_data(self, key: str) -> dict[str, Any]:
        self.fetched += 1
        return {"of": key, "answer": 42}

    # Batch inserts for efficiency
    async def bulk_insert(self, events: list[dict[str, Any]]) -> list[str | BaseException]:
        tasks = [self.data_client.insert("events", event) for event in events]
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def get_all_events(self, filters: dict[str, Any], page_size: int = 100) -> list[dict[str, Any]]:
        skip = 0
        all_events: list[dict[str, Any]] = []

        while True:
            events = await self.data_client.query(
                "events", filters=filters, limit=page_size, skip=skip, sort={"timestamp": "asc"}
            )

            if not events:
                break

            all_events.extend(events)
            skip += page_size

        return all_events
