"""Are these manifests right, and what do they change? `aol lint`, `aol apply`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aol_cli.applying import Applied, apply_manifests, not_applied
from aol_cli.exits import ExitCode
from aol_cli.manifest_files import CheckedManifest, check_manifests, read_manifest, require_manifests
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import counted, print_json, say, say_aside

if TYPE_CHECKING:
    from aol_broker.manifest.declaration import Manifest

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Manifest files; folders with manifest.yaml or <service>/manifest.yaml."),
]


def lint(*, paths: Paths, as_json: AsJson = False) -> None:
    """Check manifests, without a broker."""
    checked = check_manifests(require_manifests(paths))
    for item in checked:
        if as_json:
            print_json(_as_json(item))
        elif item.manifest is not None and not item.problems:
            say(_summary(item.path, item.manifest))
        for problem in () if as_json else item.problems:
            say_aside(str(problem))
    if any(item.problems for item in checked):
        raise typer.Exit(ExitCode.FAILED)


def _summary(path: Path, manifest: "Manifest") -> str:
    collections, requests = len(manifest.collections), len(manifest.access_requests)
    return (
        f"{path}: ok · {manifest.service} · {counted(collections, 'collection')} · "
        f"{counted(requests, 'access request')}"
    )


def _as_json(item: CheckedManifest) -> dict[str, object]:
    return {
        "file": str(item.path),
        "ok": not item.problems,
        "service": item.manifest.service if item.manifest is not None else None,
        "problems": [{"place": problem.place, "text": problem.text} for problem in item.problems],
    }


def apply(
    *,
    paths: Paths,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Register what manifests declare. Applying one again changes nothing."""
    texts = [(str(path), read_manifest(path)) for path in require_manifests(paths)]
    applied, problems = asyncio.run(_apply(endpoint, require_token(token_file, data_dir), texts))
    for item in applied:
        if as_json:
            print_json(item.as_json())
        else:
            say("\n".join(item.lines()))
    if problems:
        raise not_applied(len(applied), problems)


async def _apply(endpoint: str, token: str, texts: list[tuple[str, str]]) -> tuple[list[Applied], list[str]]:
    async with operator_calls(endpoint, token) as calls:
        return await apply_manifests(calls, texts)
