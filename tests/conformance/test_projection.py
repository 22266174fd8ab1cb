"""What does a projection leave of a document?"""

from dataclasses import replace

import orjson
import pytest

from aol_adapters.trial import Trial
from aol_wire.filters import Json

DOCUMENT: dict[str, Json] = {
    "a": 1,
    "o": {"x": {"y": 1, "z": None}, "w": [1, {"k": 2}], "empty": {}},
    "list": [{"k": 1}],
    "big": 2**63 - 1,
    "half": 0.5,
    "text": "é😀\n\"'\\",
    "no": None,
}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a"], {"a": 1}),
        (["a", "no"], {"a": 1, "no": None}),
        (["o.x.y"], {"o": {"x": {"y": 1}}}),
        (["o.x.y", "o.w"], {"o": {"x": {"y": 1}, "w": [1, {"k": 2}]}}),
        (["o.x", "o.x.y"], {"o": {"x": {"y": 1, "z": None}}}),
        (["o.empty"], {"o": {"empty": {}}}),
        (["o.empty.x"], {}),
        (["o.missing.y", "missing"], {}),
        (["list.k"], {}),
        (["a.b"], {}),
        (["_id"], {}),
        (["_id", "_version", "half"], {"half": 0.5}),
        (["big", "text"], {"big": 2**63 - 1, "text": "é😀\n\"'\\"}),
    ],
)
async def test_named_paths_remain_and_missing_ones_are_absent(
    trial: Trial, paths: list[str], expected: dict[str, Json]
) -> None:
    await trial.insert("1", DOCUMENT)
    found = await trial.adapter.find(trial.query(projection=paths))
    assert [orjson.loads(text) for text in found.page.json] == [expected]


async def test_metadata_columns_come_with_any_projection(trial: Trial) -> None:
    await trial.apply(trial.insertion("1", DOCUMENT, owner="ann", acl="[]"))
    whole = (await trial.adapter.find(trial.query())).page
    part = (await trial.adapter.find(trial.query(projection=["a"]))).page
    for page in (whole, part):
        del page.json[:]
    assert part == whole
    assert list(whole.version) == [1]
    assert list(whole.owner) == ["ann"]
    assert list(whole.acl) == ["[]"]


async def test_without_a_projection_documents_come_whole(trial: Trial) -> None:
    await trial.insert("1", DOCUMENT)
    found = await trial.adapter.find(trial.query())
    assert orjson.loads(found.page.json[0]) == DOCUMENT


async def test_optional_columns_are_filled_only_where_a_document_has_something(trial: Trial) -> None:
    await trial.apply(trial.insertion("1", {}, owner="ann"))
    await trial.insert("2", {})
    both = (await trial.adapter.find(trial.query())).page
    assert list(both.owner) == ["ann", ""]
    assert not both.tenant
    assert not both.acl
    assert not both.deleted_us
    second = (await trial.adapter.find(replace(trial.query(), skip=1))).page
    assert not second.owner


async def test_a_projection_can_leave_out_what_is_sorted_and_filtered(trial: Trial) -> None:
    await trial.fill({"1": {"a": 2, "b": 1}, "2": {"a": 1, "b": 2}})
    found = await trial.documents(trial.query({"a": {"$gt": 0}}, "a", projection=["b"]))
    assert [document["b"] for document in found] == [2, 1]
