"""What are the words of a text?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.words import split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" ,;_-\n", ()),
        ("Hello, World", ("hello", "world")),
        ("UA123 don't re_use", ("ua123", "don", "t", "re", "use")),
        ("Straße ΕΛΛΆΔΑ 東京", ("strasse", "ελλάδα", "東京")),
        ("a a A", ("a", "a", "a")),
        ("3.14 1e5", ("3", "14", "1e5")),
        ("x\x00y😀z", ("x", "y", "z")),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, words: tuple[str, ...]) -> None:
    assert split(text) == words


@given(st.text())
def test_splitting_what_was_split_changes_nothing(text: str) -> None:
    words = split(text)
    assert split(" ".join(words)) == words
    assert all(word and word.isalnum() for word in words)


@given(st.text())
def test_the_case_of_a_text_says_nothing(text: str) -> None:
    assert split(text.casefold()) == split(text)
