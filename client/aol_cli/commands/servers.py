"""How is a broker run? `aol up` for one's own machine, `aol serve` for production."""

import asyncio
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aol_cli.applying import apply_manifests, not_applied, waiting_lines
from aol_cli.exits import Failure
from aol_cli.manifest_files import CheckedManifest, check_manifests, find_manifests, none_in, require_no_problems
from aol_cli.operator_calls import operator_calls
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, check_endpoint, near
from aol_cli.output import counted, say, say_aside
from aol_cli.seeding import seed, seedings
from aol_cli.watching import tell_plans

if TYPE_CHECKING:
    from aol_broker.server import Broker
    from aol_broker.settings import Settings

DEFAULT_MANIFESTS = Path("manifests")
_INSECURE = " · insecure: callers are believed by name"
_UNVERIFIED = [{"type": "token"}, {"type": "insecure"}]


class LogLevel(StrEnum):
    """How much the broker says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def up(
    *,
    data_dir: Annotated[
        Path,
        typer.Option("--data-dir", envvar="AOL_DATA_DIR", metavar="FOLDER", help="Where everything is kept."),
    ] = DEFAULT_DATA_DIR,
    manifests: Annotated[
        Path | None,
        typer.Option(
            "--manifests",
            metavar="PATH",
            help="Manifests to apply: a folder, or one file.",
            show_default="the folder manifests, if there is one",
        ),
    ] = None,
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            envvar="AOL_LISTEN",
            metavar="HOST:PORT",
            help="Where to listen; port 0 takes a free one.",
            callback=check_endpoint,
        ),
    ] = DEFAULT_ENDPOINT,
    log_level: Annotated[
        LogLevel, typer.Option("--log-level", envvar="AOL_LOG__LEVEL", help="What to log on stderr.")
    ] = LogLevel.WARNING,
) -> None:
    """Run a broker with SQLite and your manifests."""
    folder = manifests or (DEFAULT_MANIFESTS if DEFAULT_MANIFESTS.exists() else None)
    files = find_manifests([folder] if folder is not None else [])
    if folder is not None and not files:
        # They may come while it runs, and more often they are named otherwise.
        say_aside(f"Note: there is {none_in([folder])}")
    checked = check_manifests(files)
    require_no_problems(checked)
    overrides: dict[str, object] = {
        "listen": listen,
        "data_dir": str(data_dir),
        "log": {"level": log_level.value, "format": "text"},
    }
    settings = _settings(None, overrides)
    if not settings.authentication.verifiers:
        # For one's own machine: whoever shows nothing is believed, and tokens can be tried out.
        settings = _settings(None, {**overrides, "authentication": {"verifiers": _UNVERIFIED}})
    _run(settings, checked, f" · {counted(len(checked), 'manifest')} applied", folder)


def serve(
    *,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The configuration, broker.yaml.")],
) -> None:
    """Run a broker from a configuration file."""
    _run(_settings(config, {}), (), "")


def _settings(path: Path | None, overrides: dict[str, object]) -> "Settings":
    from aol_wire import garbage

    with garbage.collecting_nothing():
        from aol_broker.settings import SettingsError, load_settings

    try:
        return load_settings(path, overrides)
    except SettingsError as error:
        raise Failure(str(error)) from None


def _run(
    settings: "Settings", manifests: tuple[CheckedManifest, ...], applied: str, watched: Path | None = None
) -> None:
    """Run until a signal; the line that says ready goes out once everything is applied.

    :param watched: where manifests are whose changes are told.
    """
    from aol_wire import garbage, grpc_engine

    # Before anything of gRPC is loaded.
    grpc_engine.choose()
    with garbage.collecting_nothing():
        import uvloop

        from aol_broker import logs
        from aol_broker.running import run
        from aol_broker.server import StartError

    # Whoever reads audit records from standard output gets nothing else there.
    tell = say_aside if any(sink.type == "stdout" for sink in settings.audit.sinks) else say

    background: list[asyncio.Task[None]] = []

    async def on_ready(broker: "Broker") -> None:
        await _apply(broker, manifests)
        garbage.calm()
        if watched is not None:
            told = tell_plans(watched, near(broker.endpoint), broker.operator_token, say_aside)
            # It ends with the event loop; what is changed after the line that says ready is noticed.
            background.append(asyncio.create_task(told))
            await asyncio.sleep(0)
        tell(
            f"aol ready on {broker.endpoint} · data {settings.data_dir} · adapter {broker.adapter_summary()}{applied}"
            f"{_INSECURE if settings.authentication.insecure else ''} · Ctrl-C stops it"
        )

    logs.configure(settings.log.level, settings.log.format)
    try:
        uvloop.run(run(settings, on_ready))
    except StartError as error:
        raise Failure(str(error)) from None


async def _apply(broker: "Broker", manifests: tuple[CheckedManifest, ...]) -> None:
    """Apply through the broker's own door, so that it is recorded like any other call."""
    if not manifests:
        return
    texts = [(str(item.path), item.text) for item in manifests]
    wanted = seedings(texts, os.environ)
    async with operator_calls(near(broker.endpoint), broker.operator_token) as calls:
        applied, problems = await apply_manifests(calls, texts)
        if problems:
            raise not_applied(len(applied), problems)
        unseeded = await seed(calls, wanted, applied)
    if unseeded:
        raise Failure("\n  ".join(["the manifests are applied, and these seeds could not be stored:", *unseeded]))
    for item in applied:
        for line in waiting_lines(item):
            say_aside(line)
