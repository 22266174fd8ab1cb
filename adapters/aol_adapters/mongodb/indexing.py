"""What does a server see to for an index, and do the documents that are there fit it?"""

from collections.abc import Iterable
from math import inf, nan
from typing import Any

from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.compiler import Match
from aol_adapters.mongodb.expiring import expired
from aol_adapters.mongodb.finding import counted
from aol_adapters.mongodb.naming import Place, all_keys, index_name
from aol_adapters.mongodb.server import Document, Server
from aol_adapters.mongodb.stored import META, guard, metadata_of, open_to, plain
from aol_adapters.mongodb.texts import INDEX_NAME, WORDS, document_words
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.limits import INDEXED_STRING_MAX_BYTES

# Everything that is neither null nor a boolean, a number of ours or a string.
_OTHER_TYPES = [
    "array",
    "object",
    "binData",
    "objectId",
    "date",
    "regex",
    "javascript",
    "timestamp",
    "decimal",
    "minKey",
    "maxKey",
]
_FILLED_AT_ONCE = 200


def validator(specs: Iterable[IndexSpec]) -> Match:
    """Return what the server demands of every document, whoever writes it: an `_id` that is a string, and at indexed
    paths what `aol_wire.indexed_paths` demands."""
    conditions = [condition for spec in specs for condition in misfits(spec)]
    unique = [it for number, it in enumerate(conditions) if it not in conditions[:number]]
    return {"_id": {"$type": "string"}, **({"$nor": unique} if unique else {})}


def misfits(spec: IndexSpec) -> list[Match]:
    """Return the conditions one of which holds for a document that an index does not take."""
    found: list[Match] = []
    for field in spec.fields:
        for length in range(1, len(field.path)):
            found.append({".".join(field.path[:length]): {"$type": "array"}})
        at = ".".join(field.path)
        found.append({at: {"$type": _OTHER_TYPES}})
        if spec.type is not IndexType.TEXT:
            found.append({at: {"$in": [nan, inf, -inf]}})
            text = {"$cond": [{"$eq": [{"$type": f"${at}"}, "string"]}, f"${at}", ""]}
            found.append({"$expr": {"$gt": [{"$strLenBytes": text}, INDEXED_STRING_MAX_BYTES]}})
    return found


async def create(server: Server, place: Place, spec: IndexSpec) -> None:
    """Make an index, or find it made.

    :raises DuplicateKeyError: two documents have the same values in a unique index.
    """
    stored = server.collection(*place)
    if spec.type is IndexType.TEXT:
        await stored.create_index([(WORDS, "text")], name=INDEX_NAME, default_language="none")
        return
    for keys in all_keys(spec):
        await stored.create_index(list(keys), name=index_name(keys), unique=spec.type is IndexType.UNIQUE)


def names_of(spec: IndexSpec) -> frozenset[str]:
    """Return what an index, or all that it is made of, is called in MongoDB."""
    return frozenset({INDEX_NAME} if spec.type is IndexType.TEXT else map(index_name, all_keys(spec)))


async def ours(server: Server, place: Place) -> set[str]:
    """Return the names of the indexes in a place that are such as this adapter makes."""
    found = set()
    async for index in await server.collection(*place).list_indexes():
        is_words = index["name"] == INDEX_NAME and WORDS in index.get("weights", ())
        if is_words or index["name"] == index_name(tuple(index["key"].items())):
            found.add(str(index["name"]))
    return found


async def count_misfits(server: Server, place: Place, collection: Collection, spec: IndexSpec) -> int:
    """Return how many documents hold what an index does not take, those that are expired aside."""
    conditions: list[Match] = [{"$or": misfits(spec)}, *_alive(server, collection)]
    return await counted(server, place, [{"$match": {"$and": conditions}}])


async def count_repeats(server: Server, place: Place, collection: Collection, spec: IndexSpec) -> int:
    """Return how many documents have the values that another one has already in a unique index.

    Those that are expired, and those that do not fit for another reason, are left aside.
    """
    values = {f"v{number}": _or_null(".".join(field.path)) for number, field in enumerate(spec.fields)}
    pipeline: list[Document] = [
        {"$match": {"$and": [{"$nor": misfits(spec)}, *_alive(server, collection)]}},
        {"$group": {"_id": {"t": _or_null("_aol.t"), **values}, "documents": {"$sum": 1}}},
        {"$match": {"documents": {"$gt": 1}}},
        {"$group": {"_id": None, "documents": {"$sum": "$documents"}, "groups": {"$sum": 1}}},
    ]
    found = await (await server.collection(*place).aggregate(pipeline, allowDiskUse=True)).to_list()
    return int(found[0]["documents"] - found[0]["groups"]) if found else 0


async def remove_expired(server: Server, place: Place, collection: Collection) -> None:
    """Remove what is expired, so that it keeps no unique values."""
    gone = expired(collection, server.settings.clock())
    if gone:
        await server.collection(*place).delete_many({"$or": gone})


async def fill_words(server: Server, place: Place, collection: Collection) -> None:
    """Fill in the words of text indexes; what is written meanwhile has its words already."""
    stored = server.collection(*place)
    async for document in stored.find({}, batch_size=_FILLED_AT_ONCE):
        content = {name: plain(value) for name, value in document.items() if name not in {"_id", META}}
        words = {"$set": {WORDS: document_words(content, collection.words)}}
        # A document that does not fit another index, which is still being built, has its words all the same.
        await stored.update_one(guard(document), words, bypass_document_validation=True)


async def fill_access(server: Server, place: Place) -> None:
    """Fill in to whom documents are open that an earlier version of this adapter has stored."""
    stored = server.collection(*place)
    has_some = {"$or": [{"_aol.o": {"$type": "string"}}, {"_aol.a": {"$exists": True}}]}
    async for document in stored.find({"$and": [has_some, {"_aol.r": {"$exists": False}}]}, {META: 1}):
        meta = metadata_of(document)
        filled = {f"{META}.{name}": value for name, value in open_to(meta.get("o"), meta.get("a")).items()}
        await stored.update_one(guard(document), {"$set": filled}, bypass_document_validation=True)


def _alive(server: Server, collection: Collection) -> list[Match]:
    gone = expired(collection, server.settings.clock())
    return [{"$nor": gone}] if gone else []


def _or_null(path: str) -> Any:
    return {"$ifNull": [f"${path}", None]}
