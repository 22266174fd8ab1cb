"""Which services and collections are there? `aol services`, `aol collections`, `aol describe`."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.connection import CALL_TIMEOUT_S, check_reachable
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown, shown_time

if TYPE_CHECKING:
    from aol_client import CollectionInfo
    from aol_client.collection_info import SecurityInfo, StorageInfo

_INDEX_STYLES = {"ready": "green", "building": "yellow", "failed": "red"}


def services(
    *,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List the services that the broker knows."""
    found = asyncio.run(_services(endpoint, require_token(token_file, data_dir)))
    if as_json:
        for service in found:
            print_json(service)
        return
    columns = (Column("service"), Column("manifest"), Column("collections", right=True), Column("known since"))
    rows = (
        (
            item["name"],
            f"version {item['manifest_version']}" if item["manifest_version"] else "none",
            str(item["collection_count"]),
            shown_time(item["created_at"]),
        )
        for item in found
    )
    print_table(columns, rows, empty="The broker knows no service yet. Apply a manifest: aol apply PATH")


async def _services(endpoint: str, token: str) -> list[dict[str, Any]]:
    from aol.admin.v1 import admin_pb2 as pb
    from aol_wire.datetimes import from_us

    async with operator_calls(endpoint, token) as calls:
        answer = await calls.admin("ListServices", pb.ListServicesRequest(), pb.ListServicesResponse)
    return [
        {
            "name": service.name,
            "manifest_version": service.manifest_version,
            "collection_count": service.collection_count,
            "created_at": from_us(service.created_us),
        }
        for service in answer.services
    ]


def collections(
    *,
    service: Annotated[str, typer.Option("--service", metavar="SERVICE", help="Only those of this service.")] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List all collections."""
    found = asyncio.run(_collections(endpoint, require_token(token_file, data_dir), service))
    if as_json:
        for info in found:
            print_json(_as_json(info))
        return
    columns = (
        Column("collection"),
        Column("adapter"),
        Column("indexes", right=True),
        Column("declared by", optional=True),
        Column("description", shrinks=True),
    )
    rows = (
        (
            info.collection_id,
            adapter_in_words(info),
            str(len(info.indexes)),
            "manifest" if info.declared else "call",
            info.description,
        )
        for info in found
    )
    print_table(columns, rows, empty=f"{service} has no collections." if service else "There are no collections yet.")


async def _collections(endpoint: str, token: str, service: str) -> "list[CollectionInfo]":
    from aol.admin.v1 import admin_pb2 as pb
    from aol_client.collection_info import collection_info

    async with operator_calls(endpoint, token) as calls:
        request = pb.ListCollectionsRequest(service=service)
        answer = await calls.admin("ListCollections", request, pb.ListCollectionsResponse)
    return [collection_info(collection) for collection in answer.collections]


def describe(
    *,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="service.collection")],
    service: Annotated[
        str, typer.Option("--as", metavar="SERVICE", help="Act as this service; the owner when not given.")
    ] = "",
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    as_json: AsJson = False,
) -> None:
    """Describe a collection and its indexes."""
    owner, dot, _ = collection.partition(".")
    if not service and not dot:
        raise typer.BadParameter("write service.collection, or say whose it is: --as SERVICE", param_hint="COLLECTION")
    acting = service or owner
    info = asyncio.run(_describe(endpoint, acting, collection))
    if as_json:
        print_json(_as_json(info))
        return
    facts = {
        "description": info.description,
        "owner": info.owner,
        "declared by": "manifest" if info.declared else "call",
        "adapter": adapter_in_words(info),
        "storage": storage_in_words(info.storage),
        "validation": info.validation,
        "secrets": info.secrets,
        "soft delete": "yes" if info.soft_delete else "no",
        "security": security_in_words(info.security),
        "audit": audit_in_words(info),
        f"{acting} may": ", ".join(info.permissions) or "nothing",
    }
    say(info.collection_id)
    widest = max(len(name) for name in facts)
    for name, value in facts.items():
        if value:
            say(f"  {name:<{widest}}  {shown(value)}")
    say("")
    _print_fields(info)
    say("")
    columns = (Column("index"), Column("state", styles=_INDEX_STYLES), Column("documents that do not fit", right=True))
    indexes = ((index.name, index.state or "", str(index.offenders or "")) for index in info.indexes)
    print_table(columns, indexes, empty="No indexes.")


def _print_fields(info: "CollectionInfo") -> None:
    columns = [Column("field"), Column("type")]
    fields = [[path, str(kind)] for path, kind in sorted(info.schema_hint.items())]
    if info.field_rules:
        columns.append(Column("rules", shrinks=True))
        for row in fields:
            row.append(rules_in_words(info.field_rules.get(row[0], {})))
    print_table(columns, fields, empty="No schema hint.")


async def _describe(endpoint: str, service: str, collection: str) -> "CollectionInfo":
    from aol_client import AOLDataClient

    client = AOLDataClient(endpoint, service, timeout=CALL_TIMEOUT_S)
    await check_reachable(endpoint)
    async with client:
        return await client.describe_collection(collection)


def adapter_in_words(info: "CollectionInfo") -> str:
    """Return which adapter keeps a collection, and which one it is being copied to."""
    return f"{info.adapter}, being copied to {info.moving_to}" if info.moving_to else info.adapter


def security_in_words(security: "SecurityInfo | None") -> str:
    """Return which documents a call reaches, in a few words; empty where there is no record-level security."""
    if security is None:
        return ""
    words = [f"tenant {security.tenant}"] if security.tenant else []
    words += [name for name, kept in (("owner", security.owner), ("acl", security.acl)) if kept]
    return ", ".join((*words, *(json.dumps(condition, ensure_ascii=False) for condition in security.attributes)))


def audit_in_words(info: "CollectionInfo") -> str:
    """Return what audit records show of filters on a collection."""
    return f"{info.audit}; sensitive: {', '.join(info.sensitive)}" if info.sensitive else info.audit


def rules_in_words(rules: "dict[str, Any]") -> str:
    """Return the rules of a field as a manifest says them, without its type."""
    import orjson

    words = []
    for name, value in rules.items():
        if name == "required":
            words.append(name)
        elif name != "type":
            words.append(f"{name}: {value if isinstance(value, str) else orjson.dumps(value).decode()}")
    return ", ".join(words)


def storage_in_words(storage: "StorageInfo") -> str:
    """Return how a collection is kept; nothing for one that is kept as every adapter can."""
    words = []
    if storage.partition_by:
        words.append(f"partitioned by {storage.partition_by}, one {storage.partition_interval} each")
    if storage.retain_for_s is not None:
        days, rest_s = divmod(storage.retain_for_s, 86_400)
        words.append(f"kept for {storage.retain_for_s // 3_600}h" if rest_s else f"kept for {days}d")
    if storage.tenancy != "shared":
        words.append(f"a {storage.tenancy} for each tenant")
    if storage.shard_key:
        words.append(f"spread over servers by {storage.shard_key}")
    return ", ".join(words)


def _as_json(info: "CollectionInfo") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(info)
