"""Which options do several commands share?"""

import re
from pathlib import Path
from typing import Annotated

import typer

from aol_cli.moments import parse_moment

DEFAULT_ENDPOINT = "127.0.0.1:50051"
DEFAULT_DATA_DIR = Path(".aol")

_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:/\[\]]+):(\d{1,5})")


def check_endpoint(text: str) -> str:
    """Return `text` if it is host:port.

    :raises typer.BadParameter: it is not.
    """
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        raise typer.BadParameter("it is HOST:PORT, for example 127.0.0.1:50051 or [::1]:50051")
    return text


def near(endpoint: str) -> str:
    """Return an address that reaches a listener from its own machine: nobody can call `0.0.0.0`."""
    host, _, port = endpoint.rpartition(":")
    nearby = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - nothing listens here
    return f"{nearby}:{port}"


def moment_us(option: str, text: str | None) -> int:
    """Return microseconds since 1970 for an option's moment, 0 for none.

    :raises typer.BadParameter: it is neither a date-time nor how long ago.
    """
    if text is None:
        return 0
    moment = parse_moment(text)
    if moment is None:
        raise typer.BadParameter(
            "it is a date-time such as 2025-11-22T12:00:00Z, or how long ago: 90s, 15m, 2h, 1d", param_hint=option
        )
    return moment


Endpoint = Annotated[
    str,
    typer.Option(
        "--endpoint", envvar="AOL_ENDPOINT", metavar="HOST:PORT", help="The broker to ask.", callback=check_endpoint
    ),
]
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir", envvar="AOL_DATA_DIR", metavar="FOLDER", help="The broker's data folder, for operator.token."
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help="The operator's token; else AOL_OPERATOR_TOKEN, else the data folder's."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line, and nothing else.")]
