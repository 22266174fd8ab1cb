"""Who has the id or the unique values that a document wants? Looked into only when somebody has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pymongo.asynchronous.client_session import AsyncClientSession

from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.expiring import expired
from aol_adapters.mongodb.naming import Place, index_keys
from aol_adapters.mongodb.server import Server
from aol_adapters.mongodb.stored import META, json_of, key, metadata_of, stored
from aol_wire.adapter import Insert, Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec
from aol_wire.values import MISSING, equal, get


@dataclass(slots=True)
class Item:
    """A document on its way in: of which tenant, and as the contract says it."""

    tenant: str
    insert: Insert
    document: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Holders:
    """Looks for what is in the way of documents of one place, in a transaction if there is one."""

    server: Server
    place: Place
    collection: Collection
    session: AsyncClientSession | None = None

    async def of_id(self, item: Item) -> Outcome | None:
        """Return what becomes of an insert whose id another document has; None when none has it."""
        condition: dict[str, Any] = {"_id": key(item.tenant, item.insert.id)}
        gone = expired(self.collection, self.server.settings.clock())
        if gone:
            condition["$nor"] = gone
        found = await self._stored().find_one(condition, session=self.session)
        if found is None:
            return None
        is_deleted = bool(metadata_of(found).get("d"))
        found = {name: value for name, value in found.items() if name not in {"_id", META}}
        will_be_deleted = item.insert.stamped.deleted_us != 0
        if is_deleted and not will_be_deleted:
            return _duplicate("a deleted document has this _id, and keeps it until it is purged")
        if is_deleted is will_be_deleted and equal(orjson.loads(json_of(found)), item.document):
            return Outcome(1, was_duplicate=True)
        return _duplicate("another document has this _id; update it, or insert under another _id")

    async def of_values(self, tenant: str, id_: str, document: dict[str, Json]) -> DataError | None:
        """Return the error of a document whose unique values another one has; None when none has them."""
        for index in self.collection.uniques:
            condition = {**_values(index, tenant, document), "_id": {"$ne": key(tenant, id_)}}
            if await self._stored().find_one(condition, {"_id": 1}, session=self.session) is not None:
                return unique_violation(index)
        return None

    async def remove_expired(self, tenant: str, id_: str, document: dict[str, Json]) -> bool:
        """Remove the expired documents that have the key or a unique value of a document; return whether there were
        any."""
        gone = expired(self.collection, self.server.settings.clock())
        if not gone:
            return False
        holds = [{"_id": key(tenant, id_)}, *(_values(it, tenant, document) for it in self.collection.uniques)]
        condition = {"$and": [{"$or": holds}, {"$or": gone}]}
        result = await self._stored().delete_many(condition, session=self.session)
        return bool(result.deleted_count)

    def violated(self, pattern: Mapping[str, Any] | None) -> DataError | None:
        """Return the error for the key pattern of the index that refused a document; None for the key itself."""
        keys = tuple((pattern or {}).items())
        for index in self.collection.uniques:
            if index_keys(index) == keys:
                return unique_violation(index)
        return None

    def _stored(self) -> Any:
        return self.server.collection(*self.place)


def unique_violation(index: IndexSpec) -> DataError:
    """Return the error of a document whose values in an index another one has."""
    return DataError(
        Reason.UNIQUE_VIOLATION,
        f"another document has the values of this one in the index {index.name}",
        metadata={"index": index.name},
        applied=Applied.NO,
    )


def _values(index: IndexSpec, tenant: str, document: dict[str, Json]) -> dict[str, Any]:
    condition: dict[str, Any] = {"_aol.t": tenant or None}
    for field in index.fields:
        value = get(document, field.path)
        condition[".".join(field.path)] = {"$eq": None if value is MISSING else stored(value)}
    return condition


def _duplicate(message: str) -> Outcome:
    return Outcome(error=DataError(Reason.DUPLICATE_ID, message, applied=Applied.NO))
