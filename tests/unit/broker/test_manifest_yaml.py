"""Is YAML read strictly, with the line of everything, and does hostile text end quickly in one clear problem?"""

import string
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.yaml_events import read_plain
from aol_broker.yaml_text import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Problem,
    YamlDocument,
    YamlError,
    describe_problems,
    did_you_mean,
    format_location,
    read_any_yaml,
    read_text,
    read_yaml,
)

EXAMPLES = Path(__file__).parents[3] / "manifests"
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


# What YAML 1.1 and 1.2, or two parsers of it, are known to see differently.
CORNERS = [
    ODD,
    "",
    "---\na: 1\n...\n",
    "%YAML 1.2\n---\na: 1\n",
    "%YAML 9.1\n---\na: 1\n",
    "a: no\nb: NO\nc: nO\nd: y\ne: True\nf: oN\n",
    "a: 0o17\nb: 017\nc: 08\nd: 0x1F\ne: 0b11\nf: 1_000\ng: 190:20:30\nh: 1:60\ni: +1\nj: -0",
    "a: 1e3\nb: 1.e+3\nc: 1.5e3\nd: 1.5e-3\ne: .5\nf: 5.\ng: .inf\nh: -.INF\ni: 190:20:30.15\nj: +.5",
    "a: ~\nb:\nc: null\nd: Null\ne: nUll\nf: ''",
    "a: 2001-01-01\nb: 2001-1-1 1:00:00 Z\nc: 2001-13-99\nd: 12:30\ne: 2001-12-14t21:59:43.10-05:00",
    'a: "no"\nb: \'1\'\nc: "\\u00e9\\x41\\/\\N\\U0001F600"\nd: "\\0"',
    'a: "\\uD83D\\uDE00"',
    "a: |\n  one\n   two\n\nb: >-\n  one\n  two\n\n  three\nc: |2+\n    x\n\n",
    "a: >#comment\n",
    "a: |-# comment\n  x\n",
    "a: x # a comment\nb: x#none\n# c\n  # d\nc: # e\n  f\n",
    "a: plain\n  goes on\n\n  and on\nb: 'it\n  folds'\nc: \"so \\\n  does\"\n",
    "a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 'q\r\n r'\r\n",
    "a: 1\rb: 2\r",
    "\ufeffa: 1",
    "a: 1\n\ufeffb: 2",
    "a: é日本😀\xa0x\n日本: 1\n",
    "a: x\x85b: y",
    "a: x\u2028b: y",
    "a:\t1",
    "a: x\t\nb: \t# c\n",
    "a: 'x\ty'",
    "a:\n\t- b",
    "a: 1\nb: {c: 1, c: 2}",
    "a: [1, 2, [3, {b: c, 'd': e}], ]\nb: {x, y: , z: 1}\nc: [a: 1, b]\nd: []\ne: {}",
    "a: [b?, c]\n",
    "a: {b?: c}\nd: why? because\n?e: f",
    "a: {b: http://x/?q#f}\n",
    "? a\n: b\n? [c]\n: d",
    "a: {b:c, d: :e, -f: -}\n- g: h",
    "a: &x 1\nb: *x\n&k c: 1\n*x : 2",
    "a: !!str 1\nb: ! 2\n!!int c: 3",
    "a: !<tag:yaml.org,2002:str> 1",
    "a: @b",
    "a: `b",
    "a: %b",
    "a: b: c",
    "a: 'b' c",
    "a: [b",
    "- a\n- b\n",
    "a:\n- b\n- - c\n  - d\n-   e: f\n    g: h\n",
    f"{'k' * 1030}: 1",
    f"a: {'[' * 63}{']' * 63}",
    f"a: {'[' * 62}{']' * 62}",
    "\n".join(f"{' ' * depth}a:" for depth in range(63)) + " {}",
    "\n".join(f"{' ' * depth}a:" for depth in range(64)) + " {}",
    "<<: {a: 1}\n=: =\n",
    "a: &x [*x]",
]


def _outcome(read: Callable[[str], YamlDocument], text: str) -> object:
    """What a text is read as, with the types of its values; or what is wrong with it."""
    try:
        document = read(text)
    except YamlError as error:
        return error.problems
    # Of numbers, the text tells 1 from 1.0 and from True, and that NaN is NaN.
    return repr(document.value), dict(document.lines), dict(document.scalars)


