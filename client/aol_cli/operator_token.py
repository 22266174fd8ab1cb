"""Where is the operator's token? In a file that was named, in the environment, or in the broker's data folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from aol_cli.exits import ExitCode, Failure

VARIABLE = "AOL_OPERATOR_TOKEN"
FILE_NAME = "operator.token"
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token, and in words where it was found."""

    token: str
    source: str


def require_token(token_file: Path | None, data_dir: Path) -> str:
    """Return the operator's token.

    :raises Failure: DENIED; there is none, or it cannot be read.
    """
    found = find_token(token_file, data_dir)
    if found is None:
        raise Failure(
            "this command is for operators, and there is no operator's token: set "
            f"{VARIABLE}, name a file with --token-file, or the broker's data folder with --data-dir "
            f"({data_dir / FILE_NAME} does not exist).",
            ExitCode.DENIED,
        )
    return found.token


def find_token(token_file: Path | None, data_dir: Path) -> FoundToken | None:
    """Return the token of `token_file`, else of the environment, else of the data folder; None if there is none.

    :raises Failure: DENIED; what was found cannot be read or is no token.
    """
    if token_file is not None:
        return FoundToken(_checked(_read(token_file), str(token_file)), str(token_file))
    value = os.environ.get(VARIABLE, "").strip()
    if value:
        return FoundToken(_checked(value, VARIABLE), VARIABLE)
    file = data_dir / FILE_NAME
    if not os.path.lexists(file):
        return None
    return FoundToken(_checked(_read(file), str(file)), str(file))


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode(errors="replace").strip()
    except OSError as error:
        raise Failure(
            f"the operator's token cannot be read from {file}: {error.strerror}. Only who runs the broker may read it.",
            ExitCode.DENIED,
        ) from None


def _checked(token: str, source: str) -> str:
    if not token or not token.isascii() or not token.isprintable():
        raise Failure(f"{source} holds no operator's token: printable ASCII is needed.", ExitCode.DENIED)
    return token
