"""Do filters match what the table of rules says they match?"""

from collections.abc import Iterable

import pytest

from aol_adapters.trial import Document, Trial
from aol_wire.filters import Json

BIG = 2**53
VALUES: dict[str, Json] = {
    "null": None,
    "false": False,
    "true": True,
    "minus": -1,
    "zero": 0,
    "one": 1,
    "one-double": 1.0,
    "half": 0.5,
    "big": BIG,
    "big+1": BIG + 1,
    "big-double": float(BIG),
    "max": 2**63 - 1,
    "min": -(2**63),
    "huge": 1e300,
    "empty": "",
    "digit": "1",
    "a": "a",
    "B": "B",
    "é": "é",
    "ﬀ": "\uff5e",
    "emoji": "😀",
    "array": [],
    "array-1": [1, "x", None],
    "array-nested": [[1], {"k": 1}],
    "object": {},
    "object-ab": {"a": 1, "b": [1, 2]},
}


@pytest.fixture
async def filled(trial: Trial) -> Trial:
    """The values above under `v`, each in a document of its name, and one document without `v`."""
    await trial.fill({name: {"v": value} for name, value in VALUES.items()})
    await trial.insert("missing", {"other": 1})
    return trial


async def matching(trial: Trial, operand: Document | Json) -> set[str]:
    ids = await trial.ids({"v": operand})
    assert len(ids) == await trial.count({"v": operand})
    return set(ids)


def all_but(names: Iterable[str]) -> set[str]:
    return ({"missing"} | VALUES.keys()) - set(names)


@pytest.mark.parametrize(
    ("operand", "expected"),
    [
        (None, {"null", "missing"}),
        (True, {"true"}),
        (False, {"false"}),
        (1, {"one", "one-double"}),
        (1.0, {"one", "one-double"}),
        (0, {"zero"}),
        (-0.0, {"zero"}),
        (0.5, {"half"}),
        (BIG, {"big", "big-double"}),
        (BIG + 1, {"big+1"}),
        (float(BIG), {"big", "big-double"}),
        (2**63 - 1, {"max"}),
        (float(2**63), set()),
        (-(2**63), {"min"}),
        (-float(2**63), {"min"}),
        (1e300, {"huge"}),
        ("", {"empty"}),
        ("1", {"digit"}),
        ("a", {"a"}),
        ("A", set()),
        ("é", {"é"}),
        ("e\u0301", set()),
        ("😀", {"emoji"}),
        ([], {"array"}),
        ([1, "x", None], {"array-1"}),
        ([1.0, "x", None], {"array-1"}),
        (["x", 1, None], set()),
        ([True, "x", None], set()),
        ([[1], {"k": 1}], {"array-nested"}),
        ({}, {"object"}),
        ({"a": 1, "b": [1, 2]}, {"object-ab"}),
        ({"b": [1, 2], "a": 1.0}, {"object-ab"}),
        ({"a": 1}, set()),
        ({"a": True, "b": [1, 2]}, set()),
    ],
)
async def test_eq_is_json_equality_and_ne_its_exact_complement(
    filled: Trial, operand: Json, expected: set[str]
) -> None:
    assert await matching(filled, {"$eq": operand}) == expected
    assert await matching(filled, operand) == expected
    assert await matching(filled, {"$ne": operand}) == all_but(expected)
    assert await matching(filled, {"$in": [operand]}) == expected
    assert await matching(filled, {"$nin": [operand]}) == all_but(expected)


@pytest.mark.parametrize(
    ("operator", "operand", "expected"),
    [
        ("$gt", 0, {"one", "one-double", "half", "big", "big+1", "big-double", "max", "huge"}),
        ("$gte", 2**53 + 1, {"big+1", "max", "huge"}),
        ("$gt", float(BIG), {"big+1", "max", "huge"}),
        ("$lt", BIG + 1, {"minus", "zero", "one", "one-double", "half", "big", "big-double", "min"}),
        ("$lte", -(2**63), {"min"}),
        ("$lt", -float(2**63), set()),
        ("$gt", 2**63 - 1, {"huge"}),
        ("$gte", float(2**63), {"huge"}),
        ("$lt", 0.5, {"minus", "zero", "min"}),
        ("$gt", "", {"digit", "a", "B", "é", "ﬀ", "emoji"}),
        ("$gte", "B", {"B", "a", "é", "ﬀ", "emoji"}),
        ("$lt", "a", {"empty", "digit", "B"}),
        ("$gt", "é", {"ﬀ", "emoji"}),
        ("$gt", "\uff5e", {"emoji"}),
        ("$gt", False, {"true"}),
        ("$gte", False, {"false", "true"}),
        ("$lt", True, {"false"}),
        ("$lt", False, set()),
    ],
)
async def test_an_ordering_matches_only_values_of_the_operands_own_type(
    filled: Trial, operator: str, operand: Json, expected: set[str]
) -> None:
    assert await matching(filled, {operator: operand}) == expected
    assert set(await filled.ids({"$not": {"v": {operator: operand}}})) == all_but(expected)


