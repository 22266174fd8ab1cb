"""Injection: a hostile path, name, value or regex is answered rightly, or refused; it is never code."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Adapter, CollectionSpec, Find, Insert, Target, Update, Write
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.paths import parse_path, parse_sort
from aol_wire.regexes import compile_regex
from aol_wire.update_parser import parse_update
from aol_wire.values import MISSING, get

TARGET = Target("hostile", "things")

CORPUS = [
    "'",
    '"',
    "`",
    "''",
    '"a"',
    "a'b",
    'a"b',
    "a\\",
    "\\",
    '\\"',
    "a' OR '1'='1",
    "' OR 1=1 --",
    "'; DROP TABLE things; --",
    '"; DROP TABLE "things"; --',
    "1); DELETE FROM things; --",
    "/* comment */",
    "-- comment",
    "a/**/b",
    "%",
    "_like_",
    "%%%",
    "?",
    ":name",
    "@name",
    "$1",
    "$where",
    "$gt",
    "$[0]",
    "$.a",
    "$",
    "#",
    "#-1",
    "[0]",
    "a[0]",
    "a[#-1]",
    "*",
    "**",
    "a->>'b'",
    "a->b",
    "@>",
    "?|",
    "||",
    "::jsonb",
    "a::text",
    "{a,b}",
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "function(){return 1}",
    "sleep(1000)",
    "\u202eabc",
    "\u200b",
    "\ufeff",
    "\uff41",
    "é",
    "e\u0301",
    "ß",
    "İ",
    "😀",
    "\U0010ffff",
    "\x01",
    "\x1b[2J",
    "\r\n",
    "\t",
    " ",
    " a ",
    "a b",
    "x" * 300,
    "0",
    "-1",
    "01",
    "1e3",
    "null",
    "true",
    "NaN",
    "id",
    "doc",
    "tenant",
    "rowid",
    "number",
    "version",
    "sqlite_master",
    "pg_catalog",
    "NULL",
    "Infinity",
    "E'\\''",
    "$$",
    "$aol$",
    "U&'\\0041'",
    "{}",
    "{a,NULL}",
    "aol_hostile",
]
# What no path or text may hold.
REFUSED = ["\0", "a\0b", "\ud800", "a\udc00", "", ".", "..", "a..b", ".a", "a.", ".".join("a" * 17)]

MAKERS: dict[str, Callable[[pytest.FixtureRequest], Adapter]] = {
    "memory": lambda _: MemoryAdapter(),
    "sqlite": lambda request: SqliteAdapter(request.getfixturevalue("tmp_path") / "data"),
    "postgres": lambda request: PostgresAdapter(Settings(dsn=request.getfixturevalue("postgres_database"))),
}


def is_key(text: str) -> bool:
    """Whether a document may have this key at its top level."""
    return not text.startswith(("$", "_")) and "." not in text


DOCUMENTS: dict[str, dict[str, Any]] = {
    "plain": {"a": 1, "v": "plain"},
    **{f"value-{number}": {"v": text} for number, text in enumerate(CORPUS)},
    **{f"key-{number}": {text: 1, "k": {text: [text]}} for number, text in enumerate(CORPUS) if is_key(text)},
}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest) -> Adapter:
    return MAKERS[request.param](request)


@pytest.fixture
async def adapter(made: Adapter) -> AsyncIterator[Adapter]:
    adapter = made
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    inserts = [Insert(id_, orjson.dumps(document).decode(), 1) for id_, document in DOCUMENTS.items()]
    outcomes = await adapter.write(Write(TARGET, inserts))
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    yield adapter
    await adapter.close()


def only(error: DataError, *reasons: Reason) -> None:
    """Check that a refusal is one of those that hostile input may have."""
    assert error.reason in reasons


async def ids(adapter: Adapter, filters: Any, **find: Any) -> set[str]:
    found = await adapter.find(Find(TARGET, parse_filter(json.dumps(filters)), **find))
    return set(found.page.id)


async def test_a_hostile_value_equals_itself_and_nothing_else(adapter: Adapter) -> None:
    for number, text in enumerate(CORPUS):
        assert await ids(adapter, {"v": text}) == {f"value-{number}"}
        assert await ids(adapter, {"v": {"$in": [text, "absent"]}}) == {f"value-{number}"}
        assert f"value-{number}" not in await ids(adapter, {"v": {"$ne": text}})


async def test_a_hostile_path_finds_what_is_there_or_is_refused(adapter: Adapter) -> None:
    for text in CORPUS:
        for path in (text, f"k.{text}"):
            try:
                segments = parse_path(path)
            except DataError as error:
                only(error, Reason.BAD_PATH)
                continue
            if segments[0].startswith("_"):
                continue
            holding = {id_ for id_, document in DOCUMENTS.items() if get(document, segments) is not MISSING}
            assert await ids(adapter, {path: {"$exists": True}}) == holding, path


async def test_a_hostile_sort_key_and_projection_change_nothing(adapter: Adapter) -> None:
    for text in CORPUS:
        try:
            sort = parse_sort([(text, False)])
            projection = (parse_path(text, projection=True),)
        except DataError as error:
            only(error, Reason.BAD_PATH)
            continue
        found = await adapter.find(Find(TARGET, None, sort=sort, projection=projection))
        assert sorted(found.page.id) == sorted(DOCUMENTS)


async def test_a_hostile_update_path_changes_that_key_only(adapter: Adapter) -> None:
    for number, text in enumerate(CORPUS):
        try:
            operations = parse_update(json.dumps({"$set": {f"u.{text}": number}}))
        except DataError as error:
            only(error, Reason.BAD_PATH, Reason.BAD_FILTER)
            continue
        where = parse_filter('{"_id": "plain"}')
        (outcome,) = await adapter.write(Write(TARGET, [Update(where, operations, 2)]))
        assert outcome.error is None, text
        (found,) = (await adapter.find(Find(TARGET, where))).page.json
        assert get(json.loads(found), parse_path(f"u.{text}")) == number
    assert len(await ids(adapter, {})) == len(DOCUMENTS)


async def test_a_hostile_regex_matches_as_re2_says_or_is_refused(adapter: Adapter) -> None:
    for text in CORPUS:
        try:
            pattern = compile_regex(text, ignore_case=False)
            filters = parse_filter(json.dumps({"v": {"$regex": text}}))
        except DataError as error:
            only(error, Reason.BAD_FILTER, Reason.TOO_LARGE)
            continue
        matching = {
            id_ for id_, document in DOCUMENTS.items() if "v" in document and pattern.search(document["v"]) is not None
        }
        if not required_by_filter(filters) <= (await adapter.describe()).capabilities:
            with pytest.raises(DataError) as caught:
                await adapter.find(Find(TARGET, filters))
            only(caught.value, Reason.CAPABILITY_UNSUPPORTED)
            continue
        assert set((await adapter.find(Find(TARGET, filters))).page.id) == matching, text


async def test_a_hostile_id_names_one_document(adapter: Adapter) -> None:
    for text in CORPUS:
        if len(text.encode()) > 256:
            continue
        (outcome,) = await adapter.write(Write(TARGET, [Insert(text, '{"mine":true}', 1)]))
        assert outcome.error is None
        assert await ids(adapter, {"_id": text}) == {text}


async def test_hostile_tenants_are_kept_apart(adapter: Adapter) -> None:
    for text in CORPUS:
        tenant = Target(TARGET.service, TARGET.collection, text)
        await adapter.write(Write(tenant, [Insert("one", json.dumps({"of": text}), 1)]))
    for text in CORPUS:
        tenant = Target(TARGET.service, TARGET.collection, text)
        found = await adapter.find(Find(tenant))
        assert [json.loads(document)["of"] for document in found.page.json] == [text]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:8]))
def test_what_no_path_may_be_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_path(text)
    assert caught.value.reason is Reason.BAD_PATH
    with pytest.raises(DataError):
        parse_filter(json.dumps({text: 1}))


EXPLOSIVE = [
    ("(a+)+$", "a" * 5000 + "!"),
    ("(a|aa)+$", "a" * 5000 + "!"),
    ("(.*a){25}", "a" * 5000),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5000),
    ("(x+x+)+y", "x" * 5000),
    ("a{255}a{255}a{255}b", "a" * 5000),
]


@pytest.mark.parametrize(("pattern", "text"), EXPLOSIVE, ids=[pattern for pattern, _ in EXPLOSIVE])
async def test_a_regex_that_explodes_elsewhere_is_refused_or_answered(
    adapter: Adapter, pattern: str, text: str
) -> None:
    await adapter.write(Write(TARGET, [Insert("long", json.dumps({"v": text}), 1)]))
    async with asyncio.timeout(10):
        try:
            await ids(adapter, {"v": {"$regex": pattern}})
        except DataError as error:
            only(error, Reason.BAD_FILTER, Reason.CAPABILITY_UNSUPPORTED)
