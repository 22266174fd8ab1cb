"""Two databases that differ in hidden fields alone answer every call of a limited caller alike, to the last letter."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1 import document_pb2
from aol_broker.request import Reply
from audit_logs import audit_log
from granted import ANSWERS, GUEST, OWNER, answer, call_as, grant, store
from line import Line

STEPS = 800
REFILL_EVERY = 20
VISIBLE = ("name", "city.town", "tags")
COLLECTIONS = ("plain", "indexed", "unique", "unlike", "strict")
MANIFEST = f"""\
metadata: {{name: {OWNER}}}
spec:
  dataRequirements:
    collections:
      - {{name: plain, softDelete: true}}
      - name: indexed
        indexes:
          - {{fields: [name, ssn], type: compound}}
          - {{fields: [pay], type: ascending}}
          - {{fields: [name, ssn], type: text}}
      - {{name: unique, indexes: [{{fields: [name, ssn], type: unique}}, {{fields: [city.town], type: ascending}}]}}
      - {{name: unlike, indexes: [{{fields: [name], type: unique}}, {{fields: [name], type: text}}]}}
      - name: strict
        validation: strict
        schemaHint: {{name: string, ssn: string, city: {{town: string, code: number}}}}
"""
IDS = [f"d{number}" for number in range(8)]
VALUES: list[Any] = ["a", "b", "c", 1, 2, None, True, ["a"], {"k": 1}]
SEEN = ["name", "city.town", "tags", "tags.0", "tags.0.k", "_id", "_version"]
UNSEEN = ["ssn", "pay", "city", "city.code", "other", "_owner"]


def visible_part(number: int) -> dict[str, Any]:
    return {"name": f"{'abc'[number % 3]}{number}", "city": {"town": "ab"[number % 2]}, "tags": [{"k": number % 2}]}


def filled(draw: random.Random, number: int, hidden: bool) -> dict[str, Any]:
    """A document with the same visible fields as its twin, and other hidden ones, or none."""
    document = {"_id": IDS[number], **visible_part(number)}
    if hidden and draw.random() < 0.8:
        document.update(ssn=draw.choice(["a", "b", "a1", "b1", "c"]), pay=draw.choice([1, 2, 3]))
        document["city"] = {**document["city"], "code": draw.randrange(3)}
        document["other"] = draw.choice(VALUES)
    return document


class Caller:
    """Makes the same random calls as its twin."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def path(self, hidden: float = 0.1) -> str:
        return self.draw.choice(UNSEEN if self.draw.random() < hidden else SEEN)

    def filter(self, depth: int = 2) -> dict[str, Any]:
        draw, kind = self.draw, self.draw.randrange(8)
        if kind == 0 and depth:
            return {draw.choice(["$and", "$or"]): [self.filter(depth - 1) for _ in range(draw.randint(1, 3))]}
        if kind == 1 and depth:
            return {"$not": self.filter(depth - 1)}
        if kind == 2:
            return {"$text": draw.choice(["a", "a1", "b"])}
        if kind == 3:
            return {self.path(): draw.choice(VALUES)}
        operators = {
            "$ne": draw.choice(VALUES),
            "$gt": draw.choice(["a", 1]),
            "$in": draw.sample(VALUES, 2),
            "$exists": draw.random() < 0.5,
            "$regex": draw.choice(["a", "^b", "1$"]),
            "$contains": draw.choice(VALUES),
        }
        operator = draw.choice(sorted(operators))
        return {self.path(): {operator: operators[operator]}}

    def asked(self) -> str:
        return json.dumps(self.filter()) if self.draw.random() < 0.8 else ""

    def update(self) -> str:
        draw = self.draw
        by = {"$set": draw.choice(VALUES), "$unset": True, "$inc": 1, "$push": draw.choice(VALUES)}
        operators = draw.sample(sorted(by), draw.randint(1, 2))
        return json.dumps({operator: {self.path(0.15): by[operator]} for operator in operators})

    def document(self) -> str:
        draw = self.draw
        document = visible_part(draw.randrange(len(IDS))) if draw.random() < 0.7 else {"name": draw.choice(VALUES)}
        if draw.random() < 0.2:
            document[draw.choice(["ssn", "pay", "city", "other"])] = draw.choice(VALUES)
        return json.dumps(document)

    def call(self) -> tuple[str, Any]:
        draw, collection = self.draw, f"{OWNER}.{self.draw.choice(COLLECTIONS)}"
        sort = [
            document_pb2.SortKey(path=self.path(0.1), descending=draw.random() < 0.5) for _ in range(draw.randrange(3))
        ]
        fields = [self.path(0.1) for _ in range(draw.randrange(3))]
        one = json.dumps({"_id": draw.choice(IDS)})
        calls: list[Callable[[], tuple[str, Any]]] = [
            lambda: ("QueryData", pb.QueryDataRequest(filter=self.asked(), sort=sort, projection=fields, page_size=2)),
            lambda: ("QueryData", pb.QueryDataRequest(filter=self.asked(), sort=sort, skip=draw.randrange(3), limit=4)),
            lambda: ("QueryData", pb.QueryDataRequest(filter=self.asked(), deleted=document_pb2.DELETED_MODE_INCLUDE)),
            lambda: ("CountData", pb.CountDataRequest(filter=self.asked())),
            lambda: ("UpdateData", pb.UpdateDataRequest(filter=self.asked(), allow_all=True, update=self.update())),
            lambda: ("UpdateData", pb.UpdateDataRequest(allow_all=True, update=self.update())),
            lambda: (
                "UpdateData",
                pb.UpdateDataRequest(filter=one, update=self.update(), if_version=draw.randint(1, 3)),
            ),
            lambda: ("UpdateData", pb.UpdateDataRequest(filter=self.asked(), update=self.update(), max_affected=1)),
            lambda: ("DeleteData", pb.DeleteDataRequest(filter=self.asked(), max_affected=draw.randrange(3))),
            lambda: ("RestoreData", pb.RestoreDataRequest(filter=self.asked(), allow_all=True)),
            lambda: ("PurgeData", pb.PurgeDataRequest(filter=self.asked())),
            lambda: ("StoreData", pb.StoreDataRequest(document=self.document(), document_id=draw.choice(IDS))),
            lambda: (
                "StoreBatch",
                pb.StoreBatchRequest(
                    documents=[self.document() for _ in range(3)],
                    document_ids=draw.sample(IDS, 3),
                    atomic=draw.random() < 0.3,
                ),
            ),
            lambda: ("DescribeCollection", pb.DescribeCollectionRequest()),
            lambda: ("ExplainQuery", pb.ExplainQueryRequest(filter=self.asked(), sort=sort)),
        ]
        rpc, request = draw.choice(calls)()
        request.collection, request.request_id = collection, "r"
        return rpc, request


