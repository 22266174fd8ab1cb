"""Does PostgreSQL use the declared indexes of a large table, for filters, orders and the pages that follow?"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from aol_adapters.postgres.bindings import Bindings, Bound
from aol_adapters.postgres.catalogue import Catalogue, Collection
from aol_adapters.postgres.expiring import expired_in
from aol_adapters.postgres.finding import compile_find
from aol_adapters.postgres.settings import Settings
from aol_wire.adapter import CollectionSpec, Find, SortKey
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec
from postgres_adapters import TABLE, TARGET, opened
from postgres_server import statements, with_database

SIZE = 100_000
NOW_US = 1_763_812_800_000_000
INDEXES: dict[str, IndexSpec] = {
    "ascending": parse_index({"fields": ["day"], "type": "ascending"}, "index"),
    "descending": parse_index({"fields": ["price"], "type": "descending"}, "index"),
    "mixed": parse_index({"fields": ["shop.city", {"day": "desc"}], "type": "compound"}, "index"),
    "unique": parse_index({"fields": ["number"], "type": "unique"}, "index"),
    "text": parse_index({"fields": ["note"], "type": "text"}, "index"),
    "ttl": parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": 0}, "index"),
}
NAMES = {name: f"orders:index:{number}" for number, name in enumerate(INDEXES, start=1)}
# A day has 100 documents, a city 1,000 of them, a word of its own each of them.
LOAD = f"""
INSERT INTO {TABLE} (tenant, id, version, created_us, updated_us, doc, words5)
SELECT '', 'order-' || lpad(n::text, 6, '0'), 1, n, n,
    jsonb_build_object('day', 'day-' || lpad((n / 100)::text, 4, '0'), 'price', n % 5000 / 4.0,
        'shop', jsonb_build_object('city', 'city-' || n % 100), 'number', n, 'note', 'two words and number' || n,
        'until', CASE WHEN n % 1000 = 0 THEN '2001-01-01T00:00:00.000000Z' ELSE '2999-01-01T00:00:00.000000Z' END,
        'other', n % 7),
    array_to_tsvector(ARRAY['two', 'words', 'and', 'number' || n])
FROM generate_series(0, {SIZE - 1}) AS n
"""


@pytest.fixture(scope="module")
def loaded(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a database with the table, about which the server knows as much as about any new one."""

    async def load() -> str:
        await statements(postgres_dsn, "DROP DATABASE IF EXISTS plans", "CREATE DATABASE plans")
        dsn = with_database(postgres_dsn, "plans")
        async with opened(dsn) as adapter:
            await adapter.ensure_collection(CollectionSpec(TARGET, indexes=tuple(INDEXES.values())))
        # Nothing is analysed unless a test says so.
        await statements(dsn, f"ALTER TABLE {TABLE} SET (autovacuum_enabled = off)", LOAD)
        return dsn

    # With a factory, a runner leaves the thread's current event loop as it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner.run(load())
        runner.run(statements(postgres_dsn, "DROP DATABASE plans WITH (FORCE)"))


@pytest.fixture(scope="module", params=["never analysed", "analysed"])
def dsn(request: pytest.FixtureRequest, loaded: str) -> str:
    if request.param == "analysed":
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(statements(loaded, f"ANALYZE {TABLE}"))
    return loaded


@pytest.fixture
async def server(dsn: str) -> AsyncIterator["Server"]:
    connection = await asyncpg.connect(**Settings(dsn=dsn).connect_arguments())
    collection = await Catalogue("aol").read(connection, TARGET.service, TARGET.collection)
    assert collection is not None
    yield Server(connection, collection)
    await connection.close()


