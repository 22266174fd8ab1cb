"""By which tokens are services and operators believed? `aol token create`, `aol token list`, `aol token revoke`."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.exits import ExitCode, Failure
from aol_cli.moments import parse_duration_s
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, say_aside, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import token_pb2

app = typer.Typer(help="Mint, list and revoke tokens.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    *,
    service: Annotated[
        str | None, typer.Argument(metavar="SERVICE", help="The service that is to show it.", show_default=False)
    ] = None,
    operator: Annotated[
        str, typer.Option("--operator", metavar="NAME", help="Mint it for an operator of this name, not a service.")
    ] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="90d", help="After how long it is refused: s, m, h, d or w.")
    ] = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Mint a token; it is printed this once, alone on stdout."""
    from aol.admin.v1 import token_pb2 as pb

    if (service is None) == (not operator):
        raise typer.BadParameter("name a service, or an operator with --operator", param_hint="SERVICE")
    request = pb.CreateTokenRequest(service=service or "", operator=operator, lifetime_s=_lifetime_s(expires))
    answer = asyncio.run(_create(endpoint, require_token(token_file, data_dir), request))
    if as_json:
        print_json({**_as_json(answer.token), "token": answer.text})
        return
    say_aside(
        f"The token {answer.token.id} of {_holder(answer.token)}, {_until(answer.token)}. It is not shown again; "
        f"`aol token revoke {answer.token.id}` takes it back."
    )
    say(answer.text)


async def _create(
    endpoint: str, token: str, request: "token_pb2.CreateTokenRequest"
) -> "token_pb2.CreateTokenResponse":
    from aol.admin.v1 import token_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return await calls.admin("CreateToken", request, pb.CreateTokenResponse)


@app.command("list")
def list_(
    *,
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only this one's.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List the tokens that are not revoked."""
    found = asyncio.run(_list(endpoint, require_token(token_file, data_dir), service))
    if as_json:
        for item in found:
            print_json(_as_json(item))
        return
    columns = (
        Column("id"),
        Column("of"),
        Column("expires", styles={"expired": "red"}),
        Column("created"),
        Column("created by", optional=True),
    )
    rows = ((item.id, _holder(item), _expiry(item), _time(item.created_us), item.created_by) for item in found)
    print_table(columns, rows, empty="There are no such tokens.")


async def _list(endpoint: str, token: str, service: str) -> "list[token_pb2.Token]":
    from aol.admin.v1 import token_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        answer = await calls.admin("ListTokens", pb.ListTokensRequest(service=service), pb.ListTokensResponse)
    return list(answer.tokens)


@app.command()
def revoke(
    *,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `aol token list` shows it.")],
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a token: no broker believes it any more."""
    revoked = asyncio.run(_revoke(endpoint, require_token(token_file, data_dir), token_id))
    if as_json:
        print_json({"id": token_id, "revoked": revoked})
    elif revoked:
        say(f"The token {token_id} is revoked.")
    if not revoked:
        raise Failure(f"there is no token {token_id}, or it is revoked already (`aol token list`).", ExitCode.NOT_FOUND)


async def _revoke(endpoint: str, token: str, token_id: str) -> bool:
    from aol.admin.v1 import token_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.RevokeTokenRequest(token_id=token_id)
        return (await calls.admin("RevokeToken", request, pb.RevokeTokenResponse)).revoked


def _lifetime_s(expires: str | None) -> int:
    if expires is None:
        return 0
    lifetime_s = parse_duration_s(expires)
    if not lifetime_s:
        raise typer.BadParameter("it is how long, as 90s, 15m, 36h, 90d or 4w", param_hint="--expires")
    return lifetime_s


def _holder(token: "token_pb2.Token") -> str:
    return f"operator:{token.operator}" if token.operator else f"service:{token.service}"


def _until(token: "token_pb2.Token") -> str:
    return f"until {_time(token.expires_us)}" if token.expires_us else "until it is revoked"


def _expiry(token: "token_pb2.Token") -> str:
    if not token.expires_us:
        return "never"
    return "expired" if token.expires_us <= time.time_ns() // 1000 else _time(token.expires_us)


def _time(time_us: int) -> str:
    from aol_wire.datetimes import from_us

    return shown_time(from_us(time_us))


def _as_json(token: "token_pb2.Token") -> dict[str, Any]:
    from aol_wire.datetimes import from_us

    return {
        "id": token.id,
        "service": token.service or None,
        "operator": token.operator or None,
        "created_by": token.created_by,
        "created_at": from_us(token.created_us),
        "expires_at": from_us(token.expires_us) if token.expires_us else None,
    }
