"""How are documents spread over the shards of a cluster? The commands that a `mongos` takes.

https://www.mongodb.com/docs/manual/reference/command/shardCollection/
"""

from typing import Any

from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.naming import Place
from aol_wire import metadata
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexType
from aol_wire.values import MISSING, equal, get


def commands(place: Place, shard_key: str) -> list[dict[str, Any]]:
    """Return the commands for the database `admin` that shard a collection; repeating them changes nothing."""
    key: dict[str, Any] = {"_id": "hashed"} if shard_key == metadata.ID else {shard_key: 1, "_id": 1}
    return [{"enableSharding": place.database}, {"shardCollection": ".".join(place), "key": key}]


def check_indexes(known: Collection) -> None:
    """Return if a collection's indexes hold over its shards.

    :raises DataError: CAPABILITY_UNSUPPORTED.
    """
    if known.storage.shard_key and any(it.spec.type is IndexType.UNIQUE for it in known.indexes):
        raise DataError(
            Reason.CAPABILITY_UNSUPPORTED,
            "a collection with a shardKey has no unique indexes: MongoDB's shards do not look into each other",
            metadata={"capability": "unique"},
        )


def check_unmoved(known: Collection, before: dict[str, Json], after: dict[str, Json]) -> None:
    """Return if an update leaves a document on its shard.

    :raises DataError: BAD_DOCUMENT.
    """
    path = tuple(known.storage.shard_key.split("."))
    if path in {("",), (metadata.ID,)}:
        return
    was, is_ = get(before, path), get(after, path)
    if (was is MISSING) is not (is_ is MISSING) or not equal(was, is_):
        raise DataError.invalid(
            Reason.BAD_DOCUMENT, known.storage.shard_key, "the collection's shardKey, which an update does not change"
        )
