"""Which updates are understood, and what do they make of a document?"""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.errors import DataError, Reason
from aol_wire.update_apply import apply_update
from aol_wire.update_parser import parse_update
from aol_wire.updates import Inc, Push, Set, Unset, UpdateOperation
from aol_wire.values import MISSING, equal, get

NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(-1e308, 1e308))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text("ab", max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab0"), inner, max_size=3)),
    max_leaves=6,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
PATHS = st.lists(st.sampled_from("ab01"), min_size=1, max_size=3).map(tuple)
OPERATIONS = st.one_of(
    st.builds(Set, PATHS, VALUES),
    st.builds(Unset, PATHS),
    st.builds(Inc, PATHS, NUMBERS),
    st.builds(Push, PATHS, VALUES),
)


def parse(obj: Any, **options: Any) -> tuple[UpdateOperation, ...]:
    return parse_update(orjson.dumps(obj).decode(), **options)


def applied_or_reason(document: Any, operations: list[UpdateOperation]) -> Any:
    try:
        return apply_update(document, operations)
    except DataError as error:
        return error.reason


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"a": 1, "b.0.c": {"d": []}}, [Set(("a",), 1), Set(("b", "0", "c"), {"d": []})]),
        ({"$set": {"a": None}}, [Set(("a",), None)]),
        ({"$unset": {"a": "", "b": None}}, [Unset(("a",)), Unset(("b",))]),
        ({"$inc": {"a": -1, "b": 0.5}}, [Inc(("a",), -1), Inc(("b",), 0.5)]),
        ({"$push": {"a": [1]}, "$set": {"b": 2}}, [Push(("a",), [1]), Set(("b",), 2)]),
    ],
)
def test_an_update_is_understood(obj: Any, expected: list[UpdateOperation]) -> None:
    assert parse(obj) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("", Reason.BAD_FILTER, "update"),
        ("[]", Reason.BAD_FILTER, "update"),
        ("{}", Reason.BAD_FILTER, "update"),
        ("null", Reason.BAD_FILTER, "update"),
        ('{"a":1,"a":2}', Reason.BAD_FILTER, "update"),
        ('{"a":9223372036854775809}', Reason.BAD_FILTER, "update.a"),
        ('{"a":"\\u0000"}', Reason.BAD_FILTER, "update.a"),
        ('{"a":1,"$set":{"b":1}}', Reason.BAD_FILTER, "update.a"),
        ('{"$set":{}}', Reason.BAD_FILTER, "update.$set"),
        ('{"$set":[1]}', Reason.BAD_FILTER, "update.$set"),
        ('{"$sett":{"a":1}}', Reason.BAD_FILTER, "update.$sett"),
        ('{"$inc":{"a":true}}', Reason.BAD_FILTER, "update.$inc.a"),
        ('{"$inc":{"a":"1"}}', Reason.BAD_FILTER, "update.$inc.a"),
        ('{"$inc":{"a":null}}', Reason.BAD_FILTER, "update.$inc.a"),
        ('{"a":{"$inc":1}}', Reason.BAD_FILTER, "update.a.$inc"),
        ('{"a":{"b.c":1}}', Reason.BAD_FILTER, "update.a.b.c"),
        ('{"$push":{"a":{"":1}}}', Reason.BAD_FILTER, "update.$push.a."),
        ('{"a":1,"a.b":2}', Reason.BAD_FILTER, "update"),
        ('{"$set":{"a.b":1},"$unset":{"a":1}}', Reason.BAD_FILTER, "update"),
        ('{"$set":{"a":1},"$inc":{"a":1}}', Reason.BAD_FILTER, "update"),
        ('{"_id":"x"}', Reason.BAD_PATH, "_id"),
        ('{"$inc":{"_version":1}}', Reason.BAD_PATH, "_version"),
        ('{"_other":1}', Reason.BAD_PATH, "_other"),
        ('{"a..b":1}', Reason.BAD_PATH, "a..b"),
        ('{"a.$x":1}', Reason.BAD_PATH, "a.$x"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, reason: Reason, place: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_update(text)
    assert caught.value.reason is reason
    assert [violation.path for violation in caught.value.violations] == [place]


def test_an_update_has_up_to_a_thousand_paths() -> None:
    assert len(parse({f"k{number}": 1 for number in range(1000)})) == 1000
    with pytest.raises(DataError) as caught:
        parse({f"k{number}": 1 for number in range(1001)})
    assert caught.value.reason is Reason.TOO_LARGE


def test_values_are_no_deeper_than_a_document_can_hold_them() -> None:
    assert apply_update({}, parse_update('{"a.b":' + "[" * 62 + "]" * 62 + "}"))
    with pytest.raises(DataError) as caught:
        parse_update('{"a.b":' + "[" * 63 + "]" * 63 + "}")
    assert caught.value.reason is Reason.BAD_FILTER


def test_date_times_are_brought_to_the_stored_form_at_hinted_paths() -> None:
    stored = "2025-01-01T00:00:00.000000Z"
    hinted = frozenset({("a",), ("b", "c")})
    assert parse({"a": "2025-01-01", "b": {"c": "2025-01-01"}, "d": "2025-01-01"}, datetime_paths=hinted) == (
        Set(("a",), stored),
        Set(("b",), {"c": stored}),
        Set(("d",), "2025-01-01"),
    )
    assert parse({"b.c": "2025-01-01"}, datetime_paths=hinted) == (Set(("b", "c"), stored),)


@given(DOCUMENTS, st.lists(OPERATIONS, max_size=3))
def test_an_update_never_changes_the_document_it_is_given(document: Any, operations: list[UpdateOperation]) -> None:
    before = copy.deepcopy(document)
    after = applied_or_reason(document, operations)
    if after is not Reason.BAD_DOCUMENT:
        assert equal(orjson.loads(orjson.dumps(after)), after)
    assert document == before


@given(DOCUMENTS, PATHS, VALUES)
def test_after_a_set_the_value_is_there_and_after_an_unset_nothing(document: Any, path: Any, value: Any) -> None:
    try:
        after = apply_update(document, [Set(path, value)])
    except DataError:
        return
    assert equal(get(after, path), value)
    try:
        gone = apply_update(after, [Unset(path)])
    except DataError:
        assert isinstance(get(after, path[:-1]), list)
    else:
        assert get(gone, path) is MISSING


def test_the_error_of_a_misfit_names_the_path_and_no_value() -> None:
    with pytest.raises(DataError) as caught:
        apply_update({"a": {"b": "secret"}}, [Inc(("a", "b"), 1)])
    assert caught.value.violations[0].path == "a.b"
    assert "secret" not in repr(vars(caught.value))


def test_steps_are_applied_in_order() -> None:
    steps: list[UpdateOperation] = [
        Set(("a",), []),
        Push(("a",), 1),
        Push(("a",), 2),
        Set(("a", "0"), 5),
        Inc(("a", "1"), 1),
    ]
    assert apply_update({"a": "x"}, steps) == {"a": [5, 3]}
