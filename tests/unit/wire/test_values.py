"""How do values compare, and what is at a path?"""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.values import MISSING, equal, get, sort_key, type_rank

NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=3))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=2), inner)))


def test_types_have_their_rank() -> None:
    ordered: list[list[Any]] = [[None, MISSING], [1, 1.5], ["", "a"], [{}, {"a": 1}], [[], [1]], [True, False]]
    for rank, values in enumerate(ordered):
        assert {type_rank(value) for value in values} == {rank}


@given(VALUES)
def test_a_value_equals_itself_and_its_reordered_self(value: Any) -> None:
    def reordered(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: reordered(item[key]) for key in reversed(item)}
        return [reordered(child) for child in item] if isinstance(item, list) else item

    assert equal(value, reordered(value))


@given(VALUES, VALUES)
def test_equality_is_symmetric_and_agrees_with_order(one: Any, other: Any) -> None:
    assert equal(one, other) == equal(other, one)
    if equal(one, other):
        assert type_rank(one) == type_rank(other)
        assert sort_key(one) == sort_key(other)


@given(NUMBERS, NUMBERS)
def test_numbers_compare_by_their_exact_value(one: float, other: float) -> None:
    assert equal(one, other) == (Fraction(one) == Fraction(other))
    assert (sort_key(one) < sort_key(other)) == (Fraction(one) < Fraction(other))


@given(st.text(max_size=4), st.text(max_size=4))
def test_strings_compare_by_code_points(one: str, other: str) -> None:
    assert (sort_key(one) < sort_key(other)) == ([*map(ord, one)] < [*map(ord, other)])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, True),
        (2**53 + 1, float(2**53), False),
        (0, -0.0, True),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        (None, MISSING, True),
        ("1", 1, False),
        ([1, [True]], [1.0, [True]], True),
        ([1], [True], False),
        ([1], [1, None], False),
        ({"a": None}, {}, False),
        ({"a": 1}, {"a": True}, False),
        ({}, [], False),
    ],
)
def test_equality_is_that_of_json(one: Any, other: Any, expected: bool) -> None:
    assert equal(one, other) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", {"0": "key", "b": [1, {"c": None}]}),
        ("a.0", "key"),
        ("a.b.0", 1),
        ("a.b.1.c", None),
        ("a.b.2", MISSING),
        ("a.b.00", MISSING),
        ("a.b.c", MISSING),
        ("a.b.0.x", MISSING),
        ("a.b.1.c.d", MISSING),
        ("x", MISSING),
    ],
)
def test_a_path_reaches_what_it_says(path: str, expected: Any) -> None:
    document: Any = {"a": {"0": "key", "b": [1, {"c": None}]}}
    assert get(document, tuple(path.split("."))) == expected
