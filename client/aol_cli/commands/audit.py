"""Who touched what, when, by what right? `aol audit tail`, `aol audit search`."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated, Any

import typer

from aol_cli.exits import Failure
from aol_cli.operator_calls import OperatorCalls, operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile, moment_us
from aol_cli.output import Column, print_table, say, say_aside, shown, shown_time, terminal_width, write_line

FOLLOW_EVERY_S = 1.0
LIMIT_MAX = 10_000
_STYLES = {"ok": "green", "denied": "red", "failed": "yellow", "unknown": "magenta"}
_FILTER_MAX_CHARACTERS = 60

app = typer.Typer(help="Read the audit records of a broker.", no_args_is_help=True, rich_markup_mode=None)


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    DENIED = "denied"
    UNKNOWN = "unknown"
    FAILED = "failed"


@app.command()
def search(
    *,
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only calls of this service.")] = "",
    collection: Annotated[
        str, typer.Option("--collection", metavar="COLLECTION", help="Only calls on this service.collection.")
    ] = "",
    operation: Annotated[
        str, typer.Option("--operation", metavar="NAME", help="Only this operation, for example query.")
    ] = "",
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only calls that ended so.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Not before: a date-time, or 15m, 2h, 1d ago.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before: likewise.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="The newest so many.")] = 100,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Search the audit records, oldest first."""
    conditions = {
        "service": service,
        "collection": collection,
        "operation": operation,
        "outcome": outcome.value if outcome is not None else "",
        "since_us": moment_us("--since", since),
        "until_us": moment_us("--until", until),
        "limit": limit,
    }
    answer = asyncio.run(_search(endpoint, require_token(token_file, data_dir), conditions))
    records = list(answer.records)
    if answer.truncated:
        say_aside("(Older records match too, and did not fit one answer: narrow the search, for example with --until.)")
    if as_json:
        for record in records:
            write_line(record.encode())
        return
    _print_table(records)
    if records:
        say(f"{len(records)} records of the broker {answer.broker}.")
    if len(records) == limit:
        say(f"These are the newest {limit}; there may be older ones (--limit).")


async def _search(endpoint: str, token: str, conditions: dict[str, Any]) -> Any:
    async with operator_calls(endpoint, token) as calls:
        return await _ask(calls, **conditions)


async def _ask(calls: OperatorCalls, **conditions: Any) -> Any:
    from aol.admin.v1 import admin_pb2 as pb

    return await calls.admin("SearchAudit", pb.SearchAuditRequest(**conditions), pb.SearchAuditResponse)


@app.command()
def tail(
    *,
    count: Annotated[int, typer.Option("-n", min=1, max=LIMIT_MAX, help="How many.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new records, until Ctrl-C.")] = False,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest audit records, a line each."""
    write = _write_json if as_json else _write_line
    asyncio.run(_tail(endpoint, require_token(token_file, data_dir), count, follow, write))


async def _tail(endpoint: str, token: str, count: int, follow: bool, write: Callable[[str], None]) -> None:
    async with operator_calls(endpoint, token) as calls, aclosing(_records(calls, count, follow)) as batches:
        async for batch in batches:
            for record in batch:
                write(record)
            # Whoever reads a pipe wants what there is, and we want to know when nobody does any more.
            sys.stdout.flush()


async def _records(calls: OperatorCalls, count: int, follow: bool) -> AsyncGenerator[list[str], None]:
    """Yield the newest records, and when following those that come, without those that following makes itself."""
    from aol_wire.ids import uuid7

    # One id for all our calls: their records are told by it.
    request_id = uuid7()
    answer = await _ask(calls, limit=count, request_id=request_id)
    yield list(answer.records)
    last = _last_seq(answer.records, 0)
    while follow:
        await asyncio.sleep(FOLLOW_EVERY_S)
        answer = await _ask(calls, limit=LIMIT_MAX, after_seq=last, request_id=request_id)
        first = _seq(answer.records[0]) if answer.records else last + 1
        if last and first > last + 1:
            say_aside(f"({first - last - 1} records came too fast and are left out; `aol audit search` has them)")
        last = _last_seq(answer.records, last)
        yield [record for record in answer.records if _decoded(record).get("request_id") != request_id]


def _last_seq(records: Any, otherwise: int) -> int:
    return _seq(records[-1]) if records else otherwise


def _seq(record: str) -> int:
    return int(_decoded(record)["seq"])


def _decoded(record: str) -> dict[str, Any]:
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


def _write_json(record: str) -> None:
    write_line(record.encode())


def _write_line(record: str) -> None:
    cells = _cells(_decoded(record))
    time, outcome, service, operation, collection, reason, count, milliseconds, filters = cells
    line = (
        f"{time}  {outcome:<6}  {service:<18}  {operation:<18}  {collection:<30}  {count:>7}  {milliseconds:>8} ms"
        f"  {' '.join(filter(None, (reason, filters)))}"
    )
    width = terminal_width()
    say(line.rstrip() if width is None else shown(line.rstrip(), width))


def _print_table(records: list[str]) -> None:
    columns = (
        Column("time"),
        Column("outcome", styles=_STYLES),
        Column("service", shrinks=True),
        Column("operation"),
        Column("collection", shrinks=True),
        Column("reason", optional=True),
        Column("count", optional=True, right=True),
        Column("ms", optional=True, right=True),
        Column("filters", optional=True, shrinks=True),
    )
    print_table(columns, (_cells(_decoded(record)) for record in records), empty="No audit records match.")


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
