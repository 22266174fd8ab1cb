"""Do regular expressions match the same on every adapter?"""

import asyncio

from aol_adapters.conformance.expect import RuleBrokenError, expect, expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.samples import expect_matching
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason

_TEXTS = (
    "",
    "abc",
    "ABC",
    "a.c",
    "xabcx",
    "line one\nline two",
    "42 km",
    "naïve",
    "a+b",
    "tab\there",
    "x" * 300,
    "ß",
    "abc\n",
    "😀",
    "٤٢",
    "no\u00a0break",
)
_ONE_CHARACTER = ["ß", "😀"]
_WITHOUT_UPPERCASE_BESIDE = ["abc", "xabcx", "abc\n"]

_COMMON: tuple[tuple[str, list[str]], ...] = (
    ("abc", _WITHOUT_UPPERCASE_BESIDE),
    ("a.c", ["abc", "a.c", "xabcx", "abc\n"]),
    (r"a\.c", ["a.c"]),
    (r"a\+b", ["a+b"]),
    ("one.line", []),
    ("^.$", _ONE_CHARACTER),
    ("na(i|ï)ve", ["naïve"]),
    ("na(?:i|ï)v[aeiou]", ["naïve"]),
    (r"^\d{2} [a-z]+$", ["42 km"]),
    ("^[a-c]*$", ["", "abc"]),
    ("^a?b?c+$", ["abc"]),
    ("", list(_TEXTS)),
)
_ANCHORS: tuple[tuple[str, list[str]], ...] = (
    ("^abc$", ["abc"]),
    ("^$", [""]),
    ("^line", ["line one\nline two"]),
    ("one$", []),
    ("two$", ["line one\nline two"]),
    (r"\bkm\b", ["42 km"]),
    (r"c\b", ["abc", "a.c", "abc\n"]),
)
_CLASSES: tuple[tuple[str, list[str]], ...] = (
    (r"\d", ["42 km"]),
    (r"\s", ["line one\nline two", "42 km", "tab\there", "abc\n"]),
    (r"^\w+$", ["abc", "ABC", "xabcx", "x" * 300]),
    (r"\bve", ["naïve"]),
    ("[A-Z]", ["ABC"]),
    (r"[\d+]", ["42 km", "a+b"]),
    ("^[^a-z]+$", ["ABC", *_ONE_CHARACTER, "٤٢"]),
)
_REPEATS: tuple[tuple[str, list[str]], ...] = (
    ("^x{255}", ["x" * 300]),
    ("^x{2,255}$", []),
    ("x{3,}", ["x" * 300]),
    ("^(?:x){2,3}a?", ["x" * 300]),
    ("^(?:abc)?$", ["", "abc"]),
)
_FULL: tuple[tuple[str, list[str]], ...] = (
    ("(?i)ABC", ["abc", "ABC", "xabcx", "abc\n"]),
    ("(?s)one.line", ["line one\nline two"]),
    ("(?m)^line two$", ["line one\nline two"]),
    (r"^\pL+$", ["abc", "ABC", "xabcx", "naïve", "x" * 300, "ß"]),
    (r"^\D$", _ONE_CHARACTER),
    ("^(x+)+$", ["x" * 300]),
    ("x{256}", ["x" * 300]),
    ("[[:upper:]]", ["ABC"]),
    (r"\Aabc\z", ["abc"]),
    ("^(?:x+?)y?$", ["x" * 300]),
)
_EXPLOSIVE = (
    "(a+)+$",
    "(a|aa)+$",
    "(.*a){25}!$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "^(a?){50}a{50}$",
    "a*a*a*a*a*b",
    "(a|a)*b",
)
_EXPLOSIVE_TIME_S = 5.0
"""Engines of linear time need milliseconds; one that backtracks, longer than anybody waits."""


_REFUSALS = (Reason.CAPABILITY_UNSUPPORTED, Reason.BAD_FILTER)


async def _check(trial: Trial, cases: tuple[tuple[str, list[str]], ...], options: str = "") -> None:
    await trial.fill({f"{number:02}": {"s": text} for number, text in enumerate(_TEXTS)})
    for pattern, expected in cases:
        condition: Document = {"s": {"$regex": pattern, "$options": options}}
        found = await trial.ids(condition)
        wanted = [text for text in _TEXTS if text in expected]
        expect_equal(f"the texts that match {pattern!r}", [_TEXTS[int(id_)] for id_ in found], wanted)
        expect_equal(f"the count for {pattern!r}", await trial.count(condition), len(found))


