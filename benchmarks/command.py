"""What can be asked of the benchmark? Its options, and where its results go."""

import argparse
import asyncio
import dataclasses
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from aol_cli.output import print_json
from aol_client import DataClientError
from benchmarks.chain import ChainFailedError
from benchmarks.lines import Line
from benchmarks.machine import Machine, look_at
from benchmarks.plot import plot
from benchmarks.report import as_json, print_report, summary
from benchmarks.run import DATABASES, ONLY_IN_FULL, Wanted, run
from benchmarks.scale import DEFAULT, FULL, Scale
from benchmarks.store import WrongAnswerError


def command(arguments: Sequence[str]) -> int:
    """Measure as the options say, print the results, and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        lines, machine = uvloop.run(_measured(options))
    except (ChainFailedError, WrongAnswerError, DataClientError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    if options.json:
        print_json(as_json(lines, machine))
    else:
        print_report(lines, machine)
    if options.plot is not None:
        options.plot.write_text(plot(lines), encoding="utf-8")
    return 0


async def _measured(options: argparse.Namespace) -> tuple[list[Line], Machine]:
    task = asyncio.current_task()
    assert task is not None
    # Otherwise the servers that were started would stay.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    databases = [name for name in DATABASES if _is_wanted(name, options)]
    with tempfile.TemporaryDirectory(prefix="aol-bench-") as folder:
        machine = await asyncio.to_thread(look_at, Path(folder))
        wanted = Wanted(tuple(options.only))
        lines = await run(databases, _scale(options), wanted, Path(folder), lambda line: _aside(summary(line)))
        return lines, machine


def _is_wanted(database: str, options: argparse.Namespace) -> bool:
    if options.database:
        return database.lower() in options.database
    return options.full or database not in ONLY_IN_FULL


def _scale(options: argparse.Namespace) -> Scale:
    given = {
        "seconds": options.seconds,
        "rounds": options.repeats,
        "bulk_rounds": options.repeats,
        "documents": options.documents,
        "sizes": options.sizes,
        "collections": options.collections,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(FULL if options.full else DEFAULT, **changes)


def _aside(text: str) -> None:
    sys.stderr.write(text + "\n")


def parser() -> argparse.ArgumentParser:
    """Return what reads the options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the broker beside the drivers that it stands in for. docs/benchmarks.md says what the "
        "lines mean. Each line is printed on stderr as soon as it is there.",
    )
    made.add_argument("--json", action="store_true", help="one JSON object on stdout, and no table")
    made.add_argument("--plot", type=Path, metavar="FILE", help="also draw the lines that have targets, as SVG")
    made.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only lines with this in their name (repeatable)"
    )
    made.add_argument(
        "--database",
        action="append",
        choices=[name.lower() for name in DATABASES],
        help="only this database (repeatable)",
    )
    made.add_argument("--full", action="store_true", help="longer runs, sizes up to a million documents, and MongoDB")
    made.add_argument("--seconds", type=_positive, help="how long a side is called for in each round")
    made.add_argument("--repeats", type=_count, help="how many rounds")
    made.add_argument("--documents", type=_count, help="of insert_many and of a scan")
    made.add_argument("--sizes", type=_sizes, metavar="N,N", help="documents of the collections that are queried")
    made.add_argument("--collections", type=_counts, metavar="N,N", help="how many collections are registered")
    return made


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 3600:
        raise ValueError
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _counts(text: str) -> tuple[int, ...]:
    numbers = tuple(_count(part) for part in text.split(","))
    if len(numbers) < 2 or list(numbers) != sorted(set(numbers)):
        raise argparse.ArgumentTypeError("two or more numbers, the smallest first, for example 10,1000")
    return numbers


def _sizes(text: str) -> tuple[int, ...]:
    numbers = _counts(text)
    if any(number % 10 for number in numbers):
        raise argparse.ArgumentTypeError("multiples of 10: each user has ten documents")
    return numbers
