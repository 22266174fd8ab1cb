"""Is a moment what a person means by it?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_cli.moments import parse_moment

NOW_US = 1_763_800_000_000_000
MINUTE_US = 60_000_000


@pytest.mark.parametrize(
    ("text", "ago_us"),
    [
        ("90s", 90_000_000),
        ("15m", 15 * MINUTE_US),
        ("2h", 120 * MINUTE_US),
        ("1d", 1440 * MINUTE_US),
        ("1w", 10080 * MINUTE_US),
        ("0s", 0),
    ],
)
def test_how_long_ago(text: str, ago_us: int) -> None:
    assert parse_moment(text, NOW_US) == NOW_US - ago_us


def test_a_date_time_is_that_moment_in_utc() -> None:
    assert parse_moment("1970-01-02") == 86_400_000_000
    assert parse_moment("1970-01-01T01:00:00+01:00") == 1
    assert parse_moment("2025-11-22T12:00:00.5Z") == 1_763_812_800_500_000


@pytest.mark.parametrize(
    "text", ["", "yesterday", "15", "m", "-5m", "1.5h", "5 m", "1y", "\u0663m", "2025-13-01", "9999999d"]
)
def test_anything_else_is_no_moment(text: str) -> None:
    assert parse_moment(text, NOW_US) is None


@given(st.integers(0, 999_999), st.sampled_from("smhdw"))
def test_every_moment_can_be_asked_for(count: int, unit: str) -> None:
    """0 would mean that no bound was given."""
    moment = parse_moment(f"{count}{unit}", NOW_US)
    assert moment is not None
    assert 1 <= moment <= NOW_US
