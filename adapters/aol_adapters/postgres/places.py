"""Where in a row is the value at a path? As SQL for the value itself, and for what orders values of every type.

Any scalar is ordered by two expressions, `number` and then `text`, which are never NULL:

    null, missing   -Infinity, ''
    a number        itself, ''
    a string        Infinity, itself
    other values    NaN (the largest numeric), and 'a' an object, 'b' an array, 'false', 'true'

so that one index over the two serves every comparison and every order of the query language, across types.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import orjson

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.quoting import quote_path, quote_text
from aol_wire import metadata
from aol_wire.filters import Json, Path
from aol_wire.values import array_index, type_rank

NOTHING, NUMBER, STRING, OBJECT, ARRAY, BOOLEAN = range(6)
"""The type ranks, in the sort order; see `aol_wire.values.type_rank`. A test compares the two."""

LEAST, TEXTS, OTHERS = "'-Infinity'::numeric", "'Infinity'::numeric", "'NaN'::numeric"
_TEXT_OF_CLASS: Mapping[int, str] = {OBJECT: "a", ARRAY: "b"}

TENANT_ACL = "jsonb_set('{}'::jsonb, ARRAY[tenant], acl)"
"""An access control list under its tenant: an index over it tells equal entries of different tenants apart."""

_PLACES_KEPT = 4096
_WHITESPACE = " \t\n\v\f\r"


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """The value at a path of the document.

    :ivar json: the value as `jsonb`, NULL when missing.
    :ivar number: see above.
    :ivar text: see above; its collation is "C", the order of code points.
    :ivar is_indexed: whether `number` and `text` are columns of an index.
    """

    json: str
    number: str
    text: str
    is_indexed: bool


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """Metadata in a column of its own, of one type. `present` is a condition, or "" where there is always a value."""

    column: str
    rank: int
    present: str = ""


def place(path: Path, indexed: AbstractSet[Path], bindings: Bindings) -> DocumentPlace | ColumnPlace:
    """Return where the value at a path is; `indexed` are the paths that indexes are over."""
    found = _METADATA.get(path[0])
    if found is not None:
        within_acl = path[0] == metadata.ACL and len(path) > 1
        return document_place(_reach("acl", path[1:], bindings), is_indexed=False) if within_acl else found
    if path in indexed:
        return indexed_place(path)
    return document_place(_reach("doc", path, bindings), is_indexed=False)


@lru_cache(maxsize=_PLACES_KEPT)
def indexed_place(path: Path) -> DocumentPlace:
    """Return a place as an index has it: no part of it is bound."""
    return document_place(f"doc #> {quote_path(path)}", is_indexed=True)


def document_place(json: str, *, is_indexed: bool) -> DocumentPlace:
    """Return a place whose value is given as SQL."""
    number = (
        f"(CASE jsonb_typeof({json}) WHEN 'number' THEN ({json})::numeric WHEN 'string' THEN {TEXTS} "
        f"WHEN 'boolean' THEN {OTHERS} WHEN 'object' THEN {OTHERS} WHEN 'array' THEN {OTHERS} ELSE {LEAST} END)"
    )
    text = (
        f"((CASE jsonb_typeof({json}) WHEN 'string' THEN ({json}) #>> '{{}}' WHEN 'boolean' THEN ({json}) #>> '{{}}' "
        f"WHEN 'object' THEN 'a' WHEN 'array' THEN 'b' ELSE '' END) COLLATE \"C\")"
    )
    return DocumentPlace(f"({json})", number, text, is_indexed)


def number_of(rank: int, value: Json, bindings: Bindings) -> str:
    """Return what `number` is of a value of this rank."""
    if rank == NUMBER:
        assert isinstance(value, int | float)  # noqa: S101 - that is what the rank says
        return bindings.numeric(value)
    return {NOTHING: LEAST, STRING: TEXTS}.get(rank, OTHERS)


def text_of(rank: int, value: Json) -> str:
    """Return what `text` is of a value of this rank."""
    if rank == STRING:
        return str(value)
    if rank == BOOLEAN:
        return "true" if value else "false"
    return _TEXT_OF_CLASS.get(rank, "")


def equals_scalar(at: DocumentPlace, value: Json, bindings: Bindings) -> str:
    """Return the condition that an indexed place holds a scalar; both columns are fixed, so that an index goes on."""
    rank = type_rank(value)
    return f"({at.number} = {number_of(rank, value, bindings)} AND {at.text} = {bindings.text(text_of(rank, value))})"


def entries_path(tenant: str, list: str, entries: Sequence[str]) -> str:
    """Return the SQL/JSON path that finds entries in a list of `TENANT_ACL`; its strings are those of JSON."""
    tenant, list, *quoted = (orjson.dumps(text).decode() for text in (tenant, list, *entries))
    return f"$.{tenant}.{list}[*] ? ({' || '.join(f'@ == {entry}' for entry in quoted)})"


def _reach(source: str, path: Path, bindings: Bindings) -> str:
    """Return SQL for what is at a path.

    `#>` takes more for an index of an array than the query language does, such as -1 and 01; `->` never takes an index.
    """
    found = source
    for is_key, segments in groupby(path, key=_is_no_index):
        if is_key:
            for segment in segments:
                found = f"{found} -> {bindings.text(segment)}"
        else:
            found = f"{found} #> {bindings.path(tuple(segments))}"
    return found


def _is_no_index(segment: str) -> bool:
    """Return whether PostgreSQL would take a segment for the index of an array, and we do not."""
    digits = segment.lstrip(_WHITESPACE)
    digits = digits[1:] if digits[:1] in {"+", "-"} else digits
    return digits.isascii() and digits.isdigit() and array_index(segment) is None


_METADATA: Mapping[str, DocumentPlace | ColumnPlace] = {
    metadata.ID: ColumnPlace("id", STRING),
    metadata.VERSION: ColumnPlace("version", NUMBER),
    metadata.CREATED_AT: ColumnPlace("created_us", NUMBER),
    metadata.UPDATED_AT: ColumnPlace("updated_us", NUMBER),
    metadata.DELETED_AT: ColumnPlace("deleted_us", NUMBER, "deleted_us IS NOT NULL"),
    metadata.OWNER: ColumnPlace("owner", STRING, "owner IS NOT NULL"),
    metadata.TENANT: ColumnPlace("tenant", STRING, f"tenant <> {quote_text('')}"),
    metadata.ACL: document_place("acl", is_indexed=False),
}
