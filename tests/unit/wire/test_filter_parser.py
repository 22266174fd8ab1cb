"""Which filters are understood, and what do the others hear?"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.adapter import Capability
from aol_wire.capabilities import required_by_filter
from aol_wire.errors import DataError, Reason
from aol_wire.filter_parser import parse_filter, parse_filter_object
from aol_wire.filters import (
    And,
    Compare,
    Contains,
    Exists,
    Filter,
    Member,
    Not,
    Operator,
    Or,
    Regex,
    RegexLevel,
    Text,
)

A, B = ("a",), ("b",)
ONE = Compare(A, Operator.EQ, 1)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["a", "a.b", "_id", "_x", "", "$and", "$or", "$not", "$text", "$in", "$gt", "$regex", "$options", "$x"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)


def parse(obj: Any) -> Filter | None:
    return parse_filter(orjson.dumps(obj).decode())


def reason_of(parser: Callable[[], object]) -> Reason | None:
    try:
        parser()
    except DataError as error:
        return error.reason
    except (orjson.JSONEncodeError, UnicodeEncodeError):  # it is no JSON that could have been sent
        return None
    return None


def refusal(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse_filter(text)
    return caught.value


@pytest.mark.parametrize("text", ["", "{}", " { } "])
def test_an_empty_filter_is_none(text: str) -> None:
    assert parse_filter(text) is None


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"a": 1}, ONE),
        ({"a.0.b": None}, Compare(("a", "0", "b"), Operator.EQ, None)),
        ({"a": {}}, Compare(A, Operator.EQ, {})),
        ({"a": {"b": 1}}, Compare(A, Operator.EQ, {"b": 1})),
        ({"a": [{"b": 1}]}, Compare(A, Operator.EQ, [{"b": 1}])),
        ({"a": {"$eq": {"b": 1}}}, Compare(A, Operator.EQ, {"b": 1})),
        ({"a": {"$ne": 1}}, Compare(A, Operator.NE, 1)),
        ({"a": {"$gt": 1}}, Compare(A, Operator.GT, 1)),
        ({"a": {"$gte": "x"}}, Compare(A, Operator.GTE, "x")),
        ({"a": {"$lt": True}}, Compare(A, Operator.LT, True)),
        ({"a": {"$lte": 1.5}}, Compare(A, Operator.LTE, 1.5)),
        ({"a": {"$in": []}}, Member(A, ())),
        ({"a": {"$in": [1, None, [2]]}}, Member(A, (1, None, [2]))),
        ({"a": {"$nin": [1]}}, Member(A, (1,), negated=True)),
        ({"a": {"$exists": False}}, Exists(A, False)),
        ({"a": {"$contains": None}}, Contains(A, None)),
        ({"a": {"$regex": "^x"}}, Regex(A, "^x", False, RegexLevel.COMMON)),
        ({"a": {"$options": "i", "$regex": r"\D"}}, Regex(A, r"\D", True, RegexLevel.FULL)),
        ({"$text": "Two, two WORDS"}, Text(("two", "words"))),
        ({"$not": {"a": 1}}, Not(ONE)),
        ({"$or": [{"a": 1}]}, ONE),
        ({"$or": [{"a": 1}, {"b": {"$gt": 0}}]}, Or((ONE, Compare(B, Operator.GT, 0)))),
        ({"$and": [{"a": 1}, {"a": 1}]}, And((ONE, ONE))),
        ({"a": {"$gt": 0, "$lt": 9}}, And((Compare(A, Operator.GT, 0), Compare(A, Operator.LT, 9)))),
        ({"a": 1, "$text": "w"}, And((ONE, Text(("w",))))),
        ({"_version": {"$gt": 2}}, Compare(("_version",), Operator.GT, 2)),
        ({"_created_at": {"$lt": "1970-01-01T00:00:01"}}, Compare(("_created_at",), Operator.LT, 1_000_000)),
        ({"_deleted_at": None}, Compare(("_deleted_at",), Operator.EQ, None)),
        ({"_updated_at": {"$in": ["1970-01-01", None]}}, Member(("_updated_at",), (0, None))),
    ],
)
def test_a_filter_is_understood(obj: Any, expected: Filter) -> None:
    assert parse(obj) == expected
    assert parse_filter_object(obj) == expected


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("[]", Reason.BAD_FILTER, "filter"),
        ("1", Reason.BAD_FILTER, "filter"),
        ("{", Reason.BAD_FILTER, "filter"),
        ('{"a":1,"a":2}', Reason.BAD_FILTER, "filter"),
        ('{"a":9223372036854775809}', Reason.BAD_FILTER, "filter.a"),
        ('{"a":18446744073709551617}', Reason.BAD_FILTER, "filter.a"),
        ('{"a":"\\u0000"}', Reason.BAD_FILTER, "filter.a"),
        ('{"a":NaN}', Reason.BAD_FILTER, "filter"),
        ('{"a":{"b":{"$gt":1}}}', Reason.BAD_FILTER, "filter.a.b.$gt"),
        ('{"a":{"b.c":1}}', Reason.BAD_FILTER, "filter.a.b.c"),
        ('{"a":{"$in":[{"$x":1}]}}', Reason.BAD_FILTER, "filter.a.$in.0.$x"),
        ('{"a":{"$gt":1,"b":2}}', Reason.BAD_FILTER, "filter.a"),
        ('{"a":{"$gt":null}}', Reason.BAD_FILTER, "filter.a.$gt"),
        ('{"a":{"$lte":[1]}}', Reason.BAD_FILTER, "filter.a.$lte"),
        ('{"a":{"$lt":{}}}', Reason.BAD_FILTER, "filter.a.$lt"),
        ('{"a":{"$in":1}}', Reason.BAD_FILTER, "filter.a.$in"),
        ('{"a":{"$nin":{"0":1}}}', Reason.BAD_FILTER, "filter.a.$nin"),
        ('{"a":{"$exists":1}}', Reason.BAD_FILTER, "filter.a.$exists"),
        ('{"a":{"$regex":1}}', Reason.BAD_FILTER, "filter.a.$regex"),
        ('{"a":{"$regex":"(a"}}', Reason.BAD_FILTER, "filter.a.$regex"),
        ('{"a":{"$regex":"(a)\\\\1"}}', Reason.BAD_FILTER, "filter.a.$regex"),
        ('{"a":{"$regex":"(?=a)"}}', Reason.BAD_FILTER, "filter.a.$regex"),
        ('{"a":{"$regex":"a","$options":"m"}}', Reason.BAD_FILTER, "filter.a.$regex"),
        ('{"a":{"$regex":"a","$options":0}}', Reason.BAD_FILTER, "filter.a.$regex"),
        ('{"a":{"$options":"i"}}', Reason.BAD_FILTER, "filter.a.$options"),
        ('{"a":{"$not":{"$gt":1}}}', Reason.BAD_FILTER, "filter.a.$not"),
        ('{"$and":[]}', Reason.BAD_FILTER, "filter.$and"),
        ('{"$or":{}}', Reason.BAD_FILTER, "filter.$or"),
        ('{"$or":[{}]}', Reason.BAD_FILTER, "filter.$or.0"),
        ('{"$or":[1]}', Reason.BAD_FILTER, "filter.$or.0"),
        ('{"$not":[]}', Reason.BAD_FILTER, "filter.$not"),
        ('{"$not":{}}', Reason.BAD_FILTER, "filter.$not"),
        ('{"$text":1}', Reason.BAD_FILTER, "filter.$text"),
        ('{"$text":"!? _"}', Reason.BAD_FILTER, "filter.$text"),
        ('{"$gt":1}', Reason.BAD_FILTER, "filter.$gt"),
        ('{"$where":"1"}', Reason.BAD_FILTER, "filter.$where"),
        ('{"_created_at":5}', Reason.BAD_FILTER, "filter._created_at"),
        ('{"_created_at":{"$gt":"yesterday"}}', Reason.BAD_FILTER, "filter._created_at.$gt"),
        ('{"_updated_at":{"$in":[true]}}', Reason.BAD_FILTER, "filter._updated_at.$in.0"),
        ('{"_deleted_at":{"$regex":"2025"}}', Reason.BAD_FILTER, "filter._deleted_at.$regex"),
        ('{"_deleted_at":{"$contains":1}}', Reason.BAD_FILTER, "filter._deleted_at.$contains"),
        ('{"_secret":1}', Reason.BAD_PATH, "_secret"),
        ('{"_id.x":1}', Reason.BAD_PATH, "_id.x"),
        ('{"":1}', Reason.BAD_PATH, ""),
        ('{"a..b":1}', Reason.BAD_PATH, "a..b"),
        ('{"a.$b":1}', Reason.BAD_PATH, "a.$b"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, reason: Reason, place: str) -> None:
    error = refusal(text)
    assert error.reason is reason
    assert [violation.path for violation in error.violations] == [place]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ('{"a":{"$regx":"a"}}', "$regex"),
        ('{"a":{"$exist":true}}', "$exists"),
        ('{"a":{"$gtt":1}}', "$gt"),
        ('{"a":{"$contain":1}}', "$contains"),
        ('{"$nand":[]}', "$and"),
        ('{"$txt":"a"}', "$text"),
        ('{"a":{"$elephant":1}}', "$eq"),
    ],
)
def test_an_unknown_operator_hears_the_nearest_one(text: str, nearest: str) -> None:
    assert nearest in refusal(text).message


def test_limits_are_exact() -> None:
    assert parse({"a": {"$in": list(range(1000))}}) is not None
    assert refusal('{"a":{"$in":' + str(list(range(1001))) + "}}").reason is Reason.TOO_LARGE
    assert refusal('{"a":{"$in":' + str(list(range(10_000))) + "}}").reason is Reason.TOO_LARGE
    assert parse({"$or": [{"a": 1}] * 255}) is not None
    assert refusal(orjson.dumps({"$or": [{"a": 1}] * 256}).decode()).reason is Reason.TOO_LARGE
    assert parse_filter('{"$not":' * 15 + '{"a":1}' + "}" * 15) is not None
    assert refusal('{"$not":' * 16 + '{"a":1}' + "}" * 16).reason is Reason.BAD_FILTER
    assert refusal('{"$not":' * 100_000).reason is Reason.BAD_FILTER
    assert refusal('{"a":{"$regex":"' + "a" * 1025 + '"}}').reason is Reason.TOO_LARGE
    assert refusal('{"$text":"' + " ".join(map(str, range(1001))) + '"}').reason is Reason.TOO_LARGE
    assert refusal('{"a":"' + "x" * (2 << 20) + '"}').reason is Reason.TOO_LARGE


def test_date_times_are_brought_to_the_stored_form_at_hinted_paths() -> None:
    hinted = frozenset({A, ("b", "c")})
    stored = "2025-01-01T00:00:00.000000Z"
    for operator in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"):
        parsed = parse_filter('{"a":{"%s":"2025-01-01"}}' % operator, hinted)  # noqa: UP031
        assert isinstance(parsed, Compare)
        assert parsed.operand == stored
    assert parse_filter('{"a":{"$in":["2025-01-01","x",1]}}', hinted) == Member(A, (stored, "x", 1))
    assert parse_filter('{"b":{"c":"2025-01-01"}}', hinted) == Compare(B, Operator.EQ, {"c": stored})
    assert parse_filter('{"b.c":"2025-01-01"}', hinted) == Compare(("b", "c"), Operator.EQ, stored)
    assert parse_filter('{"x":"2025-01-01"}', hinted) == Compare(("x",), Operator.EQ, "2025-01-01")


@given(JSON)
def test_any_json_is_a_filter_or_a_data_error(obj: Any) -> None:
    allowed = {None, Reason.BAD_FILTER, Reason.BAD_PATH, Reason.TOO_LARGE}
    assert reason_of(partial(parse, obj)) in allowed
    assert reason_of(partial(parse_filter_object, obj)) in allowed


@given(
    st.sampled_from(["a", "a.b", "", "a..b", "_id", "_x", "_id.x", "_created_at", "$x", "x" * 65, "a.0", "a\0"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3), st.just("2025-01-01")
    ),
    st.sampled_from([frozenset(), frozenset({A})]),
)
def test_one_path_and_a_value_are_understood_as_within_a_longer_filter(
    key: str, operand: Any, hinted: frozenset[tuple[str, ...]]
) -> None:
    alone, among = json.dumps({key: operand}), json.dumps({"$and": [{key: operand}]})
    reason = reason_of(partial(parse_filter, alone, hinted))
    assert reason == reason_of(partial(parse_filter, among, hinted))
    if reason is None:
        assert parse_filter(alone, hinted) == parse_filter(among, hinted)


def test_an_error_tells_no_operand_and_stays_short() -> None:
    error = refusal(orjson.dumps({"k" * 10_000: {"$gt": ["secret"]}}).decode())
    assert "secret" not in repr(vars(error))
    assert len(error.message) < 500


def test_a_filter_says_which_capabilities_it_needs() -> None:
    condition = parse({"$or": [{"a": {"$regex": "x"}}, {"$not": {"b": {"$regex": "(?i)x"}}}, {"$text": "w"}, {"c": 1}]})
    assert required_by_filter(condition) == {Capability.REGEX, Capability.REGEX_FULL, Capability.TEXT}
    assert required_by_filter(parse({"a": 1})) == frozenset()
    assert required_by_filter(None) == frozenset()
