"""Which documents have one of several values?"""

from aol_adapters.conformance.expect import expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import MISSING, VALUES, all_but, expect_matching, fill_with_values
from aol_adapters.conformance.trial import Trial
from aol_wire.filters import Json
from aol_wire.limits import MEMBERSHIP_MAX_VALUES

_MIXED: tuple[Json, ...] = (None, "a", 1, [], {"b": [1, 2], "a": 1}, "not there")
_OF_MIXED = {"null", MISSING, "a", "one", "one-double", "array", "object-ab"}


@rule(Topic.IN)
async def in_with_one_value_is_eq(trial: Trial) -> None:
    """`$in` of one value matches what `$eq` of it matches, whatever its type."""
    await fill_with_values(trial)
    for operand in VALUES.values():
        equal = await trial.ids({"v": {"$eq": operand}})
        await expect_matching(trial, {"v": {"$in": [operand]}}, equal)


@rule(Topic.IN)
async def in_matches_any_of_its_values(trial: Trial) -> None:
    """Values of different types can stand in one list; null in it matches missing too."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {"$in": list(_MIXED)}}, _OF_MIXED)
    await expect_matching(trial, {"v": {"$in": [1, 1.0, 1]}}, ["one", "one-double"])


@rule(Topic.IN)
async def in_does_not_look_into_arrays(trial: Trial) -> None:
    """`$in` compares the whole value at the path with each value of the list, and never an array's elements."""
    await trial.fill({"list": {"v": ["a", "b"]}, "text": {"v": "a"}, "nested": {"v": [["a", "b"]]}})
    await expect_matching(trial, {"v": {"$in": ["a", "c"]}}, ["text"])
    await expect_matching(trial, {"v": {"$in": [["a", "b"]]}}, ["list"])


@rule(Topic.IN)
async def in_with_an_empty_list_matches_nothing(trial: Trial) -> None:
    """`$in: []` matches no document, and `$nin: []` every one."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {"$in": []}}, [])
    await expect_matching(trial, {"v": {"$nin": []}}, all_but(()))
    await expect_matching(trial, {"$or": [{"v": {"$in": []}}, {"v": "a"}]}, ["a"])


@rule(Topic.IN)
async def in_takes_a_thousand_values(trial: Trial) -> None:
    """A list of 1,000 values works."""
    await fill_with_values(trial)
    values: list[Json] = [*range(100_000, 100_000 + MEMBERSHIP_MAX_VALUES - 3), "a", None, True]
    expected = {"a", "null", MISSING, "true"}
    await expect_matching(trial, {"v": {"$in": values}}, expected)
    await expect_matching(trial, {"v": {"$nin": values}}, all_but(expected))


@rule(Topic.NE)
async def nin_is_the_exact_complement_of_in(trial: Trial) -> None:
    """Each document matches either `$in` or `$nin` of a list, whatever is at the path, also nothing."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {"$nin": list(_MIXED)}}, all_but(_OF_MIXED))
    for operand in VALUES.values():
        within = await trial.ids({"v": {"$in": [operand, "not there"]}})
        await expect_matching(trial, {"v": {"$nin": [operand, "not there"]}}, all_but(within))


@rule(Topic.NE)
async def nin_matches_where_the_path_is_missing(trial: Trial) -> None:
    """`$nin` matches null and missing, unless null is in its list."""
    await trial.fill({"one": {"v": 1}, "two": {"v": 2}, "null": {"v": None}, "missing": {}})
    expect_equal("$nin without null", await trial.ids({"v": {"$nin": [1, 7]}}), ["missing", "null", "two"])
    expect_equal("$nin with null", await trial.ids({"v": {"$nin": [1, None]}}), ["two"])


RULES: tuple[Rule, ...] = (
    in_with_one_value_is_eq,
    in_matches_any_of_its_values,
    in_does_not_look_into_arrays,
    in_with_an_empty_list_matches_nothing,
    in_takes_a_thousand_values,
    nin_is_the_exact_complement_of_in,
    nin_matches_where_the_path_is_missing,
)
