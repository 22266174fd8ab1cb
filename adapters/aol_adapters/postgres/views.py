"""What does an operator see who opens psql? For each collection a view with its hinted fields as typed columns."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

from aol_adapters.postgres.expiring import STORED_DATETIME
from aol_adapters.postgres.quoting import fit_name, quote_name, quote_path, quote_text

_TIME = "timestamptz 'epoch' + {column} * interval '1 microsecond'"
_METADATA = {
    "_id": "id",
    "_tenant": "tenant",
    "_owner": "owner",
    "_version": "version",
    "_created_at": _TIME.format(column="created_us"),
    "_updated_at": _TIME.format(column="updated_us"),
    "_deleted_at": _TIME.format(column="deleted_us"),
}
# PostgreSQL has tables and views of at most 1,600 columns, and fewer where they are wide.
_MOST_COLUMNS = 400


class _Known(NamedTuple):
    """A column that is there: its type, and the path whose values it has."""

    type: str
    path: str


async def put(connection: asyncpg.Connection, table: str, view: str, hint: Mapping[str, str]) -> None:
    """Make the view of a collection, or add the columns that it lacks.

    A view can be given more columns, but not others: what a column was first is what it stays, and columns whose
    hints are gone stay too, for whoever uses them.
    """
    there = await connection.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) AS type, col_description(attrelid, attnum) AS path "
        "FROM pg_catalog.pg_attribute "
        "WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum",
        view,
    )
    wanted = {quote_name(name): expression for name, expression in _METADATA.items()} | {
        quote_name(path): _expression(path, kind) for path, kind in list(hint.items())[:_MOST_COLUMNS]
    }
    wanted.setdefault(quote_name("doc"), "doc")
    known = {quote_name(row["attname"]): _Known(row["type"], row["path"] or row["attname"]) for row in there}
    columns = await _columns(connection, table, known, wanted)
    if columns is None:
        return
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    await connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {selected} FROM {table}")
    for path in hint:
        if fit_name(path) != path and quote_name(path) in columns:
            # What the column is of, should its hint be gone one day.
            await connection.execute(f"COMMENT ON COLUMN {view}.{quote_name(path)} IS {quote_text(path)}")
    await connection.execute(
        f"COMMENT ON VIEW {view} IS 'The documents, with the fields of the schema hint as columns'"
    )


async def _columns(
    connection: asyncpg.Connection, table: str, there: Mapping[str, _Known], wanted: Mapping[str, str]
) -> dict[str, str] | None:
    """Return the columns that a view is to have, those that are there first; None when it has them all."""
    if there and there.keys() >= wanted.keys():
        return None
    kept = {name: wanted.get(name, _of_type(known)) for name, known in there.items()}
    types = await _types(connection, table, kept)
    # Of a field whose hint has changed, the column goes on to be of the old type.
    kept = {name: sql if types[name] == there[name].type else _of_type(there[name]) for name, sql in kept.items()}
    return kept | {name: sql for name, sql in wanted.items() if name not in kept}


async def _types(connection: asyncpg.Connection, table: str, columns: Mapping[str, str]) -> dict[str, str]:
    if not columns:
        return {}
    selected = ", ".join(f"pg_typeof({expression})::text" for expression in columns.values())
    row = await connection.fetchrow(
        f"SELECT {selected} FROM (SELECT * FROM {table} LIMIT 0) AS t RIGHT JOIN (SELECT 1) AS one ON true"
    )
    return dict(zip(columns, row, strict=True))


def _of_type(known: _Known) -> str:
    kinds = {"text": "string", "numeric": "number", "boolean": "boolean", "timestamp with time zone": "datetime"}
    return _expression(known.path, kinds.get(known.type, "object"))


def _expression(path: str, kind: str) -> str:
    """Return SQL for the value of a hinted field; NULL where it is of another type than the hint says."""
    segments = quote_path(path.split("."))
    value, text = f"doc #> {segments}", f"doc #>> {segments}"
    match kind:
        case "string":
            return f"CASE WHEN jsonb_typeof({value}) = 'string' THEN {text} END"
        case "number":
            return f"CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric END"
        case "boolean":
            return f"CASE WHEN jsonb_typeof({value}) = 'boolean' THEN ({value})::boolean END"
        case "datetime":
            return f"CASE WHEN ({text}) COLLATE \"C\" ~ '{STORED_DATETIME}' THEN ({text})::timestamptz END"
        case _:
            return f"({value})"
