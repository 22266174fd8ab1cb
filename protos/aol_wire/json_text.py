"""What value does a JSON text hold? Decoding that refuses what would be stored differently from how it was written.

orjson alone lets duplicate keys, 2**63 and NUL pass, and rounds 2**64. Where it gives the text back unchanged, nothing
of that happened; otherwise a strict parser decides.
"""

import json
from collections.abc import Iterable
from functools import reduce
from typing import Any, NoReturn

import orjson

from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.json_values import INEXACT, exact, examine, sound
from aol_wire.paths import below

NUL_ESCAPE = b"\\u0000"
"""How a NUL stands in JSON text; there is no other way."""


def encode(value: Json) -> str:
    """Return a value as JSON text, without spaces."""
    return orjson.dumps(value).decode()


def decode(text: str, reason: Reason, where: str, max_bytes: int) -> Json:
    """Return the value that a JSON text holds: no key twice, integers exact, no NUL, at most 64 levels.

    :param where: how errors name the whole text, for example `filter`.
    :raises DataError: `reason`, with the path that is wrong; TOO_LARGE.
    """
    data = to_bytes(text, reason, where, max_bytes)
    value = load(data, reason, where)
    if NUL_ESCAPE in data or not sound(value, keys=False):
        value = examine(value, reason, where)
    return value if orjson.dumps(value) == data else load_strictly(text, reason, where)


def to_bytes(text: str, reason: Reason, where: str, max_bytes: int) -> bytes:
    """Return a text in UTF-8.

    :raises DataError: `reason`, when it holds a lone surrogate; TOO_LARGE.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise DataError.invalid(reason, where, "it holds a lone surrogate") from None
    check_size(data, where, max_bytes)
    return data


def check_size(data: bytes, where: str, max_bytes: int) -> None:
    """Return if a text is not too long.

    :raises DataError: TOO_LARGE.
    """
    if len(data) > max_bytes:
        raise DataError.invalid(Reason.TOO_LARGE, where, f"at most {max_bytes} bytes, not {len(data)}")


def load(data: bytes, reason: Reason, where: str) -> Json:
    """Return what orjson makes of a text; see `decode` for what that lets pass.

    :raises DataError: `reason`.
    """
    try:
        value: Json = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        description = (
            f"not JSON, or nested far too deep, or a number beyond doubles, "
            f"at line {error.lineno}, column {error.colno}"
        )
        raise DataError.invalid(reason, where, description) from None
    return value


def load_strictly(text: str, reason: Reason, where: str) -> Json:
    """Return the value of a text that orjson accepted and that has at most 64 levels.

    :raises DataError: `reason`, for a key that stands twice in one object and an integer that cannot be kept exactly.
    """
    wrong: list[object] = []

    def integer(digits: str) -> int | float:
        number = exact(int(digits))
        if number is None:
            number = float("nan")
            wrong.append(number)
        return number

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) < len(items):
            wrong.append(value)
        return value

    value: Json = json.loads(text, parse_int=integer, object_pairs_hook=pairs)
    if wrong:
        _raise_first(value, wrong, reason, where)
    return value


def _raise_first(value: Json, wrong: list[object], reason: Reason, where: str) -> NoReturn:
    """Find the path of something that `load_strictly` found wrong."""
    segments, found = _find(value, {id(item) for item in wrong}) or ([], {})
    description = "a key stands twice in this object" if isinstance(found, dict) else INEXACT
    raise DataError.invalid(reason, reduce(below, reversed(segments), where), description)


def _find(value: Json, identities: set[int]) -> tuple[list[str | int], Json] | None:
    """Return where one of these objects is, from the innermost segment outwards, and the object itself.

    One is always found: what a repeated key hides lies in an object that is wrong as well.
    """
    if id(value) in identities:
        return [], value
    children: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for segment, child in children:
        found = _find(child, identities)
        if found is not None:
            found[0].append(segment)
            return found
    return None
