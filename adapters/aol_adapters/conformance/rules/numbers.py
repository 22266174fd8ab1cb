"""How are numbers compared and kept?"""

from aol_adapters.conformance.expect import expect, expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import BIG, MAX, MIN, expect_matching
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.filters import Json

_ROUNDS_TO_BIG = {"below": BIG - 1, "big": BIG, "above": BIG + 1, "double": float(BIG)}
_ENDS = {"max": MAX, "max-1": MAX - 1, "min": MIN, "min+1": MIN + 1, "2^63": 2.0**63}


@rule(Topic.NUMBERS)
async def equal_numbers_are_one_value_however_written(trial: Trial) -> None:
    """1 equals 1.0, 0 equals -0.0, and 2**53 equals the double of that value."""
    await trial.fill({"int": {"v": 1}, "double": {"v": 1.0}, "zero": {"v": 0}, "minus-zero": {"v": -0.0}})
    await trial.fill({"big": {"v": BIG}, "big-double": {"v": float(BIG)}})
    pairs: list[tuple[Json, Json, list[str]]] = [
        (1, 1.0, ["double", "int"]),
        (0, -0.0, ["minus-zero", "zero"]),
        (BIG, float(BIG), ["big", "big-double"]),
    ]
    for integer, double, expected in pairs:
        await expect_matching(trial, {"v": integer}, expected)
        await expect_matching(trial, {"v": double}, expected)


@rule(Topic.NUMBERS)
async def integers_that_doubles_cannot_tell_apart_differ(trial: Trial) -> None:
    """2**53 + 1 is neither 2**53 nor the double that it would round to."""
    await trial.fill({name: {"v": value} for name, value in _ROUNDS_TO_BIG.items()})
    cases: list[tuple[Document, list[str]]] = [
        ({"v": BIG + 1}, ["above"]),
        ({"v": {"$ne": BIG + 1}}, ["below", "big", "double"]),
        ({"v": {"$in": [BIG + 1, BIG - 1]}}, ["above", "below"]),
        ({"v": float(BIG)}, ["big", "double"]),
        ({"v": {"$gt": float(BIG)}}, ["above"]),
        ({"v": {"$lt": float(BIG)}}, ["below"]),
        ({"v": {"$gte": BIG + 1}}, ["above"]),
        ({"v": {"$lt": BIG + 1}}, ["below", "big", "double"]),
    ]
    for condition, expected in cases:
        await expect_matching(trial, condition, expected)


@rule(Topic.NUMBERS)
async def the_ends_of_64_bit_integers_are_exact(trial: Trial) -> None:
    """2**63 - 1 is not the double 2**63, though it rounds to it; -2**63 is a double as well."""
    await trial.fill({name: {"v": value} for name, value in _ENDS.items()})
    cases: list[tuple[Document, list[str]]] = [
        ({"v": MAX}, ["max"]),
        ({"v": 2.0**63}, ["2^63"]),
        ({"v": {"$gt": MAX}}, ["2^63"]),
        ({"v": {"$gte": MAX}}, ["2^63", "max"]),
        ({"v": {"$lt": 2.0**63}}, ["max", "max-1", "min", "min+1"]),
        ({"v": -(2.0**63)}, ["min"]),
        ({"v": {"$lte": MIN}}, ["min"]),
        ({"v": {"$lt": -(2.0**63)}}, []),
        ({"v": {"$gt": -(2.0**63), "$lt": 0}}, ["min+1"]),
    ]
    for condition, expected in cases:
        await expect_matching(trial, condition, expected)


@rule(Topic.NUMBERS)
async def numbers_inside_arrays_and_objects_are_exact_too(trial: Trial) -> None:
    """Equality of whole arrays and objects compares the numbers in them by value and exactly."""
    await trial.fill({"big": {"v": [{"n": BIG}]}, "above": {"v": [{"n": BIG + 1}]}, "double": {"v": [{"n": 1.0}]}})
    await expect_matching(trial, {"v": [{"n": BIG + 1}]}, ["above"])
    await expect_matching(trial, {"v": [{"n": float(BIG)}]}, ["big"])
    await expect_matching(trial, {"v": {"$contains": {"n": 1}}}, ["double"])
    await expect_matching(trial, {"v": {"$contains": {"n": True}}}, [])


@rule(Topic.NUMBERS)
async def doubles_are_compared_to_the_last_bit(trial: Trial) -> None:
    """0.1 + 0.2 is not 0.3, and the smallest double is not zero."""
    await trial.fill({"sum": {"v": 0.1 + 0.2}, "literal": {"v": 0.3}, "tiny": {"v": 5e-324}, "huge": {"v": 1.7e308}})
    await expect_matching(trial, {"v": 0.3}, ["literal"])
    await expect_matching(trial, {"v": 0.1 + 0.2}, ["sum"])
    await expect_matching(trial, {"v": {"$gt": 0, "$lt": 1e-300}}, ["tiny"])
    await expect_matching(trial, {"v": 0}, [])
    await expect_matching(trial, {"v": {"$gt": MAX}}, ["huge"])


@rule(Topic.NUMBERS)
async def numbers_read_back_as_they_were_written(trial: Trial) -> None:
    """Integers of 64 bits and doubles read back exactly, and 1.0 not as 1."""
    numbers: list[Json] = [0, 1, -1, BIG, BIG + 1, MAX, MIN, 1.0, 0.5, 0.1, -2.5e-10, 1e300, 5e-324, 1e15]
    await trial.insert("1", {"v": numbers})
    expect_equal("the numbers", repr((await trial.get("1")).get("v")), repr(numbers))


@rule(Topic.NUMBERS)
async def whole_doubles_from_1e16_read_back_with_the_same_value(trial: Trial) -> None:
    """A double without a fraction, of 1e16 or more, may read back as an integer, of the same value."""
    numbers: list[Json] = [1e16, 9007199254740994.0 * 4, -1e17, 2.0**62, 1e18]
    await trial.insert("1", {"v": numbers})
    values = (await trial.get("1")).get("v")
    expect_equal("the numbers", values, numbers)
    expect("numbers, not booleans or strings", isinstance(values, list) and {type(v) for v in values} <= {int, float})


RULES: tuple[Rule, ...] = (
    equal_numbers_are_one_value_however_written,
    integers_that_doubles_cannot_tell_apart_differ,
    the_ends_of_64_bit_integers_are_exact,
    numbers_inside_arrays_and_objects_are_exact_too,
    doubles_are_compared_to_the_last_bit,
    numbers_read_back_as_they_were_written,
    whole_doubles_from_1e16_read_back_with_the_same_value,
)
