"""Who may do what? `aol grants`, `aol grant`, `aol revoke`."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.grants import grant_as_json
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time

if TYPE_CHECKING:
    from aol.data.v1 import data_broker_pb2

_STATE_STYLES = {"active": "green", "pending": "yellow"}

Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")]
Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The other service.")]


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
    """List grants, and requests that wait for one."""
    found = asyncio.run(_grants(endpoint, require_token(token_file, data_dir), collection, service))
    if as_json:
        for item in found:
            print_json(item)
        return
    columns = (
        Column("collection"),
        Column("service"),
        Column("permission"),
        Column("state", styles=_STATE_STYLES),
        Column("granted by", optional=True),
        Column("since", optional=True),
        Column("reason", optional=True, shrinks=True),
    )
    rows = (
        (
            item["collection"],
            item["service"],
            item["permission"],
            item["state"],
            item["granted_by"] or "nobody yet",
            shown_time(item["created_at"]),
            item["reason"],
        )
        for item in found
    )
    print_table(columns, rows, empty="There are no such grants and no requests for any.")
    for item in found:
        if item["state"] == "pending":
            say(f"To agree: aol grant {item['collection']} {item['service']} {item['permission']}")


async def _grants(endpoint: str, token: str, collection: str, service: str) -> list[dict[str, Any]]:
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
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the grant.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a service use a collection of another."""
    from aol.data.v1 import data_broker_pb2 as pb

    request = pb.GrantAccessRequest(
        collection=_full(collection), target_service=service, permission=_number(permission), reason=reason
    )
    granted = asyncio.run(_grant(endpoint, require_token(token_file, data_dir), request))
    if as_json:
        print_json({"collection": collection, "service": service, "permission": permission.value, "granted": granted})
        return
    how = "now has" if granted else "had already been granted"
    say(f"{service} {how} {permission.value} on {collection}.")


async def _grant(endpoint: str, token: str, request: "data_broker_pb2.GrantAccessRequest") -> bool:
    from aol.data.v1 import data_broker_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return (await calls.data("GrantAccess", request, pb.GrantAccessResponse)).granted


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
        collection=_full(collection),
        target_service=service,
        permission=None if permission is None else _number(permission),
    )
    revoked = asyncio.run(_revoke(endpoint, require_token(token_file, data_dir), request))
    what = permission.value if permission is not None else None
    if as_json:
        print_json({"collection": collection, "service": service, "permission": what, "revoked": revoked})
        return
    if revoked:
        say(f"{service} no longer has {what or 'any permission'} on {collection}.")
    else:
        say(f"Nothing to take back: {service} had no {what or 'permission'} on {collection}.")


async def _revoke(endpoint: str, token: str, request: "data_broker_pb2.RevokeAccessRequest") -> bool:
    from aol.data.v1 import data_broker_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        return (await calls.data("RevokeAccess", request, pb.RevokeAccessResponse)).revoked


def _number(permission: Permission) -> Any:
    from aol_client.arguments import permission_value

    return permission_value(permission.value)


def _full(collection: str) -> str:
    """An operator has no namespace of its own in which a bare name could be looked up."""
    if "." not in collection:
        raise typer.BadParameter("write service.collection", param_hint="COLLECTION")
    return collection
