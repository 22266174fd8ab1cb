"""Does a pattern of the common level match in PostgreSQL what it matches in RE2?"""

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from aol_adapters.kit.regexes import POSTGRES, translate
from aol_wire.errors import DataError
from aol_wire.filters import RegexLevel
from aol_wire.regexes import classify, compile_regex

# K and s have third forms, the Kelvin sign and the long s; ß has none of one letter, and İ folds to two.
TELLING = [
    *"abAkKsSßẞiIİéÉςΣǆǅǄⓐⒶ09٣_-^]\\/ \n\r\t\v\f\x1c\x85\xa0\u2028😀𐐀𐐨.*({#'\"\x01\x7f",
    *("\u212a", "\u017f", "\u0131", "\u03c3", "\u03b9", "\u0345", "\u2160", "\u2170", "e\u0301", "1,2", "***:", "(?i)"),
]
LETTERS = [character for text in TELLING for character in text]
TEXTS = st.lists(st.sampled_from(TELLING), max_size=6).map("".join)


def escaped(character: str) -> str:
    return "\\" + character if character in r"\.^$|()[]{}*+?" else character


def in_class(character: str) -> str:
    return "\\" + character if character in r"\[]^-" else character


LITERALS = st.sampled_from(LETTERS).map(escaped)
RANGES = st.sampled_from(["a-z", "A-Z", "0-9", "a-f", "K-S", "À-ÿ", "\u03b1-\u03c9", "!-/", " -~", "\u2160-\u217f"])
CLASS_ITEMS = st.one_of(
    st.sampled_from(LETTERS).map(in_class), RANGES, st.sampled_from([r"\d", r"\w", r"\s", r"\n", r"\t", r"\r", r"\f"])
)
CLASSES = st.builds(
    lambda negated, items, hyphen: f"[{negated}{''.join(items)}{hyphen}]",
    st.sampled_from(["", "^"]),
    st.lists(CLASS_ITEMS, min_size=1, max_size=3),
    st.sampled_from(["", "-"]),
)
ATOMS = st.one_of(
    LITERALS,
    LITERALS,
    CLASSES,
    st.sampled_from([".", r"\d", r"\w", r"\s", r"\n", r"\t", r"\r", r"\f", r"\-", r"\/", "-", "]"]),
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0}", "{0,2}", "{1,}"])
PIECES = st.one_of(st.builds("".join, st.tuples(ATOMS, QUANTIFIERS)), st.sampled_from(["^", "$", r"\b", "()", "(|a)"]))
SEQUENCES = st.lists(PIECES, max_size=4).map("".join)
PATTERNS = st.recursive(
    SEQUENCES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        inner.map(lambda it: f"({it})"),
        inner.map(lambda it: f"(?:{it})?"),
        st.tuples(inner, PIECES).map("".join),
    ),
    max_leaves=3,
)


async def compare(dsn: str, patterns: list[str], texts: list[str], *, ignore_case: bool) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for pattern in patterns:
            compiled = compile_regex(pattern, ignore_case)
            translated = translate(pattern, ignore_case=ignore_case, spelling=POSTGRES)
            found = await connection.fetch(
                'SELECT text COLLATE "C" ~ $1 AS matches FROM unnest($2::text[]) AS texts(text)', translated, texts
            )
            expected = [compiled.search(text) is not None for text in texts]
            differing = [
                text for text, row, right in zip(texts, found, expected, strict=True) if row["matches"] is not right
            ]
            assert differing == [], (pattern, translated)
    finally:
        await connection.close()


def is_common(pattern: str, *, ignore_case: bool = False) -> bool:
    try:
        return classify(pattern, ignore_case) is RegexLevel.COMMON
    except DataError:
        return False


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(
    patterns=st.lists(PATTERNS, min_size=4, max_size=4),
    texts=st.lists(TEXTS, min_size=8, max_size=8),
    fold=st.booleans(),
)
@example(patterns=["", "()", "a|", "|", "(|a)b", "^$", r"\b", r"a{0}"], texts=["", "a", "b", "a\n", "\n"], fold=False)
@example(patterns=[r"\.", r"\*\*\*:a", r"\(\?i\)a", "a{,2}"], texts=["***:a", "(?i)a", "A", "a{,2}", "."], fold=False)
async def test_any_pattern_of_the_common_level_matches_what_re2_matches(
    postgres_dsn: str, patterns: list[str], texts: list[str], fold: bool
) -> None:
    common = [pattern for pattern in patterns if is_common(pattern, ignore_case=fold)]
    assume(common)
    await compare(postgres_dsn, common, [*texts, *TELLING], ignore_case=fold)


@pytest.mark.parametrize("fold", [False, True])
async def test_every_telling_character_alone_and_in_a_class_matches_what_re2_matches(
    postgres_dsn: str, fold: bool
) -> None:
    patterns = [form for it in LETTERS for form in (escaped(it), f"[{in_class(it)}]", f"[^{in_class(it)}]")]
    classes = [r"\d", r"\w", r"\s", ".", r"[^\d]", r"[^\w]", r"[^\s]", r"\bK", r"é\b", r"[\n-\r]"]
    common = [pattern for pattern in [*patterns, *classes] if is_common(pattern)]
    assert len(common) > len(LETTERS) * 2
    await compare(postgres_dsn, common, TELLING, ignore_case=fold)


async def test_a_pattern_of_many_letters_is_translated_in_no_time(postgres_dsn: str) -> None:
    """Each of them has other cases, and all are looked up while nobody else is served."""
    letters = "".join(chr(number) for number in range(0x100, 0x17F) if chr(number).isalpha())
    pattern = "".join(f"[{one}{other}]" for one, other in zip(letters, letters[1:] + "a", strict=True))
    assert is_common(pattern, ignore_case=True)
    async with asyncio.timeout(20):
        await compare(postgres_dsn, [pattern], [letters, letters.upper()], ignore_case=True)


@pytest.mark.parametrize("fold", [False, True])
async def test_every_character_of_ascii_and_latin_is_itself(postgres_dsn: str, fold: bool) -> None:
    characters = [chr(number) for number in range(1, 0x180)]
    patterns = [form for it in characters for form in (escaped(it), f"[{in_class(it)}]")]
    common = [pattern for pattern in patterns if is_common(pattern)]
    await compare(postgres_dsn, common, ["".join(characters), *characters], ignore_case=fold)
