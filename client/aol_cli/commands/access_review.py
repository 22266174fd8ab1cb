"""Who may do what, and why? `aol access`, `aol access check`."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.command_groups import ListByDefault
from aol_cli.exits import ExitCode
from aol_cli.grants import grant_as_json, limits_text, refusal_line, state_word
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import access_pb2

_STATE_STYLES = {"active": "green", "pending": "yellow", "expired": "red", "refused": "red", "orphaned": "yellow"}
_MARKS = {"yes": "yes", "no": "no", "limit": "only"}


app = typer.Typer(cls=ListByDefault, help="Show who may do what, and why.", no_args_is_help=True)


@app.command("list")
def list_access(
    *,
    service: Annotated[
        str, typer.Argument(metavar="[SERVICE]", help="What this service may use.", show_default=False)
    ] = "",
    collection: Annotated[
        str, typer.Option("--collection", metavar="COLLECTION", help="Who may use this one (service.collection).")
    ] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List what a service may use, or who may use a collection, and by what right. `list` may be left out."""
    if bool(service) == bool(collection):
        raise typer.BadParameter("name a service, or a collection with --collection", param_hint="SERVICE")
    found = asyncio.run(_list(endpoint, require_token(token_file, data_dir), service, collection))
    if as_json:
        for item in found:
            print_json(item)
        return
    columns = (
        Column("collection"),
        Column("service"),
        Column("permission"),
        Column("state", styles=_STATE_STYLES),
        Column("by what right"),
        Column("limits", shrinks=True),
        Column("granted by", optional=True),
        Column("since", optional=True),
        Column("reason", optional=True, shrinks=True),
    )
    rows = [
        (
            item["collection"],
            item["service"],
            item["permission"],
            state_word(item),
            item["name"] or item["origin"],
            limits_text(item),
            item["granted_by"],
            shown_time(item["created_at"]) if item["origin"] != "owner" else "",
            item["reason"],
        )
        for item in found
    ]
    print_table(columns, rows, empty=f"{service} may use no collection.")
    for item in found:
        if item["refusal"] is not None:
            say(refusal_line(item))


@app.command("check")
def check(
    *,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service that makes the call.")],
    verb: Annotated[
        str, typer.Argument(metavar="VERB", help="query, count, insert, update, delete, ...; or read, write, admin.")
    ],
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection, or the service's own.")],
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say step by step whether a service may do something, and what to do if not. Nothing is done.

    The exit code is 3 when it may not.
    """
    answer = asyncio.run(_check(endpoint, require_token(token_file, data_dir), service, verb, collection))
    if as_json:
        print_json(_as_json(answer))
    else:
        for step in answer.steps:
            say(f"{_MARKS.get(_result(step.result), ''):<6}{step.text}")
        say("")
        what = f"{service} {verb} {answer.collection}"
        say(f"{what}: allowed, as {answer.right}" if answer.allowed else f"{what}: denied, {answer.reason}")
        if answer.denial:
            say(answer.denial)
    if not answer.allowed:
        raise typer.Exit(ExitCode.DENIED)


async def _list(endpoint: str, token: str, service: str, collection: str) -> list[dict[str, Any]]:
    from aol.admin.v1 import access_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.ListAccessRequest(service=service, collection=collection)
        answer = await calls.admin("ListAccess", request, pb.ListAccessResponse)
    return [grant_as_json(item) for item in answer.access]


async def _check(
    endpoint: str, token: str, service: str, verb: str, collection: str
) -> "access_pb2.ExplainAccessResponse":
    from aol.admin.v1 import access_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.ExplainAccessRequest(service=service, verb=verb, collection=collection)
        return await calls.admin("ExplainAccess", request, pb.ExplainAccessResponse)


def _as_json(answer: "access_pb2.ExplainAccessResponse") -> dict[str, Any]:
    return {
        "allowed": answer.allowed,
        "collection": answer.collection,
        "right": answer.right,
        "reason": answer.reason,
        "denial": answer.denial,
        "steps": [
            {
                "result": _result(step.result),
                "text": step.text,
                "grant": grant_as_json(step.grant) if step.HasField("grant") else None,
            }
            for step in answer.steps
        ],
    }


def _result(number: int) -> str:
    from aol.admin.v1 import access_pb2
    from aol_cli.grants import enum_word

    return enum_word(access_pb2.AccessStepResult, number)
