"""Who uses what: are calls counted as they were made, and only those that used something?"""

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.registry.snapshot import Permission
from aol_broker.request import Peer
from aol_broker.usage.counter import SIGNATURE_MAX_CHARACTERS
from aol_broker.usage.rows import NAMES_MAX, SHAPES_MAX
from aol_broker.usage.uses import ELSEWHERE, Shape, Use
from aol_wire.adapter import SortKey
from line import DATA, Line

MANIFEST = """\
metadata: {name: my-service}
spec:
  dataRequirements:
    collections:
      - name: events
        schemaHint: {kind: string}
        indexes: [{fields: [title, body], type: text}]
      - {name: quiet, audit: metadata}
"""
CALLS = 300


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    from aol.admin.v1 import admin_pb2

    line = Line(tmp_path)
    await line.start()
    reply = await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=MANIFEST))
    assert reply.error is None
    await line.registry.grant("my-service.events", "reader", Permission.READ, "operator")
    yield line
    await line.stop()


async def call_as(line: Line, service: str, method: str, message: Any) -> str:
    reply = await line.pipeline.handle(DATA + method, message.SerializeToString(), Peer("test", service=service))
    return reply.error.reason.value if reply.error is not None else ""


def query(filter: Any = None, collection: str = "my-service.events", **more: Any) -> pb.QueryDataRequest:
    text = "" if filter is None else orjson.dumps(filter).decode()
    return pb.QueryDataRequest(collection=collection, filter=text, **more)


async def counted(line: Line, collection: str = "my-service.events") -> Counter[tuple[str, str, str]]:
    uses = (await line.usage.load()).by_collection.get(collection, ())
    return Counter({(use.service, use.verb, use.path): use.calls for use in uses})


FILTERS: list[tuple[Any, set[str]]] = [
    (None, set()),
    ({"_id": "a"}, {"_id"}),
    ({"kind": "x", "n": {"$gt": 1, "$lt": 5}}, {"kind", "n"}),
    ({"$or": [{"kind": "x"}, {"$not": {"a.b": {"$exists": True}}}]}, {"kind", "a.b"}),
    ({"$and": [{"kind": {"$in": ["x"]}}, {"tags": {"$contains": "y"}}]}, {"kind", "tags"}),
    ({"name": {"$regex": "^x"}}, {"name"}),
    ({"$text": "word"}, {"title", "body"}),
]
PROJECTIONS: list[list[str]] = [[], ["kind"], ["a.b", "n"]]
SORTS: list[list[str]] = [[], ["n"], ["kind", "_created_at"]]
UPDATES: list[tuple[Any, set[str]]] = [
    ({"kind": "x"}, {"kind"}),
    ({"$inc": {"n": 1}, "$unset": {"a.b": ""}}, {"n", "a.b"}),
]


def some_call(random_: random.Random) -> tuple[str, Any, str, set[str]]:
    """Return an RPC, its request, its verb, and the paths that it names."""
    number = random_.randrange(1000)
    filter, named = random_.choice(FILTERS)
    text = "" if filter is None else orjson.dumps(filter).decode()
    match random_.choice(["query", "query", "count", "insert", "insert_many", "update", "delete", "explain"]):
        case "query":
            projection, sort = random_.choice(PROJECTIONS), random_.choice(SORTS)
            request = query(filter, projection=projection, page_size=3)
            for path in sort:
                request.sort.add(path=path)
            return "QueryData", request, "query", named | set(sort) | (set(projection) or {"*"})
        case "count":
            return "CountData", pb.CountDataRequest(collection="my-service.events", filter=text), "count", named
        case "insert":
            document = f'{{"n": {number}, "kind": "x"}}'
            return "StoreData", pb.StoreDataRequest(collection="my-service.events", document=document), "insert", {"*"}
        case "insert_many":
            batch = pb.StoreBatchRequest(collection="my-service.events", documents=["{}", "{}"])
            return "StoreBatch", batch, "insert_many", {"*"}
        case "update":
            update, set_ = random_.choice(UPDATES)
            changed = pb.UpdateDataRequest(
                collection="my-service.events", filter=text, allow_all=True, update=orjson.dumps(update).decode()
            )
            return "UpdateData", changed, "update", named | set_
        case "delete":
            gone = pb.DeleteDataRequest(collection="my-service.events", filter=text, allow_all=True, max_affected=0)
            return "DeleteData", gone, "delete", named
        case _:
            # It asks how a query would be answered, which is no use of the documents.
            return "ExplainQuery", pb.ExplainQueryRequest(collection="my-service.events", filter=text), "", set()


@pytest.mark.parametrize("seed", range(5))
async def test_counters_equal_a_plain_model_after_any_sequence_of_calls(line: Line, seed: int) -> None:
    random_ = random.Random(seed)
    model: Counter[tuple[str, str, str]] = Counter()
    for number in range(CALLS):
        method, request, verb, named = some_call(random_)
        service = random_.choice(["my-service", "reader"])
        reason = await call_as(line, service, method, request)
        # What an adapter was asked for is a use, whatever came of it.
        if verb and reason in {"", "MAX_AFFECTED_EXCEEDED", "BAD_DOCUMENT"}:
            model.update((service, verb, path) for path in named | {""})
        if number % 97 == 0:
            await line.usage.flush()
    assert model
    assert await counted(line) == model


