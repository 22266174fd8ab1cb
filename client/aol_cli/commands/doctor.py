"""What is configured, reachable, healthy? `aol doctor`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aol_cli.connection import connected
from aol_cli.exits import ExitCode, Failure
from aol_cli.health import Health, ask_health
from aol_cli.operator_calls import OperatorCalls
from aol_cli.operator_token import FILE_NAME, VARIABLE, FoundToken, find_token
from aol_cli.options import DEFAULT_DATA_DIR, DEFAULT_ENDPOINT, AsJson, DataDir, TokenFile, check_endpoint, near
from aol_cli.output import Column, counted, print_json, print_table

if TYPE_CHECKING:
    from aol_broker.settings import Settings

# The adapter of a broker whose configuration names none.
_EMBEDDED = "sqlite"


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


def doctor(
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Check this configuration, and the broker it is of.")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            envvar="AOL_ENDPOINT",
            metavar="HOST:PORT",
            help="The broker to ask.",
            show_default=f"where --config listens, else {DEFAULT_ENDPOINT}",
            callback=lambda value: value if value is None else check_endpoint(value),
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Check what is configured, reachable and healthy."""
    checks: list[Check] = []
    settings = _check_configuration(config, checks) if config is not None else None
    if settings is not None:
        endpoint = endpoint or near(settings.listen)
        data_dir = settings.data_dir
        token_file = token_file or settings.authentication.operator_token_file
    found = _check_token(token_file, data_dir, settings, checks)
    endpoint = endpoint or DEFAULT_ENDPOINT
    names = {_EMBEDDED} if settings is None else set(settings.adapters)
    asyncio.run(_check_broker(endpoint, found, names, settings is not None, checks))
    healthy = all(check.state is not State.FAILED for check in checks)
    _print(endpoint, checks, healthy=healthy, as_json=as_json)
    if not healthy:
        raise typer.Exit(ExitCode.FAILED)


def _print(endpoint: str, checks: list[Check], *, healthy: bool, as_json: bool) -> None:
    if as_json:
        shown = [{"name": check.name, "state": check.state.value, "detail": check.detail} for check in checks]
        print_json({"healthy": healthy, "endpoint": endpoint, "checks": shown})
        return
    columns = (
        Column("check"),
        Column("state", styles={"ok": "green", "failed": "red", "skipped": "yellow"}),
        Column("detail", shrinks=True),
    )
    print_table(columns, ((check.name, check.state.value, check.detail) for check in checks), empty="")


def _check_configuration(path: Path, checks: list[Check]) -> "Settings | None":
    from aol_broker.settings import SettingsError, load_settings

    try:
        settings = load_settings(path)
        settings.require_verifiers()
    except SettingsError as error:
        checks.append(Check("configuration", State.FAILED, str(error)))
        return None
    checks.append(
        Check("configuration", State.OK, f"{path}: listens on {settings.listen}, data in {settings.data_dir}")
    )
    return settings


def _check_token(
    token_file: Path | None, data_dir: Path, settings: "Settings | None", checks: list[Check]
) -> FoundToken | None:
    """Return the token if there is one. To have none is no fault: services need none, and health checks neither."""
    try:
        found = find_token(token_file, data_dir)
    except Failure as failure:
        checks.append(Check("operator token", State.FAILED, failure.message))
        return None
    if found is None and settings is not None and settings.authentication.operator_token is not None:
        found = FoundToken(settings.authentication.operator_token.get_secret_value().strip(), "the configuration")
    if found is None:
        where = f"set {VARIABLE}, --token-file or --data-dir ({data_dir / FILE_NAME} does not exist)"
        checks.append(Check("operator token", State.SKIPPED, f"none found; operators' commands need one: {where}"))
    else:
        checks.append(Check("operator token", State.OK, f"found in {found.source}"))
    return found


async def _check_broker(
    endpoint: str, found: FoundToken | None, names: set[str], configured: bool, checks: list[Check]
) -> None:
    try:
        async with connected(endpoint) as channel:
            checks.append(Check("endpoint", State.OK, f"{endpoint} answers"))
            checks += await asyncio.to_thread(_check_tls, endpoint)
            checks.append(_judged("broker", await ask_health(channel, "")))
            checks.append(_check_callers(await ask_health(channel, "aol.insecure")))
            if found is not None:
                names |= await _check_operator(partial(OperatorCalls, endpoint, found.token, channel), checks)
            for name in sorted(names):
                health = await ask_health(channel, f"adapter.{name}")
                # Without a configuration we only guess at the broker's adapters; with one it should have them.
                if health.known or configured:
                    checks.append(_judged(f"adapter {name}", health))
    except Failure as failure:
        checks.append(Check("endpoint", State.FAILED, failure.message))


def _check_tls(endpoint: str) -> list[Check]:
    """Tell for how long the broker's certificate is good, where there is one."""
    from aol_cli.broker_certificates import days_left

    days = days_left(endpoint)
    if days is None:
        return []
    return [Check("tls", State.OK, f"the broker's certificate is good for {counted(days, 'day')}")]


def _check_callers(insecure: Health) -> Check:
    """Tell what the broker says of its callers. That it believes them is for whoever runs it to know, and no fault."""
    if insecure.known:
        return Check("callers", State.OK, "insecure: believed by the names that they give")
    return Check("callers", State.OK, "verified")


def _judged(name: str, health: Health) -> Check:
    return Check(name, State.OK if health.serving else State.FAILED, health.detail)


async def _check_operator(make: Callable[[], OperatorCalls], checks: list[Check]) -> set[str]:
    """Try the token; return the adapters that the registry speaks of."""
    from aol.admin.v1 import admin_pb2 as pb
    from aol_client import DataClientError

    try:
        calls = make()
        answer = await calls.admin("ListCollections", pb.ListCollectionsRequest(), pb.ListCollectionsResponse)
    except DataClientError as error:
        checks.append(Check("operator call", State.FAILED, str(error)))
        return set()
    checks.append(Check("operator call", State.OK, "the broker accepts the token"))
    things = counted(len(answer.collections), "collection")
    checks.append(Check("registry", State.OK, f"revision {calls.revision}, {things}"))
    return {collection.adapter for collection in answer.collections}
