"""How is an audit record shown? In a table, on a line, with all that it says, as CSV, or as it is stored."""

import csv
import io
import sys
from collections.abc import Iterable
from typing import Any

from aol_cli.exits import Failure
from aol_cli.output import Column, escaped, print_table, say, shown, shown_time, terminal_width, write_line

OUTCOME_STYLES = {"ok": "green", "denied": "red", "failed": "yellow", "unknown": "magenta", "pending": "magenta"}
_FILTER_MAX_CHARACTERS = 60

# The order in which a person asks: when, who, what, how did it end; what else a record has comes after it.
_KEYS = (
    "timestamp",
    "seq",
    "stage",
    "outcome",
    "reason",
    "service",
    "principal",
    "verified_by",
    "on_behalf_of",
    "security",
    "tenant",
    "user",
    "peer",
    "operation",
    "collection",
    "filters",
    "fields",
    "result_count",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "grant",
    "revision",
    "request_id",
    "trace_id",
    "intent",
    "broker",
    "prev",
    "hash",
)
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def decoded(record: str) -> dict[str, Any]:
    """Return a record as a dict.

    :raises Failure: the broker sent something else.
    """
    import orjson

    try:
        value = orjson.loads(record)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("seq"), int):
        raise Failure("the broker sent an audit record that is none; its audit files may be damaged.")
    return value


def write_as_stored(record: str) -> None:
    """Print a record as its line of JSON; on a terminal with what could command it escaped, as JSON can."""
    if sys.stdout.isatty() and not record.isprintable():
        record = "".join(c if c.isprintable() else _json_escaped(c) for c in record)
    write_line(record.encode())


def write_as_line(record: str) -> None:
    """Print a record on a line, for people."""
    time, outcome, service, operation, collection, reason, count, milliseconds, filters = _cells(decoded(record))
    line = (
        f"{time}  {outcome:<6}  {service:<18}  {operation:<18}  {collection:<30}  {count:>7}  {milliseconds:>8} ms"
        f"  {' '.join(filter(None, (reason, filters)))}"
    )
    width = terminal_width()
    say(line.rstrip() if width is None else shown(line.rstrip(), width))


def print_records(records: Iterable[str], *, empty: str) -> None:
    """Print records as a table, or the sentence `empty` when there are none."""
    columns = (
        Column("time"),
        Column("outcome", styles=OUTCOME_STYLES),
        Column("service", shrinks=True),
        Column("operation"),
        Column("collection", shrinks=True),
        Column("reason", optional=True),
        Column("count", optional=True, right=True),
        Column("ms", optional=True, right=True),
        Column("filters", optional=True, shrinks=True),
    )
    print_table(columns, (_cells(decoded(record)) for record in records), empty=empty)


def print_whole(record: dict[str, Any]) -> None:
    """Print all that a record says, a line for each key; `0` and the empty text are said as such."""
    keys = _ordered(record)
    width = max(map(len, keys))
    for key in keys:
        say(f"  {escaped(key):<{width}}  {escaped(_value(record[key]))}".rstrip())


def print_csv(records: Iterable[str]) -> None:
    """Print records as CSV (RFC 4180), with a line of names first; objects and lists are JSON in their cell.

    Control characters are escaped, and a text that a spreadsheet would take for a formula has `'` before it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_KEYS)
    for record in records:
        said = decoded(record)
        writer.writerow([_csv_cell(said.get(key)) for key in _KEYS])
    sys.stdout.buffer.write(text.getvalue().encode())


def _ordered(record: dict[str, Any]) -> list[str]:
    return [*(key for key in _KEYS if key in record), *(key for key in record if key not in _KEYS)]


def _value(value: Any) -> str:
    import orjson

    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _csv_cell(value: Any) -> str:
    text = escaped(_value(value))
    return f"'{text}" if isinstance(value, str) and value.startswith(_FORMULA) else text


def _json_escaped(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    import orjson

    def text(key: str) -> str:
        return shown(str(record.get(key) or ""))

    filters = record.get("filters")
    duration = record.get("duration_ms")
    return (
        shown_time(str(record.get("timestamp") or "")),
        text("outcome"),
        # An operator who acts for no service is known as the principal only.
        text("service") or text("principal"),
        text("operation"),
        text("collection"),
        text("reason"),
        str(record.get("result_count", "")),
        f"{duration:.1f}" if isinstance(duration, int | float) else "",
        shown(orjson.dumps(filters).decode(), _FILTER_MAX_CHARACTERS) if filters else "",
    )
