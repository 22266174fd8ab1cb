"""What does a path reach?"""

from aol_adapters.conformance.expect import expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import HOSTILE_KEYS, expect_matching
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.filters import Json
from aol_wire.limits import PATH_MAX_SEGMENTS

_NO_INDEXES = ("00", "01", "-1", "+0", "1e0", "2", "#", "#-1", "[0]", "last", "length", "\u0660", "9" * 30)
_FIRST_MOMENT = "2023-11-14T22:13:20Z"
"""Every mutation of a trial happens after it, and within the same second."""


@rule(Topic.PATH)
async def names_walk_objects(trial: Trial) -> None:
    """Each segment of a path names a key of the object that the segments before it reach."""
    await trial.fill({"1": {"a": {"b": {"c": 1}}}, "2": {"a": {"b": 1}}, "3": {"a": 1}, "4": {}})
    await expect_matching(trial, {"a.b.c": 1}, ["1"])
    await expect_matching(trial, {"a.b.c": {"$exists": False}}, ["2", "3", "4"])


@rule(Topic.PATH)
async def an_index_reaches_an_element_of_an_array(trial: Trial) -> None:
    """A segment such as `0` or `12` reaches that element of an array; beyond the array's end there is nothing."""
    long: list[Json] = [*range(13)]
    await trial.fill({"1": {"a": [{"b": 1}, {"b": 2}]}, "2": {"a": [{"b": 2}]}, "3": {"a": []}, "4": {"a": long}})
    await expect_matching(trial, {"a.0.b": 2}, ["2"])
    await expect_matching(trial, {"a.1.b": 2}, ["1"])
    await expect_matching(trial, {"a.0": {"$exists": False}}, ["3"])
    await expect_matching(trial, {"a.12": 12}, ["4"])


@rule(Topic.PATH)
async def an_index_is_a_key_on_an_object(trial: Trial) -> None:
    """On an object, a segment such as `0` is a key like any other; in a string it reaches nothing."""
    await trial.fill({"array": {"a": ["x", "y"]}, "object": {"a": {"0": "x", "1": "y"}}, "text": {"a": "xy"}})
    await expect_matching(trial, {"a.0": "x"}, ["array", "object"])
    await expect_matching(trial, {"a.1": {"$gt": "x"}}, ["array", "object"])
    await expect_matching(trial, {"a.0": {"$ne": "x"}}, ["text"])


@rule(Topic.PATH)
async def what_is_no_index_reaches_nothing_in_an_array(trial: Trial) -> None:
    """A segment like `01`, `-1`, `#`, `length` or one beyond any array is no index, and reaches nothing in an array."""
    await trial.insert("1", {"a": ["x", "y"]})
    for segment in _NO_INDEXES:
        await expect_matching(trial, {f"a.{segment}": {"$exists": True}}, [])
        await expect_matching(trial, {f"a.{segment}": None}, ["1"])


@rule(Topic.PATH)
async def there_is_no_fan_out_over_arrays(trial: Trial) -> None:
    """A path does not look into the elements of an array, and an array does not equal its element."""
    await trial.insert("1", {"a": [{"b": 1}], "tags": ["x"]})
    for condition in ({"a.b": 1}, {"a.b": {"$exists": True}}, {"tags": "x"}, {"tags": {"$gte": "x"}}):
        await expect_matching(trial, condition, [])


@rule(Topic.PATH)
async def any_key_can_be_filtered_and_sorted(trial: Trial) -> None:
    """A key with quotes, brackets, comments, or whatever else means something to a database, is just a key."""
    await trial.fill({f"{number:02}": {"k": {key: {key: 1}}} for number, key in enumerate(HOSTILE_KEYS)})
    everything = await trial.ids()
    for number, key in enumerate(HOSTILE_KEYS):
        id_ = f"{number:02}"
        expect_equal(f"the documents with a key {key!r} in k", await trial.ids({f"k.{key}.{key}": 1}), [id_])
        order = await trial.ids({}, f"k.{key}.{key}")
        expect_equal(f"the documents by k.{key!r}", order, [*(one for one in everything if one != id_), id_])


@rule(Topic.PATH)
async def any_key_can_be_projected_and_updated(trial: Trial) -> None:
    """A projection and an update reach any key, and only that one."""
    await trial.insert("1", {"k": dict.fromkeys(HOSTILE_KEYS, -1)})
    for key in HOSTILE_KEYS:
        (found,) = await trial.documents(trial.query(projection=[f"k.{key}"]))
        expect_equal(f"the projection of k.{key!r}", found.get("k"), {key: -1})
    changes = [trial.change({f"k.{key}": -1}, {f"k.{key}": number}) for number, key in enumerate(HOSTILE_KEYS)]
    for key, outcome in zip(HOSTILE_KEYS, await trial.write(*changes), strict=True):
        expect_equal(f"the documents of which k.{key!r} was updated", (outcome.affected, outcome.error), (1, None))
    updated = {key: number for number, key in enumerate(HOSTILE_KEYS)}
    expect_equal("the document after its updates", (await trial.get("1")).get("k"), updated)


