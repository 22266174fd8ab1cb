"""How is a run shown? As a table for people, and as one JSON object for programs."""

from collections.abc import Sequence
from typing import Any

from aol_cli.output import Column, print_table, say
from benchmarks.lines import MEBIBYTES, MILLISECONDS, RATIO, Line, rounded
from benchmarks.machine import Machine

_COLUMNS = (
    Column("database"),
    Column("line"),
    Column("value", right=True),
    Column("min", right=True, optional=True),
    Column("max", right=True, optional=True),
    Column("target", right=True),
    Column("holds", styles={"yes": "green", "NO": "bold red"}),
    Column("direct", right=True, optional=True),
    Column("broker", right=True, optional=True),
)
_HOLDS = {True: "yes", False: "NO", None: ""}
_SIGN = {RATIO: "", MILLISECONDS: " ms", MEBIBYTES: " MiB"}


def as_json(lines: Sequence[Line], machine: Machine) -> dict[str, Any]:
    """Return a run as `--json` shows it."""
    return {
        "lines": [line.as_json() for line in lines if line.unit != MEBIBYTES],
        "memory": [line.as_json() for line in lines if line.unit == MEBIBYTES],
        "machine": machine.as_json(),
    }


def print_report(lines: Sequence[Line], machine: Machine) -> None:
    """Print a run for people."""
    print_table(_COLUMNS, [_row(line) for line in lines], empty="No line has such a name.")
    bound = [line for line in lines if line.target is not None]
    if bound:
        say(f"\n{sum(line.holds is True for line in bound)} of {len(bound)} targets hold.")
    say(machine.sentence())


def summary(line: Line) -> str:
    """Return a line in a few words."""
    target = f", to be {line.target}: {_HOLDS[line.holds]}" if line.target is not None else ""
    return f"{line.database}: {line.name}: {shown(line.value)}{_SIGN[line.unit]}{target}"


def shown(value: float | None) -> str:
    """Return a figure for people: thousands apart, and no digits that mean nothing."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{rounded(value):.3g}"


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.database,
        line.name,
        shown(line.value) + _SIGN[line.unit],
        shown(min(line.values)),
        shown(max(line.values)),
        "" if line.target is None else str(line.target),
        _HOLDS[line.holds],
        shown(line.direct),
        shown(line.broker),
    )
