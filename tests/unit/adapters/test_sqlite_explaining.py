"""Does an explanation say what SQLite does: which index it uses, and how many documents it looks at?"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_adapters.sqlite.finding import compile_find
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import Capability, CollectionSpec, Delete, Explanation, Find, Insert, SortKey, Target, Write
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec
from aol_wire.json_text import encode

TARGET = Target("shop", "orders")
DAY = parse_index({"fields": ["day"], "type": "ascending"}, "index")
DOWN = parse_index({"fields": ["down"], "type": "descending"}, "index")
CITY = parse_index({"fields": ["shop.city", {"day": "desc"}], "type": "compound"}, "index")
NUMBER = parse_index({"fields": ["number"], "type": "unique"}, "index")
UNTIL = parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": 0}, "index")
NOTE = parse_index({"fields": ["note"], "type": "text"}, "index")
ALL = (DAY, DOWN, CITY, NUMBER, UNTIL, NOTE)


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    """A hundred documents: 10 days in 10 cities."""
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=ALL))
    documents: list[dict[str, Json]] = [
        {
            "day": number // 10,
            "down": number // 10,
            "shop": {"city": f"city-{number % 10}"},
            "number": number,
            "until": f"2999-01-{number // 10 + 1:02d}T00:00:00.000000Z",
            "note": f"word{number // 10} common",
            "plain": number // 50,
        }
        for number in range(100)
    ]
    await adapter.write(Write(TARGET, [Insert(f"{it['number']:03d}", encode(it), 1) for it in documents]))
    yield adapter
    await adapter.close()


def find(filter: str = "{}", *sort: str) -> Find:
    keys = tuple(SortKey((key.removeprefix("-"),), key.startswith("-")) for key in sort)
    return Find(TARGET, parse_filter(filter), keys)


SERVED: list[tuple[IndexSpec, Find, int]] = [
    (DAY, find('{"day": 3}'), 10),
    (DAY, find('{"day": {"$gte": 8}}', "-day"), 20),
    (DAY, find("{}", "day"), 100),
    (DOWN, find('{"down": {"$lt": 2}}', "down"), 20),
    (CITY, find('{"shop.city": "city-7"}', "-day"), 10),
    (CITY, find('{"shop.city": "city-7", "plain": 1}', "-day"), 10),
    (NUMBER, find('{"number": 42}'), 1),
    (NUMBER, find('{"number": {"$lt": 42}}', "number"), 42),
    (UNTIL, find('{"until": {"$lt": "2999-01-03"}}', "until"), 20),
]


@pytest.mark.parametrize(("index", "request_", "examined"), SERVED)
async def test_an_index_that_serves_a_query_is_named_and_its_entries_counted(
    adapter: SqliteAdapter, index: IndexSpec, request_: Find, examined: int
) -> None:
    explanation = await adapter.explain(request_)
    found = await adapter.find(request_)
    assert explanation == Explanation(
        filter_pushed_down=True,
        sort_pushed_down=True,
        index=index,
        estimated_documents=100,
        examined_documents=examined,
        returned_documents=len(found.page.id),
    )


async def test_words_are_served_by_the_text_index(adapter: SqliteAdapter) -> None:
    explanation = await adapter.explain(find('{"$text": "word3 common"}'))
    assert (explanation.index, explanation.examined_documents, explanation.returned_documents) == (NOTE, 10, 10)
    assert not explanation.uses_key


async def test_a_scan_has_no_index_and_looks_at_everything(adapter: SqliteAdapter) -> None:
    explanation = await adapter.explain(find('{"plain": {"$gt": 0}}', "plain"))
    assert (explanation.index, explanation.uses_key, explanation.sort_pushed_down) == (None, False, False)
    assert (explanation.examined_documents, explanation.returned_documents) == (100, 50)
    everywhere = await adapter.explain(replace(find("{}", "plain"), target=replace(TARGET, tenant=None)))
    assert (everywhere.index, everywhere.uses_key, everywhere.sort_pushed_down) == (None, False, False)


async def test_an_order_that_no_index_has_is_not_pushed_down_though_the_filter_is(adapter: SqliteAdapter) -> None:
    for order in (("plain",), ("day", "plain")):
        explanation = await adapter.explain(find('{"day": {"$gte": 8}}', *order))
        assert (explanation.index, explanation.sort_pushed_down, explanation.examined_documents) == (DAY, False, 20)


async def test_the_key_serves_ids_and_the_order_without_a_sort(adapter: SqliteAdapter) -> None:
    for request, examined in (
        (find('{"_id": "042"}'), 1),
        (find('{"_id": {"$in": ["042", "043", "none"]}}'), 2),
        (find('{"_id": {"$gte": "090"}}', "-_id"), 10),
        (find(), 100),
        (replace(find(), limit=10), 11),
    ):
        explanation = await adapter.explain(request)
        assert (explanation.index, explanation.uses_key, explanation.sort_pushed_down) == (None, True, True)
        assert explanation.examined_documents == examined
    assert not (await adapter.explain(find('{"_id": {"$ne": "042"}}'))).uses_key


async def test_a_page_is_explained_as_it_is_answered(adapter: SqliteAdapter) -> None:
    first = replace(find('{"day": {"$gte": 2}}', "day"), limit=5)
    position = (await adapter.find(first)).next_position
    following = await adapter.explain(replace(first, position=position))
    # SQLite begins at the last document of the page before, and looks at one more than the page holds.
    assert (following.index, following.examined_documents, following.returned_documents) == (DAY, 7, 5)
    skipped = await adapter.explain(replace(first, skip=20))
    assert (skipped.examined_documents, skipped.returned_documents) == (26, 5)


async def test_counting_changes_no_plan(adapter: SqliteAdapter) -> None:
    requests = [request for _, request, _ in SERVED]
    requests += [
        find('{"$text": "word3"}'),
        find('{"plain": 1}', "plain"),
        find('{"$or": [{"day": 1}, {"number": 7}]}'),
    ]

    def plans(session: Session, counted: str) -> list[list[str]]:
        with session.reading() as connection:
            connection.create_scalar_function("counted", lambda *_: True, 1)
            collection = session.catalogue.collection(connection, "orders")
            queries = [compile_find(collection, request, 0, examined=counted) for request in requests]
            return [
                [str(detail) for *_, detail in connection.execute("EXPLAIN QUERY PLAN " + query.sql, query.values)]
                for query in queries
            ]

    async with adapter.files.use("shop") as file:
        assert await file.readers.run(lambda it: plans(it, "counted")) == await file.readers.run(
            lambda it: plans(it, "")
        )


async def test_the_estimate_does_not_count_what_was_deleted_before_the_first_document(adapter: SqliteAdapter) -> None:
    await adapter.write(Write(TARGET, [Delete(parse_filter('{"day": {"$lt": 5}}'), 1)]))
    assert (await adapter.explain(find())).estimated_documents == 50
    await adapter.write(Write(TARGET, [Delete(None, 1)]))
    assert (await adapter.explain(find())).estimated_documents == 0


async def test_explaining_fails_as_finding_does(adapter: SqliteAdapter) -> None:
    assert Capability.EXPLAIN in (await adapter.describe()).capabilities
    for request, reason in (
        (replace(find(), target=Target("shop", "nothing")), Reason.COLLECTION_NOT_FOUND),
        (replace(find(), timeout_s=0), Reason.DEADLINE),
        (replace(find(), position=b"forged"), Reason.BAD_PAGE_TOKEN),
    ):
        with pytest.raises(DataError) as raised:
            await adapter.explain(request)
        assert raised.value.reason is reason
