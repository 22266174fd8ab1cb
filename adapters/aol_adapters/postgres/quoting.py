"""How do names, texts and paths get into SQL? The only functions that put foreign text between quotes.

Values never come this way: they are bound. Paths are bound too, except where they must be equal to the expression of
an index, which PostgreSQL compares literally.
"""

import hashlib
from collections.abc import Iterable

NAME_MAX_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL cuts what is longer, silently."""

_HASH_DIGITS = 16


def quote_name(name: str) -> str:
    """Return an identifier in double quotes, shortened to what fits (see `fit_name`).

    :raises ValueError: for NUL, which would end the statement, and for an empty name.
    """
    if not name:
        raise ValueError("an empty name")
    return '"' + _without_nul(fit_name(name)).replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a string literal, which means the same whatever `standard_conforming_strings` is.

    :raises ValueError: for NUL, which would end the statement.
    """
    quoted = "'" + _without_nul(text).replace("'", "''").replace("\\", "\\\\") + "'"
    return "E" + quoted if "\\" in text else quoted


def quote_path(segments: Iterable[str]) -> str:
    """Return a path as a constant of type `text[]`."""
    return f"ARRAY[{', '.join(map(quote_text, segments))}]::text[]"


def fit_name(name: str) -> str:
    """Return a name that fits PostgreSQL: itself, or its beginning with a hash of the whole behind it.

    The same name always becomes the same; two names become the same only if their SHA-256 begin alike in 64 bits.
    """
    data = name.encode()
    if len(data) <= NAME_MAX_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:_HASH_DIGITS]
    kept = data[: NAME_MAX_BYTES - _HASH_DIGITS - 1].decode(errors="ignore")
    return f"{kept}~{digest}"


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("NUL in a name")
    return text
