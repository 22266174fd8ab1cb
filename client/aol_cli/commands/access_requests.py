"""Which requests for access wait for their owner? `aol requests`."""

import asyncio
from typing import Annotated

import typer

from aol_cli.commands.access import list_grants
from aol_cli.grants import agreeing_command
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time


def requests(
    *,
    owner: Annotated[
        str, typer.Option("--service", metavar="OWNER", help="Only on collections of this service, which agrees.")
    ] = "",
    collection: Annotated[str, typer.Option("--collection", metavar="COLLECTION", help="Only for this one.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List requests for access that wait for the owner, and what agrees to them."""
    listed = asyncio.run(list_grants(endpoint, require_token(token_file, data_dir), collection, ""))
    waiting = [
        {
            "collection": item["collection"],
            "service": item["service"],
            "permission": item["permission"],
            "reason": item["reason"],
            "created_at": item["created_at"],
            "command": agreeing_command(item),
        }
        for item in listed
        if item["state"] == "pending" and owner in ("", item["collection"].partition(".")[0])
    ]
    if as_json:
        for item in waiting:
            print_json(item)
        return
    columns = (
        Column("collection"),
        Column("service"),
        Column("permission"),
        Column("since", optional=True),
        Column("reason", optional=True, shrinks=True),
    )
    rows = (
        (item["collection"], item["service"], item["permission"], shown_time(item["created_at"]), item["reason"])
        for item in waiting
    )
    print_table(columns, rows, empty="No requests wait.")
    for item in waiting:
        say(f"To agree: {item['command']}")