@rule(Topic.PATH)
async def keys_are_told_apart_by_case_and_by_code_points(trial: Trial) -> None:
    """`a` and `A` are two keys, and so are `é` and `e` with a combining accent."""
    keys = ("a", "A", "é", "e\u0301")
    await trial.fill({str(number): {key: 1} for number, key in enumerate(keys)})
    for number, key in enumerate(keys):
        await expect_matching(trial, {key: 1}, [str(number)])


@rule(Topic.PATH)
async def a_path_has_up_to_16_segments(trial: Trial) -> None:
    """A path of 16 segments reaches what lies there."""
    document: Document = {"k": 1}
    for _ in range(PATH_MAX_SEGMENTS - 1):
        document = {"k": document}
    await trial.insert("1", document)
    path = ".".join(["k"] * PATH_MAX_SEGMENTS)
    await expect_matching(trial, {path: 1}, ["1"])
    await expect_matching(trial, {path: 2}, [])


@rule(Topic.PATH)
async def metadata_can_be_filtered(trial: Trial) -> None:
    """`_id`, `_version`, `_owner`, `_acl`, `_created_at` and the others are filtered as values in the document are."""
    await trial.apply(trial.insertion("a", {"n": 1}, owner="ann", acl='[{"user":"u"}]'))
    await trial.insert("b", {"n": 2})
    await trial.update({"_id": "b"}, {"n": 3})
    cases: list[tuple[Document, list[str]]] = [
        ({"_id": "a"}, ["a"]),
        ({"_id": {"$gt": "a"}}, ["b"]),
        ({"_id": {"$in": ["b", "c"]}}, ["b"]),
        ({"_version": 2}, ["b"]),
        ({"_version": {"$lt": 1.5}}, ["a"]),
        ({"_owner": "ann"}, ["a"]),
        ({"_acl": {"$contains": {"user": "u"}}}, ["a"]),
        ({"_created_at": {"$gte": _FIRST_MOMENT}}, ["a", "b"]),
        ({"_updated_at": {"$lt": _FIRST_MOMENT}}, []),
        ({"$not": {"$or": [{"_id": "b"}, {"n": 3}]}}, ["a"]),
    ]
    for condition, expected in cases:
        await expect_matching(trial, condition, expected)


@rule(Topic.PATH)
async def metadata_that_a_document_lacks_is_missing(trial: Trial) -> None:
    """No owner, no access list, no tenant and not deleted: such metadata is missing, so it equals null."""
    await trial.apply(trial.insertion("a", {}, owner="ann", acl="[]"))
    await trial.insert("b", {})
    cases: list[tuple[Document, list[str]]] = [
        ({"_owner": None}, ["b"]),
        ({"_owner": {"$exists": True}}, ["a"]),
        ({"_owner": {"$ne": "ann"}}, ["b"]),
        ({"_acl": {"$exists": False}}, ["b"]),
        ({"_acl": []}, ["a"]),
        ({"_tenant": {"$exists": True}}, []),
        ({"_deleted_at": None}, ["a", "b"]),
    ]
    for condition, expected in cases:
        await expect_matching(trial, condition, expected)


@rule(Topic.PATH)
async def metadata_can_be_sorted(trial: Trial) -> None:
    """Metadata orders documents as a value in the document would."""
    await trial.fill({"a": {}, "b": {}, "c": {}})
    await trial.update({"_id": "b"}, {"n": 1})
    orders: list[tuple[tuple[str, ...], list[str]]] = [
        (("-_id",), ["c", "b", "a"]),
        (("_version", "-_created_at"), ["c", "a", "b"]),
        (("-_updated_at",), ["b", "c", "a"]),
        (("_owner",), ["a", "b", "c"]),
    ]
    for sort, expected in orders:
        expect_equal(f"the order by {', '.join(sort)}", await trial.ids({}, *sort), expected)


@rule(Topic.PATH)
async def a_key_of_the_document_is_never_taken_for_metadata(trial: Trial) -> None:
    """Inside a document, `_id` is a key; and `id`, `version` or `tenant` are keys at the top too."""
    await trial.insert("1", {"a": {"_id": "x", "_version": 7}, "id": "y", "version": 9, "tenant": "t", "doc": 1})
    await expect_matching(trial, {"a._id": "x", "a._version": 7}, ["1"])
    await expect_matching(trial, {"id": "y", "version": 9, "tenant": "t", "doc": 1}, ["1"])
    await expect_matching(trial, {"_id": "y"}, [])


RULES: tuple[Rule, ...] = (
    names_walk_objects,
    an_index_reaches_an_element_of_an_array,
    an_index_is_a_key_on_an_object,
    what_is_no_index_reaches_nothing_in_an_array,
    there_is_no_fan_out_over_arrays,
    any_key_can_be_filtered_and_sorted,
    any_key_can_be_projected_and_updated,
    keys_are_told_apart_by_case_and_by_code_points,
    a_path_has_up_to_16_segments,
    metadata_can_be_filtered,
    metadata_that_a_document_lacks_is_missing,
    metadata_can_be_sorted,
    a_key_of_the_document_is_never_taken_for_metadata,
)
