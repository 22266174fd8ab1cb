"""What can SQL not do? The functions of ours that filters call from SQL.

They are used in queries only, never in the definition of a table, so that a data file opens in any SQLite.
"""

from functools import lru_cache

import apsw
import orjson

from aol_adapters.sqlite.quoting import json_path
from aol_adapters.sqlite.values import SqlValue
from aol_wire.filters import Json
from aol_wire.regexes import CompiledRegex, compile_regex
from aol_wire.values import array_index, equal

EQUALS_ANY = "aol_equals_any"
LOCATE = "aol_locate"
MATCHES = "aol_matches"


def register(connection: apsw.Connection) -> None:
    """Give a connection the functions."""
    connection.create_scalar_function(EQUALS_ANY, _equals_any, 2, deterministic=True)
    connection.create_scalar_function(LOCATE, _locate, 2, deterministic=True)
    connection.create_scalar_function(MATCHES, _matches, 3, deterministic=True)


def _equals_any(*arguments: SqlValue) -> bool:
    """Return whether a JSON value equals one in a JSON array. NULL, for what is missing, equals none."""
    value, candidates = arguments
    if value is None:
        return False
    left: Json = orjson.loads(str(value))
    return any(equal(left, candidate) for candidate in _values(str(candidates)))


def _locate(*arguments: SqlValue) -> str | None:
    """Return the JSON path of a value whose path holds segments such as `0`: an array's index, but an object's key.

    NULL when there is no value.
    """
    document, segments = arguments
    value: Json = orjson.loads(str(document)) if document is not None else None
    steps: list[str | int] = []
    for segment in _values(str(segments)):
        name = str(segment)
        step: str | int | None = name if isinstance(value, dict) else array_index(name)
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
        steps.append(name if not isinstance(step, int) else step)
    return json_path(steps)


def _matches(*arguments: SqlValue) -> bool:
    """Return whether a pattern matches somewhere in a text."""
    text, pattern, ignore_case = arguments
    return _compiled(str(pattern), bool(ignore_case)).search(str(text)) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str, ignore_case: bool) -> CompiledRegex:
    return compile_regex(pattern, ignore_case)


# An operand is the same for all documents of a query; what is kept here is at most some documents large.
@lru_cache(maxsize=8)
def _values(text: str) -> list[Json]:
    values: list[Json] = orjson.loads(text)
    return values
