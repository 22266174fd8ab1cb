"""Do people and programs get the same run?"""

import pytest

from benchmarks.lines import MEBIBYTES, Line
from benchmarks.machine import Machine
from benchmarks.report import as_json, print_report, summary
from benchmarks.targets import POSTGRESQL, SQLITE

QUIET = Machine(cores=2, system="Linux", python="3.11.7", load=0.1, sync_ms=0.8)
LINES = [
    Line("insert, 32 in flight", POSTGRESQL, "ratio", (1.0, 2.0, 3.0), 4450.0, 8900.0),
    Line("get by id, 32 in flight", POSTGRESQL, "ratio", (0.5,), 9000.0, 4500.0),
    Line("adapter, idle", SQLITE, MEBIBYTES, (55.25,)),
]


def test_memory_stands_apart_from_the_lines() -> None:
    shown = as_json(LINES, QUIET)
    assert [line["name"] for line in shown["lines"]] == ["insert, 32 in flight", "get by id, 32 in flight"]
    assert [line["name"] for line in shown["memory"]] == ["adapter, idle"]
    assert shown["machine"]["cores"] == 2


def test_the_table_tells_what_holds(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(LINES, QUIET)
    table = capsys.readouterr().out
    assert "1 of 2 targets hold." in table
    held, missed = (next(row for row in table.splitlines() if name in row) for name in ("insert, 32", "get by id"))
    assert held.split()[-3:] == ["yes", "4,450", "8,900"]
    assert missed.split()[-3:] == ["NO", "9,000", "4,500"]
    assert "55.2 MiB" in table


def test_a_run_beside_others_says_so() -> None:
    busy = Machine(cores=2, system="Linux", python="3.11.7", load=1.5, sync_ms=0.8)
    assert "believe no figure" in busy.sentence()
    assert "believe no figure" not in QUIET.sentence()


def test_nothing_that_matches_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_report([], QUIET)
    assert "No line has such a name." in capsys.readouterr().out


def test_the_words_of_a_line_hold_its_target_if_it_has_one() -> None:
    assert summary(LINES[0]) == "PostgreSQL: insert, 32 in flight: 2, to be ≥ 1.5: yes"
    assert summary(LINES[2]) == "SQLite: adapter, idle: 55.2 MiB"
