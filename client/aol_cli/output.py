"""How does an answer look? Tables for people, JSON lines for programs, errors on stderr."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

CELL_MAX_CHARACTERS = 80
# Wider than any table gets: without a terminal nothing is cut to a width.
_NO_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. One that `shrinks` is cut first where the terminal is narrow; `styles` colours values."""

    name: str
    shrinks: bool = False
    right: bool = False
    styles: Mapping[str, str] = field(default_factory=dict)


def shown(text: str, most: int = CELL_MAX_CHARACTERS) -> str:
    """Return text that is safe on a terminal, on one line: control characters escaped, cut visibly to `most`."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    return _escaped(text)


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown_time(text: str) -> str:
    """Return `2025-11-22T12:00:00.123456Z` as `2025-11-22 12:00:00Z`."""
    return shown(text[:19].replace("T", " ") + "Z")


def print_json(value: object) -> None:
    """Print one JSON value on a line of its own, in UTF-8 whatever the locale is."""
    import orjson

    write_line(orjson.dumps(value))


def write_line(line: bytes) -> None:
    """Print a line that is JSON already."""
    sys.stdout.buffer.write(line + b"\n")


def say(text: str) -> None:
    """Print a text for people, now."""
    print(_each_line_escaped(text), flush=True)  # noqa: T201 - this is where the command prints


def say_aside(text: str) -> None:
    """Print what is no part of the answer, on stderr."""
    print(_each_line_escaped(text), file=sys.stderr, flush=True)  # noqa: T201


def _each_line_escaped(text: str) -> str:
    return "\n".join(_escaped(line) for line in text.split("\n"))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table, or the sentence `empty` when there are no rows. On a terminal it keeps to the width."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        # A column that may wrap is what rich makes narrower first; its cells are cut instead of wrapped.
        table.add_column(
            Text(shown(column.name), no_wrap=True, overflow="ellipsis"),
            justify="right" if column.right else "left",
            no_wrap=not column.shrinks,
            overflow="ellipsis",
        )
    for row in rows:
        cells = zip(columns, row, strict=True)
        table.add_row(
            *(
                Text(shown(cell), column.styles.get(cell, ""), no_wrap=True, overflow="ellipsis")
                for column, cell in cells
            )
        )
    if table.row_count:
        console().print(table)
    else:
        say(empty)


def terminal_width() -> int | None:
    """Return how many columns the reader's terminal has; None when a program or a file reads."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return console().width


def console() -> "Console":
    """Return a console on standard output as it is now; it takes no markup from texts."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704 - called while BrokenPipeError is handled, of which the command's end speaks

    # COLUMNS, where it is set, is read by rich.
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal() else _NO_WIDTH
    return Plain(width=width, markup=False, emoji=False, highlight=False)
