"""Admission: what is stored fits its collection, in type and in size, and no update leads around that."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aol_broker.admission import admit_document, admit_update
from aol_broker.registry.snapshot import CollectionRecord, Validation
from aol_broker.violations import VIOLATIONS_SHOWN
from aol_wire.errors import DataError, Reason
from aol_wire.limits import DOCUMENT_MAX_BYTES
from aol_wire.schema_hint import TYPES
from aol_wire.update_apply import apply_update
from aol_wire.update_parser import parse_update

HINT = {
    "a.b": "number",
    "a.t": "datetime",
    "s": "string",
    "n": "number",
    "list": "array",
    "deep": "object",
    "on": "boolean",
}


def record(hint: dict[str, str] | None = None, validation: Validation = Validation.STRICT) -> CollectionRecord:
    schema_hint = HINT if hint is None else hint
    return CollectionRecord("shop", "things", "memory", schema_hint=schema_hint, validation=validation)


def updated(update: object, **options: Any) -> None:
    strict = record(**options)
    admit_update(parse_update(json.dumps(update), strict.datetime_paths), strict)


def refused(update: object) -> DataError:
    with pytest.raises(DataError) as caught:
        updated(update)
    assert caught.value.reason is Reason.VALIDATION_FAILED
    return caught.value


@pytest.mark.parametrize(
    ("update", "path"),
    [
        ({"a.b": "text"}, "a.b"),
        ({"$set": {"a": {"b": "text"}}}, "a.b"),
        ({"$set": {"a": {"b": 1, "t": "yesterday"}}}, "a.t"),
        ({"$set": {"n": True}}, "n"),
        ({"$set": {"on": 1}}, "on"),
        ({"$set": {"deep": []}}, "deep"),
        ({"$push": {"n": 1}}, "n"),
        ({"$push": {"deep": 1}}, "deep"),
        ({"$inc": {"s": 1}}, "s"),
        ({"$inc": {"list": 1}}, "list"),
        ({"$set": {"n.deep": 1}}, "n"),
        ({"$inc": {"s.x.y": 1}}, "s"),
        ({"$push": {"a.b.c": 1}}, "a.b"),
        ({"$set": {"list.0": 1}}, "list"),
        ({"$set": {"list.x": 1}}, "list"),
    ],
)
def test_a_strict_collection_refuses_an_update_that_could_leave_another_type(update: object, path: str) -> None:
    assert [violation.path for violation in refused(update).violations] == [path]


@pytest.mark.parametrize(
    "update",
    [
        {"a.b": 2.5},
        {"a": {"b": 1, "t": "2020-01-01", "other": "text"}},
        {"a": "no object"},
        {"a.t": "2020-01-02"},
        {"s": None},
        {"$unset": {"s": True, "list": True}},
        {"$push": {"list": "x", "other": 1}},
        {"$inc": {"n": 1, "a.b": 0.5, "other.x": 1}},
        {"deep.x.y": [1]},
        {"other": {"b": "text"}},
    ],
)
def test_a_strict_collection_takes_an_update_that_keeps_the_types(update: object) -> None:
    updated(update)


def test_a_collection_that_only_warns_takes_every_update() -> None:
    updated({"n": "text"}, validation=Validation.WARN)
    updated({"n": "text"}, validation=Validation.OFF)


def test_a_refusal_tells_the_first_violations_and_how_many_there_are() -> None:
    hint = {f"f{number:03}": "number" for number in range(500)}
    document = json.dumps(dict.fromkeys(hint, "x"))
    with pytest.raises(DataError) as caught:
        admit_document(document, "", record(hint))
    assert len(caught.value.violations) == VIOLATIONS_SHOWN
    assert f"and {500 - VIOLATIONS_SHOWN} more" in caught.value.message
    with pytest.raises(DataError) as caught:
        updated(dict.fromkeys(hint, "x"), hint=hint)
    assert len(caught.value.violations) == VIOLATIONS_SHOWN


KEYS = st.sampled_from(["a", "b", "c", "0"])
SCALARS = st.sampled_from([None, True, 1, 2.5, "text", "2020-01-01", "2020-01-01T00:00:00.000000Z"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
HINT_PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(".".join)
PATHS = st.lists(KEYS, min_size=1, max_size=4).map(".".join)
HINTS = st.dictionaries(HINT_PATHS, st.sampled_from(TYPES), min_size=1, max_size=4)
STEPS = st.one_of(
    st.fixed_dictionaries({"$set": st.dictionaries(PATHS, VALUES, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"$push": st.dictionaries(PATHS, VALUES, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"$inc": st.dictionaries(PATHS, st.integers(-5, 5), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"$unset": st.dictionaries(PATHS, st.just(1), min_size=1, max_size=2)}),
)


@given(HINTS, st.dictionaries(KEYS, VALUES, max_size=3), STEPS)
def test_whatever_fitted_before_an_update_that_is_taken_fits_after_it(
    hint: dict[str, str], document: dict[str, Any], update: dict[str, Any]
) -> None:
    strict = record(hint)
    try:
        before = json.loads(admit_document(json.dumps(document), "x", strict).json)
        operations = admit_update(parse_update(json.dumps(update), strict.datetime_paths), strict)
        after = apply_update(before, operations)
    except DataError:
        assume(False)
    stored = json.loads(admit_document(json.dumps(after), "x", strict).json)
    assert stored == after  # date-times too are in the form that is stored


def test_a_document_may_not_grow_past_the_limit_on_its_way_into_the_store() -> None:
    text = '{"a":[' + ",".join(["1e15"] * 200_000) + "]}"
    assert len(text) < DOCUMENT_MAX_BYTES
    with pytest.raises(DataError) as caught:
        admit_document(text, "", record({}))
    assert caught.value.reason is Reason.TOO_LARGE


@given(st.integers(min_value=DOCUMENT_MAX_BYTES - 20, max_value=DOCUMENT_MAX_BYTES))
def test_what_was_stored_can_be_stored_again(size: int) -> None:
    text = json.dumps({"a": "x" * (size - len('{"a":""}'))}, separators=(",", ":"))
    stored = admit_document(text, "x", record({})).json
    assert admit_document(stored, "x", record({})).json == stored


def test_date_times_are_stored_in_their_form_wherever_the_hint_says() -> None:
    admitted = admit_document('{"a": {"t": "2020-01-01"}, "s": "2020-01-01"}', "x", record())
    assert json.loads(admitted.json) == {"a": {"t": "2020-01-01T00:00:00.000000Z"}, "s": "2020-01-01"}
