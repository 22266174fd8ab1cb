"""A grant of some fields shows these and nothing else, whatever is asked, however, and whatever goes wrong."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1 import document_pb2
from aol_broker.access.visible_fields import VisibleFields
from aol_wire.errors import DataError, Reason
from granted import GUEST, OWNER, answer, found, grant, refused, store
from line import Line

PEOPLE = f"{OWNER}.people"
VISIBLE = ("name", "city.town", "tags")
PERSON: dict[str, Any] = {
    "_id": "ada",
    "name": "Ada",
    "city": {"town": "London", "code": 7},
    "tags": [{"k": 1}],
    "ssn": "1815-12",
    "pay": 10,
}
SEEN = {"_id": "ada", "name": "Ada", "city": {"town": "London"}, "tags": [{"k": 1}]}
MANIFEST = f"""\
metadata: {{name: {OWNER}}}
spec:
  dataRequirements:
    collections:
      - name: people
        softDelete: true
        schemaHint: {{name: string, city: {{town: string, code: number}}, ssn: string, born: datetime}}
        indexes:
          - {{fields: [name], type: ascending}}
          - {{fields: [name, ssn], type: compound}}
          - {{fields: [name, pay], type: text}}
        sensitive: [ssn, name]
      - {{name: compound, indexes: [{{fields: [name, ssn], type: compound}}]}}
      - {{name: unique, indexes: [{{fields: [name, ssn], type: unique}}, {{fields: [pay], type: unique}}]}}
      - {{name: strict, validation: strict, schemaHint: {{city: string, name: string, pay: string}}}}
