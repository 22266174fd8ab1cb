"""Where does the next page begin? Tokens that only this registry's brokers can make, for one query and one caller.

A token is AES-256-GCM over the adapter's position and the number of documents still wanted. What it is bound to, the
caller and the whole query, is the additional data: a token used elsewhere does not decrypt.
"""

import base64
import binascii
import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aol_wire.errors import DataError, Reason
from aol_wire.limits import PAGE_TOKEN_MAX_BYTES

_HEADER = struct.Struct(">Bq")
_VERSION = 1
_NONCE_BYTES = 12
_UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Where a query goes on: the adapter's own position, and how many documents are still wanted (None: all)."""

    position: bytes
    remaining: int | None


class PageTokens:
    """Seals and opens page tokens with a key of 32 bytes that all brokers of a registry share."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, page: PagePosition, binding: bytes) -> str:
        """Return a token for `page` that is good for `binding` only."""
        remaining = _UNLIMITED if page.remaining is None else page.remaining
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, _HEADER.pack(_VERSION, remaining) + page.position, binding)
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, token: str, binding: bytes) -> PagePosition:
        """Return what `seal` was given.

        :raises DataError: BAD_PAGE_TOKEN.
        """
        if len(token) > PAGE_TOKEN_MAX_BYTES:
            raise _bad_token()
        try:
            data = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], binding)
            version, remaining = _HEADER.unpack_from(plain)
        except (InvalidTag, ValueError, binascii.Error, struct.error):
            raise _bad_token() from None
        if version != _VERSION:
            raise _bad_token()
        return PagePosition(plain[_HEADER.size :], None if remaining == _UNLIMITED else remaining)


def _bad_token() -> DataError:
    return DataError.invalid(
        Reason.BAD_PAGE_TOKEN,
        "page_token",
        "it was not made for this query and this caller, or since it was, the collection has moved to another database "
        "or the caller's access has changed. Send the next_page_token of the page before, with everything else "
        "unchanged, or begin again without one",
    )
