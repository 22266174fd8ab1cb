"""Which texts are date-times, and how are they stored?"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.datetimes import from_us, normalise, normalise_within, to_us

MOMENTS = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-11-22", "2025-11-22T00:00:00.000000Z"),
        ("2025-11-22T10:20", "2025-11-22T10:20:00.000000Z"),
        ("2025-11-22 10:20:30", "2025-11-22T10:20:30.000000Z"),
        ("2025-11-22T10:20:30.5", "2025-11-22T10:20:30.500000Z"),
        ("2025-11-22T10:20:30.123456789Z", "2025-11-22T10:20:30.123456Z"),
        ("2025-11-22T10:20Z", "2025-11-22T10:20:00.000000Z"),
        ("2025-11-22T00:30:00+01:00", "2025-11-21T23:30:00.000000Z"),
        ("2025-11-22 10:20-05:30", "2025-11-22T15:50:00.000000Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_date_time_is_stored_as_utc_with_six_decimals(text: str, stored: str) -> None:
    assert normalise(text) == stored
    assert normalise(stored) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025",
        "2025-11",
        "2025-11-22Z",
        "2025-11-22T",
        "2025-11-22T10",
        "2025-11-22t10:20",
        "2025-11-22T10:20z",
        "2025-11-22T10:20:30.",
        "2025-11-22T10:20:30,5",
        "2025-11-22T10:20+0100",
        "2025-11-22T10:20+01",
        "2025-11-22T10:20+24:00",
        "2025-11-22T10:20+01:60",
        "2025-02-29",
        "2025-13-01",
        "2025-00-10",
        "0000-01-01",
        "2025-11-22T24:00",
        "2025-11-22T23:60",
        "2025-11-22T23:59:60",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-01:00",
        " 2025-11-22",
        "2025-11-22\n",
        "\u0662025-11-22",
        "20251122",
        "2025-W47-6",
        "2025-11-22  10:20",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert normalise(text) is None
    assert to_us(text) is None


@given(st.text(max_size=30))
def test_any_text_is_a_date_time_or_not(text: str) -> None:
    stored = normalise(text)
    assert stored is None or normalise(stored) == stored


@given(MOMENTS, MOMENTS)
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    texts = [normalise(moment.isoformat()) for moment in (one, other)]
    assert None not in texts
    assert (str(texts[0]) < str(texts[1])) == (one < other)


@given(MOMENTS)
def test_microseconds_are_exact_both_ways(moment: datetime) -> None:
    us = to_us(moment.isoformat())
    assert us is not None
    assert us == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert from_us(us) == normalise(moment.isoformat())


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_an_offset_names_the_same_time(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert normalise(moment.isoformat()) == normalise(moment.astimezone(UTC).isoformat())


def test_times_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(OverflowError):
        from_us(2**63 - 1)


@pytest.mark.parametrize(
    ("value", "place", "path", "expected"),
    [
        ("2025-01-01", ("a",), ("a",), "2025-01-01T00:00:00.000000Z"),
        ("no date", ("a",), ("a",), "no date"),
        (5, ("a",), ("a",), 5),
        ("2025-01-01", ("b",), ("a",), "2025-01-01"),
        ({"t": "2025-01-01", "u": 1}, ("a",), ("a", "t"), {"t": "2025-01-01T00:00:00.000000Z", "u": 1}),
        ({"x": {"t": "2025-01-01"}}, (), ("x", "t"), {"x": {"t": "2025-01-01T00:00:00.000000Z"}}),
        (["x", "2025-01-01"], ("a",), ("a", "1"), ["x", "2025-01-01T00:00:00.000000Z"]),
        ([], ("a",), ("a", "1"), []),
        ("2025-01-01", ("a", "b"), ("a",), "2025-01-01"),
    ],
)
def test_a_value_is_normalised_at_the_hinted_paths_within_it(
    value: Any, place: tuple[str, ...], path: tuple[str, ...], expected: Any
) -> None:
    assert normalise_within(value, place, [path]) == expected
