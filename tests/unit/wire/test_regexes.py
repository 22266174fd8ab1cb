"""What level is a pattern of?"""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from aol_wire.errors import DataError, Reason
from aol_wire.filters import RegexLevel
from aol_wire.regexes import classify, compile_regex

PATTERNS = st.text(st.sampled_from("ab01é.^$|()[]{}*+?\\-,:dDwsbBnPixz"), max_size=14)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "abc é😀 '\"/-:,=!<>@#%&~`;",
        "a.c",
        "^a$",
        "a|b|",
        "()",
        "(a)(b)",
        "(?:ab)",
        "((a|b)c)",
        "a*b+c?",
        "a{3}",
        "a{2,}",
        "a{2,5}",
        "a{255}",
        "(ab)*",
        "(a|b){2}",
        "(a+)?",
        r"(\.\d+)?",
        "[abc]",
        "[a-z0-9_]",
        "[^a-z]",
        "[-a]",
        "[a-]",
        r"[\d\w\s.]",
        r"[\]\[\\^-]",
        r"\d\w\s",
        r"\bword\b",
        r"\.\\\*\[\(\{\|\^\$\/\-",
        r"\n\t\r\f",
    ],
)
def test_the_common_level(pattern: str) -> None:
    assert classify(pattern, False) is RegexLevel.COMMON
    assert classify(pattern, True) is RegexLevel.COMMON


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)a",
        "(?P<name>a)",
        "(?i:a)",
        "a*?",
        "a{2}?",
        "(a+)+",
        "(a*)*",
        "(a?){2}",
        "((ab)+c)*",
        "((a{2}))+",
        "a{256}",
        "a{1,1000}",
        "a{,5}",
        "a{",
        "a}",
        "]",
        "^*",
        r"\b+",
        "[[:alpha:]]",
        "[]a]",
        "[[a]",
        r"\D",
        r"\W",
        r"[\D]",
        r"\B",
        r"\A",
        r"\z",
        r"\pL",
        r"\x41",
        r"\Qa.b\E",
        r"\C",
        "(" * 200 + "a" + ")" * 200,
    ],
)
def test_the_full_level(pattern: str) -> None:
    assert classify(pattern, False) is RegexLevel.FULL


@pytest.mark.parametrize(
    "pattern", ["(", ")", "[", "[a", "*", "a**", r"\1", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)", "a{1001}", "\\", "x{2,1}"]
)
def test_what_re2_refuses_is_a_bad_filter(pattern: str) -> None:
    with pytest.raises(DataError) as caught:
        classify(pattern, False)
    assert caught.value.reason is Reason.BAD_FILTER


def test_a_pattern_that_would_need_too_much_memory_is_a_bad_filter() -> None:
    with pytest.raises(DataError) as caught:
        classify("((a{100}){10}){100}", False)
    assert caught.value.reason is Reason.BAD_FILTER


def test_a_pattern_has_up_to_1024_bytes() -> None:
    assert classify("é" * 512, False) is RegexLevel.COMMON
    with pytest.raises(DataError) as caught:
        classify("é" * 513, False)
    assert caught.value.reason is Reason.TOO_LARGE


def test_the_deepest_pattern_that_re2_takes_is_classified() -> None:
    assert classify("(" * 340 + "a" + ")" * 340, False) is RegexLevel.FULL


@given(PATTERNS)
def test_any_pattern_has_a_level_or_is_a_bad_filter(pattern: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        with pytest.raises(DataError):
            classify(pattern, False)
    else:
        assert classify(pattern, False) in RegexLevel


@pytest.mark.parametrize(
    ("pattern", "ignore_case", "text", "found"),
    [
        ("b", False, "abc", True),
        ("B", False, "abc", False),
        ("B", True, "abc", True),
        ("É", True, "é", True),
        ("a.c", False, "a\nc", False),
        ("a$", False, "a\n", False),
        ("^c", False, "b\nc", False),
        (r"\d", False, "٣", False),
        (r"\w", False, "é", False),
    ],
)
def test_a_pattern_is_unanchored_and_has_ascii_classes(pattern: str, ignore_case: bool, text: str, found: bool) -> None:
    assert (compile_regex(pattern, ignore_case).search(text) is not None) is found
