"""Are these all plain documents? Many are read in one go, as long as nothing about any of them calls for a closer look.

What is read here is what `read_document` and the secret lint would make of each by itself. They say what is wrong, too:
when anything is out of the ordinary, this only says that it is.
"""

import secrets
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat

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


def read_plain(texts: Sequence[str], reserved: AbstractSet[str], *, lint: bool) -> list[dict[str, Json]] | None:
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
    if not is_cut_so or not all(map(_is_plain, texts, documents, repeat(reserved))):
        return None
    return None if lint and may_hold_credential(together) else documents


def _is_plain(text: str, document: Json, reserved: AbstractSet[str]) -> bool:
    if type(document) is not dict or len(text) * _CHARACTER_BYTES > DOCUMENT_MAX_BYTES:
        return False
    for key in document:
        if key[0] == "_" and key not in reserved:
            return False
    # No more brackets than there may be levels: it is not nested deeper.
    return text.count("{") + text.count("[") <= DOCUMENT_MAX_DEPTH
