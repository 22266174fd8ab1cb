"""Which texts are documents?"""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.documents import encode, ensure_document, parse_document
from aol_wire.errors import DataError, Reason
from aol_wire.values import equal

KEYS = st.text(min_size=1, max_size=5).filter(
    lambda key: key[0] not in "$_" and not set(key) & {".", "\0"} and key.isprintable()
)
STRINGS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    STRINGS,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4))
)


def parsed_or_reason(text: str) -> dict[str, Any] | Reason:
    try:
        return parse_document(text)
    except DataError as error:
        return error.reason


def refusal(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse_document(text)
    return caught.value


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_good_document_is_what_it_says_in_any_spelling(document: dict[str, Any]) -> None:
    for text in (encode(document), json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        parsed = parse_document(text)
        assert equal(parsed, document)
        assert json.dumps(parsed, sort_keys=True) == json.dumps(document, sort_keys=True)


@given(st.text(max_size=40))
def test_any_text_is_a_document_or_a_data_error(text: str) -> None:
    assert isinstance(parsed_or_reason(text), dict) or parsed_or_reason(text) is Reason.BAD_DOCUMENT


@given(st.text(st.sampled_from('{}[]",:0123456789eE+-.\\utrnalsf $_'), max_size=30).map(lambda text: '{"a":' + text))
def test_any_text_that_looks_like_json_is_a_document_or_a_data_error(text: str) -> None:
    parsed = parsed_or_reason(text)
    assert parsed is Reason.BAD_DOCUMENT or parsed == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        '{"a":1',
        '{"a":1}}',
        "{'a':1}",
        '{"a":01}',
        '{"a":+1}',
        '{"a":.5}',
        '{"a":1,}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":-1e400}',
        '{"a":"\t"}',
        '{"a":"\\x41"}',
        '\ufeff{"a":1}',
        '{"a":1} //',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a":' + "9" * 100_000 + "}",
        '{"a":' + "[" * 600 + "]" * 600 + "}",
        '{"a":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    assert refusal(text).reason is Reason.BAD_DOCUMENT


@pytest.mark.parametrize("text", ["[]", "null", "1", '"x"', "true", '[{"a":1}]'])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert refusal(text).reason is Reason.BAD_DOCUMENT


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a":{"b":1,"b":1}}', "document.a"),
        ('{"a":1,"a":1}', "document"),
        ('{"a":[0,{"b":{"c":1,"c":2}}]}', "document.a.1.b"),
        ('{"a":{"b":{"x":1,"x":2}},"a":1}', "document"),
        ('{"x":1,"\\u0078":2}', "document"),
        ('{"a":{"":1}}', "document.a."),
        ('{"a":{"b.c":1}}', "document.a.b.c"),
        ('{"a":[{"$b":1}]}', "document.a.0.$b"),
        ('{"$set":1}', "document.$set"),
        ('{"a":[1,"x\\u0000y"]}', "document.a.1"),
        ('{"a":{"b\\u0000":1}}', "document.a.b\ufffd"),
        ('{"_a":1}', "document._a"),
        ('{"_id":"x"}', "document._id"),
        ('{"_":1}', "document._"),
        ('{"a":{"b":[9223372036854775809]}}', "document.a.b.0"),
        ('{"a":-9223372036854775809}', "document.a"),
        ('{"a":18446744073709551617}', "document.a"),
        ('{"a":{"b":100000000000000000000000000000001}}', "document.a.b"),
    ],
)
def test_a_refusal_names_the_path_that_is_wrong(text: str, place: str) -> None:
    error = refusal(text)
    assert error.reason is Reason.BAD_DOCUMENT
    assert [violation.path for violation in error.violations] == [place]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", 2.0**63),
        ("18446744073709551616", 2.0**64),
        ("-18446744073709551616", -(2.0**64)),
        ("100000000000000000000", 1e20),
        ("1e20", 1e20),
        ("12345678901234567890.0", 12345678901234567168.0),
        ("-0", 0),
        ("1E3", 1000.0),
    ],
)
def test_a_number_is_kept_exactly_or_as_the_double_it_is(text: str, value: float) -> None:
    parsed = parse_document('{"a":' + text + "}")["a"]
    assert parsed == value
    assert type(parsed) is type(value)


@given(st.integers(min_value=2**63, max_value=2**70))
def test_an_integer_beyond_int64_is_kept_only_if_it_is_a_double(number: int) -> None:
    for signed in (number, -number - 1):
        text = f'{{"a":{signed}}}'
        if int(float(signed)) == signed:
            assert parse_document(text) == {"a": float(signed)}
        else:
            assert refusal(text).violations[0].path == "document.a"


@pytest.mark.parametrize("text", ['{"a":"\\ud800"}', '{"a":"\\udc00x"}', '{"a":"\ud800"}', '{"\ud800":1}'])
def test_a_lone_surrogate_is_refused(text: str) -> None:
    assert refusal(text).reason is Reason.BAD_DOCUMENT


@pytest.mark.parametrize("text", ['{"a":"\\ud83d\\ude00"}', '{"a":"\\\\u0000"}', '{"a":"$x.y"}', '{"a":{"_b":1}}'])
def test_what_only_resembles_something_wrong_is_kept(text: str) -> None:
    assert parse_document(text) == json.loads(text)


def test_a_document_has_up_to_64_levels() -> None:
    assert parse_document('{"a":' * 64 + "1" + "}" * 64)
    assert parse_document('{"a":' + "[" * 63 + "]" * 63 + "}")
    assert refusal('{"a":' * 65 + "1" + "}" * 65).reason is Reason.BAD_DOCUMENT
    assert refusal('{"a":' + "[" * 64 + "]" * 64 + "}").reason is Reason.BAD_DOCUMENT


def test_a_document_has_up_to_a_mebibyte() -> None:
    frame = len('{"a":""}')
    assert parse_document('{"a":"' + "x" * ((1 << 20) - frame) + '"}')
    assert refusal('{"a":"' + "x" * ((1 << 20) - frame + 1) + '"}').reason is Reason.TOO_LARGE
    assert refusal('{"a":"' + "é" * (1 << 19) + '"}').reason is Reason.TOO_LARGE


def test_reserved_keys_are_let_through_only_by_name() -> None:
    assert parse_document('{"_id":"x","a":1}', frozenset({"_id"})) == {"_id": "x", "a": 1}
    with pytest.raises(DataError):
        parse_document('{"_id":"x","_version":1}', frozenset({"_id"}))


def test_an_error_tells_no_value_and_stays_short() -> None:
    key = "k" * 5000
    text = orjson.dumps({key: {key: {key: {"secret": {"a.b": "secret value"}}}}}).decode()
    error = refusal(text)
    assert "secret value" not in repr(vars(error))
    assert len(error.message) < 500


def test_a_changed_document_is_checked_again() -> None:
    ensure_document({"a": {"b": [1]}})
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    documents: list[dict[str, Any]] = [{"a": 2**63 + 1}, {"a.b": 1}, {"a": deep}]
    for document in documents:
        with pytest.raises(DataError) as caught:
            ensure_document(document)
        assert caught.value.reason is Reason.BAD_DOCUMENT
    with pytest.raises(DataError) as caught:
        ensure_document({"a": "x" * (1 << 20)})
    assert caught.value.reason is Reason.TOO_LARGE