@rule(Topic.REGEX, Capability.REGEX)
async def a_pattern_is_searched_anywhere_in_a_string(trial: Trial) -> None:
    """Without anchors a pattern matches anywhere; `.` is one code point but no newline; groups and classes work."""
    await _check(trial, _COMMON)


@rule(Topic.REGEX, Capability.REGEX)
async def anchors_mean_the_ends_of_the_whole_string(trial: Trial) -> None:
    """`^` and `$` match at the start and the very end only: not at lines, nor before a newline at the end."""
    await _check(trial, _ANCHORS)


@rule(Topic.REGEX, Capability.REGEX)
async def classes_are_of_ascii(trial: Trial) -> None:
    r"""`\d`, `\w`, `\s` and `\b` know ASCII only: no Arabic digits, no letters with accents, no unusual spaces."""
    await _check(trial, _CLASSES)


@rule(Topic.REGEX, Capability.REGEX)
async def repetition_goes_to_255(trial: Trial) -> None:
    """`{n}`, `{n,}` and `{n,m}` repeat up to 255 times."""
    await _check(trial, _REPEATS)


@rule(Topic.REGEX, Capability.REGEX)
async def option_i_ignores_case(trial: Trial) -> None:
    """With `$options: "i"` upper and lower case are one; without it they are not."""
    await _check(trial, (("abc", ["abc", "ABC", "xabcx", "abc\n"]), ("^[A-C]+$", ["abc", "ABC"])), "i")
    expect_equal("the texts that match 'ABC'", await trial.ids({"s": {"$regex": "ABC"}}), ["02"])


@rule(Topic.REGEX, Capability.REGEX)
async def a_pattern_matches_only_strings(trial: Trial) -> None:
    """Numbers, arrays, objects, null and missing match no pattern, not even the empty one, and match its `$not`."""
    values: dict[str, Document] = {"n": {"s": 42}, "a": {"s": ["42"]}, "o": {"s": {"k": "42"}}, "z": {}}
    await trial.fill({**values, "b": {"s": True}, "0": {"s": None}, "t": {"s": "42"}})
    await expect_matching(trial, {"s": {"$regex": ""}}, ["t"])
    await expect_matching(trial, {"$not": {"s": {"$regex": "42"}}}, ["0", "a", "b", "n", "o", "z"])


@rule(Topic.REGEX, Capability.REGEX)
async def a_pattern_goes_with_ids_and_other_conditions(trial: Trial) -> None:
    """A pattern can be on `_id` or inside logic, and can choose what is updated and deleted."""
    await trial.fill({"ab": {"n": 1}, "ac": {"n": 2}, "cd": {"n": 1}})
    await expect_matching(trial, {"_id": {"$regex": "^a"}}, ["ab", "ac"])
    await expect_matching(trial, {"_id": {"$regex": "^a", "$gt": "ab"}}, ["ac"])
    await expect_matching(trial, {"$or": [{"_id": {"$regex": "d$"}}, {"n": 2}]}, ["ac", "cd"])
    expect_equal("the documents updated", await trial.update({"_id": {"$regex": "c"}}, {"n": 3}), 2)
    expect_equal("the documents deleted", await trial.delete({"n": 3, "_id": {"$regex": "^c"}}), 1)


@rule(Topic.REGEX, Capability.REGEX_FULL)
async def the_full_level_is_all_of_re2(trial: Trial) -> None:
    r"""Flags, `\pL`, negated and POSIX classes, `\A`, `\z`, lazy repeats, a repeat over a repeat, and more than 255."""
    await _check(trial, _FULL)


@rule(Topic.REGEX)
async def no_pattern_takes_exponential_time(trial: Trial) -> None:
    """A pattern that explodes in a backtracking engine is answered at once, or refused."""
    await trial.fill({"long": {"s": "a" * 5000 + "!"}, "other": {"s": "b"}})
    for pattern in _EXPLOSIVE:
        try:
            async with asyncio.timeout(_EXPLOSIVE_TIME_S):
                await trial.count({"s": {"$regex": pattern}})
        except TimeoutError:
            raise RuleBrokenError(f"no answer to {pattern!r} within {_EXPLOSIVE_TIME_S:g} s") from None
        except DataError as error:
            expect(f"{pattern!r} is answered or refused, not {error.reason}", error.reason in _REFUSALS)


RULES: tuple[Rule, ...] = (
    a_pattern_is_searched_anywhere_in_a_string,
    anchors_mean_the_ends_of_the_whole_string,
    classes_are_of_ascii,
    repetition_goes_to_255,
    option_i_ignores_case,
    a_pattern_matches_only_strings,
    a_pattern_goes_with_ids_and_other_conditions,
    the_full_level_is_all_of_re2,
    no_pattern_takes_exponential_time,
)
