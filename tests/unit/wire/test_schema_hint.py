"""What may a schema hint say, and how much of it?"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.errors import DataError, Reason
from aol_wire.limits import PATH_MAX_SEGMENTS, SCHEMA_HINT_MAX_BYTES, SCHEMA_HINT_MAX_PATHS
from aol_wire.schema_hint import parse_schema_hint, read_schema_hint

ANY_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["string", "array"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def types_or_error(value: Any) -> Mapping[str, str] | DataError:
    try:
        return parse_schema_hint(value).types
    except DataError as error:
        return error


def refusal(hint: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        parse_schema_hint(hint)
    return caught.value


def nested(levels: int) -> dict[str, Any]:
    hint: Any = "string"
    for _ in range(levels):
        hint = {"a": hint}
    return dict(hint)


def test_dotted_paths_and_nested_objects_say_the_same() -> None:
    assert parse_schema_hint({"a": {"b": "string"}, "a.c": "number"}).types == {"a.b": "string", "a.c": "number"}
    assert read_schema_hint("").types == {}
    assert read_schema_hint('{"a": {"b": "string"}}').types == {"a.b": "string"}


@given(ANY_JSON)
def test_any_value_is_a_hint_or_a_data_error(value: Any) -> None:
    hint = types_or_error(value)
    if isinstance(hint, DataError):
        assert hint.reason is Reason.BAD_REQUEST
        assert hint.message.encode()
    else:
        assert parse_schema_hint(dict(hint)).types == hint


@pytest.mark.parametrize("levels", [PATH_MAX_SEGMENTS + 1, 60])
def test_a_hint_nests_no_deeper_than_a_path_goes(levels: int) -> None:
    assert parse_schema_hint(nested(PATH_MAX_SEGMENTS)).types == {".".join("a" * PATH_MAX_SEGMENTS): "string"}
    assert refusal(nested(levels)).reason is Reason.BAD_REQUEST


def test_a_hint_nested_a_thousand_deep_is_refused_and_not_a_bug() -> None:
    text = '{"a":' * 1000 + '"string"' + "}" * 1000
    with pytest.raises(DataError) as caught:
        read_schema_hint(text)
    assert caught.value.reason is Reason.BAD_REQUEST


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": "string"}, "a.b": "number"}',
        '{"a.b": "number", "a": {"b": "number"}}',
        '{"a": "string", "a": "number"}',
    ],
)
def test_a_path_stands_in_a_hint_once(text: str) -> None:
    with pytest.raises(DataError) as caught:
        read_schema_hint(text)
    assert caught.value.reason is Reason.BAD_REQUEST


def test_a_text_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(DataError) as caught:
        read_schema_hint("no JSON" + " " * SCHEMA_HINT_MAX_BYTES)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_hint_has_so_many_paths_and_no_more_be_they_good_or_bad() -> None:
    assert len(parse_schema_hint({f"f{number}": "string" for number in range(SCHEMA_HINT_MAX_PATHS)}).types) == 1000
    for kind in ("string", "nothing"):
        assert refusal({f"f{number}": kind for number in range(SCHEMA_HINT_MAX_PATHS + 1)}).reason is Reason.TOO_LARGE


def test_short_nested_text_that_is_long_when_written_out_is_refused() -> None:
    hint = {"a" * 240: {f"f{number}": "string" for number in range(999)}}
    assert len(json.dumps(hint)) < SCHEMA_HINT_MAX_BYTES
    assert refusal(hint).reason is Reason.TOO_LARGE


def test_every_mistake_is_told_with_its_path_at_a_bearable_length() -> None:
    error = refusal({"a": {"b": "strng"}, "x..y": "string", "漢" * 5000: "zz", "ok": "string"})
    assert [violation.path for violation in error.violations][:2] == ["a.b", "x..y"]
    assert len(error.violations) == 3
    assert len(error.message) < 1000
