"""Which texts are paths, sort orders and projections?"""

from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.adapter import SortKey
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Path
from aol_wire.paths import below, format_path, overlap, parse_path, parse_projection, parse_sort, shown
from aol_wire.values import array_index

SEGMENTS = st.text(min_size=1, max_size=4).filter(
    lambda text: text[0] not in "$_" and not set(text) & {".", "\0"} and text.isprintable()
)


def path_or_error(text: str) -> Path | DataError:
    try:
        return parse_path(text)
    except DataError as error:
        return error


@given(st.lists(SEGMENTS, min_size=1, max_size=16))
def test_a_path_is_its_segments_and_back(segments: list[str]) -> None:
    path = parse_path(".".join(segments))
    assert path == tuple(segments)
    assert format_path(path) == ".".join(segments)


@given(st.text(max_size=12))
def test_any_text_is_a_path_or_a_data_error(text: str) -> None:
    path = path_or_error(text)
    if isinstance(path, DataError):
        assert path.reason is Reason.BAD_PATH
        assert path.message.encode()
    else:
        assert format_path(path) == text


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "$a", "a.$b", "a\0b", "a.\ud800", "_x", "__", "_id.x", "_acl.0", ".".join("k" * 17)],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_path(text)
    assert caught.value.reason is Reason.BAD_PATH


@pytest.mark.parametrize("text", ["a", "a.0", "a$", "x._id", "_id", "_deleted_at", "-1", "0", ".".join("k" * 16)])
def test_what_is_a_path_is_taken(text: str) -> None:
    assert format_path(parse_path(text)) == text


@pytest.mark.parametrize("text", ["0", "a.0", "a.12.b"])
def test_projections_and_indexes_have_no_array_indexes(text: str) -> None:
    for use in ({"projection": True}, {"index": True}):
        with pytest.raises(DataError) as caught:
            parse_path(text, **use)
        assert caught.value.reason is Reason.BAD_PATH
    assert parse_path("a.01", projection=True) == ("a", "01")


def test_an_index_holds_no_metadata_and_no_very_long_path() -> None:
    assert parse_path("_id", projection=True) == ("_id",)
    for text in ("_id", "a" * 257, "é" * 129):
        with pytest.raises(DataError) as caught:
            parse_path(text, index=True)
        assert caught.value.reason is Reason.BAD_PATH
    assert parse_path("a" * 256, index=True) == ("a" * 256,)


@pytest.mark.parametrize(
    ("segment", "index"),
    [("0", 0), ("7", 7), ("10", 10), ("00", None), ("01", None), ("-1", None), ("", None), ("a", None), ("²", None)],
)
def test_an_array_index_is_a_decimal_without_leading_zeros(segment: str, index: int | None) -> None:
    assert array_index(segment) == index


def test_an_endless_array_index_is_larger_than_any_array() -> None:
    assert (array_index("9" * 10_000) or 0) > 1 << 20


def test_a_sort_order_has_up_to_four_different_keys() -> None:
    assert parse_sort([("a.0", False), ("_id", True)]) == (SortKey(("a", "0")), SortKey(("_id",), descending=True))
    with pytest.raises(DataError) as caught:
        parse_sort((name, False) for name in "abcde")
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(DataError) as caught:
        parse_sort([("a", False), ("a", True)])
    assert caught.value.reason is Reason.BAD_FILTER


def test_a_projection_keeps_no_path_that_another_covers() -> None:
    assert parse_projection(["a.b", "c", "a", "c", "ab"]) == (("c",), ("a",), ("ab",))
    with pytest.raises(DataError) as caught:
        parse_projection(f"k{number}" for number in range(257))
    assert caught.value.reason is Reason.TOO_LARGE


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(tuple), max_size=5))
def test_overlap_finds_a_path_in_another_wherever_there_is_one(paths: list[tuple[str, ...]]) -> None:
    pairs = [(one, other) for number, one in enumerate(paths) for other in paths[number + 1 :]]
    expected = any(one[: len(other)] == other or other[: len(one)] == one for one, other in pairs)
    found = overlap(paths)
    assert (found is not None) == expected
    if found is not None:
        assert found[1][: len(found[0])] == found[0]


def test_what_errors_show_of_a_path_is_short_and_printable() -> None:
    assert shown(["a", "b\n\ud800"]) == "a.b\ufffd\ufffd"
    assert len(shown(["x" * 10_000])) < 200
    assert len(below("y" * 10_000, "x" * 10_000)) < 300


def test_sort_keys_and_projections_without_end_are_refused_after_the_most_there_may_be() -> None:
    with pytest.raises(DataError) as caught:
        parse_sort(repeat(("a", False)))
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(DataError) as caught:
        parse_projection(repeat("a"))
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_path_of_megabytes_is_refused_with_a_short_message() -> None:
    with pytest.raises(DataError) as caught:
        parse_path("a." * 4_000_000 + "a")
    assert caught.value.reason is Reason.BAD_PATH
    assert len(caught.value.message) < 300
