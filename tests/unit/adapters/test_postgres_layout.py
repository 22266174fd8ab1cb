"""What does somebody see who opens the database with psql?"""

from datetime import UTC, datetime
from typing import Any

import pytest

from aol_wire.adapter import CollectionSpec, Find, Insert, Target, Write
from aol_wire.index_parser import parse_index
from aol_wire.json_text import encode
from postgres_adapters import TABLE, TARGET, opened
from postgres_server import rows, statements

VIEW = '"aol_shop"."orders:fields"'
HINT = {
    "name": "string",
    "price": "number",
    "paid": "boolean",
    "at": "datetime",
    "tags": "array",
    "shop.city": "string",
}


async def ensured(dsn: str, hint: dict[str, str], *documents: dict[str, Any]) -> None:
    async with opened(dsn) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, schema_hint=hint))
        inserts = [Insert(f"{number}", encode(document), 1) for number, document in enumerate(documents)]
        for outcome in await adapter.write(Write(TARGET, inserts)):
            assert outcome.error is None


async def columns(dsn: str, table: str) -> dict[str, str]:
    sql = (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return {row[0]: row[1] for row in await rows(dsn, sql, table)}


async def test_a_service_is_a_schema_and_a_collection_a_table_with_comments(postgres_database: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, description="What's \\ ordered; 'today'"))
        await adapter.ensure_collection(CollectionSpec(Target("stock", "orders")))
    tables = await rows(
        postgres_database,
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'aol%' ORDER BY schemaname, tablename",
    )
    assert list(map(tuple, tables)) == [
        ("aol", "collections"),
        ("aol", "indexes"),
        ("aol", "state"),
        ("aol_shop", "orders"),
        ("aol_stock", "orders"),
    ]
    (comment,) = await rows(postgres_database, "SELECT obj_description($1::regclass)", TABLE)
    assert comment[0] == "What's \\ ordered; 'today'"
    uncommented = await rows(
        postgres_database,
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 "
        "AND col_description(attrelid, attnum) IS NULL",
        TABLE,
    )
    assert [row[0] for row in uncommented] == []


async def test_indexes_have_names_that_belong_to_their_collection(postgres_database: str) -> None:
    email = parse_index({"fields": ["email"], "type": "unique"}, "index")
    note = parse_index({"fields": ["note"], "type": "text"}, "index")
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(email, note)))
    names = await rows(postgres_database, "SELECT indexname FROM pg_indexes WHERE schemaname = 'aol_shop' ORDER BY 1")
    assert [row[0] for row in names] == ["orders:index:1", "orders:index:2", "orders:key"]


