"""Which values are greater or less than an operand?"""

from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import BIG, MAX, MIN, all_but, expect_matching, fill_with_values
from aol_adapters.conformance.trial import Trial
from aol_wire.filters import Json

_NUMBERS: tuple[tuple[str, Json, set[str]], ...] = (
    ("$gt", 0, {"one", "one-double", "half", "big", "big+1", "big-double", "max", "huge"}),
    ("$gte", BIG + 1, {"big+1", "max", "huge"}),
    ("$lt", BIG + 1, {"minus", "zero", "one", "one-double", "half", "big", "big-double", "min"}),
    ("$lt", 0.5, {"minus", "zero", "min"}),
    ("$lte", 0.5, {"minus", "zero", "min", "half"}),
    ("$lte", MIN, {"min"}),
    ("$lt", MIN, set()),
    ("$gt", MAX, {"huge"}),
    ("$gt", 1e300, set()),
)
_STRINGS: tuple[tuple[str, Json, set[str]], ...] = (
    ("$gt", "", {"digit", "a", "B", "é", "wide", "emoji"}),
    ("$gte", "", {"empty", "digit", "a", "B", "é", "wide", "emoji"}),
    ("$gte", "B", {"B", "a", "é", "wide", "emoji"}),
    ("$lt", "a", {"empty", "digit", "B"}),
    ("$gt", "a", {"é", "wide", "emoji"}),
    ("$gt", "é", {"wide", "emoji"}),
    ("$gt", "\uff5e", {"emoji"}),
    ("$lt", "\U0010ffff", {"empty", "digit", "a", "B", "é", "wide", "emoji"}),
)
_BOOLEANS: tuple[tuple[str, Json, set[str]], ...] = (
    ("$gt", False, {"true"}),
    ("$gte", False, {"false", "true"}),
    ("$lt", True, {"false"}),
    ("$lte", True, {"false", "true"}),
    ("$lt", False, set()),
    ("$gt", True, set()),
)


async def _check(trial: Trial, cases: tuple[tuple[str, Json, set[str]], ...]) -> None:
    await fill_with_values(trial)
    for operator, operand, expected in cases:
        await expect_matching(trial, {"v": {operator: operand}}, expected)


@rule(Topic.ORDERINGS)
async def a_number_is_compared_with_numbers_only(trial: Trial) -> None:
    """A number as an operand matches integers and doubles by value, and nothing of another type."""
    await _check(trial, _NUMBERS)


@rule(Topic.ORDERINGS)
async def a_string_is_compared_with_strings_in_code_point_order(trial: Trial) -> None:
    """A string as an operand matches strings only; U+1F600 comes after U+FF5E, unlike in UTF-16."""
    await _check(trial, _STRINGS)


@rule(Topic.ORDERINGS)
async def a_boolean_is_compared_with_booleans_only(trial: Trial) -> None:
    """False is less than true, and neither is compared with 0 or 1."""
    await _check(trial, _BOOLEANS)


@rule(Topic.ORDERINGS)
async def an_ordering_never_matches_null_missing_arrays_and_objects(trial: Trial) -> None:
    """They have no order with any operand, so they match no ordering, and match every one in a `$not`."""
    await trial.fill({"null": {"v": None}, "missing": {}, "array": {"v": [5]}, "object": {"v": {"k": 5}}})
    unordered = ["array", "missing", "null", "object"]
    for operator in ("$gt", "$gte", "$lt", "$lte"):
        for operand in (5, "5", True):
            await expect_matching(trial, {"v": {operator: operand}}, [])
            await expect_matching(trial, {"$not": {"v": {operator: operand}}}, unordered)


@rule(Topic.ORDERINGS)
async def not_of_an_ordering_is_its_complement_and_not_the_opposite_ordering(trial: Trial) -> None:
    """`$not` of `$gt` matches what is less or equal, and also what has another type or is missing."""
    await fill_with_values(trial)
    for operator, operand, expected in (*_NUMBERS[:3], *_STRINGS[:3], *_BOOLEANS[:3]):
        await expect_matching(trial, {"$not": {"v": {operator: operand}}}, all_but(expected))


@rule(Topic.ORDERINGS)
async def two_orderings_on_one_path_make_a_range(trial: Trial) -> None:
    """A lower and an upper bound both hold; bounds of two types exclude each other."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {"$gte": 0, "$lt": 1}}, ["half", "zero"])
    await expect_matching(trial, {"v": {"$gt": "B", "$lte": "é"}}, ["a", "é"])
    await expect_matching(trial, {"v": {"$gt": 0, "$lt": "z"}}, [])
    await expect_matching(trial, {"v": {"$gt": 1, "$lt": 1}}, [])


RULES: tuple[Rule, ...] = (
    a_number_is_compared_with_numbers_only,
    a_string_is_compared_with_strings_in_code_point_order,
    a_boolean_is_compared_with_booleans_only,
    an_ordering_never_matches_null_missing_arrays_and_objects,
    not_of_an_ordering_is_its_complement_and_not_the_opposite_ordering,
    two_orderings_on_one_path_make_a_range,
)
