"""Which commands are there? The whole command line, and where its failures become messages and exit codes."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from aol_cli.commands import (
    access,
    access_requests,
    access_review,
    adapter,
    audit,
    audit_hmac,
    audit_status,
    audit_verify,
    bench,
    collection,
    collections,
    copy,
    doctor,
    drift,
    explain,
    history,
    lineage,
    manifests,
    plan,
    query,
    servers,
    tokens,
)
from aol_cli.exits import MEANINGS, ExitCode, failure_of
from aol_cli.output import say, say_aside

_EXIT_CODES = "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items())
# \b keeps the lines as they are.
_EPILOG = f"\b\nExit codes:\n{_EXIT_CODES}"


class _Guarded(TyperGroup):
    """All commands. What a user can do wrong ends in a message on stderr and an exit code, never in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _abandon_stdout()
            raise typer.Exit(ExitCode.BROKEN_PIPE) from None
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            say_aside(f"Error: {failure.message}")
            raise typer.Exit(failure.code) from None
        return result


def _abandon_stdout() -> None:
    """Let what is still in the buffer go nowhere: nobody reads, and the interpreter would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"aol {version('aol-data-broker')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Run an AOL data broker, and see and change what it knows."""


def _make_app() -> typer.Typer:
    made = typer.Typer(
        cls=_Guarded,
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_root)
    for command in (
        servers.up,
        servers.serve,
        manifests.lint,
        plan.apply,
        plan.rollback,
        history.history,
        history.retire,
        collections.services,
        collections.collections,
        collections.describe,
        access.grants,
        access.grant,
        access.revoke,
        query.query,
        explain.explain,
        lineage.lineage,
        lineage.impact,
        drift.drift,
        copy.copy,
    ):
        made.command()(command)
    made.command(cls=plan.PlanCommand)(plan.plan)
    made.add_typer(collection.app, name="collection")
    audit.app.command()(audit_hmac.hmac)
    audit.app.command()(audit_status.status)
    audit.app.command()(audit_verify.verify)
    made.add_typer(audit.app, name="audit")
    made.add_typer(tokens.app, name="token")
    made.add_typer(access_review.app, name="access")
    made.add_typer(access_requests.app, name="requests")
    made.add_typer(adapter.app, name="adapter")
    made.command()(doctor.doctor)
    made.command()(bench.bench)
    return made


app = _make_app()
"""The `aol` command."""
