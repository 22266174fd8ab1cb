"""How do audit records show a value that nobody may read? `aol audit hmac`."""

import asyncio
import sys
from typing import Annotated

import typer

from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, DataDir, Endpoint, TokenFile
from aol_cli.output import say

_STANDARD_INPUT = "-"


def hmac(
    *,
    value: Annotated[
        str,
        typer.Argument(
            metavar="VALUE", help="The value; - reads it from standard input, so that no shell history has it."
        ),
    ],
    is_json: Annotated[
        bool, typer.Option("--json/--string", help="VALUE is JSON (a number, an object), or is a text.")
    ] = False,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
) -> None:
    """Print what stands in audit records in the place of a sensitive value, to be searched for."""
    text = _read() if value == _STANDARD_INPUT else value
    say(asyncio.run(_hash(endpoint, require_token(token_file, data_dir), text if is_json else _quoted(text))))


def _read() -> str:
    """Return standard input without the end of its last line, which is not the value's."""
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8", param_hint="VALUE") from None
    return text.removesuffix("\n").removesuffix("\r")


def _quoted(text: str) -> str:
    import orjson

    try:
        return orjson.dumps(text).decode()
    except orjson.JSONEncodeError:
        raise typer.BadParameter("it is not UTF-8", param_hint="VALUE") from None


async def _hash(endpoint: str, token: str, value: str) -> str:
    from aol.admin.v1 import admin_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.HashAuditValueRequest(value=value)
        return (await calls.admin("HashAuditValue", request, pb.HashAuditValueResponse)).hmac
