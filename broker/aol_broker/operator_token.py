"""What do operators show? A random token in a file that only the owner of the data folder can read."""

import os
import secrets
import stat
from pathlib import Path

from aol_broker.settings_sections import OPERATOR_TOKEN_MIN_CHARS

FILE_NAME = "operator.token"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_or_make(data_dir: Path) -> str:
    """Return the token of a data folder, making one (256 random bits, mode 0600) when there is none.

    :raises OSError: the file cannot be read or written.
    :raises ValueError: the file holds no usable token, or others than its owner may use it.
    """
    path = data_dir / FILE_NAME
    if not path.exists():
        _make(path)
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        token = file.read().decode(errors="replace").strip()
    if mode & _OTHERS:
        raise ValueError(
            f"{path} can be used by others than its owner (mode {mode:04o}), and whoever reads it is an operator. Run "
            f"'chmod 600 {path}', or remove the file to have a new token made, if somebody may have read it."
        )
    if len(token) < OPERATOR_TOKEN_MIN_CHARS or not token.isascii() or not token.isprintable():
        raise ValueError(
            f"{path} holds no token: it needs {OPERATOR_TOKEN_MIN_CHARS} or more printable ASCII characters. Remove "
            "the file to have a new one made."
        )
    return token


def _make(path: Path) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)
