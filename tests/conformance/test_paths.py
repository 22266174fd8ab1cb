"""What does a path reach?"""

import pytest

from aol_adapters.trial import Trial
from aol_wire.filters import Json


async def test_names_walk_objects(trial: Trial) -> None:
    await trial.fill({"1": {"a": {"b": {"c": 1}}}, "2": {"a": {"b": 1}}, "3": {"a": 1}, "4": {}})
    assert await trial.ids({"a.b.c": 1}) == ["1"]
    assert await trial.ids({"a.b.c": {"$exists": False}}) == ["2", "3", "4"]


async def test_an_index_reaches_an_element_of_an_array(trial: Trial) -> None:
    await trial.fill({"1": {"a": [{"b": 1}, {"b": 2}]}, "2": {"a": [{"b": 2}]}, "3": {"a": []}})
    assert await trial.ids({"a.0.b": 2}) == ["2"]
    assert await trial.ids({"a.1.b": 2}) == ["1"]
    assert await trial.ids({"a.0": {"$exists": False}}) == ["3"]


async def test_an_index_is_a_key_on_an_object(trial: Trial) -> None:
    await trial.fill({"array": {"a": ["x", "y"]}, "object": {"a": {"0": "x", "1": "y"}}, "text": {"a": "xy"}})
    assert await trial.ids({"a.0": "x"}) == ["array", "object"]
    assert await trial.ids({"a.1": {"$gt": "x"}}) == ["array", "object"]
    assert await trial.ids({"a.0": {"$ne": "x"}}) == ["text"]


@pytest.mark.parametrize("segment", ["00", "01", "-1", "+0", "1e0", "2", "#", "#-1", "last", "\u0660", "9" * 30])
async def test_what_is_no_index_reaches_nothing_in_an_array(trial: Trial, segment: str) -> None:
    await trial.insert("1", {"a": ["x", "y"]})
    assert await trial.ids({f"a.{segment}": {"$exists": True}}) == []
    assert await trial.ids({f"a.{segment}": None}) == ["1"]


async def test_there_is_no_fan_out_over_arrays(trial: Trial) -> None:
    await trial.insert("1", {"a": [{"b": 1}], "tags": ["x"]})
    assert await trial.ids({"a.b": 1}) == []
    assert await trial.ids({"tags": "x"}) == []


@pytest.mark.parametrize(
    "key",
    [
        "a b",
        "a'b",
        'a"b',
        "a\\b",
        "a$",
        "é😀",
        "[0]",
        "#",
        "a[0]",
        "*",
        "constructor",
        "\n",
        "a-b",
        "A",
        "?",
        "a_b%",
        ":a",
    ],
)
async def test_any_key_can_be_a_path(trial: Trial, key: str) -> None:
    await trial.fill({"yes": {key: {key: 1}}, "no": {"x": 1}})
    assert await trial.ids({f"{key}.{key}": 1}) == ["yes"]
    assert await trial.ids({key: {"$exists": True}}, key) == ["yes"]
    assert await trial.documents(trial.query({key: {key: 1}}, projection=[f"{key}.{key}"])) == [
        {key: {key: 1}, "_id": "yes", **await stamps(trial)}
    ]
    assert await trial.update({f"{key}.{key}": 1}, {f"{key}.{key}": 2}) == 1
    assert (await trial.get("yes"))[key] == {key: 2}


async def stamps(trial: Trial) -> dict[str, Json]:
    document = await trial.get("yes")
    return {key: value for key, value in document.items() if key.startswith("_") and key not in {"_id"}}


async def test_keys_are_told_apart_by_case_and_by_code_points(trial: Trial) -> None:
    await trial.fill({"1": {"a": 1}, "2": {"A": 1}, "3": {"é": 1}, "4": {"e\u0301": 1}})
    assert await trial.ids({"a": 1}) == ["1"]
    assert await trial.ids({"A": 1}) == ["2"]
    assert await trial.ids({"é": 1}) == ["3"]
    assert await trial.ids({"e\u0301": 1}) == ["4"]


async def test_a_path_has_up_to_16_segments(trial: Trial) -> None:
    document: dict[str, Json] = {"k": 1}
    for _ in range(15):
        document = {"k": document}
    await trial.insert("1", document)
    assert await trial.ids({".".join(["k"] * 16): 1}) == ["1"]


async def test_metadata_can_be_filtered(trial: Trial) -> None:
    first = await trial.apply(trial.insertion("a", {"n": 1}, owner="ann", acl='[{"user":"u"}]'))
    assert first.affected == 1
    await trial.insert("b", {"n": 2})
    await trial.update({"_id": "b"}, {"n": 3})
    assert await trial.ids({"_id": "a"}) == ["a"]
    assert await trial.ids({"_id": {"$gt": "a"}}) == ["b"]
    assert await trial.ids({"_id": {"$in": ["b", "c"]}}) == ["b"]
    assert await trial.ids({"_version": 2}) == ["b"]
    assert await trial.ids({"_version": {"$lt": 1.5}}) == ["a"]
    assert await trial.ids({"_owner": "ann"}) == ["a"]
    assert await trial.ids({"_owner": None}) == ["b"]
    assert await trial.ids({"_owner": {"$exists": True}}) == ["a"]
    assert await trial.ids({"_acl": {"$contains": {"user": "u"}}}) == ["a"]
    assert await trial.ids({"_acl": {"$exists": False}}) == ["b"]
    assert await trial.ids({"_tenant": {"$exists": True}}) == []
    assert await trial.ids({"_deleted_at": None}) == ["a", "b"]
    assert await trial.ids({"_created_at": {"$gte": "2023-11-14T22:13:20Z"}}) == ["a", "b"]
    assert await trial.ids({"_updated_at": {"$lt": "2023-11-14T22:13:20Z"}}) == []


async def test_metadata_can_be_sorted(trial: Trial) -> None:
    await trial.fill({"a": {}, "b": {}, "c": {}})
    await trial.update({"_id": "b"}, {"n": 1})
    assert await trial.ids({}, "-_id") == ["c", "b", "a"]
    assert await trial.ids({}, "_version", "-_created_at") == ["c", "a", "b"]
    assert await trial.ids({}, "-_updated_at") == ["b", "c", "a"]
    assert await trial.ids({}, "_owner") == ["a", "b", "c"]


async def test_a_key_of_the_document_is_never_taken_for_metadata(trial: Trial) -> None:
    await trial.insert("1", {"a": {"_id": "x", "_version": 7}, "id": "y", "version": 9, "tenant": "t", "doc": 1})
    assert await trial.ids({"a._id": "x", "a._version": 7}) == ["1"]
    assert await trial.ids({"id": "y", "version": 9, "tenant": "t", "doc": 1}) == ["1"]
    assert await trial.ids({"_id": "y"}) == []
