"""Are these all plain documents? Many are read in one go, as long as nothing about any of them calls for a closer look.

What is read here is what `read_document` and the secret lint would make of each by itself. They say what is wrong, too:
when anything is out of the ordinary, this only says that it is.
"""

import secrets
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import NamedTuple

import orjson
import re2

from aol_broker.credentials import may_hold_credential
from aol_wire.filters import Json
from aol_wire.limits import DOCUMENT_MAX_BYTES, DOCUMENT_MAX_DEPTH

# Bytes of UTF-8 that a character takes at most.
_CHARACTER_BYTES = 4
_REST_OF_KEY = r'(?:[^"\\]|\\.)*":'

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
# Found in each text that has a key which documents do not have, an integer beyond int64, or a NUL; and in some others.
_ODD = re2.compile("|".join((rf'"\${_REST_OF_KEY}', rf"\.{_REST_OF_KEY}", '"":', "[0-9]{19}", r"\\u")), _OPTIONS)


class Together(NamedTuple):
    """What documents hold. `bare`: none has a key that begins with `_`, so that none says anything of its metadata."""

    documents: list[dict[str, Json]]
    bare: bool


def read_plain(texts: Sequence[str], reserved: AbstractSet[str], *, lint: bool) -> Together | None:
    """Return the objects that documents' texts hold, each text being as `orjson` writes it; None: look at each.

    :param reserved: the top-level keys with a leading `_` that are let through.
    :param lint: whether they must not look as if they held credentials.
    """
    # Nobody can write a text that has this mark in it, so that each text is one value, however they are cut.
    mark = secrets.token_hex(16)
    together = f',"{mark}",'.join(texts)
    try:
        data = f"[{together}]".encode()
        values = orjson.loads(data)
    except ValueError:
        return None
    if _ODD.search(data) is not None or orjson.dumps(values) != data:
        return None
    documents: list[dict[str, Json]] = values[::2]
    is_cut_so = len(documents) == len(texts) and values[1::2] == [mark] * (len(texts) - 1)
    if not is_cut_so or not {dict}.issuperset(map(type, documents)) or not _are_within_bounds(texts, together):
        return None
    bare = '"_' not in together
    if not bare and not all(map(_has_only, documents, repeat(reserved))):
        return None
    return None if lint and may_hold_credential(together) else Together(documents, bare)


def _are_within_bounds(texts: Sequence[str], together: str) -> bool:
    """Whether none is longer, or nested deeper, than documents may be. It may say no of one that is not."""
    if max(map(len, texts), default=0) * _CHARACTER_BYTES > DOCUMENT_MAX_BYTES:
        return False
    # Each has a bracket at least: where there are so few in all, none has more than there may be levels.
    few = together.count("{") + together.count("[") < len(texts) + DOCUMENT_MAX_DEPTH
    return few or all(text.count("{") + text.count("[") <= DOCUMENT_MAX_DEPTH for text in texts)


def _has_only(document: dict[str, Json], reserved: AbstractSet[str]) -> bool:
    return not any(key[0] == "_" and key not in reserved for key in document)
