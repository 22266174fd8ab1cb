"""How are words found? As tokens of one text index, made so that MongoDB neither splits nor stems nor folds them.

`aol_wire.words` alone decides what a word is. A word stands in `_aol.w` as `x`, its bytes in hexadecimal, and `x`: no
token is part of another one.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from aol_adapters.mongodb.catalogue import Collection
from aol_wire.filters import Json, Path
from aol_wire.values import get
from aol_wire.words import split

WORDS = "_aol.w"
INDEX_NAME = "words"


def document_words(document: Json, paths: Iterable[Path]) -> str:
    """Return the tokens of a document's text-indexed fields, each once."""
    words: dict[str, None] = {}
    for path in paths:
        value = get(document, path)
        if isinstance(value, str):
            words.update(dict.fromkeys(split(value)))
    return " ".join(map(_token, words))


def has_words(collection: Collection, words: Sequence[str]) -> dict[str, Any]:
    """Return the condition for documents that have every one of some words. It holds wherever it stands; `search` is
    what the index serves."""
    del collection
    return {"$and": [{WORDS: {"$regex": _token(word)}} for word in words]} if words else {}


def search(words: Sequence[str]) -> dict[str, Any]:
    """Return the condition that the text index serves, which stands in the first `$match` or nowhere."""
    return {"$text": {"$search": " ".join(f'"{_token(word)}"' for word in words)}}


def _token(word: str) -> str:
    return f"x{word.encode().hex()}x"
