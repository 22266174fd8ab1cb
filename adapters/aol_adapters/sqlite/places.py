"""Where in a row is the value at a path? As SQL for its type rank and for itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import rank_column, value_column
from aol_adapters.sqlite.quoting import json_path, quote_text
from aol_wire import metadata
from aol_wire.filters import Path

NOTHING, NUMBER, STRING, OBJECT, ARRAY, BOOLEAN = range(6)
"""The type ranks, in the sort order; see `aol_wire.values.type_rank`. A test compares the two."""

_RANK_OF_TYPE = (
    f"WHEN 'integer' THEN {NUMBER} WHEN 'real' THEN {NUMBER} WHEN 'text' THEN {STRING} WHEN 'object' THEN {OBJECT} "
    f"WHEN 'array' THEN {ARRAY} WHEN 'true' THEN {BOOLEAN} WHEN 'false' THEN {BOOLEAN} ELSE {NOTHING} END"
)


@dataclass(frozen=True, slots=True)
class Place:
    """The value at a path, as SQL.

    :ivar rank: its type rank; never NULL.
    :ivar value: the value itself, where the rank is of numbers, strings or booleans; elsewhere anything.
    :ivar order: the value for sorting: never NULL, the same for all values that sort as one class.
    :ivar exists: whether there is a value; never NULL.
    :ivar json: the value as JSON text, NULL when missing.
    :ivar source: the column and the JSON path in it, for table-valued functions.
    :ivar is_indexed: whether `rank` and `value` are columns of indexes.
    :ivar fixed_rank: the rank, where all values have the same.
    """

    rank: str
    value: str
    order: str
    exists: str
    json: str = "NULL"
    source: str = "NULL"
    is_indexed: bool = False
    fixed_rank: int | None = None


def place(path: Path, fields: Mapping[Path, int], bindings: Bindings) -> Place:
    """Return where the value at a path is; `fields` are the paths that have columns, with the columns' numbers."""
    if path[0] in _METADATA:
        within_acl = path[0] == metadata.ACL and len(path) > 1
        return _within("acl", bindings.add_path("acl", path[1:])) if within_acl else _METADATA[path[0]]
    number = fields.get(path)
    if number is None:
        return _within("doc", bindings.add_path("doc", path))
    value = value_column(number)
    return replace(
        _within("doc", quote_text(json_path(path))),
        rank=rank_column(number),
        value=value,
        order=value,
        is_indexed=True,
    )


def _within(column: str, at: str) -> Place:
    """Return the place of what is at a JSON path in a column."""
    rank, value = json_rank(column, at), f"json_extract({column}, {at})"
    return Place(
        rank=rank,
        value=value,
        order=f"CASE WHEN {rank} IN ({NUMBER}, {STRING}, {BOOLEAN}) THEN {value} ELSE 0 END",
        exists=f"json_type({column}, {at}) IS NOT NULL",
        json=f"({column} -> {at})",
        source=f"{column}, {at}",
    )


def json_rank(column: str, path: str) -> str:
    """Return SQL for the type rank of what is at a JSON path."""
    return f"CASE json_type({column}, {path}) {_RANK_OF_TYPE}"


def _always(column: str, rank: int) -> Place:
    return Place(str(rank), column, column, "1", fixed_rank=rank)


def _where(present: str, column: str, rank: int) -> Place:
    return Place(
        rank=f"CASE WHEN {present} THEN {rank} ELSE {NOTHING} END",
        value=column,
        order=f"CASE WHEN {present} THEN {column} ELSE 0 END",
        exists=f"({present})",
    )


_ACL_RANK = json_rank("acl", "'$'")

_METADATA: Mapping[str, Place] = {
    metadata.ID: _always("id", STRING),
    metadata.VERSION: _always("version", NUMBER),
    metadata.CREATED_AT: _always("created_us", NUMBER),
    metadata.UPDATED_AT: _always("updated_us", NUMBER),
    metadata.DELETED_AT: _where("deleted_us IS NOT NULL", "deleted_us", NUMBER),
    metadata.OWNER: _where("owner IS NOT NULL", "owner", STRING),
    metadata.TENANT: _where("tenant <> ''", "tenant", STRING),
    metadata.ACL: Place(_ACL_RANK, "0", "0", "acl IS NOT NULL", json="acl", source="acl, '$'"),
}
