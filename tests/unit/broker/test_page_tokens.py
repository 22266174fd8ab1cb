"""Page tokens: only for the query and the caller that they were made for."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.page_tokens import PagePosition, PageTokens
from aol_wire.errors import DataError, Reason
from aol_wire.limits import PAGE_TOKEN_MAX_BYTES, POSITION_MAX_BYTES

TOKENS = PageTokens(b"k" * 32)


@given(position=st.binary(max_size=200), remaining=st.none() | st.integers(0, 1 << 40), binding=st.binary())
def test_a_token_opens_to_what_was_sealed(position: bytes, remaining: int | None, binding: bytes) -> None:
    page = PagePosition(position, remaining)
    assert TOKENS.open(TOKENS.seal(page, binding), binding) == page


def test_a_token_is_good_for_its_own_query_only() -> None:
    token = TOKENS.seal(PagePosition(b"here", 5), b"query one")
    with pytest.raises(DataError) as caught:
        TOKENS.open(token, b"query two")
    assert caught.value.reason is Reason.BAD_PAGE_TOKEN


def test_a_token_of_another_registry_is_refused() -> None:
    token = PageTokens(b"x" * 32).seal(PagePosition(b"here", 5), b"query")
    with pytest.raises(DataError) as caught:
        TOKENS.open(token, b"query")
    assert caught.value.reason is Reason.BAD_PAGE_TOKEN


@given(data=st.binary(max_size=100), flip=st.integers(0, 10_000))
def test_a_changed_token_is_refused(data: bytes, flip: int) -> None:
    sealed = bytearray(base64.urlsafe_b64decode(TOKENS.seal(PagePosition(data, None), b"q")))
    sealed[flip % len(sealed)] ^= 1 << (flip % 8)
    with pytest.raises(DataError) as caught:
        TOKENS.open(base64.urlsafe_b64encode(bytes(sealed)).decode(), b"q")
    assert caught.value.reason is Reason.BAD_PAGE_TOKEN


@given(token=st.text(max_size=300))
def test_garbage_is_a_bad_token_and_nothing_else(token: str) -> None:
    with pytest.raises(DataError) as caught:
        TOKENS.open(token, b"q")
    assert caught.value.reason is Reason.BAD_PAGE_TOKEN


def test_the_longest_position_fits_a_token() -> None:
    assert len(TOKENS.seal(PagePosition(b"p" * POSITION_MAX_BYTES, 1), b"q")) <= PAGE_TOKEN_MAX_BYTES


def test_a_token_tells_nothing_of_the_position() -> None:
    token = TOKENS.seal(PagePosition(b"a secret value", 1), b"q")
    assert b"secret" not in base64.urlsafe_b64decode(token)
