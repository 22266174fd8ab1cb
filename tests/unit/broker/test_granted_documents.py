"""A grant of some documents finds, counts and changes these and no others: never one too many, never one too few."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1 import document_pb2
from aol_wire.errors import DataError, Reason
from aol_wire.evaluate import matches
from aol_wire.filter_parser import parse_filter
from aol_wire.update_apply import apply_update
from aol_wire.update_parser import parse_update
from aol_wire.values import sort_key
from audit_logs import audit_log
from granted import GUEST, OWNER, answer, call_as, found, grant, refused, store
from line import Line

ORDERS = f"{OWNER}.orders"
IDS = [f"o{number:02}" for number in range(24)]
REGIONS = ["eu", "uk", "us", None]
CONDITIONS: list[dict[str, Any]] = [
    {"region": "eu"},
    {"region": {"$in": ["eu", "uk"]}, "n": {"$gte": 2}},
    {"$or": [{"region": "us"}, {"n": {"$lt": 2}}]},
    {"$not": {"region": "eu"}},
    {"by.team": "a"},
    {"_id": {"$in": IDS[::3]}},
    {"region": {"$regex": "^u"}},
]
STEPS = 90


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = await started(tmp_path)
    yield line
    await line.stop()


async def started(folder: Path) -> Line:
    line = Line(folder)
    line.audit = audit_log(folder / "audit", durable=False)
    await line.start()
    await answer(line, OWNER, "RequestCollection", pb.RequestCollectionRequest(name="orders"))
    return line


async def test_what_does_not_match_is_as_if_it_were_not_there(line: Line) -> None:
    await grant(line, "orders", "admin", where={"region": "eu"})
    await store(line, "orders", {"_id": "e", "region": "eu", "n": 1}, {"_id": "u", "region": "us", "n": 1})
    assert await found(line, GUEST, ORDERS, {"$or": [{"region": "us"}, {"n": 1}]}) == [
        {"_id": "e", "region": "eu", "n": 1}
    ]
    for id_ in ("u", "absent"):
        one = json.dumps({"_id": id_})
        update = pb.UpdateDataRequest(collection=ORDERS, filter=one, update='{"n": 2}', if_version=7)
        assert (await answer(line, GUEST, "UpdateData", update)).updated_count == 0
        delete = pb.DeleteDataRequest(collection=ORDERS, filter=one, if_version=7)
        assert (await answer(line, GUEST, "DeleteData", delete)).deleted_count == 0
    # Only what is within reach counts.
    update = pb.UpdateDataRequest(collection=ORDERS, allow_all=True, update='{"n": 2}', max_affected=1)
    assert (await answer(line, GUEST, "UpdateData", update)).updated_count == 1
    update.max_affected = 0
    error = await refused(line, GUEST, "UpdateData", update)
    assert error.reason is Reason.MAX_AFFECTED_EXCEEDED
    assert error.message.startswith("1 document")


async def test_what_its_writer_could_not_find_is_not_written(line: Line) -> None:
    await grant(line, "orders", "write", where={"region": "eu"})
    await store(line, "orders", {"_id": "e", "region": "eu"})
    for document in ('{"region": "us"}', "{}"):
        error = await refused(line, GUEST, "StoreData", pb.StoreDataRequest(collection=ORDERS, document=document))
        assert (error.reason, error.metadata["paths"]) == (Reason.FIELD_DENIED, "region")
    update = pb.UpdateDataRequest(collection=ORDERS, allow_all=True, update='{"region": "us"}')
    assert (await refused(line, GUEST, "UpdateData", update)).reason is Reason.FIELD_DENIED
    batch = pb.StoreBatchRequest(collection=ORDERS, documents=['{"region": "us"}', '{"region": "eu"}'])
    assert (await answer(line, GUEST, "StoreBatch", batch)).stored_count == 1
    # Nothing depends on hidden fields here, so that repeating an insert succeeds as it does for others.
    again = pb.StoreDataRequest(collection=ORDERS, document='{"region": "eu"}', document_id="e")
    assert (await answer(line, GUEST, "StoreData", again)).was_duplicate


async def test_a_condition_may_name_fields_that_are_not_shown_and_no_error_names_them(line: Line) -> None:
    await grant(line, "orders", "admin", fields=("n",), where={"region": "eu"})
    await store(line, "orders", {"_id": "e", "region": "eu", "n": 1}, {"_id": "u", "region": "us", "n": 1})
    assert await found(line, GUEST, ORDERS, {"n": 1}) == [{"_id": "e", "n": 1}]
    update = pb.UpdateDataRequest(collection=ORDERS, allow_all=True, update='{"n": 2}')
    assert (await answer(line, GUEST, "UpdateData", update)).updated_count == 1
    error = await refused(line, GUEST, "StoreData", pb.StoreDataRequest(collection=ORDERS, document='{"n": 1}'))
    assert error.reason is Reason.FIELD_DENIED
    assert "region" not in f"{error} {error.metadata}"


class Model:
    """What the collection holds, and what a caller within a condition should see of it."""

    def __init__(self, where: dict[str, Any]) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self._where = parse_filter(json.dumps(where))

    def reached(self, filters: str, *, everything: bool = False) -> list[str]:
        asked = parse_filter(filters)
        return [
            id_
            for id_, document in sorted(self.documents.items())
            if matches(asked, {**document, "_id": id_}, frozenset())
            and (everything or matches(self._where, {**document, "_id": id_}, frozenset()))
        ]

    def within(self, id_: str, document: dict[str, Any]) -> bool:
        return matches(self._where, {**document, "_id": id_}, frozenset())


def random_document(draw: random.Random) -> dict[str, Any]:
    document: dict[str, Any] = {"n": draw.randrange(5)}
    if draw.random() < 0.9:
        document["region"] = draw.choice(REGIONS)
    if draw.random() < 0.7:
        document["by"] = {"team": draw.choice("ab")}
    return document


def random_filter(draw: random.Random) -> str:
    leaves: list[dict[str, Any]] = [
        {},
        {"n": {"$gt": draw.randrange(5)}},
        {"region": draw.choice(REGIONS)},
        {"region": {"$ne": draw.choice(REGIONS)}},
        {"_id": draw.choice(IDS)},
        {"by.team": {"$exists": False}},
    ]
    one, other = draw.choice(leaves), draw.choice(leaves[1:])
    if not one or draw.random() < 0.4:
        return json.dumps(one)
    return json.dumps(draw.choice([{"$or": [one, other]}, {"$and": [one, other]}, {"$not": one}]))


def random_update(draw: random.Random) -> str:
    return json.dumps(
        draw.choice(
            [
                {"n": draw.randrange(5)},
                {"$inc": {"n": 1}},
                {"region": draw.choice(REGIONS)},
                {"region": draw.choice(REGIONS), "n": draw.randrange(5)},
                {"$unset": {"region": True}},
                {"by": {"team": draw.choice("ab")}},
                {"by.team": draw.choice("ab")},
                {"other": 1},
            ]
        )
    )


async def step(line: Line, model: Model, draw: random.Random) -> str:
    """Make a random call, hold its answer to the model's, and return what became of it."""
    filters, kind = random_filter(draw), draw.choice(["query", "count", "update", "delete", "insert"])
    expected = model.reached(filters)
    match kind:
        case "query":
            assert await paged(line, filters, draw.randint(1, 5)) == expected
            by_n = [document_pb2.SortKey(path="n", descending=True)]
            ordered = sorted(expected, reverse=True)
            ordered.sort(key=lambda id_: sort_key(model.documents[id_]["n"]), reverse=True)
            shown = await found(line, GUEST, ORDERS, json.loads(filters), sort=by_n, projection=["n"])
            assert shown == [{"_id": id_, "n": model.documents[id_]["n"]} for id_ in ordered]
        case "count":
            request = pb.CountDataRequest(collection=ORDERS, filter=filters)
            assert (await answer(line, GUEST, "CountData", request)).count == len(expected)
        case "update":
            update = random_update(draw)
            change = pb.UpdateDataRequest(collection=ORDERS, filter=filters, allow_all=True, update=update)
            reply = await call_as(line, GUEST, "UpdateData", change)
            if reply.error is not None:
                return f"update {reply.error.reason}"
            assert pb.UpdateDataResponse.FromString(reply.payload).updated_count == len(expected)
            for id_ in expected:
                model.documents[id_] = apply_update(model.documents[id_], parse_update(update))
                assert model.within(id_, model.documents[id_])
        case "delete":
            removal = pb.DeleteDataRequest(collection=ORDERS, filter=filters, allow_all=True, max_affected=2)
            reply = await call_as(line, GUEST, "DeleteData", removal)
            assert (reply.error is None) is (len(expected) <= 2)
            for id_ in expected if reply.error is None else ():
                del model.documents[id_]
        case "insert":
            return await insert(line, model, draw.choice(IDS), random_document(draw))
    return kind


