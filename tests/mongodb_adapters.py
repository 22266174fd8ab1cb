"""How do tests get a MongoDB adapter, and how do they look at what it stores?"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings
from aol_wire.adapter import CollectionSpec, Find, Found, Insert, Target, Update, Write
from aol_wire.errors import DataError
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.paths import parse_sort
from aol_wire.storage import Storage
from aol_wire.update_parser import parse_update
from mongodb_server import MongodbServer

TARGET = Target("shop", "orders")


@asynccontextmanager
async def opened(uri: str, **settings: Any) -> AsyncIterator[MongodbAdapter]:
    """Provide an adapter that is started."""
    adapter = MongodbAdapter(Settings(uri=uri, **settings))
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


@asynccontextmanager
async def own_server(*options: str) -> AsyncIterator[MongodbServer]:
    """Provide a server that nobody else uses."""
    server = MongodbServer(*options)
    try:
        await server.start()
        yield server
    finally:
        await server.remove()


def spec(*indexes: dict[str, Any], storage: Storage | None = None, target: Target = TARGET) -> CollectionSpec:
    """Return a collection with these indexes, as manifests write them."""
    parsed = tuple(parse_index(index, "index") for index in indexes)
    return CollectionSpec(target, indexes=parsed, storage=storage or Storage())


def insert(documents: dict[str, Any], *, target: Target = TARGET, timeout_s: float | None = None) -> Write:
    """Return a write of documents by their ids."""
    inserts = [Insert(id_, orjson.dumps(document).decode(), 1) for id_, document in documents.items()]
    return Write(target, inserts, timeout_s=timeout_s)


def update(filter: Any, change: Any, **how: Any) -> Write:
    """Return a write that updates what matches."""
    parsed = parse_filter(orjson.dumps(filter).decode())
    return Write(TARGET, [Update(parsed, parse_update(orjson.dumps(change).decode()), 2)], **how)


def query(filter: Any = None, *sort: str, **how: Any) -> Find:
    """Return a query."""
    condition = None if filter is None else parse_filter(orjson.dumps(filter).decode())
    keys = [(name.removeprefix("-"), name.startswith("-")) for name in sort]
    return Find(TARGET, condition, parse_sort(keys), **how)


def documents(found: Found) -> dict[str, Any]:
    """Return the documents of a page by their ids."""
    return {id_: orjson.loads(json) for id_, json in zip(found.page.id, found.page.json, strict=True)}


async def failure_of(call: Awaitable[object]) -> DataError | None:
    """Return why a call failed, as a whole or in its first mutation; None when it did not."""
    try:
        answer = await call
    except DataError as error:
        return error
    found = answer[0].error if isinstance(answer, list) else None
    assert found is None or isinstance(found, DataError)
    return found
