"""Is this a document? The rules that a document's JSON text must keep before it is stored."""

from collections.abc import Set as AbstractSet
from typing import cast

import orjson

from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.json_text import NUL_ESCAPE, check_size, encode, load, load_strictly, to_bytes
from aol_wire.json_values import examine, sound
from aol_wire.limits import DOCUMENT_MAX_BYTES
from aol_wire.paths import below

__all__ = ["encode", "ensure_document", "parse_document", "read_document"]

_ROOT = "document"


def parse_document(text: str, reserved: AbstractSet[str] = frozenset()) -> dict[str, Json]:
    """Return the object that a document's text holds; see `read_document`."""
    return read_document(text, reserved)[0]


def read_document(text: str, reserved: AbstractSet[str] = frozenset()) -> tuple[dict[str, Json], bool]:
    """Return the object that a document's text holds, and whether the text is how `encode` would write it.

    :param reserved: the top-level keys with a leading `_` that are let through.
    :raises DataError: BAD_DOCUMENT with the path that is wrong, TOO_LARGE.
    """
    data = to_bytes(text, Reason.BAD_DOCUMENT, _ROOT, DOCUMENT_MAX_BYTES)
    value = load(data, Reason.BAD_DOCUMENT, _ROOT)
    if not isinstance(value, dict):
        raise DataError.invalid(Reason.BAD_DOCUMENT, _ROOT, "a document is a JSON object")
    if NUL_ESCAPE in data or not sound(value, keys=True):
        examine(value, Reason.BAD_DOCUMENT, _ROOT, keys=True)
    # Equal bytes mean that no key was dropped and no integer rounded.
    as_written = orjson.dumps(value) == data
    if not as_written:
        value = cast("dict[str, Json]", load_strictly(text, Reason.BAD_DOCUMENT, _ROOT))
    for key in value:
        if key[0] == "_" and key not in reserved:
            description = "top-level keys that start with '_' are metadata, which the broker keeps"
            raise DataError.invalid(Reason.BAD_DOCUMENT, below(_ROOT, key), description)
    return value, as_written


def ensure_document(document: dict[str, Json]) -> None:
    """Return if a changed document is still one: small and shallow enough, its keys and numbers in order.

    :raises DataError: BAD_DOCUMENT with the path that is wrong, TOO_LARGE.
    """
    if not sound(document, keys=True):
        examine(document, Reason.BAD_DOCUMENT, _ROOT, keys=True)
    check_size(orjson.dumps(document), _ROOT, DOCUMENT_MAX_BYTES)
