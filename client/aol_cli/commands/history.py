"""Which versions of a manifest were applied, and which still run? `aol history`, `aol retire`."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.acting import DEPLOYS, ActingService, Actor, actor
from aol_cli.operator_calls import operator_calls
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import Column, print_json, print_table, say, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import plan_pb2

_DIGITS_SHOWN = 12

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service.")]


def history(
    *,
    service: Service,
    acting: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of a service's manifest, the newest first."""
    found = asyncio.run(_history(endpoint, actor(acting, token_file, data_dir, own=DEPLOYS), service))
    versions = [_as_json(item) for item in found]
    if as_json:
        for version in versions:
            print_json(version)
        return
    columns = (
        Column("version", right=True),
        Column("applied"),
        Column("by"),
        Column("runs", styles={"yes": "green"}),
        Column("SHA-256", optional=True),
        Column("from", optional=True, shrinks=True),
    )
    rows = (
        (
            str(item["version"]),
            shown_time(item["applied_at"]),
            item["applied_by"],
            _runs(item),
            item["sha256"][:_DIGITS_SHOWN],
            item["source"],
        )
        for item in versions
    )
    print_table(columns, rows, empty=f"No manifest of {service} was ever applied.")


def _runs(version: dict[str, Any]) -> str:
    if version["deployed"]:
        return "yes"
    return "retired" if version["retired_at"] else "no"


async def _history(endpoint: str, who: Actor, service: str) -> "list[plan_pb2.ManifestVersion]":
    from aol.admin.v1 import plan_pb2 as pb

    async with operator_calls(endpoint, who.token, who.service) as calls:
        request = pb.ListManifestVersionsRequest(service=service)
        answer = await calls.admin("ListManifestVersions", request, pb.ListManifestVersionsResponse)
    return list(answer.versions)


def _as_json(item: "plan_pb2.ManifestVersion") -> dict[str, Any]:
    from aol_wire.datetimes import from_us

    return {
        "version": item.version,
        "applied_at": from_us(item.applied_us),
        "applied_by": item.applied_by,
        "source": item.source,
        "sha256": item.sha256,
        "plan": item.plan,
        "deployed": item.deployed,
        "retired_at": from_us(item.retired_us) if item.retired_us else None,
    }


def retire(
    *,
    service: Service,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="As `aol history` lists it.")],
    acting: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say that an older version of a service does not run any more, so that plans need not heed it."""
    retired = asyncio.run(_retire(endpoint, actor(acting, token_file, data_dir, own=DEPLOYS), service, version))
    if as_json:
        print_json({"service": service, "version": version, "retired": retired})
        return
    how = "is retired" if retired else "had been retired already"
    say(f"Version {version} of {service} {how}.")


async def _retire(endpoint: str, who: Actor, service: str, version: int) -> bool:
    from aol.admin.v1 import plan_pb2 as pb

    async with operator_calls(endpoint, who.token, who.service) as calls:
        request = pb.RetireManifestVersionRequest(service=service, version=version)
        return (await calls.admin("RetireManifestVersion", request, pb.RetireManifestVersionResponse)).retired