"""


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.start()
    assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=MANIFEST))).error is None
    await store(line, "people", PERSON, {"_id": "bob", "name": "Bob", "city": {"town": "Rome"}})
    for collection in ("people", "compound", "unique", "strict"):
        await grant(line, collection, "admin", fields=VISIBLE)
    yield line
    await line.stop()


def denied(error: DataError, path: str) -> None:
    """It names what its caller wrote, and says what is visible."""
    assert error.reason is Reason.FIELD_DENIED
    assert f"'{path}'" in error.message
    assert error.metadata["path"] == path
    assert "city.town, name, tags" in error.message


async def test_documents_come_with_the_visible_fields_and_nothing_else(line: Line) -> None:
    assert await found(line, GUEST, PEOPLE, {"_id": "ada"}) == [SEEN]
    assert await found(line, GUEST, PEOPLE, {"name": "Bob"}) == [
        {"_id": "bob", "name": "Bob", "city": {"town": "Rome"}}
    ]
    assert await found(line, GUEST, PEOPLE, {"_id": "ada"}, projection=["tags", "city.town.x"]) == [
        {"_id": "ada", "tags": [{"k": 1}]}
    ]
    assert await found(line, OWNER, "people", {"_id": "ada"}) == [PERSON]


async def test_metadata_is_visible_and_whose_a_document_is_only_where_it_is_named(line: Line) -> None:
    for path in ("_id", "_version", "_created_at", "_updated_at", "_deleted_at"):
        await found(line, GUEST, PEOPLE, {path: {"$exists": True}}, projection=[path])
    for path in ("_owner", "_tenant", "_acl"):
        denied(
            await refused(line, GUEST, "CountData", pb.CountDataRequest(collection=PEOPLE, filter=f'{{"{path}":1}}')),
            path,
        )
    await grant(line, "people", "admin", fields=("_owner",))
    assert await found(line, GUEST, PEOPLE, {"_owner": None}) == [{"_id": "ada"}, {"_id": "bob"}]


HIDDEN_FILTERS: list[tuple[Any, str]] = [
    ({"ssn": "1815-12"}, "ssn"),
    ({"absent": 1}, "absent"),
    ({"ssn": {"$exists": True}}, "ssn"),
    ({"ssn": {"$ne": None}}, "ssn"),
    ({"ssn": {"$regex": "^1"}}, "ssn"),
    ({"ssn": {"$in": ["1815-12"]}}, "ssn"),
    ({"pay": {"$gt": 5, "$lt": 20}}, "pay"),
    ({"pay": {"$contains": 1}}, "pay"),
    ({"$not": {"ssn": "1815-12"}}, "ssn"),
    ({"$or": [{"name": "x"}, {"$and": [{"name": "Ada"}, {"ssn": "1815-12"}]}]}, "ssn"),
    ({"$not": {"$not": {"$or": [{"name": "x"}, {"pay": 10}]}}}, "pay"),
    ({"city": {"town": "London", "code": 7}}, "city"),
    ({"city": {"$exists": True}}, "city"),
    ({"city.code": 7}, "city.code"),
    ({"city.0": 7}, "city.0"),
    ({"names": "Ada"}, "names"),
    ({"name": "Ada", "ssn.0": "1"}, "ssn.0"),
]


@pytest.mark.parametrize(("filters", "path"), HIDDEN_FILTERS, ids=[json.dumps(item) for item, _ in HIDDEN_FILTERS])
async def test_no_call_takes_a_filter_that_names_another_path(line: Line, filters: Any, path: str) -> None:
    text = json.dumps(filters)
    for rpc, request in (
        ("QueryData", pb.QueryDataRequest(collection=PEOPLE, filter=text)),
        ("CountData", pb.CountDataRequest(collection=PEOPLE, filter=text)),
        ("UpdateData", pb.UpdateDataRequest(collection=PEOPLE, filter=text, update='{"name": "x"}', max_affected=0)),
        ("DeleteData", pb.DeleteDataRequest(collection=PEOPLE, filter=text, max_affected=0)),
        ("RestoreData", pb.RestoreDataRequest(collection=PEOPLE, filter=text)),
        ("PurgeData", pb.PurgeDataRequest(collection=PEOPLE, filter=text)),
    ):
        denied(await refused(line, GUEST, rpc, request), path)


async def test_a_visible_path_can_be_filtered_below_and_by_index(line: Line) -> None:
    for filters in ({"tags.0.k": 1}, {"tags.0": {"k": 1}}, {"tags": {"$contains": {"k": 1}}}, {"city.town": "London"}):
        assert await found(line, GUEST, PEOPLE, filters) == [SEEN]


@pytest.mark.parametrize("collection", ["people", "strict"])
async def test_an_error_is_the_same_whether_there_is_such_a_field_or_a_rule_about_it_or_not(
    line: Line, collection: str
) -> None:
    said = []
    name = f"{OWNER}.{collection}"
    for path in ("pay", "nay"):
        text = json.dumps({path: 1})
        requests = [
            ("QueryData", pb.QueryDataRequest(collection=name, filter=text)),
            ("QueryData", pb.QueryDataRequest(collection=name, sort=[document_pb2.SortKey(path=path)])),
            ("QueryData", pb.QueryDataRequest(collection=name, projection=[path])),
            ("UpdateData", pb.UpdateDataRequest(collection=name, allow_all=True, update=text)),
            ("StoreData", pb.StoreDataRequest(collection=name, document=text)),
        ]
        errors = [await refused(line, GUEST, rpc, request) for rpc, request in requests]
        for error in errors:
            denied(error, path)
        batch = await answer(line, GUEST, "StoreBatch", pb.StoreBatchRequest(collection=name, documents=[text]))
        failure = batch.failures[0].status.replace(path.encode(), b"?")
        said.append([failure, *(error.message.replace(path, "?") for error in errors)])
    assert said[0] == said[1]


@pytest.mark.parametrize("path", ["ssn", "city", "city.code", "_owner"])
async def test_no_query_sorts_by_another_path_or_asks_for_it(line: Line, path: str) -> None:
    sort = pb.QueryDataRequest(collection=PEOPLE, sort=[document_pb2.SortKey(path=path)])
    denied(await refused(line, GUEST, "QueryData", sort), path)
    denied(
        await refused(line, GUEST, "QueryData", pb.QueryDataRequest(collection=PEOPLE, projection=["name", path])), path
    )


@pytest.mark.parametrize(
    ("update", "path"),
    [
        ({"ssn": 1}, "ssn"),
        ({"$unset": {"ssn": 1}}, "ssn"),
        ({"$inc": {"pay": 1}}, "pay"),
        ({"$push": {"ssn": 1}}, "ssn"),
        ({"$set": {"name": "x"}, "$inc": {"city.code": 1}}, "city.code"),
        ({"city": {"town": "x"}}, "city"),
        ({"$unset": {"city": 1}}, "city"),
        ({"city.0": 1}, "city.0"),
    ],
    ids=json.dumps,
)
async def test_no_update_touches_another_path(line: Line, update: Any, path: str) -> None:
    request = pb.UpdateDataRequest(collection=PEOPLE, allow_all=True, update=json.dumps(update))
    denied(await refused(line, GUEST, "UpdateData", request), path)
    assert await found(line, OWNER, "people", {"_id": "ada"}) == [PERSON]


async def test_visible_fields_are_updated_and_the_others_stay(line: Line) -> None:
    update = json.dumps({"$set": {"city.town": "Paris"}, "$push": {"tags": 2}})
    request = pb.UpdateDataRequest(collection=PEOPLE, filter='{"_id": "ada"}', update=update, if_version=1)
    assert (await answer(line, GUEST, "UpdateData", request)).updated_count == 1
    [after] = await found(line, OWNER, "people", {"_id": "ada"})
    assert after == {**PERSON, "city": {"town": "Paris", "code": 7}, "tags": [{"k": 1}, 2]}
    assert (await refused(line, GUEST, "UpdateData", request)).reason is Reason.VERSION_MISMATCH


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"name": "x", "ssn": 1}, "ssn"),
        ({"city": {"town": "x", "code": 1}}, "city.code"),
        ({"city": 5}, "city"),
        ({"city": [{"town": "x"}]}, "city"),
        ({"city": None}, "city"),
        ({"other": {}}, "other"),
    ],
    ids=json.dumps,
)
async def test_no_document_is_inserted_that_holds_another_field(line: Line, document: Any, path: str) -> None:
    text = json.dumps(document)
    denied(await refused(line, GUEST, "StoreData", pb.StoreDataRequest(collection=PEOPLE, document=text)), path)
    request = pb.StoreBatchRequest(collection=PEOPLE, documents=[text, '{"name": "Eve"}'])
    batch = await answer(line, GUEST, "StoreBatch", request)
    assert batch.stored_count == 1
    assert f"'{path}'".encode() in batch.failures[0].status


async def test_an_insert_never_tells_whether_the_document_that_is_there_is_equal(line: Line) -> None:
    await store(line, "people", {"_id": "same", "name": "Eve"}, {"_id": "more", "name": "Eve", "ssn": 1})
    deleted = pb.DeleteDataRequest(collection="people", filter='{"_id": "bob"}')
    await answer(line, OWNER, "DeleteData", deleted)
    said = set()
    for id_ in ("same", "more", "bob"):
        request = pb.StoreDataRequest(collection=PEOPLE, document='{"name": "Eve"}', document_id=id_)
        error = await refused(line, GUEST, "StoreData", request)
        batch = pb.StoreBatchRequest(collection=PEOPLE, documents=['{"name": "Eve"}'], document_ids=[id_])
        failed = await answer(line, GUEST, "StoreBatch", batch)
        said.add((str(error), str(error.metadata), error.applied, failed.stored_count, failed.failures[0].status))
    assert len(said) == 1
    assert error.reason is Reason.DUPLICATE_ID
    atomic = pb.StoreBatchRequest(collection=PEOPLE, documents=['{"name": "Eve"}'], document_ids=["same"], atomic=True)
    assert (await refused(line, GUEST, "StoreBatch", atomic)).reason is Reason.FIELD_DENIED


async def test_what_a_unique_index_over_hidden_fields_would_decide_is_refused_before_it_does(line: Line) -> None:
    unique = f"{OWNER}.unique"
    await store(line, "unique", {"_id": "1", "name": "a", "ssn": 1, "pay": 1}, {"_id": "2", "name": "b"})
    calls = line.adapter.calls
    for name in ("a", "b", "c"):
        text = json.dumps({"name": name})
        error = await refused(line, GUEST, "StoreData", pb.StoreDataRequest(collection=unique, document=text))
        assert error.reason is Reason.FIELD_DENIED
        update = pb.UpdateDataRequest(collection=unique, filter='{"_id": "2"}', update=text)
        assert (await refused(line, GUEST, "UpdateData", update)).reason is Reason.FIELD_DENIED
        for hidden in ("ssn", "pay", "unique("):
            assert hidden not in error.message
    assert line.adapter.calls == calls
    # Of what no such index covers, nothing is decided.
    update = pb.UpdateDataRequest(collection=unique, allow_all=True, update='{"city.town": "x"}')
    assert (await answer(line, GUEST, "UpdateData", update)).updated_count == 2


async def test_an_index_that_covers_a_hidden_field_is_not_named_by_what_it_refuses(line: Line) -> None:
    compound, text = f"{OWNER}.compound", '{"name": ["x"]}'
    update = pb.UpdateDataRequest(collection=compound, allow_all=True, update=text)
    await store(line, "compound", {"name": "x", "ssn": 1})
    insert = pb.StoreDataRequest(collection=compound, document=text)
    for rpc, request in (("StoreData", insert), ("UpdateData", update)):
        error = await refused(line, GUEST, rpc, request)
        assert error.reason is Reason.FIELD_DENIED
        for hidden in ("ssn", "compound("):
            assert hidden not in f"{error} {error.metadata} {error.violations}"
    batch = await answer(line, GUEST, "StoreBatch", pb.StoreBatchRequest(collection=compound, documents=[text]))
    assert b"ssn" not in batch.failures[0].status
    own = pb.StoreDataRequest(collection="compound", document=text)
    assert (await refused(line, OWNER, "StoreData", own)).metadata == {"index": "compound(name, ssn)"}


async def test_a_rule_about_a_hidden_field_is_not_told(line: Line) -> None:
    strict = f"{OWNER}.strict"
    # The hint says that `city` is a string, so that nothing can be put below it; `city` itself is not visible.
    error = await refused(
        line,
        GUEST,
        "UpdateData",
        pb.UpdateDataRequest(collection=strict, allow_all=True, update='{"city.town": "x", "name": 5}'),
    )
    assert error.reason is Reason.FIELD_DENIED
    assert "string: nothing can be put below it" not in error.message
    assert [violation.path for violation in error.violations] == ["name"]
    error = await refused(line, GUEST, "StoreData", pb.StoreDataRequest(collection=strict, document='{"name": 5}'))
    assert error.reason is Reason.VALIDATION_FAILED


async def test_text_is_searched_only_where_all_that_is_searched_is_visible(line: Line) -> None:
    errors = []
    for collection in ("people", "strict"):
        request = pb.QueryDataRequest(collection=f"{OWNER}.{collection}", filter='{"$not": {"$text": "Ada"}}')
        errors.append(await refused(line, GUEST, "QueryData", request))
    # With an index that covers more, or with none at all, it is the same.
    assert errors[0].reason is Reason.FIELD_DENIED
    assert str(errors[0]) == str(errors[1])
    await grant(line, "people", "admin", fields=("name", "pay"))
    assert [item["_id"] for item in await found(line, GUEST, PEOPLE, {"$text": "Ada"})] == ["ada"]


async def test_a_description_is_of_the_visible_fields(line: Line) -> None:
    described = (
        await answer(line, GUEST, "DescribeCollection", pb.DescribeCollectionRequest(collection=PEOPLE))
    ).collection
    listed = (await answer(line, GUEST, "ListCollections", pb.ListCollectionsRequest())).collections
    for collection in (described, *(item for item in listed if item.collection_id == PEOPLE)):
        assert json.loads(collection.schema_hint) == {"name": "string", "city.town": "string"}
        assert [index.name for index in collection.indexes] == ["ascending(name)"]
        assert list(collection.sensitive) == ["name"]
        assert b"ssn" not in collection.SerializeToString()
    own = (
        await answer(line, OWNER, "DescribeCollection", pb.DescribeCollectionRequest(collection="people"))
    ).collection
    assert len(own.indexes) == 3


async def test_the_records_of_calls_say_what_was_denied(line: Line) -> None:
    await refused(line, GUEST, "QueryData", pb.QueryDataRequest(collection=PEOPLE, filter='{"pay": 1}'))
    [held] = line.registry.snapshot.grants_of(PEOPLE, GUEST)
    last = line.records()[-1]
    assert (last["outcome"], last["reason"], last["grant"]) == ("denied", "FIELD_DENIED", f"grant:admin#{held.number}")


def test_fields_show_what_is_at_them_and_below() -> None:
    fields = VisibleFields([("a", "b"), ("c",)])
    for shown in (("a", "b"), ("a", "b", "0", "x"), ("c",), ("c", "0"), ("_id",)):
        assert fields.shows(shown)
    for hidden in (("a",), ("a", "c"), ("a", "0", "b"), ("b",), ("cc",), ("_owner",)):
        assert not fields.shows(hidden)
