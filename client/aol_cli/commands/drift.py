"""Where do declarations and reality differ, and what mends that? `aol drift`."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aol_cli.drift import Difference, counts_in_words, differences, edited_files
from aol_cli.exits import ExitCode, Failure
from aol_cli.lineage import moment
from aol_cli.manifest_files import CheckedManifest, check_manifests, require_manifests, require_no_problems
from aol_cli.operator_calls import operator_calls
from aol_cli.operator_token import require_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile, moment_us
from aol_cli.output import counted, print_json, say, say_aside, shown_time

if TYPE_CHECKING:
    from aol.admin.v1 import drift_pb2

SAMPLE_DOCUMENTS = 100
SHOWN_MAX = 200
_NAMED_MAX = 5


def drift(
    *,
    service: Annotated[
        str, typer.Argument(metavar="[SERVICE]", help="Only what this one owns, asks for or uses.")
    ] = "",
    manifests: Annotated[
        list[Path] | None,
        typer.Option("--manifests", metavar="PATH", help="Compare these, not those applied. May be repeated."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="What was not used since then counts as not used.")
    ] = "30d",
    sample: Annotated[
        int, typer.Option("--sample", min=0, max=1000, help="Documents of each collection to look at; 0: none.")
    ] = SAMPLE_DOCUMENTS,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=0,
            help=f"At most N differences, some of each kind; 0: all. {SHOWN_MAX} when not given, of JSON all.",
            show_default=False,
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write the edits into the files of --manifests.")] = False,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show where manifests, registry, grants and indexes differ from what is used and stored."""
    if fix and not manifests:
        raise typer.BadParameter("it needs the files: --manifests PATH", param_hint="--fix")
    checked = check_manifests(require_manifests(manifests)) if manifests else ()
    require_no_problems(checked)
    most = (0 if fix or as_json else SHOWN_MAX) if limit is None else limit
    request = {"service": service, "since_us": moment_us("--since", since), "sample_documents": sample, "limit": most}
    answer = asyncio.run(_ask(endpoint, require_token(token_file, data_dir), request, checked))
    found = differences(answer, checked)
    if as_json:
        for item in found:
            print_json(item.as_json())
    else:
        _print(answer, found)
    if answer.not_sampled:
        say_aside(_not_looked_at(answer.not_sampled))
    total, left = sum(count.findings for count in answer.counts), found
    if fix:
        _write(edited_files(found, checked), as_json=as_json)
        left = [item for item in found if item.file is None or item.command]
    if left or total > len(found):
        raise typer.Exit(ExitCode.FAILED)


async def _ask(
    endpoint: str, token: str, request: dict[str, Any], manifests: Sequence[CheckedManifest]
) -> "drift_pb2.GetDriftResponse":
    from aol.admin.v1 import drift_pb2 as pb

    texts = [pb.ManifestText(text=item.text, source=str(item.path)) for item in manifests]
    async with operator_calls(endpoint, token) as calls:
        return await calls.admin("GetDrift", pb.GetDriftRequest(**request, manifests=texts), pb.GetDriftResponse)


def _print(answer: "drift_pb2.GetDriftResponse", found: Sequence[Difference]) -> None:
    collection = ""
    for item in found:
        if item.collection != collection:
            collection = item.collection
            say(collection)
        say(f"  {item.title}: {item.subject} ({item.service})")
        say(f"    {item.detail}")
        for step in item.mends:
            say(f"    -> {step}")
    known = f"Uses since {shown_time(moment(answer.since_us) or '')}."
    total = sum(count.findings for count in answer.counts)
    say(f"{counted(total, 'difference')}: {counts_in_words(answer)}. {known}" if found else f"No differences. {known}")
    if total > len(found):
        say(f"These are {len(found):,} of them. `aol drift SERVICE` tells those of one service, --limit 0 all.")


def _not_looked_at(collections: Sequence[str]) -> str:
    """Say of which collections the documents were not looked at, of many by some names."""
    some = ", ".join(collections[:_NAMED_MAX])
    more = len(collections) - _NAMED_MAX
    if more <= 0:
        return f"The documents of {some} could not be looked at."
    return (
        f"The documents of {some} and {counted(more, 'more collection')} could not be looked at. `aol drift SERVICE` "
        "looks at those of one service, --sample 0 at none."
    )


def _write(texts: dict[Path, str], *, as_json: bool) -> None:
    for path, text in texts.items():
        try:
            _replace(path, text)
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}.") from None
        if not as_json:
            say(f"Edited {path}; `aol apply {path}` makes it so.")


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, with the rights that it had; a link stays one."""
    real = path.resolve()
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.chmod(real.stat().st_mode & 0o7777)
        made.replace(real)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
