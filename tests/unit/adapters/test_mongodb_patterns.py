"""Does a pattern mean for MongoDB's engine what it means in RE2, and are those that may explode kept from it?"""

import re

import pytest

from aol_adapters.kit.regexes import PCRE, translate
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.patterns import is_for_here
from aol_adapters.mongodb.texts import document_words, has_words, search
from aol_wire.filters import And, Exists, Not, Regex, RegexLevel
from aol_wire.regexes import classify, compile_regex
from mongodb_server import native

PATTERNS = [
    "a$", "^a", "^$", "a.c", "[^a]", "[a-c]+",
    "\\bfox\\b", "\\d\\w\\s", "k", "[k]", "[^k]", "s", "é", "a|b|", "(?:ab)c?",
    "a{2}", "a{1,3}b", "x.y", "\\$", "[\\]^-]", "[&&]", "[--a]", "[~~|]", "\\.", "\\n$", "ß",
]  # fmt: skip
TEXTS = [
    "", "a", "a\n", "\na", "abc", "a\nc", "a\rc", "aac", "a fox", "foxé", "éfox", "fox_", "1a ", "k", "K",
    "\u212a", "s", "\u017f", "É", "é", "aab", "aaab", "x\u2028y", "x\x0by", "$", "]", "^", "-", "&", "~", "|", ".",
    "\n", "ß", "ẞ", "ss", "٣a ",
]  # fmt: skip


@pytest.mark.parametrize("ignore_case", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_what_it_matches_in_re2(pattern: str, ignore_case: bool) -> None:
    if classify(pattern, ignore_case) is not RegexLevel.COMMON:
        pytest.skip("not of the common level")
    meant = compile_regex(pattern, ignore_case)
    written = re.compile(translate(pattern, ignore_case=ignore_case, spelling=PCRE))
    for text in TEXTS:
        assert (written.search(text) is not None) is (meant.search(text) is not None), text


@pytest.mark.parametrize(
    ("pattern", "here"),
    [
        ("abc", False),
        ("^a+$", False),
        ("[a-c]*x", False),
        ("(?:a|b)c?", False),
        ("a{3}b{3}", False),
        ("[*+?]{2}", False),
        ("\\*\\+\\?", False),
        ("(a|b)?", False),
        ("a*b*", True),
        ("(a|aa)+$", True),
        ("(ab){2}", False),
        ("(ab){2,}", True),
        ("a?a?a?aaa", True),
        ("[]a]+b?", True),
    ],
)
def test_what_may_backtrack_is_matched_here(pattern: str, here: bool) -> None:
    regex = Regex(("a",), pattern, False, RegexLevel.COMMON)
    assert is_for_here(regex) is here
    assert is_for_here(Not(And((Exists(("b",), True), regex)))) is here


async def test_words_are_found_whole(mongodb_uri: str, mongodb_prefix: str) -> None:
    texts = {"1": "Ab abc", "2": "abc", "3": "a b", "4": "é É東京", "5": ""}
    async with native(mongodb_uri) as client:
        stored = client[f"{mongodb_prefix}_words"]["t"]
        rows = [{"_id": id_, "_aol": {"w": document_words({"s": text}, [("s",)])}} for id_, text in texts.items()]
        await stored.insert_many(rows)
        known = Collection("shop", "orders", 1)
        for words, ids in {
            ("ab",): ["1"],
            ("abc", "ab"): ["1"],
            ("a",): ["3"],
            ("é",): ["4"],
            (): list("12345"),
        }.items():
            assert [it["_id"] async for it in stored.find(has_words(known, words)).sort("_id")] == list(ids)


def test_the_text_index_is_asked_for_every_word_as_one_token() -> None:
    assert search(("ab", "é")) == {"$text": {"$search": '"x6162x" "xc3a9x"'}}
