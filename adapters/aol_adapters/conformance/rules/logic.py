"""How do conditions combine?"""

from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import expect_matching, fill_with_values
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.limits import FILTER_MAX_DEPTH, FILTER_MAX_NODES

_EVEN: Document = {"n": {"$in": [0, 2, 4, 6, 8]}}
_SMALL: Document = {"n": {"$lt": 5}}


@rule(Topic.LOGIC)
async def an_empty_filter_matches_every_document(trial: Trial) -> None:
    """Without a condition, find and count see the whole collection."""
    await trial.fill({"1": {}, "2": {"a": None}, "3": {"a": [1]}})
    await expect_matching(trial, {}, ["1", "2", "3"])


@rule(Topic.LOGIC)
async def and_or_and_not_are_plain_logic(trial: Trial) -> None:
    """`$and` needs all, `$or` any, `$not` is the complement; they nest in each other."""
    await trial.fill({str(number): {"n": number} for number in range(10)})
    await expect_matching(trial, {"$and": [_EVEN, _SMALL]}, "024")
    await expect_matching(trial, {"$or": [_EVEN, _SMALL]}, "0123468")
    await expect_matching(trial, {"$not": {"$or": [_EVEN, _SMALL]}}, "579")
    await expect_matching(trial, {"$not": {"$not": {"$and": [_EVEN, {"$not": _SMALL}]}}}, "68")
    await expect_matching(trial, {"$or": [{"$and": [_EVEN, _SMALL]}, {"$not": {"$or": [_EVEN, _SMALL]}}]}, "024579")


@rule(Topic.LOGIC)
async def several_paths_in_one_filter_all_hold(trial: Trial) -> None:
    """Conditions on several paths of one filter object hold together, beside `$or` and `$not` too."""
    await trial.fill({"1": {"a": 1, "b": 1}, "2": {"a": 1, "b": 2}, "3": {"b": 1}})
    await expect_matching(trial, {"a": 1, "b": 1}, ["1"])
    await expect_matching(trial, {"a": 1, "$not": {"b": 1}}, ["2"])
    await expect_matching(trial, {"b": 1, "$or": [{"a": 1}, {"a": {"$exists": False}}]}, ["1", "3"])


@rule(Topic.LOGIC)
async def several_operators_on_one_path_all_hold(trial: Trial) -> None:
    """Operators in one object hold together."""
    await fill_with_values(trial)
    await expect_matching(trial, {"v": {"$gte": 0, "$lt": 1, "$ne": 0.5}}, ["zero"])
    await expect_matching(trial, {"v": {"$exists": True, "$in": [None, True]}}, ["null", "true"])


@rule(Topic.LOGIC)
async def not_is_the_exact_complement_where_values_are_missing_too(trial: Trial) -> None:
    """There is no third answer: a condition that cannot hold, as on a missing value, holds in a `$not`."""
    await trial.fill({"with": {"a": 1, "b": 1}, "without": {}, "null": {"a": None, "b": None}})
    cases: list[tuple[Document, list[str]]] = [
        ({"$not": {"$and": [{"a": {"$gt": 0}}, {"b": {"$lt": 5}}]}}, ["null", "without"]),
        ({"$not": {"$or": [{"a": {"$gt": 0}}, {"b": {"$lt": 5}}]}}, ["null", "without"]),
        ({"$not": {"a": {"$exists": True}}}, ["without"]),
        ({"$not": {"a": {"$lte": 0}}}, ["null", "with", "without"]),
        ({"$not": {"$not": {"a": {"$lte": 0}}}}, []),
        ({"$not": {"a": {"$ne": 1}}}, ["with"]),
        ({"$not": {"a": {"$nin": [None]}}}, ["null", "without"]),
    ]
    for condition, expected in cases:
        await expect_matching(trial, condition, expected)


@rule(Topic.LOGIC)
async def filters_nest_to_depth_16(trial: Trial) -> None:
    """A filter of the greatest depth works."""
    await trial.fill({"yes": {"a": 1}, "no": {"a": 2}})
    condition: Document = {"a": 1}
    for _ in range(FILTER_MAX_DEPTH - 1):
        condition = {"$not": condition}
    await expect_matching(trial, condition, ["no"])
    mixed: Document = {"a": 1}
    for _ in range((FILTER_MAX_DEPTH - 1) // 2):
        mixed = {"$not": {"$or": [{"a": 3}, mixed]}}
    await expect_matching(trial, mixed, ["no"])


@rule(Topic.LOGIC)
async def a_filter_has_up_to_256_nodes(trial: Trial) -> None:
    """A filter of the greatest size works, wide or of several levels."""
    await trial.fill({"yes": {"a": 200}, "no": {"a": 1000}})
    wide = [{"a": number} for number in range(FILTER_MAX_NODES - 1)]
    await expect_matching(trial, {"$or": wide}, ["yes"])
    await expect_matching(trial, {"$and": [{"a": {"$ne": 1000 + number}} for number in range(255)]}, ["yes"])
    pairs = [{"$and": [{"a": {"$gte": number}}, {"a": {"$lt": number + 1}}]} for number in range(160, 245)]
    await expect_matching(trial, {"$or": pairs}, ["yes"])


RULES: tuple[Rule, ...] = (
    an_empty_filter_matches_every_document,
    and_or_and_not_are_plain_logic,
    several_paths_in_one_filter_all_hold,
    several_operators_on_one_path_all_hold,
    not_is_the_exact_complement_where_values_are_missing_too,
    filters_nest_to_depth_16,
    a_filter_has_up_to_256_nodes,
)
