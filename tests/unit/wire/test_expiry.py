"""When is a document expired?"""

import pytest

from aol_wire.datetimes import from_us, to_us
from aol_wire.expiry import cutoff, is_expired
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec

NOON = "2025-11-22T12:00:00.000000Z"
NOON_US = to_us(NOON) or 0


def ttl(seconds: int, path: str = "until") -> IndexSpec:
    return parse_index({"fields": [path], "type": "ttl", "expireAfterSeconds": seconds}, "index")


def test_a_document_expires_at_the_microsecond_when_its_time_is_over() -> None:
    for seconds in (0, 1, 86_400):
        end_us = NOON_US + seconds * 1_000_000
        assert not is_expired({"until": NOON}, [ttl(seconds)], end_us - 1)
        assert is_expired({"until": NOON}, [ttl(seconds)], end_us)


def test_the_cutoff_is_the_latest_moment_that_is_expired() -> None:
    assert cutoff(ttl(3600), NOON_US) == "2025-11-22T11:00:00.000000Z"
    assert cutoff(ttl(0), NOON_US) == NOON == from_us(NOON_US)


def test_one_index_of_several_is_enough_and_without_any_nothing_expires() -> None:
    document: dict[str, Json] = {"until": NOON, "session": {"end": "2025-11-23T00:00:00.000000Z"}}
    assert is_expired(document, [ttl(0, "session.end"), ttl(0)], NOON_US)
    assert not is_expired(document, [ttl(0, "session.end")], NOON_US)
    assert not is_expired(document, [], NOON_US)


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        True,
        1e300,
        "",
        "0",
        "2025-11-22",
        "2025-11-22T11:00:00Z",
        "2025-11-22T11:00:00.000Z",
        "2025-11-22 11:00:00.000000Z",
        "2025-11-22T11:00:00.000000z",
        "2025-11-22T11:00:00.000000Z ",
        "2025-02-30T11:00:00.000000Z",
        "2024-13-01T11:00:00.000000Z",
        "2024-12-01T24:00:00.000000Z",
        "2024-12-01T23:59:60.000000Z",
        "0000-01-01T00:00:00.000000Z",
        "٢٠٢٥-١١-٢٢T١١:٠٠:٠٠.٠٠٠٠٠٠Z",  # noqa: RUF001 - digits, but not ASCII
        "9999-12-31T23:59:59.999999Z",
    ],
)
def test_what_is_no_stored_date_time_in_the_past_never_expires(value: Json) -> None:
    assert not is_expired({"until": value}, [ttl(0)], NOON_US)
    assert not is_expired({}, [ttl(0)], NOON_US)
