"""Do MongoDB's indexes serve the queries? As `explain` says, of what the adapter sends."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from bson import Int64

from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.finding import compile_find, in_parts, selection
from aol_adapters.mongodb.server import Server
from aol_adapters.mongodb.settings import Settings
from aol_wire.adapter import Deleted, Find, Target
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState, IndexStatus
from mongodb_adapters import TARGET, documents, insert, opened, query, spec
from mongodb_server import native

INDEXES: list[dict[str, Any]] = [
    {"fields": ["n"], "type": "ascending"},
    {"fields": ["s"], "type": "descending"},
    {"fields": ["kind", {"n": "desc"}], "type": "compound"},
    {"fields": ["u"], "type": "unique"},
    {"fields": ["at"], "type": "ttl", "expireAfterSeconds": 60},
]
SERVED: list[tuple[Find, str]] = [
    (query({"n": 5}), "_aol.t_1_n_1__id_1"),
    (query({"n": {"$in": [5, 6]}}), "_aol.t_1_n_1__id_1"),
    (query({"n": {"$gte": 190}}), "_aol.t_1_n_1__id_1"),
    (query({"n": {"$gt": 180, "$lte": 190}}, "n", limit=5), "_aol.t_1_n_1__id_1"),
    (query({"n": 5, "other": {"$ne": 3}, "list": [1]}), "_aol.t_1_n_1__id_1"),
    (query({"n": 5}, deleted=Deleted.ONLY), "_aol.t_1_n_1__id_1"),
    (query({"n": None}), "_aol.t_1_n_1__id_1"),
    (query({"s": "word7"}), "_aol.t_1_s_1__id_1"),
    (query({"s": {"$gt": "word198"}}, "-s"), "_aol.t_1_s_1__id_1"),
    (query({"kind": 3}, "-n", limit=5), "_aol.t_1_kind_1_n_-1__id_-1"),
    (query({"u": 7}), "_aol.t_1_u_1"),
    (query({"at": {"$gt": "2999-01-01T00:03:15.000000Z"}}), "at_1__id_1"),
    (query({"$and": [{"n": 5}, {"$or": [{"other": 1}, {"s": "word5"}]}]}), "_aol.t_1_n_1__id_1"),
    (query({"n": 5, "s": {"$regex": "(a|b)+c+"}}), "_aol.t_1_n_1__id_1"),
    (replace(query({"n": {"$gt": 5}}, "n"), target=Target("shop", "orders", "north")), "_aol.t_1_n_1__id_1"),
    (query({"_id": "007"}), "_id_"),
    (query({"_id": {"$in": ["007", "008"]}}), "_id_"),
    (query({"_id": "007", "n": {"$gt": 3}}), "_id_"),
]


def named(told: Any, name: str) -> Iterator[Any]:
    """Return everything that stands under a name, at whatever depth."""
    parts = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, value in parts:
        if key == name:
            yield value
        else:
            yield from named(value, name)


@pytest.fixture
async def filled(mongodb_uri: str, mongodb_prefix: str) -> str:
    """The prefix of databases in which 200 documents lie, with all these indexes."""
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec(*INDEXES))
        rows = {
            f"{n:03}": {
                "n": n,
                "s": f"word{n}",
                "kind": n % 20,
                "u": n,
                "at": f"2999-01-01T00:{n // 60:02}:{n % 60:02}.000000Z",
            }
            for n in range(200)
        }
        await adapter.write(insert(rows))
    return mongodb_prefix


async def test_every_query_and_change_on_an_index_is_served_by_it(mongodb_uri: str, filled: str) -> None:
    settings = Settings(uri=mongodb_uri, prefix=filled)
    server = Server(settings)
    server.open()
    async with native(mongodb_uri) as client:
        known = await Catalogue(server).collection(TARGET)
        for request, name in SERVED:
            now_us, tenant = settings.clock(), request.target.tenant
            changed = selection(known, tenant, request.deleted, request.filter, now_us)
            for pipeline in (compile_find(known, request, now_us).pipeline, changed.pipeline):
                command = {"aggregate": "orders", "pipeline": pipeline, "cursor": {}}
                told = await client[f"{filled}_shop"].command("explain", command, verbosity="executionStats")
                plans = list(named(told, "winningPlan"))
                stages = [stage for plan in plans for stage in named(plan, "stage")]
                indexes = [index.split("~")[0] for plan in plans for index in named(plan, "indexName")]
                assert "COLLSCAN" not in stages, request
                assert "IXSCAN" in stages, request
                assert set(indexes) == {name}, request
                (examined, *_) = named(told, "totalDocsExamined")
                assert examined < 100, request
    await server.close()


@pytest.mark.parametrize(
    ("request_", "is_served"),
    [
        (query(), False),
        (query({"other": 5}), False),
        (query({"n": {"$ne": 5}}), False),
        (query({"n": {"$exists": True}}, "other"), False),
        (query(None, "n"), True),
        (query({"$or": [{"n": 5}, {"n": {"$gt": 8}}]}), True),
        (query({"n": {"$regex": "^a"}}), True),
        (query({"n": {"$exists": False}}), True),
    ],
)
def test_what_most_documents_are_is_served_by_an_index_only_with_what_few_are(request_: Find, is_served: bool) -> None:
    """MongoDB prefers any index to a scan, even one that it has to go through from end to end."""
    index = IndexStatus(parse_index(INDEXES[0], "index"), IndexState.READY)
    pipeline = compile_find(Collection("shop", "orders", 1, (index,)), request_, 0).pipeline
    matches = list(named(pipeline, "$match"))
    asked = {name for match in matches for part in match.get("$and", [match]) for name in part}
    assert asked
    assert ("_aol.t" in asked) is is_served
    assert "_id" not in asked


async def test_pages_of_a_range_begin_where_the_last_one_ended(mongodb_uri: str, filled: str) -> None:
    async with opened(mongodb_uri, prefix=filled) as adapter:
        examined: list[int] = []
        position = b""
        while True:
            request = query({"n": {"$gte": 0}}, "n", limit=50, position=position)
            examined.append((await adapter.explain(request)).examined_documents)
            position = (await adapter.find(request)).next_position
            if not position:
                break
        assert examined == sorted(examined, reverse=True)
        assert len(examined) == 4
        assert examined[-1] <= 51


async def test_documents_of_all_tenants_come_in_the_order_of_tenant_and_id(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    tenants = ["", "a", "ab", "a-b", "é"]
    ids = ["1", "10", "2", "a", "b", "é", "\U0001f600", "zz"]
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        for tenant in tenants:
            rows: dict[str, Any] = {id_: {"of": tenant} for id_ in ids}
            await adapter.write(insert(rows, target=Target("shop", "orders", tenant)))
        for limit in (1, 3, 8, 9, 40, 41):
            found: list[tuple[str, str]] = []
            position = b""
            while True:
                request = replace(query(limit=limit, position=position), target=Target("shop", "orders", None))
                page = await adapter.find(request)
                found += zip(page.page.tenant or [""] * len(page.page.id), page.page.id, strict=True)
                assert len(page.page.id) <= limit
                position = page.next_position
                if not position:
                    break
            assert found == [(tenant, id_) for tenant in sorted(tenants) for id_ in sorted(ids)], limit


@pytest.mark.parametrize(
    ("position", "bounds"),
    [
        (b"", [None, None]),
        (b'[["","b"]]', ["b", None]),
        (b'[["ab","b"]]', ["ab\0b"]),
    ],
)
def test_a_page_of_all_tenants_begins_in_the_index_of_their_keys_where_the_last_one_ended(
    position: bytes, bounds: list[str | None]
) -> None:
    """The server that the tests start scans for any range of `_id`: what it is asked is looked at."""
    request = replace(query(limit=3, position=position), target=Target("shop", "orders", None))
    asked = [compile_find(Collection("shop", "orders", 1), it, 0, part).pipeline for part, it in in_parts(request)]
    for pipeline, bound in zip(asked, bounds, strict=True):
        if bound is not None:
            assert pipeline[0] == {"$match": {"_id": {"$gt": bound}}}
        assert pipeline[-2:] == [{"$sort": {"_id": 1}}, {"$limit": 4}]


EXTREMES: list[float | int] = [
    -1.7976931348623157e308, -1e300, -(2**63), -(2**53) - 1, -5e-324, 5e-324, 1e-300, 2**53 + 1, 2**63 - 1, 1e300,
    1.7976931348623157e308,
]  # fmt: skip


@pytest.mark.parametrize("number", EXTREMES)
def test_an_index_is_asked_for_the_very_number_and_a_range_takes_its_bound_in(number: float | int) -> None:
    """Here alone: by its indexes the server that the tests start finds some of these doubles, and not others."""
    index = IndexStatus(parse_index(INDEXES[0], "index"), IndexState.READY)
    known = Collection("shop", "orders", 1, (index,))

    def asked(operator: str) -> Any:
        return compile_find(known, query({"n": {operator: number}}), 0).pipeline[0]["$match"]["n"]

    assert asked("$eq") == {"$eq": number}
    assert type(asked("$eq")["$eq"]) is (Int64 if isinstance(number, int) else float)
    assert asked("$gte") == {"$gte": number}
    (beyond,) = asked("$lte").values()
    assert beyond > number
    assert not [it for it in EXTREMES if number < it < beyond]


async def test_numbers_at_the_ends_of_their_ranges_are_found_and_sorted(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        await adapter.write(insert({f"{place:02}": {"n": number} for place, number in enumerate(EXTREMES)}))
        for place, number in enumerate(EXTREMES):
            assert list((await adapter.find(query({"n": number}))).page.id) == [f"{place:02}"]
            behind = await adapter.find(query({"n": {"$gt": number}}, "n"))
            assert list(behind.page.id) == [f"{it:02}" for it in range(place + 1, len(EXTREMES))]
        stored = documents(await adapter.find(query(None, "-n")))
        assert [it["n"] for it in stored.values()] == EXTREMES[::-1]
