"""What may a schema hint say of a field beyond its type, and what did the older forms mean?"""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.errors import DataError, Reason
from aol_wire.field_rules import FieldRules, SchemaHint, stored_rules, write_field_rules
from aol_wire.limits import ENUM_MAX_VALUES, INT64_MAX
from aol_wire.schema_hint import parse_schema_hint


def problems(hint: Any) -> dict[str, str]:
    with pytest.raises(DataError) as caught:
        parse_schema_hint(hint)
    assert caught.value.reason is Reason.BAD_REQUEST
    return {violation.path: violation.description for violation in caught.value.violations}


def test_a_field_is_a_type_or_an_object_of_its_type_and_rules() -> None:
    hint = parse_schema_hint(
        {"email": {"type": "string", "required": True, "pattern": "@", "maxLength": 320}, "n": "number"}
    )
    assert hint.types == {"email": "string", "n": "number"}
    assert hint.rules == {"email": FieldRules(required=True, pattern="@", max_length=320)}


@pytest.mark.parametrize(
    ("hint", "types"),
    [
        ({"x": {"type": "string", "min": "number"}}, {"x.type": "string", "x.min": "number"}),
        ({"x": {"type": "string", "items": "array"}}, {"x.type": "string", "x.items": "array"}),
        ({"x": {"type": "string", "place": {"city": "string"}}}, {"x.type": "string", "x.place.city": "string"}),
        ({"x": {"type": "string", "properties": {"a": "number"}}}, {"x.type": "string", "x.properties.a": "number"}),
        ({"x.type": "string"}, {"x.type": "string"}),
        ({"x": {"type": {"type": "string"}}}, {"x.type": "string"}),
        ({"type": "string", "min": "number"}, {"type": "string", "min": "number"}),
    ],
)
def test_what_could_be_fields_of_an_object_is_as_it_always_was(hint: Any, types: dict[str, str]) -> None:
    assert parse_schema_hint(hint) == SchemaHint(types, {})


def test_a_type_alone_is_the_type_of_the_field() -> None:
    assert parse_schema_hint({"x": {"type": "string"}}) == SchemaHint({"x": "string"}, {})


def test_fields_of_objects_and_elements_of_arrays_have_rules_of_their_own() -> None:
    city: Any = {"type": "string", "required": True}
    as_properties: Any = {"a": {"type": "object", "required": True, "properties": {"city": city, "b.c": "number"}}}
    as_paths: Any = {"a": {"type": "object", "required": True}, "a.city": city, "a.b": {"c": "number"}}
    assert parse_schema_hint(as_properties) == parse_schema_hint(as_paths)
    assert parse_schema_hint(as_paths).types == {"a": "object", "a.city": "string", "a.b.c": "number"}
    elements = parse_schema_hint({"l": {"type": "array", "items": {"sku": city}}}).rules["l"].items
    assert elements == SchemaHint({"": "object", "sku": "string"}, {"sku": FieldRules(required=True)})


@pytest.mark.parametrize(
    ("said", "place", "word"),
    [
        ({"type": "strng", "required": True}, "x.type", "string"),
        ({"type": "string", "requird": True}, "x.requird", "required"),
        ({"type": "string", "validation": "url"}, "x.validation", "no rule"),
        ({"required": True}, "x.required", "type"),
        ({"type": "string", "required": "yes"}, "x.required", "true or false"),
        ({"type": "number", "pattern": "x"}, "x.pattern", "string"),
        ({"type": "string", "pattern": "("}, "x.pattern", "RE2"),
        ({"type": "string", "pattern": "(a)\\1"}, "x.pattern", "RE2"),
        ({"type": "string", "pattern": "x" * 1025}, "x.pattern", "1024"),
        ({"type": "string", "pattern": ""}, "x.pattern", "empty"),
        ({"type": "string", "min": 1}, "x.min", "number"),
        ({"type": "number", "min": 5, "max": 3}, "x.min", "max"),
        ({"type": "number", "min": True}, "x.min", "number"),
        ({"type": "number", "min": INT64_MAX + 1}, "x.min", "range"),
        ({"type": "number", "max": float("inf")}, "x.max", "range"),
        ({"type": "string", "minLength": 5, "maxLength": 3}, "x.minLength", "maxLength"),
        ({"type": "string", "maxLength": -1}, "x.maxLength", "0 or more"),
        ({"type": "string", "maxLength": 1.5}, "x.maxLength", "whole"),
        ({"type": "string", "enum": []}, "x.enum", "list"),
        ({"type": "string", "enum": ["a"] * (ENUM_MAX_VALUES + 1)}, "x.enum", "256"),
        ({"type": "string", "enum": ["a", 1]}, "x.enum.1", "string"),
        ({"type": "number", "enum": [1, True]}, "x.enum.1", "number"),
        ({"type": "number", "enum": [1, 1.0]}, "x.enum.1", "twice"),
        ({"type": "datetime", "enum": ["2020-01-01"]}, "x.enum", "datetime"),
        ({"type": "object", "items": "string", "required": True}, "x.items", "array"),
        ({"type": "array", "items": 5}, "x.items", "type"),
        ({"type": "array", "items": {"type": "string", "min": 1}}, "x.items.min", "number"),
        ({"type": "array", "items": {"sku": "strng"}}, "x.items.sku", "type"),
        ({"type": "object", "properties": {"y": {"type": "number", "min": ""}}}, "x.properties.y.min", "number"),
        ({"type": "object", "properties": "string"}, "x.properties", "object"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_told_with_its_place(said: Any, place: str, word: str) -> None:
    told = problems({"x": said})
    assert list(told) == [place]
    assert word in told[place]


def test_what_is_under_something_without_fields_cannot_be_required() -> None:
    assert list(problems({"a": "string", "a.b": {"type": "string", "required": True}})) == ["a.b"]
    in_elements: Any = {"type": "array", "items": {"type": "string", "required": True}}
    assert parse_schema_hint({"a": in_elements}).rules["a"].items == SchemaHint(
        {"": "string"}, {"": FieldRules(required=True)}
    )


RULES = st.one_of(
    st.fixed_dictionaries({"type": st.just("string"), "required": st.booleans(), "maxLength": st.integers(0, 9)}),
    st.fixed_dictionaries({"type": st.just("number"), "min": st.integers(-9, 9), "enum": st.just([1, 2.5])}),
    st.fixed_dictionaries({"type": st.just("boolean"), "enum": st.just([True])}),
    st.just({"type": "string"}),
    st.sampled_from(["string", "datetime"]),
)
KEYS = st.sampled_from(["type", "a", "b"])
ELEMENTS = st.recursive(
    RULES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "required": st.booleans(),
                "properties": st.dictionaries(KEYS, inner, max_size=2),
            }
        ),
    ),
    max_leaves=4,
)


@given(st.dictionaries(KEYS, ELEMENTS, max_size=3))
def test_rules_are_written_and_read_back_as_they_were(said: dict[str, Any]) -> None:
    wrapped: Any = {"x": {"type": "object", "properties": said}}
    hint = parse_schema_hint(wrapped)
    written = orjson.loads(orjson.dumps(write_field_rules(hint.rules, hint.types)))
    assert {path: stored_rules(rules) for path, rules in written.items()} == hint.rules
    assert parse_schema_hint(written).rules == hint.rules
