"""Are tables fit for people with and without a terminal, whatever was stored?"""

import json
import sys

import pytest

from aol_cli.output import Column, print_json, print_table, say, shown

NOBODY = "Nothing here."


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("grün 机场", "grün 机场"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\ttab", "two\\nlines\\ttab"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
    ],
)
def test_a_value_is_shown_on_one_line_without_control_characters(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_without_a_terminal_nothing_is_cut_to_a_width(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [Column(f"column {place}", shrinks=True, optional=True) for place in range(40)]
    print_table(columns, [["value " * 5] * 40], empty=NOBODY)
    header, rule, row = printed(capsys)
    assert row.count("value value value value value") == 40
    assert (header.count("column"), set(rule)) == (40, {"─"})


def test_no_line_ends_in_spaces_or_holds_a_colour(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("a"), Column("state", styles={"ok": "green"})], [["1", "ok"], ["2", ""]], empty=NOBODY)
    lines = printed(capsys)
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\x1b" not in "".join(lines)


def test_a_narrow_terminal_leaves_out_optional_columns_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    columns = [Column("id"), Column("text", shrinks=True), Column("one", optional=True), Column("two", optional=True)]
    print_table(columns, [["0" * 20, "word " * 30, "1" * 15, "2" * 15]], empty=NOBODY)
    *table, note = printed(capsys)
    assert max(map(len, table)) <= 50
    assert "0" * 20 in table[2]
    assert "word" in table[2]
    assert "…" in table[2]
    assert note.startswith("Not shown, for want of room: one, two")


def test_a_table_without_rows_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("a")], [], empty=NOBODY)
    assert printed(capsys) == [NOBODY]


def test_markup_in_a_value_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("a")], [["[red]x[/red] :smile:"]], empty=NOBODY)
    assert "[red]x[/red] :smile:" in printed(capsys)[2]


def test_json_is_one_line_of_utf_8(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    value = {"name": "zwei\nZeilen, 机场", "count": 2**63 - 1}
    print_json(value)
    sys.stdout.flush()
    out = capfdbinary.readouterr().out
    assert out.count(b"\n") == 1
    assert json.loads(out.decode("utf-8")) == value


def test_a_message_keeps_its_lines_but_no_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    say("first\n  second \x1b[2J")
    assert printed(capsys) == ["first", "  second \\x1b[2J"]