async def insert(line: Line, model: Model, id_: str, document: dict[str, Any]) -> str:
    request = pb.StoreDataRequest(collection=ORDERS, document=json.dumps(document), document_id=id_)
    error: DataError | None = (await call_as(line, GUEST, "StoreData", request)).error
    if not model.within(id_, document):
        assert error is not None
        assert error.reason is Reason.FIELD_DENIED
        return "insert FIELD_DENIED"
    if model.documents.get(id_, document) != document:
        assert error is not None
        assert error.reason is Reason.DUPLICATE_ID
        return "insert DUPLICATE_ID"
    assert error is None
    model.documents[id_] = document
    return "insert"


async def paged(line: Line, filters: str, page_size: int) -> list[str]:
    request = pb.QueryDataRequest(collection=ORDERS, filter=filters, page_size=page_size)
    ids: list[str] = []
    while True:
        page = await answer(line, GUEST, "QueryData", request)
        ids += page.page.id
        if not page.next_page_token:
            return ids
        request.page_token = page.next_page_token


async def held_to_the_model(folder: Path, seed: int) -> Counter[str]:
    draw, outcomes = random.Random(seed), Counter[str]()
    line = await started(folder)
    try:
        for where in CONDITIONS:
            model = Model(where)
            await grant(line, "orders", "admin", where=where)
            await answer(line, OWNER, "DeleteData", pb.DeleteDataRequest(collection="orders", allow_all=True))
            for id_ in draw.sample(IDS, 16):
                model.documents[id_] = random_document(draw)
                await store(line, "orders", {"_id": id_, **model.documents[id_]})
            for _ in range(STEPS):
                outcomes[await step(line, model, draw)] += 1
            everything = {item.pop("_id"): item for item in await found(line, OWNER, "orders")}
            assert everything == model.documents
    finally:
        await line.stop()
    return outcomes


def test_random_calls_are_held_to_a_plain_model(tmp_path: Path) -> None:
    outcomes = asyncio.run(held_to_the_model(tmp_path, 0))
    assert set(outcomes) >= {
        "query",
        "count",
        "update",
        "delete",
        "insert",
        "update FIELD_DENIED",
        "insert FIELD_DENIED",
    }


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 60))
def test_random_calls_are_held_to_a_plain_model_for_long(tmp_path: Path, seed: int) -> None:
    asyncio.run(held_to_the_model(tmp_path, seed))
