"""An audit record on a terminal or in a spreadsheet is text, and commands neither."""

import csv
import io
import json
import sys
from typing import Any

import pytest

from aol_cli.audit_records import decoded, print_csv, print_whole, write_as_stored
from aol_cli.exits import Failure

CONTROLS = "\x9b31m\u202e\U000e0001\x7f"


class Bytes(io.TextIOWrapper):
    """Standard output, of a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def written(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def cells(monkeypatch: pytest.MonkeyPatch, record: dict[str, Any]) -> dict[str, str]:
    out = Bytes(terminal=False)
    monkeypatch.setattr(sys, "stdout", out)
    print_csv([json.dumps(record)])
    [row] = csv.DictReader(io.StringIO(out.written(), newline=""), strict=True)
    return row


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_begins_as_a_formula_is_a_text_in_csv(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert cells(monkeypatch, {"seq": 1, "request_id": text})["request_id"].startswith("'")


@pytest.mark.parametrize("text", ['a,b "c"', "", "r-1", "Zürich"])
def test_any_other_text_is_in_csv_as_it_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert cells(monkeypatch, {"seq": 1, "request_id": text})["request_id"] == text


def test_csv_escapes_what_could_command_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    row = cells(monkeypatch, {"seq": 1, "peer": CONTROLS, "filters": {"a": CONTROLS}, "duration_ms": 0.5})
    assert (row["peer"].isprintable(), row["filters"].isprintable(), row["duration_ms"]) == (True, True, "0.5")


@pytest.mark.parametrize("terminal", [True, False])
def test_json_is_as_it_is_stored_and_escaped_on_a_terminal(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    line = json.dumps({"seq": 1, "a": CONTROLS, "b": "ü"}, ensure_ascii=False)
    out = Bytes(terminal=terminal)
    monkeypatch.setattr(sys, "stdout", out)
    write_as_stored(line)
    written = out.written().removesuffix("\n")
    assert json.loads(written) == json.loads(line)
    assert (written == line, written.isprintable()) == (not terminal, terminal)


def test_all_of_a_record_is_shown_what_is_unknown_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_whole({"later": "\x1b[31m", "seq": 7, "fields": ["a"], "filters": None})
    assert capsys.readouterr().out == '  seq      7\n  filters\n  fields   ["a"]\n  later    \\x1b[31m\n'


@pytest.mark.parametrize("line", ["", "[]", '{"seq": "1"}', "{"])
def test_what_is_no_record_is_said_to_be_none(line: str) -> None:
    with pytest.raises(Failure, match="damaged"):
        decoded(line)
