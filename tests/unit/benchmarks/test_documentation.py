"""Does docs/benchmarks.md say what there is: every option, every line, and nothing else?"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from benchmark_names import names
from benchmarks.command import parser
from benchmarks.scale import DEFAULT, FULL

ROOT = Path(__file__).parents[3]
DOCUMENTATION = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (make .*)$", DOCUMENTATION, re.MULTILINE)
TABLE = DOCUMENTATION.split("## The lines")[1].split("**Memory**")[0]
LINES = re.findall(r"^\| `([^`]+)` \|", TABLE, re.MULTILINE)


def pattern(documented: str) -> str:
    """The names that a documented one stands for: N is a number, and … is the rest of another name."""
    return re.escape(documented).replace("N", r"[\d,]+").replace("…", ".+")


def test_every_option_is_documented() -> None:
    options = set(re.findall(r"(--[a-z]+)", parser().format_help())) - {"--help"}
    assert options == set(re.findall(r"`(--[a-z]+)\b", DOCUMENTATION))


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_commands_are_ones_that_make_knows(command: str) -> None:
    dry_run = f"{command.partition(' >')[0]} --dry-run"
    dry = subprocess.run(dry_run, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr
    # The options are right, too: the parser ends the program otherwise.
    parser().parse_args(shlex.split(dry.stdout.splitlines()[-1].partition("-m benchmarks")[2]))


@pytest.mark.parametrize("name", sorted(set(names(DEFAULT)) | set(names(FULL))))
def test_every_line_is_in_the_table(name: str) -> None:
    memory = name.startswith(("broker, ", "adapter, "))
    assert memory or any(re.fullmatch(pattern(documented), name) for documented in LINES)


@pytest.mark.parametrize("documented", LINES)
def test_every_line_of_the_table_is_measured(documented: str) -> None:
    assert any(re.fullmatch(pattern(documented), name) for name in names(DEFAULT))


def test_the_defaults_are_the_documented_ones() -> None:
    rows = dict(re.findall(r"^\| `(--\w+) \w` \| (.*) \|$", DOCUMENTATION, re.MULTILINE))
    assert f"({DEFAULT.seconds:g}; `--full`: {FULL.seconds:g})" in rows["--seconds"]
    bulk = f"of `insert_many` and scans {DEFAULT.bulk_rounds}; `--full`: {FULL.bulk_rounds}"
    assert f"({DEFAULT.rounds}; `--full`: {FULL.rounds}; {bulk})" in rows["--repeats"]
