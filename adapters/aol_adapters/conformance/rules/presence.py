"""Is there a value, and is it in an array?"""

from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import BIG, MISSING, VALUES, all_but, expect_matching, fill_with_values
from aol_adapters.conformance.trial import Trial
from aol_wire.filters import Json

_ELEMENTS: tuple[tuple[Json, list[str]], ...] = (
    (1, ["array-1"]),
    (1.0, ["array-1"]),
    (True, []),
    ("1", []),
    ("x", ["array-1"]),
    (None, ["array-1"]),
    ([1], ["array-nested"]),
    ({"k": 1.0}, ["array-nested"]),
    ({}, []),
    ([], []),
    ("a", []),
)


@rule(Topic.PRESENCE)
async def exists_is_presence_and_null_is_a_value(trial: Trial) -> None:
    """`$exists: true` matches every value, null too; `$exists: false` matches only missing."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {"$exists": False}}, [MISSING])
    await expect_matching(trial, {"v": {"$exists": True}}, VALUES)


@rule(Topic.PRESENCE)
async def exists_follows_a_path_to_its_end(trial: Trial) -> None:
    """A nested path exists when all of it does."""
    await trial.fill({"1": {"a": {"b": None}}, "2": {"a": {}}, "3": {"a": None}, "4": {"a": "b"}, "5": {"a": [0]}})
    await expect_matching(trial, {"a.b": {"$exists": True}}, ["1"])
    await expect_matching(trial, {"a.0": {"$exists": True}}, ["5"])
    await expect_matching(trial, {"a.b": {"$exists": False}}, ["2", "3", "4", "5"])


@rule(Topic.PRESENCE)
async def contains_matches_arrays_with_an_equal_element(trial: Trial) -> None:
    """An element is compared as `$eq` does, so arrays and objects in an array are found whole."""
    await fill_with_values(trial)
    for element, expected in _ELEMENTS:
        await expect_matching(trial, {"v": {"$contains": element}}, expected)
        await expect_matching(trial, {"$not": {"v": {"$contains": element}}}, all_but(expected))


@rule(Topic.PRESENCE)
async def contains_matches_only_arrays(trial: Trial) -> None:
    """A string does not contain its parts, nor an object its values."""
    await trial.fill({"text": {"v": "abc"}, "object": {"v": {"a": "abc"}}, "array": {"v": ["abc"]}, "missing": {}})
    await expect_matching(trial, {"v": {"$contains": "abc"}}, ["array"])
    await expect_matching(trial, {"v": {"$contains": "a"}}, [])
    await expect_matching(trial, {"v": {"$contains": None}}, [])


@rule(Topic.PRESENCE)
async def contains_looks_at_the_elements_of_one_level(trial: Trial) -> None:
    """An element of an array in an array is no element of the outer one."""
    await trial.fill({"flat": {"v": [1, 2]}, "nested": {"v": [[1, 2], 3]}, "big": {"v": [BIG + 1]}})
    await expect_matching(trial, {"v": {"$contains": 1}}, ["flat"])
    await expect_matching(trial, {"v": {"$contains": [1, 2]}}, ["nested"])
    await expect_matching(trial, {"v.0": {"$contains": 2}}, ["nested"])
    await expect_matching(trial, {"v": {"$contains": float(BIG)}}, [])


RULES: tuple[Rule, ...] = (
    exists_is_presence_and_null_is_a_value,
    exists_follows_a_path_to_its_end,
    contains_matches_arrays_with_an_equal_element,
    contains_matches_only_arrays,
    contains_looks_at_the_elements_of_one_level,
)
