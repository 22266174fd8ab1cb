"""In whose name are manifests deployed? An operator's, or with `--as` that of the service whose manifest it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from aol_cli.exits import Failure
from aol_cli.operator_token import require_token

DeployingService = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="SERVICE",
        help="In the name of this service, whose manifest it is, with its own credentials: the token of --token-file, "
        "AOL_TOKEN or AOL_TOKEN_FILE, or its client certificate.",
    ),
]


@dataclass(frozen=True, slots=True)
class Deployer:
    """Who deploys. `service` is empty for an operator; a service may show a certificate in the place of a token."""

    token: str
    service: str = ""


def deployer(service: str | None, token_file: Path | None, data_dir: Path) -> Deployer:
    """Return who deploys, with the token that is found for it.

    :raises Failure: DENIED; an operator's token is needed, and there is none, or it cannot be read.
    :raises DataClientError: a service's token cannot be read.
    """
    if service is not None:
        from aol_client.credentials import Credentials

        return Deployer(Credentials(None, token_file).current() or "", service)
    try:
        return Deployer(require_token(token_file, data_dir))
    except Failure as failure:
        text = f"{failure.message} A service deploys its own manifest with --as SERVICE and its own credentials."
        raise Failure(text, failure.code) from None