@dataclass(frozen=True)
class Server:
    """A connection as the adapter has it, and what the catalogue says."""

    connection: asyncpg.Connection
    collection: Collection

    async def plan(self, request: Find) -> list[dict[str, Any]]:
        """Return the nodes of the plan of a query."""
        query = compile_find(self.collection, request, NOW_US)
        return await self.explained(query.sql, query.values)

    async def explained(self, sql: str, values: list[Bound]) -> list[dict[str, Any]]:
        text = await self.connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *values)
        return list(nodes(json.loads(text)[0]["Plan"]))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def uses(plan: list[dict[str, Any]], name: str) -> bool:
    """Whether a plan looks something up in an index, which all begin with the tenant."""
    conditions = [node.get("Index Cond", "") for node in plan if node.get("Index Name") == NAMES[name]]
    return any(condition not in {"", "(tenant = ''::text)"} for condition in conditions)


def sorts(plan: list[dict[str, Any]]) -> bool:
    return any("Sort" in node["Node Type"] for node in plan)


FILTERS = [
    ("ascending", '{"day": "day-0500"}'),
    ("ascending", '{"day": {"$in": ["day-0500", "day-0700"]}}'),
    ("ascending", '{"day": {"$gte": "day-0500", "$lt": "day-0502"}}'),
    ("ascending", '{"day": {"$gt": "day-0998"}}'),
    ("ascending", '{"day": null}'),
    ("ascending", '{"day": true}'),
    ("ascending", '{"day": {"$lt": 5}}'),
    ("ascending", '{"day": "day-0500", "other": {"$gt": 3}}'),
    ("descending", '{"price": 17.25}'),
    ("descending", '{"price": {"$in": [17.25, 18]}}'),
    ("descending", '{"price": {"$lt": 1}}'),
    ("descending", '{"price": {"$gte": 1249.5}}'),
    ("mixed", '{"shop.city": "city-7"}'),
    ("mixed", '{"shop.city": "city-7", "day": {"$gt": "day-0990"}}'),
    ("mixed", '{"shop.city": "city-7", "day": {"$gte": "day-0500", "$lt": "day-0510"}}'),
    ("unique", '{"number": 77777}'),
    ("unique", '{"number": {"$gte": 99990}}'),
    ("text", '{"$text": "number77777"}'),
    ("text", '{"$text": "words number77777"}'),
    ("ttl", '{"until": {"$lt": "2002"}}'),
]


@pytest.mark.parametrize(("name", "text"), FILTERS)
async def test_a_selective_filter_is_looked_up_in_its_index(server: Server, name: str, text: str) -> None:
    plan = await server.plan(Find(TARGET, parse_filter(text), limit=20))
    assert uses(plan, name), plan
    assert not any(node["Node Type"] == "Seq Scan" for node in plan)


DAY, PRICE, NUMBER = SortKey(("day",)), SortKey(("price",)), SortKey(("number",))
CITY = SortKey(("shop", "city"))


def down(key: SortKey) -> SortKey:
    return replace(key, descending=True)


ORDERS: list[tuple[str, str, tuple[SortKey, ...]]] = [
    ("ascending", "{}", (DAY,)),
    ("ascending", "{}", (down(DAY),)),
    ("ascending", '{"day": {"$gte": "day-0500"}}', (DAY,)),
    ("ascending", '{"day": {"$gte": "day-0500"}}', (down(DAY),)),
    ("ascending", '{"day": {"$gte": "day-0500", "$lt": "day-0900"}}', (DAY,)),
    ("ascending", '{"day": "day-0500"}', ()),
    ("descending", "{}", (down(PRICE),)),
    ("descending", "{}", (PRICE,)),
    ("descending", '{"price": {"$lt": 100}}', (down(PRICE),)),
    ("descending", '{"price": {"$gt": 100}}', (PRICE,)),
    ("mixed", "{}", (CITY, down(DAY))),
    ("mixed", "{}", (down(CITY), DAY)),
    ("mixed", '{"shop.city": "city-7"}', (DAY,)),
    ("mixed", '{"shop.city": "city-7"}', (down(DAY),)),
    ("mixed", '{"shop.city": "city-7"}', (CITY, down(DAY))),
    ("mixed", '{"shop.city": "city-7", "day": {"$lt": "day-0900"}}', (down(DAY),)),
    ("unique", "{}", (NUMBER,)),
    ("unique", "{}", (down(NUMBER),)),
    ("unique", '{"number": {"$gt": 500}}', (NUMBER,)),
]


