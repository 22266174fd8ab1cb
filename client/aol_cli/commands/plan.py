"""What would manifests change, and how is that applied? `aol plan`, `aol apply`, `aol rollback`."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from aol_cli.acting import DEPLOYS, ActingService, Actor, actor
from aol_cli.applying import Applied
from aol_cli.exits import ExitCode, Failure, PlanCode, failure_of
from aol_cli.manifest_files import read_manifest, require_manifests
from aol_cli.operator_calls import OperatorCalls, operator_calls
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, Endpoint, TokenFile
from aol_cli.output import print_json, say, say_aside
from aol_cli.plan_text import as_json as plan_as_json
from aol_cli.plan_text import grade_word, lines, markdown, worst
from aol_cli.planning import (
    add_grants,
    apply_plan,
    follow_indexes,
    plan_rollback,
    plan_texts,
    read_plan,
    unchanged,
    write_plan,
)
from aol_cli.seeding import seed, seedings

if TYPE_CHECKING:
    from aol.admin.v1 import plan_pb2

_SAFE, _REVIEW, _BREAKING, _DESTRUCTIVE = 1, 2, 3, 4

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Manifest files; folders with manifest.yaml or <service>/manifest.yaml."),
]
ReplacesAll = Annotated[bool, typer.Option("--replaces-all", help="No older version of these services runs any more.")]


class Allow(StrEnum):
    """The worst that may be applied; what is less is too."""

    REVIEW = "review"
    BREAKING = "breaking"
    DESTRUCTIVE = "destructive"


Allowed = Annotated[Allow | None, typer.Option("--allow", help="Apply more than safe changes: all up to these.")]
_ALLOWED = {None: _SAFE, Allow.REVIEW: _REVIEW, Allow.BREAKING: _BREAKING, Allow.DESTRUCTIVE: _DESTRUCTIVE}


class PlanCommand(TyperCommand):
    """A command whose exit codes 2 and 3 say what it found, so that bad usage is 1."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            if getattr(error, "exit_code", None) == ExitCode.USAGE:
                error.exit_code = PlanCode.ERROR  # type: ignore[attr-defined]
            raise


@contextmanager
def _failing_as_error() -> Iterator[None]:
    """Let whatever goes wrong end with the one code that means so here."""
    try:
        yield
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        raise Failure(failure.message) from None


def plan(
    *,
    paths: Paths,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write the plan there, for `aol apply --plan`.")
    ] = None,
    replaces_all: ReplacesAll = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Markdown, for a pull request.")] = False,
    service: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what manifests would change, and whom it breaks."""
    with _failing_as_error():
        if as_json and as_markdown:
            raise Failure("--json and --markdown are two forms: choose one.")
        texts = [(str(path), read_manifest(path)) for path in require_manifests(paths)]
        made = asyncio.run(
            _plan(endpoint, actor(service, token_file, data_dir, own=DEPLOYS), texts, replaces_all=replaces_all)
        )
        if out is not None:
            write_plan(out, made)
        if as_json:
            print_json(plan_as_json(made))
        else:
            say("\n".join(markdown(made) if as_markdown else lines(made)))
    raise typer.Exit(_code(made))


def _code(made: "plan_pb2.Plan") -> PlanCode:
    if worst(made) >= _BREAKING:
        return PlanCode.BREAKING
    return PlanCode.CHANGES if made.changes else PlanCode.NOTHING


async def _plan(endpoint: str, who: Actor, texts: list[tuple[str, str]], *, replaces_all: bool) -> "plan_pb2.Plan":
    async with operator_calls(endpoint, who.token, who.service) as calls:
        return await plan_texts(calls, texts, replaces_all=replaces_all)


def apply(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Manifest files and folders; none with --plan."),
    ] = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Apply this plan, which `aol plan --out` wrote.")
    ] = None,
    allow: Allowed = None,
    replaces_all: ReplacesAll = False,
    service: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what manifests change, and apply it: all of it or nothing. Applying again changes nothing."""
    if (plan_file is None) == (not paths):
        raise typer.BadParameter("either manifests, or --plan FILE", param_hint="PATH...")
    if plan_file is not None and replaces_all:
        raise typer.BadParameter("the plan says so, or does not", param_hint="--replaces-all")
    read = read_plan(plan_file) if plan_file is not None else None
    texts = [(str(path), read_manifest(path)) for path in require_manifests(paths or ())] if read is None else []

    async def made(calls: OperatorCalls) -> "plan_pb2.Plan":
        return read if read is not None else await plan_texts(calls, texts, replaces_all=replaces_all)

    _show_and_apply(endpoint, actor(service, token_file, data_dir, own=DEPLOYS), made, _ALLOWED[allow], as_json=as_json)


def rollback(
    *,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="As `aol history` lists it.")],
    allow: Allowed = None,
    acting: ActingService = None,
    endpoint: Endpoint = DEFAULT_ENDPOINT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Apply an earlier version of a service's manifest, as a new one."""

    async def made(calls: OperatorCalls) -> "plan_pb2.Plan":
        return await plan_rollback(calls, service, version)

    _show_and_apply(endpoint, actor(acting, token_file, data_dir, own=DEPLOYS), made, _ALLOWED[allow], as_json=as_json)


def _show_and_apply(endpoint: str, who: Actor, made: Any, allowed: int, *, as_json: bool) -> None:
    async def work() -> tuple[list[Applied], list[str], list[str]]:
        async with operator_calls(endpoint, who.token, who.service) as calls:
            plan_made = await made(calls)
            if not as_json:
                say("\n".join(lines(plan_made)))
            _require_allowed(plan_made, allowed)
            wanted = seedings(((item.source, item.manifest) for item in plan_made.manifests), os.environ)
            if plan_made.changes or plan_made.replaces_all:
                applied = await apply_plan(calls, plan_made, allowed, say_aside)
                failed = await follow_indexes(calls, plan_made, say_aside)
            else:
                applied, failed = unchanged(plan_made), []
            unseeded = await seed(calls, wanted, applied)
            await add_grants(calls, applied)
            return applied, failed, unseeded

    from aol_client import InvalidRequestError

    try:
        applied, failed, unseeded = asyncio.run(work())
    except InvalidRequestError as error:
        # It is the manifests that are wrong, or the plan, and not the command line.
        raise Failure(str(error)) from None
    for item in applied:
        if as_json:
            print_json(item.as_json())
        else:
            say("\n".join(item.lines()))
    wrong = ["these indexes could not be built:", *failed] if failed else []
    wrong += ["these seeds could not be stored; apply again to go on:", *unseeded] if unseeded else []
    if wrong:
        raise Failure("\n  ".join([f"the manifests are applied, and {wrong[0]}", *wrong[1:]]))


def _require_allowed(made: "plan_pb2.Plan", allowed: int) -> None:
    found = worst(made)
    if found <= allowed:
        return
    word = "review" if found == _REVIEW else grade_word(found)
    count = sum(change.grade > allowed for change in made.changes)
    what = "1 change is not safe" if count == 1 else f"{count:,} changes are not safe"
    if allowed > _SAFE:
        what = "1 change is worse than that" if count == 1 else f"{count:,} changes are worse than that"
    raise Failure(f"nothing was applied: {what}, up to {grade_word(found)}. --allow {word} applies them.")