async def test_a_call_that_is_refused_is_no_use(line: Line) -> None:
    assert await call_as(line, "stranger", "QueryData", query({"kind": "x"})) == "GRANT_MISSING"
    assert await call_as(line, "reader", "DeleteData", pb.DeleteDataRequest(collection="my-service.events")) != ""
    assert await call_as(line, "my-service", "QueryData", query({"kind": {"$near": 1}})) == "BAD_FILTER"
    assert await counted(line) == Counter()


async def test_an_operator_is_no_user(line: Line) -> None:
    from line import TOKEN

    peer = Peer("test", service="my-service", authorization=f"Bearer {TOKEN}")
    reply = await line.pipeline.handle(DATA + "QueryData", query().SerializeToString(), peer)
    assert reply.error is None
    assert await counted(line) == Counter()


async def test_paths_of_a_collection_whose_records_show_nothing_of_filters_are_not_kept(line: Line) -> None:
    request = query({"kind": "x"}, "quiet", projection=["name"])
    assert await call_as(line, "my-service", "QueryData", request) == ""
    found = await counted(line, "my-service.quiet")
    assert found == Counter({("my-service", "query", ""): 1, ("my-service", "query", ELSEWHERE): 1})


async def test_no_value_is_kept(line: Line, tmp_path: Path) -> None:
    canary = "zqjx-canary"
    await call_as(
        line, "my-service", "QueryData", query({"kind": canary, "x": {"$in": [canary]}, "y": {"$gt": canary}})
    )
    update = pb.UpdateDataRequest(
        collection="events", filter=f'{{"kind": "{canary}"}}', update=f'{{"$set": {{"kind": "{canary}"}}}}'
    )
    await call_as(line, "my-service", "UpdateData", update)
    await line.usage.flush()
    assert sum((await counted(line)).values()) > 2
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("registry.db*"))
    assert b"my-service" in stored
    assert canary.encode() not in stored


async def test_a_caller_who_makes_up_names_gets_a_bounded_number_of_rows(line: Line) -> None:
    made_up = NAMES_MAX * 4
    for number in range(made_up):
        assert await call_as(line, "reader", "CountData", count({f"made_up_{number}": 1})) == ""
        if number % 100 == 0:
            await line.usage.flush()
    assert await call_as(line, "reader", "CountData", count({"x" * (SIGNATURE_MAX_CHARACTERS + 1): 1})) == ""
    assert await call_as(line, "reader", "CountData", count({"kind": 1, "x" * 300: 1})) == ""
    found = await counted(line)
    assert len(found) <= NAMES_MAX + 3
    assert found["reader", "count", ""] == made_up + 2
    assert found["reader", "count", "kind"] == 1, "a path that the hint names always has room"
    assert found["reader", "count", ELSEWHERE] >= made_up - NAMES_MAX
    shapes = (await line.usage.load()).shapes("my-service.events")
    assert len(shapes) <= SHAPES_MAX + 1
    assert sum(shape.calls for shape in shapes) == made_up + 2


def count(filter: Any) -> pb.CountDataRequest:
    return pb.CountDataRequest(collection="my-service.events", filter=orjson.dumps(filter).decode())


async def test_a_made_up_name_does_not_push_out_what_is_counted_already(line: Line) -> None:
    await call_as(line, "my-service", "CountData", count({"real": 1}))
    await line.usage.flush()
    for number in range(NAMES_MAX + 10):
        await call_as(line, "reader", "CountData", count({f"made_up_{number}": 1}))
        await line.usage.flush()
    await call_as(line, "my-service", "CountData", count({"real": 1}))
    assert (await counted(line))["my-service", "count", "real"] == 2


async def test_shapes_tell_how_a_filter_and_a_sort_order_look_at_a_collection(line: Line) -> None:
    filter = {"$and": [{"kind": "a"}, {"n": {"$gte": 1}}, {"$or": [{"x": 1}, {"y": 2}]}], "$text": "word"}
    request = query(filter)
    request.sort.add(path="at", descending=True)
    await call_as(line, "reader", "QueryData", request)
    (shape,) = (await line.usage.load()).shapes("my-service.events")
    words = (("body",), ("title",))
    sort = (SortKey(("at",), True),)
    assert shape.shape == Shape((("kind",),), (("n",),), (("x",), ("y",)), words, sort)
    assert (shape.service, shape.calls) == ("reader", 1)


async def test_uses_of_a_field_are_those_that_may_be_of_it(line: Line) -> None:
    for filter, projection in (
        ({"a.b": 1}, ["k"]),
        ({"a": 1}, ["k"]),
        ({"a.b.c": 1}, ["k"]),
        ({"ab": 1}, ["k"]),
        ({}, []),
    ):
        await call_as(line, "reader", "QueryData", query(filter, projection=projection))
    uses = await line.usage.load()
    assert {use.path for use in uses.uses("my-service.events", "a.b")} == {"a.b", "a", "a.b.c", "*"}
    (calls,) = uses.uses("my-service.events")
    assert calls == Use("reader", "query", "", 5, calls.last_us)
