"""What token does a client show? A text, what a function returns, or what a file holds now."""

import os
import time
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path

from aol_client.exceptions import ConfigurationError, invalid_request
from aol_wire.errors import Reason

Token = str | Callable[[], str] | None
"""A token, or a function that is called before each call of the broker and returns the one that holds then."""

TOKEN_VARIABLE = "AOL_TOKEN"  # noqa: S105 - the name of one
FILE_VARIABLE = "AOL_TOKEN_FILE"
# Whether a file has changed is not looked at with each call.
_LOOK_EVERY_S = 1.0
_FILE_MAX_BYTES = 64 << 10


class Credentials:
    """The token of one client. Without any, the client shows none."""

    def __init__(self, token: Token, token_file: str | PathLike[str] | None) -> None:
        """Of what is not given, the environment counts.

        :raises InvalidRequestError: both are given, or `token` cannot be a header.
        """
        if token is not None and token_file is not None:
            raise invalid_request(Reason.BAD_REQUEST, "token_file", "excludes token: give one of the two")
        if token is None and token_file is None:
            token = os.environ.get(TOKEN_VARIABLE) or None
            token_file = (os.environ.get(FILE_VARIABLE) or None) if token is None else None
        self._make = token if callable(token) else None
        self._file = None if token_file is None else _TokenFile(Path(fspath(token_file)))
        self.fixed = self._make is None and self._file is None
        self._token = _checked(token) if isinstance(token, str) else None

    @property
    def any(self) -> bool:
        """Whether the client shows a token at all."""
        return not self.fixed or self._token is not None

    def current(self, *, anew: bool = False) -> str | None:
        """Return the token that holds now; `anew`: a file is read whatever it looked like just now.

        :raises ConfigurationError: a file cannot be read and never could be, or holds no token.
        :raises InvalidRequestError: what the function returned cannot be a header.
        """
        if self._make is not None:
            return _checked(self._make())
        return self._token if self._file is None else self._file.token(anew=anew)


class _TokenFile:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._token = ""
        self._seen: tuple[int, int, int] | None = None
        self._looked_at = float("-inf")

    def token(self, *, anew: bool) -> str:
        now = time.monotonic()
        if anew or now - self._looked_at >= _LOOK_EVERY_S:
            self._look(anew=anew)
            self._looked_at = now
        return self._token

    def _look(self, *, anew: bool) -> None:
        try:
            state = self._file.stat()
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if anew or seen != self._seen:
                with self._file.open("rb") as opened:
                    text = opened.read(_FILE_MAX_BYTES).decode(errors="replace").strip()
                # While a file is replaced it may be away or empty; what it held goes on to count.
                if _can_be_shown(text):
                    self._token, self._seen = text, seen
                elif not self._token:
                    raise ConfigurationError(f"{self._file} holds no token: one line of printable ASCII is needed")
        except OSError as error:
            if not self._token:
                raise ConfigurationError(f"the token file {self._file} cannot be read: {error.strerror}") from None


def _checked(token: str) -> str:
    if not isinstance(token, str) or not _can_be_shown(token):
        raise invalid_request(Reason.BAD_REQUEST, "token", "a non-empty str of printable ASCII is needed")
    return token


def _can_be_shown(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()
