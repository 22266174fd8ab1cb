"""Do indexes that come late, words, unique values and other processes' changes count at once?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import CollectionSpec, Count, Delete, Find, Insert, Outcome, Restore, Target, Update, Write
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Json, Text
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState
from aol_wire.json_text import encode
from aol_wire.update_parser import parse_update

TARGET = Target("shop", "orders")
UNIQUE = parse_index({"fields": ["number"], "type": "unique"}, "index")
NOTE = parse_index({"fields": ["note"], "type": "text"}, "index")
TITLE = parse_index({"fields": ["title"], "type": "text"}, "index")
DAY = parse_index({"fields": ["day"], "type": "ascending"}, "index")
CITY = parse_index({"fields": ["shop.city", {"day": "desc"}], "type": "compound"}, "index")


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    yield adapter
    await adapter.close()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    """Another adapter on the same files, as in another process: it shares no connection and no memory of the schema."""
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    yield adapter
    await adapter.close()


async def insert(adapter: SqliteAdapter, **documents: Json) -> list[Outcome]:
    return await adapter.write(Write(TARGET, [Insert(id, encode(document), 1) for id, document in documents.items()]))


async def update(adapter: SqliteAdapter, filter: str, operations: str) -> Outcome:
    (outcome,) = await adapter.write(Write(TARGET, [Update(parse_filter(filter), parse_update(operations), 2)]))
    return outcome


async def found(adapter: SqliteAdapter, filter: str) -> list[str]:
    return list((await adapter.find(Find(TARGET, parse_filter(filter)))).page.id)


def reason(outcome: Outcome) -> Reason | None:
    return outcome.error.reason if outcome.error is not None else None


async def test_an_index_that_comes_late_holds_what_was_there(adapter: SqliteAdapter) -> None:
    await insert(adapter, a={"number": 1, "note": "red shoes", "day": "2"}, b={"number": 2, "day": None}, c={})
    spec = CollectionSpec(TARGET, indexes=(DAY, NOTE, UNIQUE, CITY))
    ensured = await adapter.ensure_collection(spec)
    assert [status.state for status in ensured.indexes] == [IndexState.READY] * 4
    assert not ensured.created
    assert await found(adapter, '{"day": null}') == ["b", "c"]
    assert await found(adapter, '{"$text": "SHOES"}') == ["a"]
    assert reason((await insert(adapter, d={"number": 2.0}))[0]) is Reason.UNIQUE_VIOLATION
    assert await adapter.ensure_collection(spec) == ensured


async def test_a_failed_index_does_not_count_and_is_built_once_its_offenders_are_gone(adapter: SqliteAdapter) -> None:
    await insert(adapter, a={"number": 1}, b={"number": 1}, c={"number": 1.0}, d={"number": [1]}, e={"number": None})
    spec = CollectionSpec(TARGET, indexes=(UNIQUE,))
    (status,) = (await adapter.ensure_collection(spec)).indexes
    assert (status.state, status.offenders) == (IndexState.FAILED, 3)
    assert reason((await insert(adapter, f={"number": {"any": "thing"}}))[0]) is None
    await adapter.write(Write(TARGET, [Delete(parse_filter('{"_id": {"$in": ["b", "c", "d", "f"]}}'), 1)]))
    (status,) = (await adapter.ensure_collection(spec)).indexes
    assert (status.state, status.offenders) == (IndexState.READY, 0)
    assert reason((await insert(adapter, f={"number": {"any": "thing"}}))[0]) is Reason.BAD_DOCUMENT


async def test_unique_values_may_change_places_within_one_update(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNIQUE, NOTE)))
    documents: dict[str, Json] = {f"id-{number}": {"number": number, "note": "same words"} for number in range(10)}
    await insert(adapter, **documents)
    for step in (1, -1):
        outcome = await update(adapter, '{"number": {"$gte": 0}}', f'{{"$inc": {{"number": {step}}}}}')
        assert (outcome.affected, outcome.error) == (10, None)
    assert await found(adapter, '{"number": 3}') == ["id-3"]
    assert await adapter.count(Count(TARGET, Text(("same", "words")))) == 10


async def test_an_update_that_ends_with_a_value_twice_changes_nothing(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNIQUE,)))
    await insert(adapter, a={"number": 1}, b={"number": 2}, c={"number": 3, "secret": "hunter2"})
    for filter, operations in (
        ("{}", '{"number": 7}'),
        ('{"number": {"$lt": 3}}', '{"$inc": {"number": 1}}'),
        ('{"_id": "a"}', '{"number": 3.0}'),
    ):
        outcome = await update(adapter, filter, operations)
        assert outcome.affected == 0
        assert outcome.error is not None
        assert outcome.error.reason is Reason.UNIQUE_VIOLATION
        assert outcome.error.metadata["index"] == "unique(number)"
        assert "hunter2" not in str(outcome.error)
    assert [await found(adapter, f'{{"number": {number}}}') for number in (1, 2, 3)] == [["a"], ["b"], ["c"]]


async def test_soft_deleted_documents_keep_their_words_and_unique_values(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNIQUE, NOTE)))
    await insert(adapter, a={"number": 1, "note": "one"})
    await adapter.write(Write(TARGET, [Delete(None, 5, soft=True)]))
    assert await found(adapter, '{"$text": "one"}') == []
    assert reason((await insert(adapter, b={"number": 1}))[0]) is Reason.UNIQUE_VIOLATION
    await adapter.write(Write(TARGET, [Restore(None)]))
    assert await found(adapter, '{"$text": "one", "number": 1}') == ["a"]
    await adapter.write(Write(TARGET, [Delete(None, 5, soft=True), Delete(None, 6, purge=True)]))
    assert reason((await insert(adapter, b={"number": 1}))[0]) is None


async def test_the_state_of_indexes_is_told_while_another_process_writes(
    adapter: SqliteAdapter, tmp_path: Path
) -> None:
    await insert(adapter, a={"number": 1}, b={"number": 1})
    ensured = await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNIQUE, DAY)))
    connection = apsw.Connection(str(tmp_path / "shop.db"))
    connection.execute("BEGIN IMMEDIATE")
    assert await adapter.inspect_collection(TARGET) == ensured.indexes
    connection.close()
    with pytest.raises(DataError) as raised:
        await adapter.inspect_collection(Target("shop", "nothing"))
    assert raised.value.reason is Reason.COLLECTION_NOT_FOUND


async def test_words_follow_their_documents(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(NOTE,)))
    await insert(adapter, a={"note": "Straße nach Köln"}, b={"note": "strasse"}, c={"note": None})
    assert await found(adapter, '{"$text": "STRASSE"}') == ["a", "b"]
    assert await found(adapter, '{"$text": "koln"}') == []
    await update(adapter, '{"_id": "a"}', '{"note": "Weg"}')
    assert await found(adapter, '{"$text": "strasse"}') == ["b"]
    assert await found(adapter, '{"$text": "weg"}') == ["a"]
    await update(adapter, '{"_id": "a"}', '{"$unset": {"note": ""}}')
    await adapter.write(Write(TARGET, [Delete(parse_filter('{"_id": "b"}'), 1)]))
    assert await found(adapter, '{"$text": "weg"}') == await found(adapter, '{"$text": "strasse"}') == []


async def test_words_are_looked_for_in_all_text_indexes_together(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(NOTE,)))
    await insert(adapter, a={"title": "red", "note": "shoes"}, b={"title": "red"})
    assert await found(adapter, '{"$text": "red"}') == []
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(TITLE,)))
    assert await found(adapter, '{"$text": "red"}') == ["a", "b"]
    assert await found(adapter, '{"$text": "red shoes"}') == ["a"]


@pytest.mark.parametrize("word", ["NEAR", "AND", "x", "naïve", "名前", "x" * 2000, "é" * 70_000, "0", "ﬁ"])
async def test_any_word_is_found_whole_and_only_whole(adapter: SqliteAdapter, word: str) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(NOTE,)))
    await insert(adapter, whole={"note": f"- {word}, "}, longer={"note": word + "a"}, shorter={"note": word[:-1]})
    assert await found(adapter, encode({"$text": word})) == ["whole"]


async def test_a_query_of_very_many_words_is_answered(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(NOTE,)))
    words = [f"word{number}" for number in range(3000)]
    await insert(adapter, all={"note": " ".join(words)}, most={"note": " ".join(words[1:])})
    assert list((await adapter.find(Find(TARGET, Text(tuple(words))))).page.id) == ["all"]


async def test_large_filters_are_answered(adapter: SqliteAdapter) -> None:
    await insert(adapter, a={"a": [1, {"b": 2}]}, b={"a": 999})
    arrays: Json = [[number, {"b": 2}] for number in range(1000)]
    assert await found(adapter, encode({"a": {"$in": arrays}})) == ["a"]
    alternatives: Json = [{"a": {"$in": [number, str(number), None, True]}} for number in range(900, 900 + 120)]
    assert await found(adapter, encode({"$or": alternatives})) == ["b"]
    wanted: Json = {"a": 999}
    for _ in range(14):
        wanted = {"$not": wanted}
    assert await found(adapter, encode(wanted)) == ["b"]


async def test_paths_that_differ_in_case_only_have_indexes_of_their_own(adapter: SqliteAdapter) -> None:
    indexes = tuple(parse_index({"fields": [path], "type": "ascending"}, "index") for path in ("a", "A", 'a"b', "a'b"))
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=indexes))
    await insert(adapter, lower={"a": 1}, upper={"A": 1}, double={'a"b': 1}, single={"a'b": 1})
    for path, id in (("a", "lower"), ("A", "upper"), ('a"b', "double"), ("a'b", "single")):
        assert await found(adapter, encode({path: 1})) == [id]


async def test_two_adapters_that_ensure_at_once_both_succeed(adapter: SqliteAdapter, other: SqliteAdapter) -> None:
    for number in range(5):
        # A file of its own each time: both want to make it.
        spec = CollectionSpec(Target(f"service-{number}", "orders"), indexes=(DAY, UNIQUE, NOTE))
        both = await asyncio.gather(*(each.ensure_collection(spec) for each in (adapter, other, adapter, other)))
        assert [ensured.created for ensured in both].count(True) == 1
        assert {tuple(status.state for status in ensured.indexes) for ensured in both} == {(IndexState.READY,) * 3}


async def test_another_process_s_indexes_are_kept_at_once(adapter: SqliteAdapter, other: SqliteAdapter) -> None:
    await insert(adapter, a={"number": 1, "note": "one"})
    await other.ensure_collection(CollectionSpec(TARGET, indexes=(UNIQUE, NOTE)))
    assert reason((await insert(adapter, b={"number": 1}))[0]) is Reason.UNIQUE_VIOLATION
    assert reason((await insert(adapter, b={"number": []}))[0]) is Reason.BAD_DOCUMENT
    assert reason((await insert(adapter, c={"number": 3, "note": "three"}))[0]) is None
    assert await found(other, '{"$text": "three"}') == await found(adapter, '{"$text": "three"}') == ["c"]


async def test_a_collection_that_another_process_drops_is_gone(adapter: SqliteAdapter, other: SqliteAdapter) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNIQUE, NOTE)))
    await insert(adapter, a={"number": 1})
    await other.drop_collection(TARGET)
    with pytest.raises(DataError) as raised:
        await insert(adapter, b={"number": 1})
    assert raised.value.reason is Reason.COLLECTION_NOT_FOUND
    # One made anew has nothing of the old one, not even its indexes.
    assert (await adapter.ensure_collection(CollectionSpec(TARGET))).created
    assert await found(adapter, "{}") == []
    assert [reason(it) for it in await insert(adapter, a={"number": 1}, b={"number": 1})] == [None, None]
