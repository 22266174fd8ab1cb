"""What does an operator see who opens psql? For each collection a view with its hinted fields as typed columns."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Mapping

import asyncpg

from aol_adapters.postgres.expiring import STORED_DATETIME
from aol_adapters.postgres.quoting import quote_name, quote_path

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


async def put(connection: asyncpg.Connection, table: str, view: str, hint: Mapping[str, str]) -> None:
    """Make the view of a collection, or add the columns that it lacks.

    A view can be given more columns, but not others: what a column was first is what it stays, and columns whose
    hints are gone stay too, for whoever uses them.
    """
    there = await connection.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute "
        "WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum",
        view,
    )
    wanted = {quote_name(name): expression for name, expression in _METADATA.items()} | {
        quote_name(path): _expression(path, kind) for path, kind in list(hint.items())[:_MOST_COLUMNS]
    }
    wanted.setdefault(quote_name("doc"), "doc")
    columns = await _columns(connection, table, {quote_name(row["attname"]): row["type"] for row in there}, wanted)
    if columns is None:
        return
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    await connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {selected} FROM {table}")
    await connection.execute(
        f"COMMENT ON VIEW {view} IS 'The documents, with the fields of the schema hint as columns'"
    )


async def _columns(
    connection: asyncpg.Connection, table: str, there: Mapping[str, str], wanted: Mapping[str, str]
) -> dict[str, str] | None:
    """Return the columns that a view is to have, those that are there first; None when it has them all."""
    if there and there.keys() >= wanted.keys():
        return None
    kept = {name: wanted.get(name, _of_type(name, type_)) for name, type_ in there.items()}
    types = await _types(connection, table, kept)
    # Of a field whose hint has changed, the column goes on to be of the old type.
    kept = {name: sql if types[name] == there[name] else _of_type(name, there[name]) for name, sql in kept.items()}
    return kept | {name: sql for name, sql in wanted.items() if name not in kept}


async def _types(connection: asyncpg.Connection, table: str, columns: Mapping[str, str]) -> dict[str, str]:
    if not columns:
        return {}
    selected = ", ".join(f"pg_typeof({expression})::text" for expression in columns.values())
    row = await connection.fetchrow(
        f"SELECT {selected} FROM (SELECT * FROM {table} LIMIT 0) AS t RIGHT JOIN (SELECT 1) AS one ON true"
    )
    return dict(zip(columns, row, strict=True))


def _of_type(name: str, type_: str) -> str:
    kinds = {"text": "string", "numeric": "number", "boolean": "boolean", "timestamp with time zone": "datetime"}
    path = name[1:-1].replace('""', '"')
    return _expression(path, kinds.get(type_, "object"))


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
