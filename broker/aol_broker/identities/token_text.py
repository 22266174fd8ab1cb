"""What does an opaque token look like? `aol_`, 43 characters that hold 256 random bits, and 6 of a checksum.

The prefix and the checksum are for programs that look for tokens in places where none should be: they can tell one from
other text without asking anybody.
"""

import hashlib
import re
import secrets
import zlib

PREFIX = "aol_"
PATTERN = re.compile(r"aol_[0-9A-Za-z]{49}")
ID_CHARACTERS = 16
TOKEN_ID = re.compile(rf"[0-9a-f]{{{ID_CHARACTERS}}}")

_RANDOM_BITS = 256
_RANDOM_CHARACTERS = 43
_CHECKSUM_CHARACTERS = 6
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_token() -> str:
    """Return a token that nobody has."""
    body = PREFIX + _base62(secrets.randbits(_RANDOM_BITS), _RANDOM_CHARACTERS)
    return body + _checksum(body)


def is_whole(text: str) -> bool:
    """Whether `text` is a token as they are made: nothing is mistyped or cut off."""
    return PATTERN.fullmatch(text) is not None and _checksum(text[:-_CHECKSUM_CHARACTERS]) == text[-6:]


def digest(text: str) -> bytes:
    """Return the SHA-256 of a token, by which it is kept and looked up.

    A hash that is quick to make is enough: what is hashed is no password but 256 random bits, which nobody tries out.
    And the look-up need not take the same time for every token: how far a dict compares two hashes says nothing about
    a token, as nobody can make a token of which the hash begins as wanted.
    """
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def token_id(sha256: bytes) -> str:
    """Return a token's id: how its hash begins, so that whoever finds a token can tell which one to revoke."""
    return sha256.hex()[:ID_CHARACTERS]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = ""
    for _ in range(characters):
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    return digits
