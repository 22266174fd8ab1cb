"""How are an issuer's keys read, from a file or from an https URL?"""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aol_broker.identities.key_sets import KEY_SET_MAX_BYTES

READ_TIMEOUT_S = 3.0
_CHUNK_BYTES = 64 << 10

ReadKeys = Callable[[], bytes]
"""Returns what is there now. It blocks, for READ_TIMEOUT_S or a little more, and raises KeySourceError."""


class KeySourceError(Exception):
    """The keys cannot be read; the text says why, and holds nothing of the address or of what is there."""


def from_file(file: Path) -> ReadKeys:
    """Return how a file is read."""

    def read() -> bytes:
        try:
            with file.open("rb") as opened:
                return opened.read(KEY_SET_MAX_BYTES + 1)
        except OSError as error:
            raise KeySourceError(f"the file cannot be read: {error.strerror}") from None

    return read


def from_url(url: str, ca_file: Path | None) -> ReadKeys:
    """Return how a URL is read. A redirect is not followed: it could lead to where nobody vouches for the keys.

    :raises KeySourceError: the authorities' file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError):
        raise KeySourceError("ca_file holds no certificates that can be read") from None
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects(), urllib.request.HTTPSHandler(context=context)]
    if urlsplit(url).scheme == "http":  # on loopback, where no proxy leads to
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)

    def read() -> bytes:
        deadline = time.monotonic() + READ_TIMEOUT_S
        try:
            with opener.open(url, timeout=READ_TIMEOUT_S) as response:
                return _read_all(response, deadline)
        except urllib.error.HTTPError as error:
            # It holds the connection, which nobody else closes.
            error.close()
            raise KeySourceError(f"the server answers {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise KeySourceError(f"the URL cannot be read: {_cause(error)}") from None

    return read


def _read_all(response: Any, deadline: float) -> bytes:
    data = b""
    while chunk := response.read1(_CHUNK_BYTES):
        data += chunk
        if len(data) > KEY_SET_MAX_BYTES:
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    return data


def _cause(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return type(reason).__name__


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
