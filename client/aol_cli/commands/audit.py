"""Who touched what, when, by what right? `aol audit tail`, `search`, `who`, `show` and `unresolved`."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated, Any

import typer

from aol_cli.audit_records import (
    OUTCOME_STYLES,
    decoded,
    print_csv,
    print_records,
    print_whole,
    write_as_line,
    write_as_stored,
)
from aol_cli.exits import Failure
from aol_cli.operator_calls import OperatorCalls, operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile, moment_us
from aol_cli.output import Column, counted, escaped, print_json, print_table, say, say_aside, shown_time

FOLLOW_EVERY_S = 1.0
LIMIT_MAX = 10_000

app = typer.Typer(help="Read the audit records of a broker.", no_args_is_help=True, rich_markup_mode=None)


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    DENIED = "denied"
    UNKNOWN = "unknown"
    FAILED = "failed"
    PENDING = "pending"


class Basis(StrEnum):
    """How it is known on whose behalf a call was made, or that it reached all documents."""

    ASSERTED = "asserted"
    TOKEN = "token"  # noqa: S105 - the word, not one
    BYPASS = "bypass"


class Stage(StrEnum):
    """Which moment of a call a record is of."""

    INTENDED = "intended"
    COMPLETED = "completed"
    RESOLVED = "resolved"
    ALL = "all"


_ENDS = ["completed", "resolved"]

Stages = Annotated[
    list[Stage] | None,
    typer.Option("--stage", help="Records of this stage, may be repeated; else a write is shown by its end alone."),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Not before: a date-time, or 15m, 2h, 1d ago.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before: likewise.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV with a line of names, and nothing else.")]


@app.command()
def search(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Part of a request id, trace id, document id or principal.")
    ] = "",
    *,
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only calls of this service.")] = "",
    collection: Annotated[
        str, typer.Option("--collection", metavar="COLLECTION", help="Only calls on this service.collection.")
    ] = "",
    operation: Annotated[
        str, typer.Option("--operation", metavar="NAME", help="Only this operation, for example query.")
    ] = "",
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only calls that ended so.")] = None,
    principal: Annotated[
        str, typer.Option("--principal", metavar="NAME", help="Only this principal, for example operator.")
    ] = "",
    document: Annotated[
        str, typer.Option("--document", metavar="ID", help="Only calls that name this document by its id.")
    ] = "",
    field: Annotated[
        str, typer.Option("--field", metavar="PATH", help="Only calls that read this path by name, or filter by it.")
    ] = "",
    request: Annotated[str, typer.Option("--request", metavar="ID", help="Only calls with this request id.")] = "",
    trace: Annotated[str, typer.Option("--trace", metavar="ID", help="Only calls with this trace id.")] = "",
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Only calls made for this end user.")] = "",
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Only calls made for this tenant.")] = "",
    security: Annotated[
        Basis | None, typer.Option("--security", help="Only calls on secured collections let through so.")
    ] = None,
    since: Since = None,
    until: Until = None,
    stage: Stages = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="The newest so many.")] = 100,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Search the audit records, oldest first."""
    if as_json and as_csv:
        raise typer.BadParameter("it excludes --json", param_hint="--csv")
    conditions = {
        "text": text,
        "service": service,
        "collection": collection,
        "operation": operation,
        "outcome": outcome.value if outcome is not None else "",
        "principal": principal,
        "document_id": document,
        "field": field,
        "recorded_request_id": request,
        "trace_id": trace,
        "user": user,
        "tenant": tenant,
        "security": security.value if security is not None else "",
        "since_us": moment_us("--since", since),
        "until_us": moment_us("--until", until),
        "stages": _stages(stage, otherwise=[]),
        "limit": limit,
    }
    answer = _search(endpoint, require_token(token_file, data_dir), conditions)
    records = list(answer.records)
    if as_csv:
        print_csv(records)
    elif as_json:
        _write_all(records)
    else:
        print_records(records, empty="No audit records match.")
        _say_how_many(answer, limit)


