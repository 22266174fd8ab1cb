"""How does a service use either database through the broker? The SDK, in the process that measures."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aol_client import AOLDataClient
from benchmarks.documents import DOCUMENTS_A_USER, Document, documents
from benchmarks.store import check

SERVICE = "benchmarks"
_TIMEOUT_S = 30.0
_INDEX = {"fields": ["user"], "type": "ascending"}
_INDEX_POLL_S = 0.1


class Brokered:
    """`Store` by the SDK."""

    def __init__(self, client: AOLDataClient) -> None:
        self._client = client

    async def create(self, collection: str) -> None:
        """Request the collection."""
        await self._client.request_collection(collection)

    async def index(self, collection: str) -> None:
        """Request it with an index, which large collections get in the background."""
        await self._client.request_collection(collection, indexes=[_INDEX])
        while any(index.state != "ready" for index in (await self._client.describe_collection(collection)).indexes):
            await asyncio.sleep(_INDEX_POLL_S)

    async def insert(self, collection: str, document: Document) -> None:
        """Insert one document."""
        document_id = await self._client.insert(collection, document)
        check(document_id == document["_id"], "insert")

    async def get(self, collection: str, document_id: str) -> Document:
        """Return one document."""
        found = await self._client.get(collection, document_id)
        check(found is not None, "get")
        return found or {}

    async def find(self, collection: str, user: str) -> Sequence[Document]:
        """Return ten documents."""
        return await self._client.query(collection, {"user": user}, limit=DOCUMENTS_A_USER)

    async def update(self, collection: str, document_id: str, number: int) -> None:
        """Set one field."""
        check(await self._client.update(collection, {"_id": document_id}, {"n": number}) == 1, "update")

    async def delete(self, collection: str, document_id: str) -> None:
        """Delete one document."""
        check(await self._client.delete(collection, {"_id": document_id}) == 1, "delete")

    async def insert_many(self, collection: str, numbers: range) -> None:
        """Insert them as the SDK does: in chunks, a few at a time."""
        check(len(await self._client.insert_many(collection, documents(numbers))) == len(numbers), "insert_many")

    async def scan(self, collection: str) -> int:
        """Read page after page."""
        count = 0
        async for _ in self._client.stream(collection):
            count += 1
        return count


def has_transports() -> bool:
    """Return whether the SDK can be told how its calls travel."""
    return "transport" in inspect.signature(AOLDataClient.__init__).parameters


@asynccontextmanager
async def brokered(endpoint: str, service: str = SERVICE, transport: str | None = None) -> AsyncIterator[Brokered]:
    """The broker's side. Without a `transport` calls travel as the SDK chooses."""
    arguments: dict[str, Any] = {} if transport is None else {"transport": transport}
    async with AOLDataClient(endpoint, service, timeout=_TIMEOUT_S, **arguments) as client:
        yield Brokered(client)