@pytest.mark.parametrize("text", CORNERS)
def test_the_quick_way_reads_and_refuses_what_the_parser_in_python_does(text: str) -> None:
    assert _outcome(read_yaml, text) == _outcome(read_any_yaml, text)


_WORDS = [
    "a",
    "-",
    ":",
    "{",
    "}",
    "[",
    "]",
    "#",
    "'",
    '"',
    "\\",
    "\\n",
    "no",
    "0o17",
    "1e3",
    "~",
    "''",
    "=",
    "2001-01-01",
    "12:30",
    "<<",
    "é",
    "😀",
    "x?y",
    "a#b",
    "&a",
    "*a",
]
_SPACED = ("b: ", "key: ", "- ", ": ", "? ", ", ", " ", " # c\n", "!x ", "x: 1\n", "|\n", "|2\n", ">-\n", "%T x\n")
_ENDS = ("\n", "\n  ", "\n    ", "---\n", "...\n", "\t", "\r\n", "\r", "\ufeff", "\x85")
_PARTS = st.sampled_from((*_WORDS, *_SPACED, *_ENDS))
_FOLDED = ("|\n       a\n        b", "a\n       b")
_SCALARS = st.sampled_from(
    (*["a", "no", "'q''x'", '"d\\n"', "017", "[b?,c]", "{a,b:}"], "x # c", "[a, {b: c}]", *_FOLDED)
)


def _lines_of(value: object, indent: int) -> str:
    """A value as a block, its scalars as they are."""
    pad = " " * indent
    if isinstance(value, dict):
        return "".join(f"{pad}{key}:{_below(item, indent)}" for key, item in value.items())
    assert isinstance(value, list)
    return "".join(f"{pad}-{_below(item, indent)}" for item in value)


def _below(value: object, indent: int) -> str:
    return f" {value}\n" if isinstance(value, str) or not value else f"\n{_lines_of(value, indent + 2)}"


_BLOCKS = st.dictionaries(
    NAMES,
    st.recursive(
        _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
    ),
    min_size=1,
    max_size=4,
).map(lambda value: _lines_of(value, 0))


@given(st.lists(_PARTS, max_size=12).map("".join) | _BLOCKS, st.lists(_PARTS, max_size=3).map("".join), st.integers(0))
def test_whatever_the_quick_way_reads_the_parser_in_python_reads_the_same(text: str, more: str, place: int) -> None:
    at = place % (len(text) + 1)
    for one in (text, f"a:\n  {text}", text[:at] + more + text[at:]):
        plain = read_plain(one, max_depth=MAX_DEPTH, max_values=MAX_NODES)
        if plain is not None:
            assert (repr(plain.value), plain.lines, plain.scalars) == _outcome(read_any_yaml, one)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/manifest.yaml")), ids=lambda file: file.parent.name)
def test_manifests_as_people_write_them_are_read_the_quick_way(file: Path) -> None:
    text = file.read_text()
    for one in (text, text.replace("\n", "\r\n"), f"---\n{text}", f"{text}description: Größe, überall\n"):
        assert read_plain(one, max_depth=MAX_DEPTH, max_values=MAX_NODES) is not None


def test_directives_which_would_stop_the_process_are_not_given_to_libyaml() -> None:
    directives = "".join(f"%TAG !a{number}! x\n" for number in range(2_000))
    for text in (f"{directives}---\na: 1\n", f"# a comment\r\n{directives}---\r\na: 1\r\n", "a: 1\n%"):
        assert read_plain(text, max_depth=MAX_DEPTH, max_values=MAX_NODES) is None
    assert read_yaml(f"{directives}---\na: 1\n").value == {"a": 1}


def test_without_libyaml_everything_is_read_by_the_parser_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert read_yaml("a: [1, {b: no}]").value == {"a": [1, {"b": False}]}


@pytest.mark.parametrize("escape", ["\\U00110000", "\\UFFFFFFFF"])
def test_an_escape_of_no_character_is_a_problem_with_its_line(escape: str) -> None:
    problem = _problem(f'a: 1\nb: "{escape}"')
    assert (problem.line, "escape" in problem.text) == (2, True)
