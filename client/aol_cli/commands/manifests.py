"""Are these manifests right? `aol lint`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aol_cli.exits import ExitCode
from aol_cli.manifest_files import CheckedManifest, check_manifests, require_manifests
from aol_cli.options import AsJson
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
