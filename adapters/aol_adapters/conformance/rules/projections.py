"""What does a projection leave of a document?"""

from dataclasses import replace

import orjson

from aol_adapters.conformance.expect import expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.filters import Json

_DOCUMENT: dict[str, Json] = {
    "a": 1,
    "o": {"x": {"y": 1, "z": None}, "w": [1, {"k": 2}], "empty": {}},
    "list": [{"k": 1}],
    "big": 2**63 - 1,
    "half": 0.5,
    "text": "é😀\n\"'\\",
    "no": None,
}
_PRESENT: tuple[tuple[list[str], dict[str, Json]], ...] = (
    (["a"], {"a": 1}),
    (["a", "no"], {"a": 1, "no": None}),
    (["list"], {"list": [{"k": 1}]}),
    (["big", "text"], {"big": 2**63 - 1, "text": "é😀\n\"'\\"}),
    (["_id", "_version", "half"], {"half": 0.5}),
)
_NESTED: tuple[tuple[list[str], dict[str, Json]], ...] = (
    (["o.x.y"], {"o": {"x": {"y": 1}}}),
    (["o.x.z"], {"o": {"x": {"z": None}}}),
    (["o.x.y", "o.w"], {"o": {"x": {"y": 1}, "w": [1, {"k": 2}]}}),
    (["o.x", "o.x.y"], {"o": {"x": {"y": 1, "z": None}}}),
    (["o.empty"], {"o": {"empty": {}}}),
)
_ABSENT: tuple[list[str], ...] = (
    ["missing"],
    ["o.missing.y", "missing"],
    ["o.empty.x"],
    ["list.k"],
    ["a.b"],
    ["no.b"],
    ["_id"],
)


async def _expect_projected(trial: Trial, paths: list[str], expected: dict[str, Json]) -> None:
    found = await trial.adapter.find(trial.query(projection=paths))
    expect_equal(
        f"the document, of which {paths} are asked for", [orjson.loads(t) for t in found.page.json], [expected]
    )
    expect_equal("the id beside it", list(found.page.id), ["1"])


@rule(Topic.PROJECTION)
async def named_paths_remain(trial: Trial) -> None:
    """The paths that are named remain with their whole value, null too, and everything else goes."""
    await trial.insert("1", _DOCUMENT)
    for paths, expected in _PRESENT:
        await _expect_projected(trial, paths, expected)


@rule(Topic.PROJECTION)
async def nested_paths_remain_in_their_objects(trial: Trial) -> None:
    """A nested path remains inside its objects, of which nothing else remains; several paths share them."""
    await trial.insert("1", _DOCUMENT)
    for paths, expected in _NESTED:
        await _expect_projected(trial, paths, expected)


@rule(Topic.PROJECTION)
async def missing_paths_are_absent(trial: Trial) -> None:
    """Where a path reaches nothing through objects there is nothing, neither null nor an empty parent."""
    await trial.insert("1", _DOCUMENT)
    for paths in _ABSENT:
        await _expect_projected(trial, paths, {})


@rule(Topic.PROJECTION)
async def without_a_projection_documents_come_whole(trial: Trial) -> None:
    """Without paths the document is what was inserted."""
    await trial.insert("1", _DOCUMENT)
    found = await trial.adapter.find(trial.query())
    expect_equal("the document", orjson.loads(found.page.json[0]), _DOCUMENT)


@rule(Topic.PROJECTION)
async def metadata_columns_come_with_any_projection(trial: Trial) -> None:
    """The page's columns of ids, times, versions, owners and access lists are the same with a projection as without."""
    await trial.apply(trial.insertion("1", _DOCUMENT, owner="ann", acl="[]"))
    whole = (await trial.adapter.find(trial.query())).page
    part = (await trial.adapter.find(trial.query(projection=["a"]))).page
    for page in (whole, part):
        del page.json[:]
    expect_equal("the columns with a projection", part, whole)
    columns = (list(whole.version), list(whole.owner), list(whole.acl))
    expect_equal("version, owner and access list", columns, ([1], ["ann"], ["[]"]))


@rule(Topic.PROJECTION)
async def optional_columns_are_filled_only_where_some_document_has_something(trial: Trial) -> None:
    """Owner, tenant, access list and deletion time are columns of the whole page, or left out of it."""
    await trial.apply(trial.insertion("1", {}, owner="ann"))
    await trial.insert("2", {})
    both = (await trial.adapter.find(trial.query())).page
    expect_equal("the owners", list(both.owner), ["ann", ""])
    unused = {"tenant": len(both.tenant), "acl": len(both.acl), "deleted_us": len(both.deleted_us)}
    expect_equal("the values in columns that nothing fills", unused, dict.fromkeys(unused, 0))
    second = (await trial.adapter.find(replace(trial.query(), skip=1))).page
    expect_equal("the owners of a page without any", list(second.owner), [])


@rule(Topic.PROJECTION)
async def a_projection_can_leave_out_what_is_sorted_and_filtered(trial: Trial) -> None:
    """A projection changes neither which documents come nor in which order or pages."""
    await trial.fill({"1": {"a": 2, "b": 1}, "2": {"a": 1, "b": 2}, "3": {"a": 0, "b": 3}})
    query = trial.query({"a": {"$gt": 0}}, "a", projection=["b"])
    for limit in (1, 10):
        found = await trial.documents(replace(query, limit=limit))
        expect_equal(f"b in pages of {limit}", [document.get("b") for document in found], [2, 1])
        expect_equal("whether there is an a", any("a" in document for document in found), False)


RULES: tuple[Rule, ...] = (
    named_paths_remain,
    nested_paths_remain_in_their_objects,
    missing_paths_are_absent,
    without_a_projection_documents_come_whole,
    metadata_columns_come_with_any_projection,
    optional_columns_are_filled_only_where_some_document_has_something,
    a_projection_can_leave_out_what_is_sorted_and_filtered,
)
