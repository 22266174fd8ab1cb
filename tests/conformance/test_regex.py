"""Do regular expressions match the same on every adapter?"""

from collections.abc import Callable

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason

TEXTS = ["", "abc", "ABC", "a.c", "xabcx", "line one\nline two", "42 km", "naïve", "a+b", "tab\there", "x" * 300, "ß"]


@pytest.mark.parametrize(
    ("pattern", "options", "expected"),
    [
        ("abc", "", ["abc", "xabcx"]),
        ("abc", "i", ["abc", "ABC", "xabcx"]),
        ("^abc$", "", ["abc"]),
        ("a.c", "", ["abc", "a.c", "xabcx"]),
        (r"a\.c", "", ["a.c"]),
        (r"a\+b", "", ["a+b"]),
        ("one.line", "", []),
        ("^line", "", ["line one\nline two"]),
        ("one$", "", []),
        ("two$", "", ["line one\nline two"]),
        (r"^\d{2} [a-z]+$", "", ["42 km"]),
        (r"\bkm\b", "", ["42 km"]),
        (r"\s", "", ["line one\nline two", "42 km", "tab\there"]),
        (r"^\w+$", "", ["abc", "ABC", "xabcx", "x" * 300]),
        ("na(i|ï)ve", "", ["naïve"]),
        ("[^a-z]", "", ["ABC", "a.c", "line one\nline two", "42 km", "naïve", "a+b", "tab\there", "ß"]),
        ("^x{255}", "", ["x" * 300]),
        ("^(?:x){2,3}a?", "", ["x" * 300]),
        ("^$", "", [""]),
        ("", "", TEXTS),
        ("^[a-c]*$", "", ["", "abc"]),
        ("^.$", "", ["ß"]),
    ],
)
async def test_a_pattern_of_the_common_level(
    trial: Trial, needs: Callable[[Capability], None], pattern: str, options: str, expected: list[str]
) -> None:
    needs(Capability.REGEX)
    await trial.fill({str(number): {"s": text} for number, text in enumerate(TEXTS)})
    matching = await trial.ids({"s": {"$regex": pattern, "$options": options}})
    assert [TEXTS[int(id_)] for id_ in sorted(matching, key=int)] == expected
    complement = await trial.ids({"$not": {"s": {"$regex": pattern, "$options": options}}})
    assert sorted(matching + complement) == sorted(map(str, range(len(TEXTS))))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(?i)ABC", ["abc", "ABC", "xabcx"]),
        (r"(?s)one.line", ["line one\nline two"]),
        (r"(?m)^line two$", ["line one\nline two"]),
        (r"\D", [text for text in TEXTS if text]),
        (r"^\pL+$", ["abc", "ABC", "xabcx", "naïve", "x" * 300, "ß"]),
        (r"^(x+)+$", ["x" * 300]),
        (r"x{256}", ["x" * 300]),
        (r"[[:upper:]]", ["ABC"]),
    ],
)
async def test_a_pattern_of_the_full_level(
    trial: Trial, needs: Callable[[Capability], None], pattern: str, expected: list[str]
) -> None:
    needs(Capability.REGEX_FULL)
    await trial.fill({str(number): {"s": text} for number, text in enumerate(TEXTS)})
    matching = await trial.ids({"s": {"$regex": pattern}})
    assert [TEXTS[int(id_)] for id_ in sorted(matching, key=int)] == expected


async def test_a_pattern_matches_only_strings(trial: Trial, needs: Callable[[Capability], None]) -> None:
    needs(Capability.REGEX)
    await trial.fill(
        {"n": {"s": 42}, "a": {"s": ["42"]}, "o": {"s": {"k": "42"}}, "z": {}, "b": {"s": True}, "t": {"s": "42"}}
    )
    assert await trial.ids({"s": {"$regex": ""}}) == ["t"]
    assert await trial.ids({"$not": {"s": {"$regex": "42"}}}) == ["a", "b", "n", "o", "z"]


async def test_a_pattern_can_be_on_the_id(trial: Trial, needs: Callable[[Capability], None]) -> None:
    needs(Capability.REGEX)
    await trial.fill({"ab": {}, "cd": {}})
    assert await trial.ids({"_id": {"$regex": "^a"}}) == ["ab"]


@pytest.mark.parametrize(("pattern", "capability"), [("a+", Capability.REGEX), (r"(?i)a", Capability.REGEX_FULL)])
async def test_a_level_that_is_not_declared_is_refused(
    trial: Trial, capabilities: frozenset[Capability], pattern: str, capability: Capability
) -> None:
    if capability in capabilities:
        pytest.skip("it is declared")
    condition = {"s": {"$regex": pattern}}
    with pytest.raises(DataError) as caught:
        await trial.ids(condition)
    assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED
    with pytest.raises(DataError) as caught:
        await trial.count(condition)
    assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED
    for mutation in (trial.change(condition, {"x": 1}), trial.removal({"$not": condition})):
        with pytest.raises(DataError) as caught:
            await trial.write(mutation)
        assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED
