"""Does the reference meaning of filters keep the laws of logic?"""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.evaluate import matches
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Compare, Contains, ContainsAny, Exists, Filter, Member, Not, Operator
from aol_wire.projection import project

VALUES = st.recursive(
    st.sampled_from([None, False, True, 0, 1, 1.0, 2**53, 2**53 + 1, float(2**53), "", "a", "b"]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=4,
)
PATHS = st.sampled_from([("a",), ("a", "b"), ("a", "0")])
LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Compare, PATHS, st.just(Operator.EQ), VALUES),
    st.builds(Member, PATHS, st.lists(VALUES, max_size=3).map(tuple)),
    st.builds(Exists, PATHS, st.booleans()),
    st.builds(Contains, PATHS, VALUES),
)


@given(st.dictionaries(st.sampled_from("ab"), VALUES), LEAVES)
def test_a_filter_or_its_complement_matches_and_never_both(document: Any, leaf: Filter) -> None:
    assert matches(leaf, document, frozenset()) is not matches(Not(leaf), document, frozenset())


@given(st.dictionaries(st.sampled_from("ab"), VALUES), PATHS, st.lists(VALUES, max_size=3))
def test_nin_is_the_complement_of_in_and_in_is_any_eq(document: Any, path: Any, values: list[Any]) -> None:
    member = matches(Member(path, tuple(values)), document, frozenset())
    assert matches(Member(path, tuple(values), negated=True), document, frozenset()) is not member
    assert member is any(matches(Compare(path, Operator.EQ, value), document, frozenset()) for value in values)


@given(st.dictionaries(st.sampled_from("ab"), VALUES), PATHS, st.lists(st.sampled_from(["", "a", "b"]), max_size=3))
def test_contains_any_is_any_contains(document: Any, path: Any, elements: list[str]) -> None:
    found = matches(ContainsAny(path, tuple(elements)), document, frozenset())
    assert found is any(matches(Contains(path, element), document, frozenset()) for element in elements)


def test_no_filter_matches_everything() -> None:
    assert matches(None, {}, frozenset())


@pytest.mark.parametrize(("words", "expected"), [({"a", "b", "c"}, True), ({"a"}, False), (set(), False)])
def test_text_needs_every_word(words: set[str], expected: bool) -> None:
    assert matches(parse_filter(orjson.dumps({"$text": "B a"}).decode()), {}, words) is expected


@given(st.dictionaries(st.sampled_from("ab"), VALUES))
def test_a_projection_to_every_key_is_the_document(document: Any) -> None:
    assert project(document, [(key,) for key in document]) == document
    assert project(document, [("_id",)]) == {}
    assert project(document, [("missing", "x")]) == {}
