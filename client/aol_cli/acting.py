"""In whose name is a command run? An operator's, or with `--as` that of a service whose own affairs it is about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from aol_cli.exits import Failure
from aol_cli.operator_token import require_token

ActingService = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="SERVICE",
        help="In the name of this service, with its own credentials: the token of --token-file, AOL_TOKEN or "
        "AOL_TOKEN_FILE, or its client certificate.",
    ),
]


DEPLOYS = "deploys its own manifest"
ANSWERS = "answers requests on its own collections, and sees its own,"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `service` is empty for an operator; a service may show a certificate in the place of a token."""

    token: str
    service: str = ""


def actor(service: str | None, token_file: Path | None, data_dir: Path, *, own: str) -> Actor:
    """Return who acts, with the token that is found for it.

    :param own: what a service does so, DEPLOYS or ANSWERS, for the message.

    :raises Failure: DENIED; an operator's token is needed, and there is none, or it cannot be read.
    :raises DataClientError: a service's token cannot be read.
    """
    if service is not None:
        from aol_client.credentials import Credentials

        return Actor(Credentials(None, token_file).current() or "", service)
    try:
        return Actor(require_token(token_file, data_dir))
    except Failure as failure:
        text = f"{failure.message} A service {own} with --as SERVICE and its own credentials."
        raise Failure(text, failure.code) from None
