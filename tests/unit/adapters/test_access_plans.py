"""Is a user who may see few of many documents answered by looking at few, whatever else is asked?"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from access_conditions import both, corpus, fill, naming, of, open_to
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Adapter, CollectionSpec, Count, Find, Target, Write
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Filter
from aol_wire.index_parser import parse_index
from aol_wire.paths import parse_sort
from mongodb_adapters import opened as opened_mongodb
from postgres_adapters import opened as opened_postgres
from postgres_server import statements

TARGET = Target("shop", "orders", "acme")
SPEC = CollectionSpec(
    TARGET,
    indexes=(
        parse_index({"fields": ["n"], "type": "ascending"}, "index"),
        parse_index({"fields": ["kind", "n"], "type": "compound"}, "index"),
    ),
    owners=True,
    acls=True,
)
ANN, BOB, OPS = range(7, 5000, 500), range(11, 5000, 500), range(13, 5000, 500)
EVERYBODY = open_to("ann", "user:bob", "role:all")


def few(teams: int) -> list[tuple[Filter, list[int]]]:
    """Conditions that few documents meet, and the numbers of those in a corpus of 5,000.

    :param teams: in how many more teams the user is.
    """
    return [
        (of("ann"), [*ANN]),
        (naming("user:bob", "team:none"), [*BOB]),
        (open_to("ann", "user:bob", "team:ops", *(f"team:{number}" for number in range(teams))), [*ANN, *BOB, *OPS]),
        (open_to("nobody", "team:ops"), [*OPS]),
    ]


BESIDE: list[tuple[str, str, int]] = [
    ("{}", "", 100),
    ("{}", "-n", 10),
    ('{"kind": 1}', "n", 100),
    ('{"n": {"$gte": 1000}}', "n", 10),
    ('{"n": {"$gte": 1000}, "kind": 1}', "", 100),
    ('{"_created_at": {"$exists": true}}', "-n", 100),
]


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    yield adapter
    await adapter.close()


def scaled(numbers: Sequence[int], documents: int) -> list[int]:
    """The numbers of the same documents in a corpus of another size."""
    return sorted(number // 500 * (documents // 10) + number % 500 for number in numbers)


def query(condition: Filter, beside: tuple[str, str, int]) -> Find:
    text, sort, limit = beside
    keys = parse_sort([(sort.removeprefix("-"), sort.startswith("-"))] if sort else [])
    return Find(TARGET, both(condition, parse_filter(text)), keys, limit=limit)


def expected(numbers: Sequence[int], beside: tuple[str, str, int]) -> list[str]:
    text, sort, limit = beside
    least, odd = 1000 if "1000" in text else 0, "kind" in text
    kept = [number for number in numbers if number >= least and (number % 2 or not odd)]
    return [f"{number:05}" for number in sorted(kept, reverse=sort.startswith("-"))[:limit]]


async def assert_few_are_looked_at(adapter: Adapter, documents: int, *, teams: int = 200) -> None:
    for condition, of_5000 in few(teams):
        numbers = scaled(of_5000, documents)
        for beside in BESIDE:
            request = query(condition, beside)
            assert list((await adapter.find(request)).page.id) == expected(numbers, beside), request
            explanation = await adapter.explain(request)
            assert explanation.examined_documents <= 2 * len(numbers), request
            assert explanation.uses_access, request
            assert explanation.index is None or explanation.examined_documents <= len(numbers), request
        assert await adapter.count(Count(TARGET, condition)) == len(numbers)


async def test_sqlite_looks_at_few_of_5000_documents_for_whom_few_are_open(sqlite: SqliteAdapter) -> None:
    await sqlite.ensure_collection(SPEC)
    await fill(sqlite, TARGET, 5000)
    await assert_few_are_looked_at(sqlite, 5000)


async def test_sqlite_goes_by_the_rest_of_a_query_where_all_of_5000_documents_are_open(sqlite: SqliteAdapter) -> None:
    await sqlite.ensure_collection(SPEC)
    await fill(sqlite, TARGET, 5000)
    for beside in BESIDE[:4]:
        request = query(EVERYBODY, beside)
        assert list((await sqlite.find(request)).page.id) == expected(range(5000), beside)
        explanation = await sqlite.explain(request)
        assert not explanation.uses_access
        # A thousand entries are counted before it is known that there are many.
        assert explanation.examined_documents <= 1_001 + 2 * request.limit + 2, request
    by_key = query(EVERYBODY, ('{"_id": "00042"}', "", 10))
    explanation = await sqlite.explain(by_key)
    assert (explanation.examined_documents, explanation.uses_key) == (1, True)
    assert await sqlite.count(Count(TARGET, EVERYBODY)) == 5000


async def test_sqlite_finds_by_a_unique_index_what_that_tells_alone(sqlite: SqliteAdapter) -> None:
    unique = parse_index({"fields": ["n"], "type": "unique"}, "index")
    await sqlite.ensure_collection(replace(SPEC, indexes=(unique,)))
    await fill(sqlite, TARGET, 2000)
    explanation = await sqlite.explain(query(EVERYBODY, ('{"n": 7}', "", 10)))
    assert (explanation.examined_documents, explanation.index) == (1, unique)


async def test_postgres_looks_at_few_of_5000_documents_for_whom_few_are_open(postgres_database: str) -> None:
    async with opened_postgres(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        await fill(adapter, TARGET, 5000)
        # As autovacuum does, once a minute.
        await statements(postgres_database, "ANALYZE")
        # With many more, its planner finds it cheaper to go through 5,000 documents in order than to look for all.
        await assert_few_are_looked_at(adapter, 5000, teams=20)
        for beside in BESIDE[:4]:
            request = query(EVERYBODY, beside)
            assert list((await adapter.find(request)).page.id) == expected(range(5000), beside)
            assert (await adapter.explain(request)).examined_documents <= 2 * request.limit + 2, request


async def test_mongodb_looks_at_few_of_many_documents_for_whom_few_are_open(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    # Fewer: the server that the tests start is slow.
    async with opened_mongodb(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(SPEC)
        await fill(adapter, TARGET, 1500)
        await assert_few_are_looked_at(adapter, 1500)


async def test_entries_of_other_tenants_are_not_looked_at(sqlite: SqliteAdapter, postgres_database: str) -> None:
    async with opened_postgres(postgres_database) as postgres:
        for adapter in (sqlite, postgres):
            await adapter.ensure_collection(SPEC)
            for tenant in ("acme", "other"):
                await fill(adapter, Target("shop", "orders", tenant), 300)
            mine = Target("shop", "orders", "mine")
            await adapter.write(Write(mine, [next(corpus(10))]))
            if adapter is postgres:
                await statements(postgres_database, "ANALYZE")
            explanation = await adapter.explain(Find(mine, naming("role:all")))
            assert (explanation.returned_documents, explanation.examined_documents) == (1, 1)