def said(rpc: str, reply: Reply) -> tuple[str, Any]:
    """All that a reply says, apart from when things were done, and from what is encrypted anew each time."""
    if reply.error is not None:
        error = reply.error
        return "", (str(error), error.metadata, error.violations, error.applied, error.retry_after_s)
    message = ANSWERS[rpc].FromString(reply.payload)
    token = getattr(message, "next_page_token", "")
    if rpc == "QueryData":
        message.next_page_token = "more" if token else ""
        for column in ("created_us", "updated_us", "deleted_us"):
            times = [min(value, 1) for value in getattr(message.page, column)]
            message.page.ClearField(column)
            getattr(message.page, column).extend(times)
    return token, message


async def compared(lines: tuple[Line, Line], seed: int) -> Counter[str]:
    caller, hidden = Caller(seed), random.Random(seed)
    outcomes: Counter[str] = Counter()
    for step in range(STEPS):
        if step % REFILL_EVERY == 0:
            for line, differs in zip(lines, (True, False), strict=True):
                await refill(line, hidden, differs)
        rpc, request = caller.call()
        requests = (request, request)
        more = True
        while more:
            replies = [await call_as(line, GUEST, rpc, item) for line, item in zip(lines, requests, strict=True)]
            (token, one), (other_token, other) = (said(rpc, reply) for reply in replies)
            assert one == other, (step, rpc, request)
            error = replies[0].error
            outcomes["ok" if error is None else error.reason.value] += 1
            more = bool(token)
            requests = (with_token(request, token), with_token(request, other_token))
    return outcomes


def with_token(request: Any, token: str) -> Any:
    changed = type(request)()
    changed.CopyFrom(request)
    if token:
        changed.page_token = token
    return changed


async def refill(line: Line, hidden: random.Random, differs: bool) -> None:
    for collection in COLLECTIONS:
        await answer(line, OWNER, "DeleteData", pb.DeleteDataRequest(collection=collection, allow_all=True))
        await answer(line, OWNER, "PurgeData", pb.PurgeDataRequest(collection=collection, allow_all=True))
        await store(line, collection, *(filled(hidden, number, differs) for number in range(0, len(IDS), 2)))


async def started(folder: Path) -> Line:
    folder.mkdir()
    line = Line(folder)
    line.audit = audit_log(folder / "audit", durable=False)
    await line.start()
    assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=MANIFEST))).error is None
    for collection in COLLECTIONS:
        await grant(line, collection, "admin", fields=VISIBLE)
    return line


def run_compared(folder: Path, seed: int) -> Counter[str]:
    async def run() -> Counter[str]:
        lines = (await started(folder / "one"), await started(folder / "other"))
        try:
            return await compared(lines, seed)
        finally:
            for line in lines:
                await line.stop()

    return asyncio.run(run())


def test_what_is_hidden_changes_no_answer(tmp_path: Path) -> None:
    outcomes = run_compared(tmp_path, 0)
    # The calls are of every kind, those that go well among them.
    assert outcomes["ok"] > STEPS / 5
    assert outcomes["FIELD_DENIED"] > STEPS / 10
    assert {"DUPLICATE_ID", "BAD_DOCUMENT", "MAX_AFFECTED_EXCEEDED", "VERSION_MISMATCH"} <= set(outcomes)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 40))
def test_what_is_hidden_changes_no_answer_however_long_one_asks(tmp_path: Path, seed: int) -> None:
    run_compared(tmp_path, seed)
