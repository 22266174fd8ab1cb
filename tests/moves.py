"""How do tests move a collection? The steps of a copy over a line, from one memory adapter to another."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from aol.admin.v1 import admin_pb2
from aol.data.v1 import collection_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.registry.moves import Move
from aol_broker.request import Reply
from aol_wire.adapter import Adapter, Delete, Deleted, Find, Target, Write
from aol_wire.errors import DataError
from aol_wire.filter_parser import parse_filter
from line import Line

EVENTS = "my-service.events"
EVERYWHERE = Target("my-service", "events", None)
DOCUMENTS = {
    "number": {"k": "number", "n": 2**63 - 1, "half": 0.5, "whole": 1e300},
    "text": {"k": "text", "é😀": "x\ny", "deep": {"a": [1, {"b": None}]}},
    "gone": {"k": "gone", "n": 1},
}


async def moving_line(folder: Path) -> Line:
    """Return a started line with a collection in it that can be copied to `second`, and to `plain` it cannot."""
    line = Line(folder, others={"second": MemoryAdapter(), "plain": MemoryAdapter(frozenset())})
    await line.start()
    indexes = [
        collection_pb2.IndexSpec(type=kind, fields=[collection_pb2.IndexField(path="k")])
        for kind in (collection_pb2.INDEX_TYPE_UNIQUE, collection_pb2.INDEX_TYPE_ASCENDING)
    ]
    await line.call("RequestCollection", pb.RequestCollectionRequest(name="events", indexes=indexes))
    for id_, document in DOCUMENTS.items():
        await line.call(
            "StoreData", pb.StoreDataRequest(collection="events", document_id=id_, document=json.dumps(document))
        )
    for update in ('{"a": 1}', '{"a": 2}'):
        request = pb.UpdateDataRequest(collection="events", filter='{"_id": "text"}', update=update)
        await line.call("UpdateData", request)
    await remove_softly(line.adapter, "gone")
    return line


async def remove_softly(adapter: Adapter, id_: str) -> None:
    removal = Delete(parse_filter(json.dumps({"_id": id_})), 1_700_000_000_000_000, soft=True)
    await adapter.write(Write(replace(EVERYWHERE, tenant=""), [removal]))


async def contents(adapter: Adapter) -> list[tuple[Any, ...]]:
    page = (await adapter.find(Find(EVERYWHERE, deleted=Deleted.INCLUDE))).page
    tenants = page.tenant or [""] * len(page.id)
    deleted = page.deleted_us or [0] * len(page.id)
    columns = (tenants, page.id, map(json.loads, page.json), page.created_us, page.updated_us, page.version, deleted)
    return list(zip(*columns, strict=True))


async def move_of(line: Line) -> Move:
    move = await line.registry.move_of(EVENTS)
    assert move is not None
    return move


async def let_time_pass(line: Line) -> None:
    """Have the mark lie so far back that nothing waits for it."""
    move = await move_of(line)
    await line.registry.advance_move(move, replace(move, marked_us=0))


async def step(line: Line, to_adapter: str = "second", collection: str = EVENTS) -> Reply:
    request = admin_pb2.CopyCollectionRequest(collection=collection, to_adapter=to_adapter)
    return await line.operate("CopyCollection", request)


async def good(line: Line, to_adapter: str = "second") -> admin_pb2.CopyCollectionResponse:
    reply = await step(line, to_adapter)
    assert reply.error is None, reply.error
    return admin_pb2.CopyCollectionResponse.FromString(reply.payload)


async def refused(line: Line, to_adapter: str = "second", collection: str = EVENTS) -> DataError:
    reply = await step(line, to_adapter, collection)
    assert reply.error is not None
    return reply.error


async def run_to(line: Line, phase: int) -> admin_pb2.CopyCollectionResponse:
    answer = await good(line)
    await let_time_pass(line)
    return answer if answer.phase == phase else await run_on_to(line, phase)


async def run_on_to(line: Line, phase: int) -> admin_pb2.CopyCollectionResponse:
    answer = await good(line)
    while answer.phase != phase:
        assert answer.phase != admin_pb2.COPY_PHASE_DIFFERENT, answer
        answer = await good(line)
    return answer


async def abort(line: Line) -> admin_pb2.AbortCopyResponse:
    reply = await line.operate("AbortCopy", admin_pb2.AbortCopyRequest(collection=EVENTS))
    assert reply.error is None, reply.error
    return admin_pb2.AbortCopyResponse.FromString(reply.payload)


async def store(line: Line, id_: str = "new") -> Reply:
    request = pb.StoreDataRequest(collection="events", document_id=id_, document=json.dumps({"k": id_}))
    return await line.call("StoreData", request)


def adapter_of(line: Line) -> str:
    return line.registry.snapshot.collections[EVENTS].adapter
