"""Who may do what? `aol grants`, `aol grant`, `aol revoke`."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.grants import agreeing_command, grant_as_json, limits_as_json, limits_text, refusal_line, state_word
from aol_cli.moments import parse_end
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time
from aol_cli.query_options import parse_filter

if TYPE_CHECKING:
    from aol.data.v1 import data_broker_pb2

_STATE_STYLES = {"active": "green", "pending": "yellow", "expired": "red", "refused": "red", "orphaned": "yellow"}

Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")]
Service = Annotated[
    str, typer.Argument(metavar="SERVICE", help="The other service; '*' or 'reporting-*' for all whose names begin so.")
]


class Permission(StrEnum):
    """What a service may do: `read` = query; `write` = insert, update, delete; `admin` = both, and grant and revoke.

    Where a collection keeps record-level security: `assert-context` = say on whose behalf it calls; `bypass-security` =
    reach all tenants and documents.
    """

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    ASSERT_CONTEXT = "assert-context"
    BYPASS_SECURITY = "bypass-security"


def grants(
    *,
    collection: Annotated[str, typer.Option("--collection", metavar="COLLECTION", help="Only on this one.")] = "",
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only to this one.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List grants, and requests that wait for one or were refused."""
    found = asyncio.run(list_grants(endpoint, require_token(token_file, data_dir), collection, service))
    if as_json:
        for item in found:
            print_json(item)
        return
    columns = (
        Column("collection"),
        Column("service"),
        Column("permission"),
        Column("state", styles=_STATE_STYLES),
        Column("limits", shrinks=True),
        Column("granted by", optional=True),
        Column("since", optional=True),
        Column("reason", optional=True, shrinks=True),
    )
    rows = (
        (
            item["collection"],
            item["service"],
            item["permission"],
            state_word(item),
            limits_text(item),
            item["granted_by"] or "nobody yet",
            shown_time(item["created_at"]),
            item["reason"],
        )
        for item in found
    )
    print_table(columns, rows, empty="There are no such grants and no requests for any.")
    for item in found:
        if item["state"] == "pending":
            say(f"To agree: {agreeing_command(item)}")
        if item["refusal"] is not None:
            say(refusal_line(item))


async def list_grants(endpoint: str, token: str, collection: str, service: str) -> list[dict[str, Any]]:
    from aol.admin.v1 import admin_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.ListGrantsRequest(collection=collection, service=service)
        answer = await calls.admin("ListGrants", request, pb.ListGrantsResponse)
    return [grant_as_json(item) for item in answer.grants]


def grant(
    *,
    collection: Collection,
    service: Service,
    permission: Annotated[Permission, typer.Argument(help="What it may do.")],
    fields: Annotated[
        list[str] | None, typer.Option("--field", metavar="PATH", help="Only what is at this path; may be repeated.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="JSON", help="Only documents that match this filter.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="Until a date-time, or for so long: 90d, 12h.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the grant.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a service use a collection of another, or a part of it. Other limits take the place of those before."""
    from aol.data.v1 import data_broker_pb2 as pb

    request = pb.GrantAccessRequest(
        collection=full_name(collection),
        target_service=service,
        permission=_number(permission),
        reason=reason,
        fields=_fields(fields),
        where=_where(where),
        expires_us=end_us(expires),
    )
    answer = asyncio.run(_grant(endpoint, require_token(token_file, data_dir), request))
    if as_json:
        made = {"granted": answer.granted, "replaced": answer.replaced}
        print_json({"collection": collection, "service": service, "permission": permission.value, **made})
        return
    how = "now has" if answer.granted else "had already been granted"
    limits = limits_text(limits_as_json(request))
    what = f"{service} {how} {permission.value} on {collection}"
    say(f"{what}{f', {limits}' if limits else ''}.")
    if answer.replaced:
        say("This takes the place of a grant with other limits.")


async def _grant(
    endpoint: str, token: str, request: "data_broker_pb2.GrantAccessRequest"
) -> "data_broker_pb2.GrantAccessResponse":
    from aol.data.v1 import data_broker_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return await calls.data("GrantAccess", request, pb.GrantAccessResponse)


def _fields(fields: list[str] | None) -> list[str]:
    if fields is not None and "" in fields:
        raise typer.BadParameter("a path is needed, as customer.city", param_hint="--field")
    return fields or []


def _where(text: str | None) -> str:
    if text is None:
        return ""
    if parse_filter(text, "--where", '--where \'{"region": "eu"}\'') == {}:
        raise typer.BadParameter("an empty filter limits nothing; leave it out", param_hint="--where")
    return text


def end_us(text: str | None) -> int:
    """Return when access ends, in microseconds since 1970, of `--expires`; 0 when it does not by itself."""
    if text is None:
        return 0
    end = parse_end(text)
    if end is None:
        raise typer.BadParameter(
            "it is a date-time to come, such as 2030-12-31T00:00:00Z, or how long from now: 12h, 90d",
            param_hint="--expires",
        )
    return end


def revoke(
    *,
    collection: Collection,
    service: Service,
    permission: Annotated[
        Permission | None, typer.Argument(help="What it may no longer do; everything when not given.")
    ] = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back what a service was granted."""
    from aol.data.v1 import data_broker_pb2 as pb

    request = pb.RevokeAccessRequest(
        collection=full_name(collection),
        target_service=service,
        permission=None if permission is None else _number(permission),
    )
    answer = asyncio.run(_revoke(endpoint, require_token(token_file, data_dir), request))
    what = permission.value if permission is not None else None
    if as_json:
        took = {"revoked": answer.revoked, "still_by": list(answer.still_by)}
        print_json({"collection": collection, "service": service, "permission": what, **took})
        return
    if answer.revoked:
        say(f"{service} no longer has {what or 'any permission'} on {collection}.")
    else:
        say(f"Nothing to take back: {service} had no {what or 'permission'} on {collection}.")
    for pattern in answer.still_by:
        say(f"It still has it as one of '{pattern}'. To take it from all of them: aol revoke {collection} '{pattern}'")


async def _revoke(
    endpoint: str, token: str, request: "data_broker_pb2.RevokeAccessRequest"
) -> "data_broker_pb2.RevokeAccessResponse":
    from aol.data.v1 import data_broker_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return await calls.data("RevokeAccess", request, pb.RevokeAccessResponse)


def _number(permission: Permission) -> Any:
    from aol_client.arguments import permission_value

    return permission_value(permission.value)


def full_name(collection: str) -> str:
    """Return the name of a collection as it was given: an operator has no namespace to look a bare name up in."""
    if "." not in collection:
        raise typer.BadParameter("write service.collection", param_hint="COLLECTION")
    return collection
