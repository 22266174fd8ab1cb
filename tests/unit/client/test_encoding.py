"""Do Python values become the JSON text of the contract, or an error that names the path?"""

import json
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_client import InvalidRequestError
from aol_client.encoding import encode_argument, encode_document
from aol_wire.limits import DOCUMENT_MAX_BYTES, INT64_MAX, INT64_MIN


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


class Flag(Enum):
    ON = True
    NAN = math.nan


class Text(str):
    __slots__ = ()


class Number(float):
    __slots__ = ()


@dataclass
class Point:
    x: int


def encoded(value: Any) -> Any:
    return json.loads(encode_document({"v": value})[1])["v"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2025, 11, 22, 1, 2, 3), "2025-11-22T01:02:03.000000Z"),  # noqa: DTZ001 - naive means UTC
        (datetime(2025, 11, 22, 1, 2, 3, 4, tzinfo=UTC), "2025-11-22T01:02:03.000004Z"),
        (datetime(2025, 11, 22, tzinfo=timezone(timedelta(hours=2))), "2025-11-21T22:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (date(2025, 11, 22), "2025-11-22T00:00:00.000000Z"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (Flag.ON, True),
        (Text("a"), "a"),
        (Number(1.5), 1.5),
        ((1, (2,)), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": None}), {"a": None}),
        (INT64_MIN, INT64_MIN),
        (INT64_MAX, INT64_MAX),
        (1 << 70, 1 << 70),
        ([None, date(2025, 1, 1), Number(0.5)], [None, "2025-01-01T00:00:00.000000Z", 0.5]),
    ],
)
def test_python_values_have_their_json(value: Any, expected: Any) -> None:
    assert encoded(value) == expected
    assert encoded([None, value]) == [None, expected], "also where the careful walk encodes it"
    assert json.loads(encode_argument("filter", {"v": {"$in": [value]}})) == {"v": {"$in": [expected]}}


class SecretHolder:
    def __repr__(self) -> str:
        return "hunter2"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (math.nan, "NaN"),
        (math.inf, "infinit"),
        (-math.inf, "infinit"),
        (Flag.NAN, "NaN"),
        (Number("nan"), "NaN"),
        (SecretHolder(), "SecretHolder"),
        (Decimal("1.5"), "Decimal"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (1j, "complex"),
        (Point(1), "Point"),
        (time(1), "time"),
        (timedelta(1), "timedelta"),
        ({1: 2}, "int"),
        ({None: 2}, "NoneType"),
        ("\ud800", "surrogates"),
        ({"\udfff": 1}, "surrogates"),
        ((1 << 70) + 1, "64 bits"),
        (10**400, "64 bits"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), "datetime"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-2))), "datetime"),
    ],
)
def test_what_is_not_json_is_refused_with_path_and_type_and_without_the_value(value: Any, named: str) -> None:
    for document in ({"a": [{"b": value}]}, {"z": None, "a": [{"b": value}]}):
        with pytest.raises(InvalidRequestError, match=named) as caught:
            encode_document(document)
        assert caught.value.reason == "BAD_DOCUMENT"
        assert caught.value.violations[0].path == "document.a.0.b"
        assert "hunter2" not in str(caught.value)
        str(caught.value).encode()
    with pytest.raises(InvalidRequestError, match=named) as caught:
        encode_argument("filter", {"a": [{"b": value}]})
    assert caught.value.violations[0].path == "filter.a.0.b"
    assert caught.value.reason == "BAD_FILTER"


def test_not_a_time_of_other_libraries_is_no_time() -> None:
    class NotATime(datetime):
        def astimezone(self, tz: Any = None) -> "NotATime":
            return self

        def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
            return "NaT"

    with pytest.raises(InvalidRequestError, match="NotATime"):
        encode_document({"at": NotATime(2000, 1, 1)})


def test_a_document_that_holds_itself_or_is_too_deep_is_refused() -> None:
    ring: dict[str, Any] = {}
    ring["again"] = [ring]
    deep: Any = None
    for _ in range(300):
        deep = [deep]
    for document in (ring, {"deep": deep}):
        with pytest.raises(InvalidRequestError, match="deeper than 64"):
            encode_document(document)


def test_a_document_over_the_limit_is_refused_before_it_is_sent() -> None:
    encode_document({"v": "x" * (DOCUMENT_MAX_BYTES - 8)})
    with pytest.raises(InvalidRequestError) as caught:
        encode_document({"v": "x" * (DOCUMENT_MAX_BYTES - 7)})
    assert caught.value.reason == "TOO_LARGE"


@pytest.mark.parametrize("document", [None, [], "{}", 5, [("a", 1)]])
def test_a_document_is_a_mapping(document: Any) -> None:
    with pytest.raises(InvalidRequestError, match="a dict is needed"):
        encode_document(document)


def test_an_id_may_be_a_uuid() -> None:
    assert encode_document({"_id": UUID(int=1)})[0] == str(UUID(int=1))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(INT64_MIN, INT64_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text("abc", min_size=1), children, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_every_json_value_comes_back_as_it_was(value: Any) -> None:
    assert encoded(value) == value


@given(json_values)
def test_the_size_of_a_document_is_that_of_its_text_in_utf_8(value: Any) -> None:
    for document in ({"v": value}, {"_id": "a", "v": value}, MappingProxyType({"v": value})):
        _, text, size_bytes = encode_document(document)
        assert size_bytes == len(text.encode())


@given(json_values, st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_nan_is_refused_wherever_it_hides(value: Any, hidden: float, data: st.DataObject) -> None:
    document: dict[str, Any] = {"v": value}
    container: Any = document
    while isinstance(container, list | dict) and container and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(container) if isinstance(container, dict) else range(len(container))))
        if not isinstance(container[key], list | dict):
            break
        container = container[key]
    container.append(hidden) if isinstance(container, list) else container.update(hidden=hidden)
    with pytest.raises(InvalidRequestError, match="NaN and infinities"):
        encode_document(document)
