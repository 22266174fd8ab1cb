"""How do names, texts and paths get into SQL? The only functions that put foreign text between quotes.

Values never come this way: they are bound. Paths are bound too (`json_path` makes the text that is bound), except in
the definition of an index's columns, which SQLite wants as a literal.
"""

from collections.abc import Iterable

import orjson


def quote_name(name: str) -> str:
    """Return an identifier in double quotes.

    :raises ValueError: for NUL, which would end the statement.
    """
    return '"' + _without_nul(name).replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a string literal.

    :raises ValueError: for NUL, which would end the statement.
    """
    return "'" + _without_nul(text).replace("'", "''") + "'"


def json_path(segments: Iterable[str | int]) -> str:
    """Return the JSON path of SQLite that walks objects by key (`str`) and arrays by index (`int`).

    A key is written as a JSON string: within the quotes nothing of it has a meaning to SQLite.
    """
    steps = (f"[{step}]" if isinstance(step, int) else "." + orjson.dumps(step).decode() for step in segments)
    return "$" + "".join(steps)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("NUL in a name")
    return text
