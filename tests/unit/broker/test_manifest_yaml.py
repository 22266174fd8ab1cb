"""Is YAML read strictly, with the line of everything, and does hostile text end quickly in one clear problem?"""

import string
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.yaml_text import (
    MAX_BYTES,
    Problem,
    YamlError,
    describe_problems,
    did_you_mean,
    format_location,
    read_text,
    read_yaml,
)

NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(string.printable),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def _problem(text: str) -> Problem:
    with pytest.raises(YamlError) as refused:
        read_yaml(text)
    (problem,) = refused.value.problems
    return problem


def test_values_lines_and_scalars_as_written_are_kept() -> None:
    document = read_yaml("a: 1.10\nb:\n  - x\n  - c: yes\non: 2013-01-01\n")
    assert document.value == {"a": 1.1, "b": ["x", {"c": True}], "on": "2013-01-01"}
    assert document.lines[("b", 1, "c")] == 4
    assert document.scalars[("a",)] == "1.10"
    assert document.line_of(("b", 1, "missing", "deeper")) == 4
    assert document.line_of(("missing",)) == 1


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_written_as_yaml_is_read_back(value: dict[str, object]) -> None:
    if any(character in repr(value) for character in ("\\x00", "\\x0b", "\\x0c")):
        return
    assert read_yaml(yaml.safe_dump(value)).value == value


def test_an_empty_text_is_an_empty_mapping() -> None:
    assert read_yaml("").value == read_yaml("# nothing\n").value == {}


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("[1]", 1, "mapping"),
        ("just text", 1, "mapping"),
        ("a: 1\nb: 2\na: 3", 3, "line 1"),
        ("a: {b: 1,\n b: 2}", 2, "already"),
        ("a: !!python/object/apply:os.system [echo]", 1, "tags"),
        ("a: !secret x", 1, "tags"),
        ("!!set {a, b}", 1, "tags"),
        ("a: &x [*x]", 1, "alias"),
        ("a: &x {b: *x}", 1, "alias"),
        ("a: *nowhere", 1, "undefined alias"),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("? [a]\n: b", 1, "key"),
        ("a: {b", 1, "YAML"),
        ("a: 'open", 1, "YAML"),
        ("a:\n\t- b", 2, "YAML"),
        ("a: \0", 0, "control character"),
        ("a: \x07", 0, "control character"),
        ("a: \ud800", 0, "control character"),
        ('a: "\\0"', 1, "NUL"),
        ('"\\0": 1', 1, "NUL"),
        ('a: "\\ud800"', 1, "surrogate"),
        ("a: " + "[" * 100_000, 1, "deeper"),
        ("a: " + "{a: " * 5_000, 1, "deeper"),
        ("\n".join(f"{'  ' * depth}a:" for depth in range(100)), 64, "deeper"),
    ],
)
def test_what_is_not_plain_yaml_is_one_problem_with_its_line(text: str, line: int, word: str) -> None:
    problem = _problem(text)
    assert word in problem.text
    assert problem.line == line


def test_aliases_that_multiply_are_refused() -> None:
    levels = "\n".join(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 9))
    assert "aliases" in _problem(f"l0: &l0 [x, x]\n{levels}").text


def test_an_alias_that_does_no_harm_is_followed() -> None:
    assert read_yaml("a: &fields [x]\nb: *fields").value == {"a": ["x"], "b": ["x"]}


def test_a_text_beyond_the_bound_is_refused_unread() -> None:
    assert "larger" in _problem("#" * (MAX_BYTES + 1)).text
    assert "larger" in _problem("#" + "é" * (MAX_BYTES // 2)).text


def test_every_plain_scalar_is_a_value() -> None:
    assert read_yaml("a: =\nb: <<\nc: ~\nd: 12:30").value == {"a": "=", "b": "<<", "c": None, "d": 750}


def test_numbers_that_are_none_stay_text() -> None:
    digits = "9" * (sys.get_int_max_str_digits() + 1)
    assert read_yaml(f"a: {digits}\nb: 0b_\nc: !!bool 3").value == {"a": digits, "b": "0b_", "c": "3"}


@pytest.mark.parametrize("text", ["password: *hunter2", "password: %hunter2\n%", "password: !hunter2!x y"])
def test_a_problem_quotes_nothing_of_the_text(text: str) -> None:
    assert "hunter2" not in _problem(text).text


@given(st.text(max_size=60) | st.text("[]{}:-&*!|>'\"%#@ab\n\t ", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = read_yaml(text)
    except YamlError:
        return
    assert set(document.value) == {location[0] for location in document.lines}


def test_a_file_is_read_as_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9")
    assert read_text(file) == "a: é"


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [(b"a: 1\nb: \xff", 2, "UTF-8"), (b"\xff" + b"x" * MAX_BYTES, 1, "larger")],
)
def test_a_file_that_cannot_be_used_is_one_problem(tmp_path: Path, content: bytes, line: int, word: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(YamlError) as refused:
        read_text(file)
    (problem,) = refused.value.problems
    assert problem.line == line
    assert word in problem.text


def test_a_file_that_is_missing_or_a_folder_is_one_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(YamlError) as refused:
            read_text(path)
        assert "cannot be read" in refused.value.problems[0].text


def test_locations_and_nearest_names_are_written_for_people() -> None:
    assert format_location(("spec", "collections", 0, "name")) == "spec.collections[0].name"
    assert len(format_location(("x" * 10_000,))) < 200
    assert format_location(("a\x1b[31mb\n",)) == "a\ufffd[31mb\ufffd"
    assert did_you_mean("indexs", ["indexes", "name"]) == "; did you mean 'indexes'?"
    assert did_you_mean("zzz", ["indexes", "name"]) == ""


def test_problems_come_in_the_order_of_the_file_and_not_without_end() -> None:
    problems = [Problem(line, "a", "wrong") for line in (9, 2, 5)]
    text = describe_problems(problems, "m.yaml", 2)
    assert text == "3 problems in m.yaml:\n  m.yaml:2 a: wrong\n  m.yaml:5 a: wrong\n  and 1 more"


ODD = """\
on: off
"quoted": 'it''s'
numbers: [1, 0x1F, 1_000, 0b_, .5, 1e3, .inf, 12:30:45, 2025-11-22, ~, null, yes]
text: |
  several
    lines
folded: >-
  one
  line
anchored: &a {x: [1, {y: z}]}
again: *a
<<: merge
empty:
"""


@pytest.mark.parametrize("text", [ODD, "", "a: [b, {c: d}]\n", "# only a comment\n"])
def test_what_was_read_before_is_read_the_same_by_the_fast_parser(text: str) -> None:
    assert read_yaml(text, known_good=True) == read_yaml(text)


def test_the_fast_parser_follows_no_alias_into_itself() -> None:
    with pytest.raises(YamlError):
        read_yaml("a: &a [*a]\n", known_good=True)