@pytest.mark.parametrize(("name", "text", "sort"), ORDERS)
async def test_an_indexed_order_is_read_from_the_index_on_every_page(
    server: Server, dsn: str, name: str, text: str, sort: tuple[SortKey, ...]
) -> None:
    first = Find(TARGET, parse_filter(text), sort, limit=20)
    plan = await server.plan(first)
    assert NAMES[name] in [node.get("Index Name") for node in plan], plan
    assert not sorts(plan) or name == "unique", plan
    async with opened(dsn, clock=lambda: NOW_US) as adapter:
        position = (await adapter.find(first)).next_position
        assert position
        for number in range(2):
            following = replace(first, position=position)
            plan = await server.plan(following)
            assert uses(plan, name), plan
            assert not sorts(plan) or name == "unique", plan
            # What comes before its place is not looked at again; in an order of both directions, what comes before it
            # among documents of the same first value is.
            examined = (await adapter.explain(following)).examined_documents
            assert examined is not None
            assert examined <= (20 * (number + 2) if len({key.descending for key in sort}) > 1 else 20) + 10
            position = (await adapter.find(following)).next_position


@pytest.mark.parametrize("key", [DAY, down(DAY), PRICE, down(PRICE), NUMBER, down(NUMBER)])
async def test_the_fiftieth_page_of_a_range_begins_at_its_place(dsn: str, key: SortKey) -> None:
    texts = {
        "day": '{"day": {"$gte": "day-0100", "$lt": "day-0900"}}',
        "price": '{"price": {"$gte": 100, "$lt": 1100}}',
        "number": '{"number": {"$gte": 1000, "$lt": 90000}}',
    }
    request = Find(TARGET, parse_filter(texts[key.path[0]]), (key,), limit=20)
    async with opened(dsn, clock=lambda: NOW_US) as adapter:
        for _ in range(49):
            request = replace(request, position=(await adapter.find(request)).next_position)
        found = await adapter.explain(request)
    assert found.returned_documents == 20
    assert found.examined_documents is not None
    assert found.examined_documents <= 30
    assert found.sort_pushed_down or key.path == ("number",)


async def test_documents_without_an_order_are_read_by_their_key(server: Server, dsn: str) -> None:
    async with opened(dsn, clock=lambda: NOW_US) as adapter:
        position = (await adapter.find(Find(TARGET, limit=20))).next_position
        for request in (Find(TARGET, limit=20), Find(TARGET, limit=20, position=position)):
            plan = await server.plan(request)
            assert [node["Index Name"] for node in plan if "Index Name" in node] == ["orders:key"]
            assert not sorts(plan)
            assert (await adapter.explain(request)).uses_key


async def test_a_document_is_found_by_its_id(server: Server) -> None:
    for text in ('{"_id": "order-000077"}', '{"_id": {"$in": ["order-000077", "order-000078"]}}'):
        plan = await server.plan(Find(TARGET, parse_filter(text), limit=20))
        (condition,) = [node["Index Cond"] for node in plan if node.get("Index Name") == "orders:key"]
        assert "id = " in condition


async def test_what_is_expired_is_looked_up_in_the_index(server: Server) -> None:
    bindings = Bindings()
    condition = expired_in(INDEXES["ttl"], NOW_US, bindings)
    sql = f"SELECT ctid FROM {server.collection.table} WHERE {condition} LIMIT 500"
    plan = await server.explained(sql, bindings.values)
    assert NAMES["ttl"] in [node.get("Index Name") for node in plan], plan


async def test_two_indexes_serve_the_two_sides_of_an_or(server: Server) -> None:
    plan = await server.plan(Find(TARGET, parse_filter('{"$or": [{"day": "day-0500"}, {"number": 7}]}'), limit=20))
    assert uses(plan, "ascending")
    assert uses(plan, "unique")
