"""How is a full-text table filled while documents change?

A text index is built in a table of its own, which holds the words of the ready text indexes and its own, and in the end
takes the place of the one in use. From the moment that it is there, every change of a document goes into it too, so its
rows may be filled in any order, more than once, and again from the beginning.
"""

# ruff: noqa: S608 - SQL is made here, of quoted names; values are bound.

from collections.abc import Iterator

import apsw
import orjson

from aol_adapters.sqlite.catalogue import Collection, WordsTable, documents_table, filling_table, words_table
from aol_adapters.sqlite.fulltext import add_words, create_statement, remove_statement
from aol_adapters.sqlite.quoting import quote_name
from aol_wire.filters import Json


def create_table(connection: apsw.Connection, name: str, number: int) -> None:
    """Make the table that a text index is built in; one that an interrupted build left is as good."""
    connection.execute(create_statement(filling_table(name, number)))


def fill(
    connection: apsw.Connection, collection: Collection, table: WordsTable, *, after: int, rows: int
) -> int | None:
    """Fill in the words of so many rows that follow a number; return the last one's number, or None."""
    last = None
    for last, document in _documents(connection, collection, after, rows):
        connection.execute(remove_statement(table), (last,))
        add_words(connection, table, last, document)
    return last


def replace_table(connection: apsw.Connection, name: str, number: int) -> None:
    """Put the table that was filled in the place of the one in use."""
    drop_table(connection, words_table(name))
    filled, active = quote_name(filling_table(name, number)), quote_name(words_table(name))
    connection.execute(f"ALTER TABLE {filled} RENAME TO {active}")


def drop_table(connection: apsw.Connection, table: str) -> None:
    """Drop a full-text table if it is there."""
    connection.execute(f"DROP TABLE IF EXISTS {quote_name(table)}")


def _documents(
    connection: apsw.Connection, collection: Collection, after: int, rows: int
) -> Iterator[tuple[int, dict[str, Json]]]:
    found = connection.execute(
        f"SELECT number, json(doc) FROM {quote_name(documents_table(collection.name))} "
        "WHERE number > ? ORDER BY number LIMIT ?",
        (after, rows),
    )
    for number, text in found:
        assert isinstance(number, int)  # noqa: S101 - the column's definition
        yield number, orjson.loads(str(text))
