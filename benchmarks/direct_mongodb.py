"""How does a service use MongoDB when there is no broker? PyMongo's async client, with the adapter's write concern."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from aol_wire.ids import now_us
from benchmarks.documents import DOCUMENTS_A_USER, Document, document
from benchmarks.store import check

_DATABASE = "direct"
_POOL_SIZE = 32
_BATCH_DOCUMENTS = 1_000


class DirectMongodb:
    """`Store` by PyMongo alone."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database = database

    async def create(self, collection: str) -> None:
        """Make it."""
        await self._database.create_collection(collection)

    async def index(self, collection: str) -> None:
        """Index it."""
        await self._database[collection].create_index([("user", 1), ("_id", 1)])

    async def insert(self, collection: str, document: Document) -> None:
        """Insert one document."""
        done = await self._database[collection].insert_one(_stamped(document))
        check(done.acknowledged, "insert")

    async def get(self, collection: str, document_id: str) -> Document:
        """Return one document."""
        found = await self._database[collection].find_one({"_id": document_id})
        check(found is not None, "get")
        return found or {}

    async def find(self, collection: str, user: str) -> Sequence[Document]:
        """Return ten documents."""
        cursor = self._database[collection].find({"user": user}).sort("_id", 1).limit(DOCUMENTS_A_USER)
        return await cursor.to_list()

    async def update(self, collection: str, document_id: str, number: int) -> None:
        """Set one field."""
        change = {"$set": {"n": number, "_updated_at": now_us()}, "$inc": {"_version": 1}}
        done = await self._database[collection].update_one({"_id": document_id}, change)
        check(done.matched_count == 1, "update")

    async def delete(self, collection: str, document_id: str) -> None:
        """Delete one document."""
        done = await self._database[collection].delete_one({"_id": document_id})
        check(done.deleted_count == 1, "delete")

    async def insert_many(self, collection: str, numbers: range) -> None:
        """Insert batches of a thousand, one after another."""
        for start in range(0, len(numbers), _BATCH_DOCUMENTS):
            batch = [_stamped(document(number)) for number in numbers[start : start + _BATCH_DOCUMENTS]]
            done = await self._database[collection].insert_many(batch)
            check(len(done.inserted_ids) == len(batch), "insert_many")

    async def scan(self, collection: str) -> int:
        """Read by a cursor."""
        count = 0
        async for _ in self._database[collection].find().sort("_id", 1):
            count += 1
        return count


@asynccontextmanager
async def direct_mongodb(uri: str) -> AsyncIterator[DirectMongodb]:
    """The direct side, connected. Its database is dropped at the end."""
    client: AsyncMongoClient[Any] = AsyncMongoClient(
        uri, w="majority", journal=True, readConcernLevel="majority", maxPoolSize=_POOL_SIZE
    )
    try:
        yield DirectMongodb(client[_DATABASE])
        await client.drop_database(_DATABASE)
    finally:
        await client.close()


def _stamped(document: Document) -> Document:
    now = now_us()
    document.update(_created_at=now, _updated_at=now, _version=1)
    return document