async def test_in_with_several_values_matches_any_of_them(filled: Trial) -> None:
    expected = {"null", "missing", "a", "one", "one-double", "array", "object-ab"}
    operand: list[Json] = [None, "a", 1, [], {"b": [1, 2], "a": 1}, "not there"]
    assert await matching(filled, {"$in": operand}) == expected
    assert await matching(filled, {"$nin": operand}) == all_but(expected)


async def test_in_with_an_empty_list_matches_nothing_and_nin_everything(filled: Trial) -> None:
    assert await matching(filled, {"$in": []}) == set()
    assert await matching(filled, {"$nin": []}) == all_but(())


async def test_in_takes_a_thousand_values(filled: Trial) -> None:
    assert await matching(filled, {"$in": [*range(100_000, 100_997), "a", None, True]}) == {
        "a",
        "null",
        "missing",
        "true",
    }


async def test_exists_is_presence_and_null_is_a_value(filled: Trial) -> None:
    assert await matching(filled, {"$exists": False}) == {"missing"}
    assert await matching(filled, {"$exists": True}) == VALUES.keys()


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (1, {"array-1"}),
        (1.0, {"array-1"}),
        (True, set()),
        ("x", {"array-1"}),
        (None, {"array-1"}),
        ([1], {"array-nested"}),
        ({"k": 1.0}, {"array-nested"}),
        ({}, set()),
        ("a", set()),
    ],
)
async def test_contains_matches_arrays_with_an_equal_element(filled: Trial, element: Json, expected: set[str]) -> None:
    assert await matching(filled, {"$contains": element}) == expected
    assert set(await filled.ids({"$not": {"v": {"$contains": element}}})) == all_but(expected)


async def test_several_operators_on_one_path_all_hold(filled: Trial) -> None:
    assert await matching(filled, {"$gte": 0, "$lt": 1, "$ne": 0.5}) == {"zero"}


async def test_several_paths_in_one_filter_all_hold(trial: Trial) -> None:
    await trial.fill({"1": {"a": 1, "b": 1}, "2": {"a": 1, "b": 2}, "3": {"b": 1}})
    assert await trial.ids({"a": 1, "b": 1}) == ["1"]


async def test_and_or_not_are_plain_logic(trial: Trial) -> None:
    await trial.fill({str(number): {"n": number} for number in range(10)})
    even = {"n": {"$in": [0, 2, 4, 6, 8]}}
    small = {"n": {"$lt": 5}}
    assert await trial.ids({"$and": [even, small]}) == ["0", "2", "4"]
    assert await trial.ids({"$or": [even, small]}) == ["0", "1", "2", "3", "4", "6", "8"]
    assert await trial.ids({"$not": {"$or": [even, small]}}) == ["5", "7", "9"]
    assert await trial.ids({"$not": {"$not": {"$and": [even, {"$not": small}]}}}) == ["6", "8"]


async def test_not_is_the_exact_complement_for_missing_values_too(trial: Trial) -> None:
    await trial.fill({"with": {"a": 1, "b": 1}, "without": {}})
    assert await trial.ids({"$not": {"$and": [{"a": {"$gt": 0}}, {"b": {"$lt": 5}}]}}) == ["without"]
    assert await trial.ids({"$not": {"a": {"$exists": True}}}) == ["without"]
    assert await trial.ids({"$not": {"a": {"$lte": 0}}}) == ["with", "without"]


async def test_filters_nest_to_depth_16(trial: Trial) -> None:
    await trial.fill({"yes": {"a": 1}, "no": {"a": 2}})
    nested: Document = {"a": 1}
    for _ in range(7):
        nested = {"$not": {"$or": [{"a": 3}, nested]}}
    assert await trial.ids(nested) == ["no"]


async def test_a_filter_has_up_to_256_nodes(trial: Trial) -> None:
    await trial.fill({"yes": {"a": 200}, "no": {"a": 1000}})
    assert await trial.ids({"$or": [{"a": number} for number in range(255)]}) == ["yes"]


async def test_strings_that_look_like_syntax_of_a_database_are_just_strings(trial: Trial) -> None:
    texts = ["'", '"', "\\", "%", "_", "';--", "$1", "?", "{}", "null", "\n\t\x01", "\u2028", "{{x}}", "/*"]
    await trial.fill({str(number): {"s": text} for number, text in enumerate(texts)})
    for number, text in enumerate(texts):
        assert await trial.ids({"s": text}) == [str(number)]
        assert await trial.ids({"s": {"$in": [text]}}) == [str(number)]
