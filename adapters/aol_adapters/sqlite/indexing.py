"""Do the documents that are there fit a new index, and how is it made?"""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import apsw

from aol_adapters.sqlite import catalogue, statistics
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection, documents_table, index_name, rank_column, value_column
from aol_adapters.sqlite.expiring import expired
from aol_adapters.sqlite.places import json_rank, place
from aol_adapters.sqlite.quoting import json_path, quote_name, quote_text
from aol_wire.filters import Path
from aol_wire.indexes import IndexSpec, IndexType
from aol_wire.limits import INDEXED_STRING_MAX_BYTES


def last_of_slice(connection: apsw.Connection, collection: Collection, after: int, rows: int) -> int | None:
    """Return the number of the last row of the so many that follow a number; None when there are none."""
    found = connection.execute(
        f"SELECT max(number) FROM (SELECT number FROM {collection.documents} WHERE number > ? ORDER BY number LIMIT ?)",
        (after, rows),
    ).get
    return None if found is None else int(found)


def count_misfits(
    connection: apsw.Connection, collection: Collection, spec: IndexSpec, now_us: int, *, after: int, last: int
) -> int:
    """Return how many documents in a range of rows hold what an index does not take, those that are expired aside."""
    bindings = Bindings()
    between = f"number > {bindings.add(after)} AND number <= {bindings.add(last)}"
    return int(
        connection.execute(
            f"SELECT count(*) FROM {collection.documents} "
            f"WHERE {between} AND {_misfit(spec, bindings)} AND NOT {expired(collection, now_us, bindings) or '0'}",
            bindings.values,
        ).get
    )


def count_repeats(connection: apsw.Connection, collection: Collection, spec: IndexSpec, now_us: int) -> int:
    """Return how many documents have the values that another one has already in a unique index.

    Those that are expired, and those that do not fit for another reason, are left aside.
    """
    bindings = Bindings()
    places = [place(field.path, collection.fields, bindings) for field in spec.fields]
    values = ", ".join(f"{at.rank}, {at.order}" for at in places)
    return int(
        connection.execute(
            "SELECT coalesce(sum(documents - 1), 0) FROM ("
            f"SELECT count(*) AS documents FROM {collection.documents} WHERE NOT {_misfit(spec, bindings)} "
            f"AND NOT {expired(collection, now_us, bindings) or '0'} GROUP BY tenant, {values})",
            bindings.values,
        ).get
    )


def create_index(connection: apsw.Connection, name: str, number: int, spec: IndexSpec) -> None:
    """Make an index of the database; the documents fit it. It takes the write lock for as long as it takes."""
    fields = catalogue.read_fields(connection, name)
    columns = ["tenant"]
    direction = ""
    for field in spec.fields:
        if field.path not in fields:
            fields[field.path] = max(fields.values(), default=0) + 1
            _add_columns(connection, name, field.path, fields[field.path])
        direction = " DESC" if field.descending else ""
        columns += [f"{column(fields[field.path])}{direction}" for column in (rank_column, value_column)]
    is_unique = spec.type is IndexType.UNIQUE
    if not is_unique:
        # Documents of equal values come in the order of their ids, in the direction of the last field.
        columns.append(f"id{direction}")
    index, table = index_name(name, number), documents_table(name)
    connection.execute(
        f"CREATE {'UNIQUE ' if is_unique else ''}INDEX {quote_name(index)} "
        f"ON {quote_name(table)} ({', '.join(columns)})"
    )
    statistics.assume(connection, table, index, fields=len(spec.fields), has_id=not is_unique)


def _misfit(spec: IndexSpec, bindings: Bindings) -> str:
    """Return the condition for rows that an index does not take, never NULL: the rule of `aol_wire.indexed_paths`."""
    conditions = []
    for field in spec.fields:
        for length in range(1, len(field.path)):
            conditions.append(f"json_type(doc, {bindings.add(json_path(field.path[:length]))}) IS 'array'")
        at = bindings.add(json_path(field.path))
        conditions.append(f"ifnull(json_type(doc, {at}) IN ('array', 'object'), 0)")
        if spec.type is not IndexType.TEXT:
            conditions.append(f"ifnull(octet_length(json_extract(doc, {at})) > {INDEXED_STRING_MAX_BYTES}, 0)")
    return f"({' OR '.join(conditions)})"


def _add_columns(connection: apsw.Connection, name: str, path: Path, number: int) -> None:
    """Add the columns of an indexed path, which holds no arrays and objects in any document.

    NOT NULL lets the planner know that the values of a unique index differ.
    """
    at = quote_text(json_path(path))
    for column, expression in (
        (rank_column(number), json_rank("doc", at)),
        (value_column(number), f"ifnull(json_extract(doc, {at}), 0)"),
    ):
        connection.execute(
            f"ALTER TABLE {quote_name(documents_table(name))} "
            f"ADD COLUMN {column} NOT NULL GENERATED ALWAYS AS ({expression}) VIRTUAL"
        )
    catalogue.add_field(connection, name, path, number)
