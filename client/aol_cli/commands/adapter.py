"""Does a database adapter keep the contract? `aol adapter test`, `aol adapter list`."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aol_cli.adapter_programs import LaunchedProgram, Reach, absent_adapter, hosted
from aol_cli.exits import ExitCode, Failure
from aol_cli.options import AsJson, check_endpoint
from aol_cli.output import Column, print_json, print_table, say

if TYPE_CHECKING:
    from aol_adapters.conformance.report import Report
    from aol_adapters.conformance.rule import Rule
    from aol_adapters.conformance.runner import Result
    from aol_wire.adapter import Capability

app = typer.Typer(help="See and try database adapters.", no_args_is_help=True, rich_markup_mode=None)

_DATA_FOLDER = "DIR"


class Builtin(StrEnum):
    """The adapters that belong to the project."""

    SQLITE = "sqlite"
    MEMORY = "memory"
    POSTGRES = "postgres"
    MONGODB = "mongodb"


# What starts each; those that are missing here are not part of this version.
_ARGUMENTS: dict[Builtin, tuple[str, ...]] = {
    Builtin.SQLITE: ("-m", "aol_adapters.sqlite", "--data-dir", _DATA_FOLDER),
    Builtin.MEMORY: ("-m", "aol_adapters.memory"),
    Builtin.POSTGRES: ("-m", "aol_adapters.postgres"),
    Builtin.MONGODB: ("-m", "aol_adapters.mongodb"),
}
# What each takes from the environment, in which credentials may stand: what it needs, and what it may have besides.
_VARIABLES: dict[Builtin, tuple[str, ...]] = {
    Builtin.POSTGRES: ("AOL_POSTGRES_DSN", "AOL_POSTGRES_PASSWORD_FILE"),
    Builtin.MONGODB: ("AOL_MONGODB_URI", "AOL_MONGODB_PASSWORD_FILE"),
}
_EXAMPLES: dict[Builtin, str] = {
    Builtin.POSTGRES: "postgresql://aol:secret@localhost:5432/test",
    Builtin.MONGODB: "mongodb://aol:secret@localhost:27017/?authSource=admin",
}


@app.command("test")
def check(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="The adapter's program and its arguments.", show_default=False),
    ] = None,
    *,
    address: Annotated[
        str | None, typer.Option("--address", metavar="ADDRESS", help="An adapter that runs: unix:/PATH or HOST:PORT.")
    ] = None,
    builtin: Annotated[
        Builtin | None, typer.Option("--builtin", metavar="NAME", help="One of `aol adapter list`.")
    ] = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option("-k", metavar="TEXT", help="Only rules with this in their name or topic; may be repeated."),
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, too.")] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Print each rule as it comes out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold an adapter to every rule of the contract."""
    if sum(bool(given) for given in (command, address, builtin)) != 1:
        raise typer.BadParameter("give one of: -- COMMAND..., --address, --builtin")
    if address is not None and not address.startswith("unix:/"):
        check_endpoint(address)
    from aol_broker import logs

    rules = _chosen_rules(chosen or [])
    logs.configure("error", "text")
    told = _say_result if verbose and not as_json else lambda _: None
    with tempfile.TemporaryDirectory(prefix="aol-") as folder:
        reach = Reach(address=address) if builtin is None else _builtin(builtin, folder)
        if command:
            reach = Reach(command=tuple(command))
        report = asyncio.run(_try(reach, rules, told))
    _print(report, as_json=as_json)
    if junit is not None:
        _write_junit(junit, report)
    if not report.kept:
        raise typer.Exit(ExitCode.FAILED)


@app.command("list")
def list_adapters(*, as_json: AsJson = False) -> None:
    """List the adapters that belong to the project."""
    found = [_look(builtin) for builtin in Builtin]
    if as_json:
        for item in found:
            print_json(
                {"name": item.name, "state": item.state, "capabilities": item.capabilities, "command": item.command}
            )
        return
    columns = (
        Column("name"),
        Column("state", styles={"installed": "green"}),
        Column("program"),
        Column("capabilities"),
    )
    rows = ((it.name, it.state, " ".join(it.command), ", ".join(it.capabilities)) for it in found)
    print_table(columns, rows, empty="")


@dataclass(frozen=True, slots=True)
class _Known:
    """An adapter of the project, and whether it is there."""

    name: str
    state: str
    capabilities: list[str]
    command: list[str]