@app.command()
def tail(
    *,
    count: Annotated[int, typer.Option("-n", min=1, max=LIMIT_MAX, help="How many.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new records, until Ctrl-C.")] = False,
    stage: Stages = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest audit records, a line each."""
    write = write_as_stored if as_json else write_as_line
    conditions = {"stages": _stages(stage, otherwise=_ENDS), "limit": count}
    asyncio.run(_tail(endpoint, require_token(token_file, data_dir), conditions, write, follow=follow))


@app.command()
def who(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The service.collection.")],
    *,
    since: Since = None,
    until: Until = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show who used a collection or tried to, how often, and when last; the last first."""
    if "." not in collection:
        raise typer.BadParameter("write service.collection", param_hint="COLLECTION")
    from aol.admin.v1 import audit_pb2

    asked = audit_pb2.SummarizeAuditRequest(
        collection=collection, since_us=moment_us("--since", since), until_us=moment_us("--until", until)
    )
    answer = asyncio.run(_call(endpoint, require_token(token_file, data_dir), "SummarizeAudit", asked))
    if answer.truncated:
        say_aside("(There are more than fit one answer, last used longer ago: narrow it, for example with --since.)")
    rows = [_use(use) for use in answer.uses]
    if as_json:
        for row in rows:
            print_json(row)
        return
    columns = (
        Column("service", shrinks=True),
        Column("operation"),
        Column("outcome", styles=OUTCOME_STYLES),
        Column("count", right=True),
        Column("first"),
        Column("last"),
    )
    cells = (
        (
            row["service"] or row["principal"],
            row["operation"],
            row["outcome"],
            str(row["count"]),
            shown_time(row["first"]),
            shown_time(row["last"]),
        )
        for row in rows
    )
    print_table(columns, cells, empty=f"No call on {escaped(collection)} is in the audit log of {answer.broker}.")


@app.command()
def show(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The id that answers and errors carry.")],
    *,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is recorded of one request, in the order in which it happened."""
    if not request_id:
        raise typer.BadParameter("it is empty", param_hint="REQUEST_ID")
    stages = _stages([Stage.ALL], otherwise=[])
    conditions = {"recorded_request_id": request_id, "stages": stages, "limit": LIMIT_MAX}
    answer = _search(endpoint, require_token(token_file, data_dir), conditions)
    if not answer.records:
        raise Failure(f"the audit log of the broker {answer.broker} holds no record of that request.")
    if as_json:
        _write_all(answer.records)
        return
    for number, record in enumerate(answer.records, 1):
        said = decoded(record)
        if number > 1:
            say("")
        say(f"{number} of {len(answer.records)}: {said.get('operation')} {said.get('stage')}, {said.get('outcome')}")
        print_whole(said)


@app.command()
def unresolved(
    *,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="The newest so many.")] = 100,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the writes of which nobody can say whether they were made (unknown), or not yet (pending)."""
    conditions = {
        "unresolved": True,
        "since_us": moment_us("--since", since),
        "until_us": moment_us("--until", until),
        "limit": limit,
    }
    answer = _search(endpoint, require_token(token_file, data_dir), conditions)
    if as_json:
        _write_all(answer.records)
        return
    print_records(answer.records, empty="Of every write it is recorded whether it was made.")
    _say_how_many(answer, limit)


def _stages(asked: list[Stage] | None, otherwise: list[str]) -> list[str]:
    if not asked:
        return otherwise
    if Stage.ALL in asked:
        return [stage.value for stage in Stage if stage is not Stage.ALL]
    return [stage.value for stage in asked]


def _search(endpoint: str, token: str, conditions: dict[str, Any]) -> Any:
    from aol.admin.v1 import admin_pb2 as pb

    answer = asyncio.run(_call(endpoint, token, "SearchAudit", pb.SearchAuditRequest(**conditions)))
    if answer.truncated:
        say_aside("(Older records match too, and did not fit one answer: narrow the search, for example with --until.)")
    return answer


async def _call(endpoint: str, token: str, rpc: str, request: Any) -> Any:
    async with operator_calls(endpoint, token) as calls:
        return await _answer(calls, rpc, request)


async def _answer(calls: OperatorCalls, rpc: str, request: Any) -> Any:
    from aol.admin.v1 import admin_pb2, audit_pb2

    answers = {"SearchAudit": admin_pb2.SearchAuditResponse, "SummarizeAudit": audit_pb2.SummarizeAuditResponse}
    return await calls.admin(rpc, request, answers[rpc])


def _say_how_many(answer: Any, limit: int) -> None:
    if answer.records:
        say(f"{counted(len(answer.records), 'record')} of the broker {answer.broker}.")
    if len(answer.records) == limit:
        say(f"These are the newest {limit}; there may be older ones (--limit).")


def _write_all(records: Any) -> None:
    for record in records:
        write_as_stored(record)


def _use(use: Any) -> dict[str, Any]:
    from aol_wire.datetimes import from_us

    return {
        "service": use.service,
        "principal": use.principal,
        "operation": use.operation,
        "outcome": use.outcome,
        "count": use.count,
        "first": from_us(use.first_us),
        "last": from_us(use.last_us),
    }


async def _tail(
    endpoint: str, token: str, conditions: dict[str, Any], write: Callable[[str], None], *, follow: bool
) -> None:
    async with operator_calls(endpoint, token) as calls, aclosing(_records(calls, conditions, follow)) as batches:
        async for batch in batches:
            for record in batch:
                write(record)
            # Whoever reads a pipe wants what there is, and we want to know when nobody does any more.
            sys.stdout.flush()


async def _records(calls: OperatorCalls, conditions: dict[str, Any], follow: bool) -> AsyncGenerator[list[str], None]:
    """Yield the newest records, and when following those that come, without those that following makes itself."""
    from aol.admin.v1 import admin_pb2 as pb
    from aol_wire.ids import uuid7

    # One id for all our calls: their records are told by it.
    request_id = uuid7()
    request = pb.SearchAuditRequest(**conditions, request_id=request_id)
    answer = await _answer(calls, "SearchAudit", request)
    yield list(answer.records)
    request.limit = LIMIT_MAX
    request.follow = True
    is_behind = False
    while follow:
        if not is_behind:
            await asyncio.sleep(FOLLOW_EVERY_S)
        if answer.records:
            request.after_seq = decoded(answer.records[-1])["seq"]
        answer = await _answer(calls, "SearchAudit", request)
        yield [record for record in answer.records if decoded(record).get("request_id") != request_id]
        # An answer that is full is not the last for now.
        is_behind = answer.truncated or len(answer.records) >= LIMIT_MAX
