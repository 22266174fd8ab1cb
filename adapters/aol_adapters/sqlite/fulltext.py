"""How do words get into SQLite's full-text index? Encoded, so that its tokenizer cannot see them differently than we.

`aol_wire.words` alone decides what a word is. FTS5 sees runs of hexadecimal digits, which its `ascii` tokenizer leaves
as they are.
"""

# ruff: noqa: S608 - SQL is made here, of quoted names; values are bound.

import hashlib
from collections.abc import Iterable

import apsw

from aol_adapters.sqlite.catalogue import WordsTable
from aol_adapters.sqlite.quoting import quote_name
from aol_wire.filters import Json, Path
from aol_wire.values import get
from aol_wire.words import split

# FTS5 cuts tokens at 32,768 bytes; a word that comes near is stored as its hash.
_WORD_MAX_BYTES = 1024


def create_statement(table: str) -> str:
    """Return the statement that makes a full-text table: row numbers and words, no copies of texts, no positions."""
    return (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {quote_name(table)} USING fts5"
        "(words, content='', contentless_delete=1, detail=none, tokenize='ascii')"
    )


def document_words(document: Json, paths: Iterable[Path]) -> str:
    """Return the encoded words of a document's text-indexed fields, each once; "" when there are none."""
    words: dict[str, None] = {}
    for path in paths:
        value = get(document, path)
        if isinstance(value, str):
            words.update(dict.fromkeys(split(value)))
    return " ".join(map(_encode, words))


def add_words(connection: apsw.Connection, table: WordsTable, number: int, document: Json) -> None:
    """Add the words of a document, whose row has this number and no words there yet."""
    words = document_words(document, table.paths)
    if words:
        connection.execute(f"INSERT INTO {table.name} (rowid, words) VALUES (?, ?)", (number, words))


def remove_statement(table: WordsTable) -> str:
    """Return the statement that removes the words of the row whose number is bound, if there are any."""
    return f"DELETE FROM {table.name} WHERE rowid = ?"


def match_expression(words: Iterable[str]) -> str:
    """Return the FTS5 expression for documents that have every one of these words."""
    return " ".join(f'"{_encode(word)}"' for word in dict.fromkeys(words))


def _encode(word: str) -> str:
    data = word.encode()
    if len(data) > _WORD_MAX_BYTES:
        return "h" + hashlib.sha256(data).hexdigest()
    return "w" + data.hex()
