"""How do words get into `tsvector`? As lexemes of their own, so that no parser of PostgreSQL sees them.

`aol_wire.words` alone decides what a word is. What stands in the column is what the configuration `simple` would make
of the words, so `column @@ to_tsquery('simple', ...)` works in psql.
"""

import hashlib
from collections.abc import Iterable

from aol_wire.filters import Json, Path
from aol_wire.values import get
from aol_wire.words import split

# PostgreSQL takes lexemes of up to 2,046 bytes; a word that comes near is stored as its hash.
_WORD_MAX_BYTES = 1024


def document_words(document: Json, paths: Iterable[Path]) -> str | None:
    """Return the words of a document's text-indexed fields, each once, with spaces between; None if there are none."""
    words: dict[str, None] = {}
    for path in paths:
        value = get(document, path)
        if isinstance(value, str):
            words.update(dict.fromkeys(map(_lexeme, split(value))))
    return " ".join(words) or None


def vector(column: str) -> str:
    """Return SQL for the `tsvector` of what `document_words` returned."""
    return f"array_to_tsvector(string_to_array({column}, ' '))"


def query_text(words: Iterable[str]) -> str:
    """Return the text of a `tsquery` for documents that have every one of these words; they hold no quotes."""
    return " & ".join(f"'{_lexeme(word)}'" for word in dict.fromkeys(words))


def _lexeme(word: str) -> str:
    data = word.encode()
    # A space cannot be in a word, nor can `#`: no other word is stored like this.
    return word if len(data) <= _WORD_MAX_BYTES else f"#{hashlib.sha256(data).hexdigest()}"