def _look(builtin: Builtin) -> _Known:
    if builtin not in _ARGUMENTS:
        return _Known(builtin.value, "not in this version", [], [])
    command = ["python", *_ARGUMENTS[builtin]]
    try:
        capabilities = sorted(_capabilities(builtin))
    except ModuleNotFoundError as error:
        return _Known(builtin.value, f"not installed: no module {error.name}", [], command)
    return _Known(builtin.value, "installed", [capability.value for capability in capabilities], command)


def _capabilities(builtin: Builtin) -> "frozenset[Capability]":
    """Return what an adapter declares.

    :raises ModuleNotFoundError: its driver is not installed.
    """
    if builtin is Builtin.SQLITE:
        from aol_adapters.sqlite.adapter import CAPABILITIES as OF_SQLITE

        return OF_SQLITE
    if builtin is Builtin.POSTGRES:
        from aol_adapters.postgres.adapter import CAPABILITIES as OF_POSTGRES

        return OF_POSTGRES
    if builtin is Builtin.MONGODB:
        from aol_adapters.mongodb.adapter import CAPABILITIES as OF_MONGODB

        return OF_MONGODB
    from aol_adapters.memory.adapter import CAPABILITIES as OF_MEMORY

    return OF_MEMORY


def _builtin(builtin: Builtin, folder: str) -> Reach:
    """Return how an adapter of the project is started.

    :raises Failure: it is not there, or the environment does not say where its database is.
    """
    if builtin not in _ARGUMENTS:
        raise Failure(f"the adapter {builtin} is not part of this version; `aol adapter list` shows those that are")
    needed, *_ = variables = _VARIABLES.get(builtin, ("",))
    if needed and not os.environ.get(needed):
        raise Failure(
            f"the adapter {builtin} needs a database; set the environment variable {needed} to where an empty one is, "
            f"for example {needed}={_EXAMPLES[builtin]}"
        )
    environment = {name: os.environ[name] for name in variables if os.environ.get(name)}
    command = (sys.executable, *(folder if part == _DATA_FOLDER else part for part in _ARGUMENTS[builtin]))
    return Reach(command=command, environment=environment)


def _chosen_rules(chosen: Sequence[str]) -> "list[Rule]":
    """Return the rules with one of the texts in their name or topic; without texts, all."""
    from aol_adapters.conformance.rules import RULES

    texts = [text.casefold() for text in chosen]
    rules = [
        rule
        for rule in RULES
        if not texts or any(text in rule.name or text in rule.topic.value.casefold() for text in texts)
    ]
    if not rules:
        raise typer.BadParameter("no rule has this in its name or topic", param_hint="-k")
    return rules


async def _try(reach: Reach, rules: "Sequence[Rule]", told: "Callable[[Result], None]") -> "Report":
    """Try rules on one process, and those about programs on processes of their own, once that one is gone."""
    from aol_adapters.conformance.report import Report
    from aol_adapters.conformance.runner import Verdict, clean_up, run, try_program
    from aol_adapters.conformance.workspace import Workspace

    results: list[Result] = []
    description = None
    others = [rule for rule in rules if not rule.program]
    if others:
        async with hosted(reach) as adapter:
            description = await adapter.adapter.describe()
            results += await run(adapter.adapter, others, revive=adapter.revive, on_result=told)
    program = None if reach.command is None else LaunchedProgram(reach.command, reach.environment)
    workspace = Workspace("program")
    for rule in (rule for rule in rules if rule.program):
        results.append(await try_program(rule, program, absent_adapter(), workspace))
        told(results[-1])
    if program is not None and any(result.rule.program and result.verdict is Verdict.PASS for result in results):
        with contextlib.suppress(Failure):
            async with hosted(reach) as adapter:
                description = description or await adapter.adapter.describe()
                await clean_up(adapter.adapter, workspace)
    return Report(description, tuple(results))


def _print(report: "Report", *, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
        return
    from aol_adapters.conformance.report import failure_lines
    from aol_adapters.conformance.runner import Verdict

    columns = (Column("topic"), *(Column(verdict.value, right=True) for verdict in Verdict))
    rows = ((topic.value, *(str(numbers[verdict] or "") for verdict in Verdict)) for topic, numbers in report.topics())
    print_table(columns, rows, empty="")
    for result in report.failures:
        say("\n" + "\n".join(failure_lines(result)))
    say("\n" + report.summary())


def _say_result(result: "Result") -> None:
    say(f"{result.verdict:<14} {result.seconds:6.3f} s  {result.rule.name}")


def _write_junit(path: Path, report: "Report") -> None:
    from aol_adapters.conformance.junit import to_junit

    try:
        path.write_bytes(to_junit(report))
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
