"""What equals what, and is the opposite its exact complement?"""

from aol_adapters.conformance.expect import expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import (
    HOSTILE_TEXTS,
    MISSING,
    VALUES,
    all_but,
    expect_matching,
    fill_with_values,
)
from aol_adapters.conformance.trial import Trial
from aol_wire.filters import Json

_SCALARS: tuple[tuple[Json, set[str]], ...] = (
    (True, {"true"}),
    (False, {"false"}),
    (1, {"one", "one-double"}),
    (0, {"zero"}),
    (0.5, {"half"}),
    (1e300, {"huge"}),
    ("", {"empty"}),
    ("1", {"digit"}),
    ("true", set()),
    ("null", set()),
)
_CONTAINERS: tuple[tuple[Json, set[str]], ...] = (
    ([], {"array"}),
    ([1, "x", None], {"array-1"}),
    ([1.0, "x", None], {"array-1"}),
    (["x", 1, None], set()),
    ([1, "x"], set()),
    ([1, "x", None, None], set()),
    ([True, "x", None], set()),
    ([[1], {"k": 1}], {"array-nested"}),
    ({"a": 1, "b": [1, 2]}, {"object-ab"}),
    ({"b": [1, 2], "a": 1.0}, {"object-ab"}),
    ({"a": 1}, set()),
    ({"a": True, "b": [1, 2]}, set()),
    ({"a": 1, "b": [2, 1]}, set()),
    ({"a": 1, "b": [1, 2], "c": None}, set()),
)


@rule(Topic.EQ)
async def a_scalar_equals_only_its_own_type_and_value(trial: Trial) -> None:
    """The number 1, the string "1" and true are three values."""
    await fill_with_values(trial)
    for operand, expected in _SCALARS:
        await expect_matching(trial, {"v": {"$eq": operand}}, expected)


@rule(Topic.EQ)
async def arrays_and_objects_are_compared_whole(trial: Trial) -> None:
    """An array equals one of the same elements in the same order, an object one of the same keys in any order."""
    await fill_with_values(trial)
    for operand, expected in _CONTAINERS:
        await expect_matching(trial, {"v": {"$eq": operand}}, expected)


@rule(Topic.EQ)
async def an_empty_object_equals_the_empty_object(trial: Trial) -> None:
    """`{}` as an operand is a value: it equals the empty object and nothing else."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {}}, ["object"])
    await expect_matching(trial, {"v": {"$ne": {}}}, all_but(["object"]))


@rule(Topic.EQ)
async def null_equals_null_and_missing(trial: Trial) -> None:
    """Null as an operand matches documents with null there, and those with nothing there."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": None}, ["null", MISSING])
    await expect_matching(trial, {"v.deeper.still": None}, all_but(()))
    await expect_matching(trial, {"v.b.0": None}, all_but(["object-ab"]))


@rule(Topic.EQ)
async def null_inside_a_container_is_a_value(trial: Trial) -> None:
    """Inside arrays and objects null equals only null: a missing key is not a key with null."""
    await trial.fill({"null": {"v": {"a": None}}, "empty": {"v": {}}, "list": {"v": [None]}, "none": {"v": []}})
    for operand, expected in (({"a": None}, ["null"]), ({}, ["empty"]), ([None], ["list"]), ([], ["none"])):
        await expect_matching(trial, {"v": operand}, expected)


@rule(Topic.EQ)
async def strings_are_equal_code_point_by_code_point(trial: Trial) -> None:
    """Case, accents, normal forms and spaces at the end count."""
    texts = ("a", "A", "a ", "é", "e\u0301", "É", "ß", "ss", "ﬁ", "fi", "i", "İ", "I", "\u0131", "\u200ba", "😀", "😁")
    await trial.fill({str(number): {"s": text} for number, text in enumerate(texts)})
    for number, text in enumerate(texts):
        await expect_matching(trial, {"s": text}, [str(number)])


@rule(Topic.EQ)
async def strings_that_look_like_syntax_are_just_strings(trial: Trial) -> None:
    """Quotes, comments, wildcards and operators in an operand mean themselves."""
    await trial.fill({str(number): {"s": text} for number, text in enumerate(HOSTILE_TEXTS)})
    for number, text in enumerate(HOSTILE_TEXTS):
        expect_equal(f"the documents with {text!r}", await trial.ids({"s": text}), [str(number)])
        expect_equal(f"those in a list with {text!r}", await trial.ids({"s": {"$in": [text, "?!"]}}), [str(number)])
    expect_equal("the documents", await trial.count(), len(HOSTILE_TEXTS))


@rule(Topic.EQ)
async def long_strings_are_compared_to_their_end(trial: Trial) -> None:
    """Two strings of 100,000 characters that differ in the last one differ."""
    start = "x" * 99_999
    await trial.fill({"a": {"s": start + "a"}, "b": {"s": start + "b"}})
    await expect_matching(trial, {"s": start + "b"}, ["b"])
    await expect_matching(trial, {"s": {"$lt": start + "b"}}, ["a"])


@rule(Topic.NE)
async def ne_is_the_exact_complement_of_eq(trial: Trial) -> None:
    """Each document matches either `$eq` or `$ne` of a value, whatever is at the path, also nothing."""
    await fill_with_values(trial)
    for name, operand in VALUES.items():
        equal = await trial.ids({"v": {"$eq": operand}})
        expect_equal(f"{name} matches $eq of its own value", name in equal, True)
        await expect_matching(trial, {"v": {"$ne": operand}}, all_but(equal))


@rule(Topic.NE)
async def ne_matches_where_the_path_is_missing(trial: Trial) -> None:
    """`$ne` of a value other than null matches null and missing; `$ne` of null matches neither."""
    await trial.fill({"one": {"v": 1}, "two": {"v": 2}, "null": {"v": None}, "missing": {}, "other": {"v": {"x": 1}}})
    await expect_matching(trial, {"v": {"$ne": 1}}, ["missing", "null", "other", "two"])
    await expect_matching(trial, {"v": {"$ne": None}}, ["one", "other", "two"])
    await expect_matching(trial, {"v.x": {"$ne": 1}}, ["missing", "null", "one", "two"])


RULES: tuple[Rule, ...] = (
    a_scalar_equals_only_its_own_type_and_value,
    arrays_and_objects_are_compared_whole,
    an_empty_object_equals_the_empty_object,
    null_equals_null_and_missing,
    null_inside_a_container_is_a_value,
    strings_are_equal_code_point_by_code_point,
    strings_that_look_like_syntax_are_just_strings,
    long_strings_are_compared_to_their_end,
    ne_is_the_exact_complement_of_eq,
    ne_matches_where_the_path_is_missing,
)