async def test_the_view_has_the_hinted_fields_as_typed_columns(postgres_database: str) -> None:
    document = {
        "name": "O'Hara", "price": 1.25, "paid": True, "at": "2013-01-02T03:04:05.000006Z", "tags": ["a"],
        "shop": {"city": "Ulm"},
    }  # fmt: skip
    await ensured(postgres_database, HINT, document)
    (row,) = await rows(postgres_database, f"SELECT * FROM {VIEW}")
    assert row["_id"] == "0"
    assert row["_version"] == 1
    assert row["_created_at"] == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert (row["name"], float(row["price"]), row["paid"], row["shop.city"]) == ("O'Hara", 1.25, True, "Ulm")
    assert row["at"] == datetime(2013, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert row["tags"] == '["a"]'
    found = await columns(postgres_database, VIEW)
    assert [found[name] for name in HINT] == ["text", "numeric", "boolean", "timestamp with time zone", "jsonb", "text"]
    assert "doc" in found


WRONG: list[Any] = [None, 1, -0.5, 1e300, "", "text", "1", "true", True, [], ["2013-01-02T03:04:05.000006Z"], {},
         {"city": {}}, "2013-02-30T00:00:00.000000Z", "2013-01-02", "0000-01-01T00:00:00.000000Z",
         "0000-02-29T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z",
         "infinity", "now", "NaN", "1e500"]  # fmt: skip


async def test_values_of_other_types_than_the_hint_says_are_null_and_no_error(postgres_database: str) -> None:
    documents = ({name: value for name in HINT if name != "shop.city"} for value in WRONG)
    await ensured(postgres_database, HINT, {}, *documents)
    found = {row["_id"]: row for row in await rows(postgres_database, f"SELECT * FROM {VIEW}")}
    for number, value in enumerate(WRONG, start=1):
        row = found[f"{number}"]
        assert (row["name"] is not None) == isinstance(value, str), value
        assert (row["price"] is not None) == (isinstance(value, int | float) and not isinstance(value, bool)), value
        assert (row["paid"] is not None) == isinstance(value, bool), value
        assert row["shop.city"] is None
    assert found["0"]["name"] is None
    read = {WRONG[int(id_) - 1] for id_, row in found.items() if row["at"] is not None}
    assert read == {"9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z"}


async def test_a_changed_hint_adds_columns_and_takes_none_from_those_who_use_them(postgres_database: str) -> None:
    document = {"name": "a", "price": 1, "more": {"é": True}}
    await ensured(postgres_database, {"name": "string", "price": "number"}, document)
    await statements(postgres_database, f"CREATE VIEW mine AS SELECT name, price FROM {VIEW}")
    await ensured(postgres_database, {"price": "string", "more.é": "boolean"})
    (row,) = await rows(postgres_database, f"SELECT * FROM {VIEW}")
    assert (row["name"], row["price"], row["more.é"]) == ("a", 1, True)
    await ensured(postgres_database, {})
    (mine,) = await rows(postgres_database, "SELECT * FROM mine")
    assert tuple(mine) == ("a", 1)


HOSTILE = ["'", '"', '"; DROP TABLE x; --', "a'b", "\\", "$1", "%s", "SELECT", "doc", "tenant", "id", "Name", "NAME",
           "é", "😀", "a b", "x" * 63, "x" * 64, "x" * 70 + "a", "x" * 70 + "b", "{a}", "a,b", "0"]  # fmt: skip


async def test_a_hint_may_name_any_field(postgres_database: str) -> None:
    await ensured(postgres_database, dict.fromkeys(HOSTILE, "string"), {name: f"of {name}" for name in HOSTILE})
    (row,) = await rows(postgres_database, f"SELECT * FROM {VIEW}")
    values = set(row.values())
    assert {f"of {name}" for name in HOSTILE} <= values
    # Once more with one more of them, and the others as they were.
    await ensured(postgres_database, {**dict.fromkeys(HOSTILE, "string"), "more": "string"})
    (row,) = await rows(postgres_database, f"SELECT * FROM {VIEW}")
    assert values <= set(row.values())


async def test_a_column_whose_long_hint_is_gone_keeps_its_values(postgres_database: str) -> None:
    name = "x" * 70
    await ensured(postgres_database, {name: "string"}, {name: "kept"})
    await ensured(postgres_database, {"other": "string"})
    (row,) = await rows(postgres_database, f"SELECT * FROM {VIEW}")
    assert "kept" in list(row.values())


async def test_a_hint_of_more_fields_than_a_view_has_columns_is_cut(postgres_database: str) -> None:
    await ensured(postgres_database, {f"f{number}": "string" for number in range(2000)}, {"f0": "a", "f1999": "b"})
    (row,) = await rows(postgres_database, f"SELECT * FROM {VIEW}")
    assert row["f0"] == "a"


@pytest.mark.parametrize("name", ["x" * 60, "x" * 63, "select", "a-b", "a_b"])
async def test_collections_and_services_of_any_name_have_tables_of_their_own(postgres_database: str, name: str) -> None:
    other = name[:-1] + "y"
    targets = [Target(service, collection) for service in (name, other) for collection in (name, other)]
    number_index = parse_index({"fields": ["n"], "type": "unique"}, "index")
    async with opened(postgres_database) as adapter:
        for number, target in enumerate(targets):
            await adapter.ensure_collection(
                CollectionSpec(target, indexes=(number_index,), schema_hint={"n": "number"})
            )
            await adapter.write(Write(target, [Insert("a", f'{{"n": {number}}}', 1)]))
        await adapter.drop_collection(targets[0])
        for number, target in list(enumerate(targets))[1:]:
            assert list((await adapter.find(Find(target))).page.json) == [f'{{"n": {number}}}']
    tables = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'aol\\_%'"
    assert len(await rows(postgres_database, tables)) == 3
