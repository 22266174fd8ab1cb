"""Does the benchmark measure what it says, on real processes, and leave nothing behind? No figure is believed here."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
import pytest

from benchmarks.brokered import has_transports

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
TINY = (
    *("--seconds", "0.02", "--repeats", "1", "--documents", "50", "--sizes", "20,40", "--collections", "2,3"),
    "--json",
)
KEYS = {
    *("name", "database", "value", "min", "max", "target", "target_is", "holds", "unit", "direct", "broker"),
}
OPERATIONS = ("insert", "get by id", "filtered query of 10", "update", "delete")
CALLS = [f"{name}, {in_flight} in flight" for name in OPERATIONS for in_flight in (1, 32, 256)]
ADDED = [f"added p50, {name}, 1 in flight" for name in OPERATIONS]
PAIRS = [*CALLS, *ADDED, "mixed 80/20, 32 in flight", "insert_many of 50", "scan of 50"]
GROWTH = [
    "query p50, 40 documents ÷ 20",
    "p50, 3 collections ÷ 2",
    "p50, 3 collections ÷ 2, calls to all of them",
]
AUDITED = [f"audited ÷ not audited, insert, {in_flight} in flight" for in_flight in (1, 32, 256)]
MEMORY = [
    f"{process}, {what}"
    for process in ("broker", "adapter")
    for what in ("idle", "3 collections, idle", "3 collections, 256 in flight", "scan of 50")
]


def benchmark(*arguments: str, program: tuple[str, ...] = ("benchmarks",), cwd: Path = ROOT) -> dict[str, Any]:
    command = [sys.executable, "-m", *program, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def processes_of(folder: Path) -> list[list[str]]:
    """Command lines of processes that were given something in this folder."""
    lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if any(str(folder) in word for word in line)]


def names(lines: list[dict[str, Any]]) -> list[str]:
    return sorted(line["name"] for line in lines)


def test_a_tiny_run_has_every_line_of_sqlite() -> None:
    shown = benchmark(*TINY, "--database", "sqlite")
    unary = [f"{name}, unary" for name in PAIRS if " of 50" not in name] if has_transports() else []
    both = [f"frames ÷ unary, {name}" for name in (*CALLS, "mixed 80/20, 32 in flight")] if has_transports() else []
    assert names(shown["lines"]) == sorted([*PAIRS, *unary, *both, *GROWTH, *AUDITED])
    assert names(shown["memory"]) == sorted(MEMORY)
    for line in (*shown["lines"], *shown["memory"]):
        assert line.keys() == KEYS
        assert line["database"] == "SQLite"
        assert line["min"] <= line["value"] <= line["max"]
        assert (line["holds"] is None) == (line["target"] is None)
    assert all(line["direct"] > 0 and line["broker"] > 0 for line in shown["lines"] if line["name"] in PAIRS)
    assert all(10 < line["value"] < 2000 for line in shown["memory"])
    assert shown["machine"]["cores"] >= 1


def test_with_postgresql_only_what_was_named_is_measured() -> None:
    wanted = ("filtered query of 10, 1 ", "insert_many", "documents ÷ 20")
    shown = benchmark(*TINY, "--database", "postgresql", *(f"--only={name}" for name in wanted))
    found = [name for name in names(shown["lines"]) if "unary" not in name]
    assert found == sorted(name for name in (*PAIRS, *GROWTH, *AUDITED) if any(part in name for part in wanted))
    assert {line["database"] for line in shown["lines"]} == {"PostgreSQL"}
    assert shown["memory"] == []


def test_mongodb_is_measured_when_it_is_named() -> None:
    shown = benchmark(*TINY, "--database", "mongodb", "--only=get by id, 32 ")
    assert [name for name in names(shown["lines"]) if "unary" not in name] == ["get by id, 32 in flight"]
    assert {line["database"] for line in shown["lines"]} == {"MongoDB"}
    assert {line["target"] for line in shown["lines"]} == {None}


def test_the_command_runs_it_from_any_folder_and_draws_its_plot_there(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__main__.py").write_text("raise SystemExit('not ours')")
    options = (
        "--only=get by id, 1 ",
        "--database=sqlite",
        "--seconds=0.02",
        "--repeats=1",
        "--plot=plot.svg",
        "--json",
    )
    shown = benchmark("bench", *options, program=("aol_cli",), cwd=tmp_path)
    assert names(shown["lines"])[0] == "added p50, get by id, 1 in flight"
    texts = [element.text or "" for element in ET.parse(tmp_path / "plot.svg").iter()]
    assert "SQLite: added p50, get by id, 1 in flight" in texts


def test_the_noisy_neighbour_is_refused_and_its_neighbour_timed(tmp_path: Path) -> None:
    options = ("--limit=20", "--pace=20", "--seconds=0.5", "--rounds=1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.noisy_neighbour", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    noisy, p50, p99 = done.stdout.splitlines()
    counts = {what: int(count) for count, what in re.findall(r"(\d+) (offered|served|refused|failed)", noisy)}
    assert counts["refused"] > 0
    assert counts["failed"] == 0
    for line, part in ((p50, "p50"), (p99, "p99")):
        assert re.match(rf"neighbour's {part}: alone [\d.]+ ms, beside it [\d.]+ ms, ratio [\d.]+", line)
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_is_broken_off_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *TINY, "--database", "sqlite"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("SQLite: insert")
    assert processes_of(tmp_path)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert (process.returncode, printed) == (128 + number, "")
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--repeats", "-1"),
        ("--sizes", "10"),
        ("--sizes", "15,20"),
        ("--collections", "20,10"),
        ("--documents", "many"),
        ("--database", "oracle"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused_before_anything_starts(option: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", f"{option}={value}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert option in done.stderr
    assert done.stdout == ""
