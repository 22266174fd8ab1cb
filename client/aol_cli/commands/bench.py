"""How fast is the broker on this machine? `aol bench` runs the benchmarks of a checkout."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aol_cli.exits import Failure
from aol_cli.options import AsJson

# client/aol_cli/commands/bench.py, in a checkout.
_ROOT = Path(__file__).resolve().parents[3]


class Database(StrEnum):
    """What can be measured."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


def bench(
    *,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Also draw the lines that have targets, as SVG.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Only lines with this in their name; repeatable."),
    ] = None,
    database: Annotated[list[Database] | None, typer.Option("--database", help="Only this one; repeatable.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Longer runs, and sizes up to a million documents.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=0.01, max=3600, help="How long a side is called for in each round."),
    ] = None,
    repeats: Annotated[int | None, typer.Option("--repeats", min=1, help="How many rounds.")] = None,
) -> None:
    """Measure the broker beside the drivers it stands in for."""
    arguments = ["--json"] if as_json else []
    arguments += ["--full"] if full else []
    for option, values in (
        ("--plot", [plot]),
        ("--only", only or []),
        ("--database", database or []),
        ("--seconds", [seconds]),
        ("--repeats", [repeats]),
    ):
        # One word each: what a value begins with does not matter then.
        arguments += [f"{option}={value}" for value in values if value is not None]
    _become(require_checkout(_ROOT), arguments)


def require_checkout(folder: Path) -> Path:
    """Return the folder if the benchmarks are there.

    :raises Failure: they are not, as in an installed package.
    """
    if (folder / "benchmarks" / "__main__.py").is_file() and (folder / "tests" / "postgres_server.py").is_file():
        return folder
    raise Failure(
        "the benchmarks come with the source and are not part of the installed package: clone the repository and run "
        "`make bench` there, or `pip install -e '.[dev]'` and then `aol bench`."
    )


def _become(checkout: Path, arguments: list[str]) -> None:
    """Go on as the benchmark's program, which then gets what is sent to this one: signals, and the terminal's keys."""
    path = os.pathsep.join(filter(None, [str(checkout), os.environ.get("PYTHONPATH", "")]))
    sys.stdout.flush()
    # -P: a folder `benchmarks` where the user stands is not the one that is meant.
    command = [sys.executable, "-P", "-m", "benchmarks", *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606 - our own program
