"""How does an answer look? Tables for people, JSON lines for programs, errors on stderr."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

CELL_MAX_CHARACTERS = 80
# Wider than any table gets: without a terminal nothing is cut to a width.
_NO_WIDTH = 100_000
_GAP = 2
_SHRUNK_MIN = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `styles` colours values.

    Where the terminal is narrow, columns that may shrink are cut, and the last of the optional ones left out.
    """

    name: str
    shrinks: bool = False
    optional: bool = False
    right: bool = False
    styles: Mapping[str, str] = field(default_factory=dict)


def shown(text: str, most: int = CELL_MAX_CHARACTERS) -> str:
    """Return text that is safe on a terminal, on one line: control characters escaped, cut visibly to `most`."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    return escaped(text)


def escaped(text: str) -> str:
    """Return text on one line that is safe on a terminal, however long it is: control characters escaped."""
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


def counted(count: int, thing: str) -> str:
    """Return how many there are of a thing whose plural ends in s: `1 record`, `2,000 records`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def say(text: str) -> None:
    """Print a text for people, now."""
    print(_each_line_escaped(text), flush=True)  # noqa: T201 - this is where the command prints


def say_aside(text: str) -> None:
    """Print what is no part of the answer, on stderr."""
    print(_each_line_escaped(text), file=sys.stderr, flush=True)  # noqa: T201


def _each_line_escaped(text: str) -> str:
    return "\n".join(escaped(line) for line in text.split("\n"))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table, or the sentence `empty` when there are no rows. On a terminal it keeps to the width."""
    from rich.text import Text

    cells = [[shown(cell) for cell in row] for row in rows]
    if not cells:
        say(empty)
        return
    kept = _fitting(columns, cells, terminal_width())
    table = _table([columns[place] for place in kept])
    for row in cells:
        styled = ((row[place], columns[place].styles.get(row[place], "")) for place in kept)
        table.add_row(*(Text(cell, style, no_wrap=True, overflow="ellipsis") for cell, style in styled))
    out = console()
    with out.capture() as captured:
        out.print(table)
    for line in captured.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
    left_out = [shown(column.name) for place, column in enumerate(columns) if place not in kept]
    if left_out:
        say(f"Not shown, for want of room: {', '.join(left_out)} (--json shows everything)")


def _table(columns: Iterable[Column]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        # A column that may wrap is what rich makes narrower first; its cells are cut instead of wrapped.
        table.add_column(
            Text(shown(column.name), no_wrap=True, overflow="ellipsis"),
            justify="right" if column.right else "left",
            no_wrap=not column.shrinks,
            overflow="ellipsis",
        )
    return table


def _fitting(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the places of the columns for which there is room, each as wide as it has to be."""
    from rich.cells import cell_len

    kept = list(range(len(columns)))
    if width is None:
        return kept
    least = []
    for place, column in enumerate(columns):
        widest = max(cell_len(text) for text in (shown(column.name), *(row[place] for row in cells)))
        least.append(min(widest, _SHRUNK_MIN) if column.shrinks else widest)
    optional = [place for place, column in enumerate(columns) if column.optional]
    while optional and sum(least[place] + _GAP for place in kept) > width:
        kept.remove(optional.pop())
    return kept


def terminal_width() -> int | None:
    """Return how many columns the reader's terminal has; None when a program or a file reads."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return console().width


def console() -> "Console":
    """Return a console on standard output as it is now; it takes no markup from texts."""
    from rich.console import Console

    # COLUMNS, where it is set, is read by rich.
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal() else _NO_WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)
