"""Who may do what? `aol grants`, `aol grant`, `aol revoke`."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import admin_pb2

STATE_STYLES = {"active": "green", "pending": "yellow"}

Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")]
Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The other service.")]


class Permission(StrEnum):
    """What a service may do: `read` = query; `write` = insert, update, delete; `admin` = all, and grant and revoke."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


def grants(
    collection: Annotated[str, typer.Option("--collection", metavar="COLLECTION", help="Only on this one.")] = "",
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only to this one.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List what services may do with collections of others, and what they wait for."""
    found = asyncio.run(_grants(endpoint, require_token(token_file, data_dir), collection, service))
    if as_json:
        for item in found:
            print_json(item)
        return
    columns = (
        Column("collection"),
        Column("service"),
        Column("permission"),
        Column("state", styles=STATE_STYLES),
        Column("granted by"),
        Column("since"),
        Column("reason", shrinks=True),
    )
    rows = (
        (
            item["collection"],
            item["service"],
            item["permission"],
            item["state"],
            item["granted_by"] or "nobody yet",
            shown_time(item["created_us"]),
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
    granted = asyncio.run(
        _grant(endpoint, require_token(token_file, data_dir), _full(collection), service, permission, reason)
    )
    if as_json:
        print_json({"collection": collection, "service": service, "permission": permission.value, "granted": granted})
        return
    how = "now has" if granted else "had already been granted"
    say(f"{service} {how} {permission.value} on {collection}.")


async def _grant(
    endpoint: str, token: str, collection: str, service: str, permission: Permission, reason: str
) -> bool:
    from aol.data.v1 import data_broker_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.GrantAccessRequest(
            collection=collection, target_service=service, permission=_number(permission), reason=reason
        )
        answer = await calls.data("GrantAccess", request, pb.GrantAccessResponse)
    return answer.granted


def revoke(
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
    """Take back what a service may do with a collection."""
    revoked = asyncio.run(_revoke(endpoint, require_token(token_file, data_dir), _full(collection), service, permission))
    what = permission.value if permission is not None else None
    if as_json:
        print_json({"collection": collection, "service": service, "permission": what, "revoked": revoked})
    elif revoked:
        say(f"{service} no longer has {what or 'any permission'} on {collection}.")
    else:
        say(f"{service} had {what or 'no permission'} on {collection}".replace(f"had {what}", f"had no {what}") + ".")


async def _revoke(endpoint: str, token: str, collection: str, service: str, permission: Permission | None) -> bool:
    from aol.data.v1 import data_broker_pb2 as pb

    async with operator_calls(endpoint, token) as calls:
        request = pb.RevokeAccessRequest(
            collection=collection,
            target_service=service,
            permission=None if permission is None else _number(permission),
        )
        answer = await calls.data("RevokeAccess", request, pb.RevokeAccessResponse)
    return answer.revoked


def grant_as_json(item: "admin_pb2.Grant") -> dict[str, Any]:
    """Return a grant or a request for one as `--json` shows it."""
    from aol.admin.v1 import admin_pb2
    from aol.data.v1 import collection_pb2

    return {
        "collection": item.collection,
        "service": item.service,
        "permission": _word(collection_pb2.Permission, item.permission),
        "state": _word(admin_pb2.GrantState, item.state),
        "origin": item.origin,
        "granted_by": item.granted_by,
        "reason": item.reason,
        "created_us": item.created_us,
    }


def _word(enum: Any, number: int) -> str:
    """Return `active` for GRANT_STATE_ACTIVE; the number itself for a value of a newer broker."""
    try:
        return str(enum.Name(number)).rsplit("_", 1)[-1].lower()
    except ValueError:
        return str(number)


def _number(permission: Permission) -> Any:
    from aol_client.arguments import permission_value

    return permission_value(permission.value)


def _full(collection: str) -> str:
    """An operator has no namespace of its own in which a bare name could be looked up."""
    if "." not in collection:
        raise typer.BadParameter("write service.collection", param_hint="COLLECTION")
    return collection
