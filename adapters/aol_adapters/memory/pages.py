"""Which rows come on this page, and where does the next one begin? Sort order, keyset positions, page ends."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import orjson

from aol.data.v1.document_pb2 import Page
from aol_adapters.memory.rows import Row
from aol_wire.adapter import Find, Found
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.json_text import encode
from aol_wire.limits import POSITION_MAX_BYTES
from aol_wire.projection import project
from aol_wire.values import SortValue, get, sort_key, type_rank

_Place = list[SortValue | tuple[str, str]]
"""What orders a row: one entry a sort key, then the document's key."""


def page_of(rows: Iterable[Row], request: Find) -> Found:
    """Return the page that a query asks for, out of all the rows that match.

    :raises DataError: TOO_LARGE for a position that is too long, BAD_PAGE_TOKEN for one that is none.
    """
    descending = [key.descending for key in request.sort]
    # Ties go in the last key's direction, so that one index serves both directions.
    descending.append(descending[-1] if descending else False)
    placed = [(_place(row, request), row) for row in rows]
    # Sorting is stable: by the last key first, by the first key last.
    for number in reversed(range(len(descending))):
        placed.sort(key=partial(_part, number), reverse=descending[number])
    if request.position:
        position = _decode(request.position, len(descending))
        placed = [item for item in placed if _follows(item[0], position, descending)]
    placed = placed[request.skip :]
    texts = _fill([row for _, row in placed], request)
    shown = placed[: len(texts)]
    next_position = _encode(shown[-1][0]) if 0 < len(shown) < len(placed) else b""
    return Found(_columns([row for _, row in shown], texts), next_position)


def _place(row: Row, request: Find) -> _Place:
    view = row.view() if request.sort else {}
    return [*(sort_key(get(view, key.path)) for key in request.sort), row.key]


def _part(number: int, item: tuple[_Place, Row]) -> Any:
    return item[0][number]


def _follows(place: _Place, position: _Place, descending: list[bool]) -> bool:
    for mine, other, down in zip(place, position, descending, strict=True):
        if mine != other:
            return (mine < other) if down else (mine > other)
    return False


def _fill(rows: list[Row], request: Find) -> list[str]:
    """Return the documents' texts until the page is full."""
    texts: list[str] = []
    size = 0
    for row in rows[: request.limit]:
        text = encode(project(row.document, request.projection)) if request.projection else row.json
        size += len(text.encode())
        if texts and size > request.max_bytes:
            break
        texts.append(text)
    return texts


def _columns(rows: list[Row], texts: list[str]) -> Page:
    """Return rows as columns; a column of optional metadata is there if any row has some."""
    page = Page(
        id=[row.id for row in rows],
        json=texts,
        created_us=[row.created_us for row in rows],
        updated_us=[row.updated_us for row in rows],
        version=[row.version for row in rows],
    )
    if any(row.owner for row in rows):
        page.owner.extend(row.owner for row in rows)
    if any(row.tenant for row in rows):
        page.tenant.extend(row.tenant for row in rows)
    if any(row.acl for row in rows):
        page.acl.extend(row.acl for row in rows)
    if any(row.deleted_us for row in rows):
        page.deleted_us.extend(row.deleted_us for row in rows)
    return page


def _encode(place: _Place) -> bytes:
    position = orjson.dumps(place)
    if len(position) > POSITION_MAX_BYTES:
        raise DataError.invalid(
            Reason.TOO_LARGE,
            "sort",
            f"a page ends at a document whose sort values take {len(position)} bytes of the {POSITION_MAX_BYTES} that "
            "a position has; sort by shorter values",
        )
    return position


def _decode(position: bytes, parts: int) -> _Place:
    try:
        decoded = orjson.loads(position)
    except orjson.JSONDecodeError:
        decoded = None
    if not isinstance(decoded, list) or len(decoded) != parts or not _is_place(decoded):
        raise DataError(Reason.BAD_PAGE_TOKEN, "this is not a position of this query")
    return [tuple(part) for part in decoded]


def _is_place(parts: list[Any]) -> bool:
    for part in parts:
        if not isinstance(part, list) or len(part) != 2:
            return False
    *values, key = parts
    return [type(part) for part in key] == [str, str] and all(_is_sort_value(rank, value) for rank, value in values)


def _is_sort_value(rank: Json, value: Json) -> bool:
    # Null, objects and arrays sort as classes, with 0 for a value.
    return value == 0 if rank in (0, 3, 4) else type_rank(value) == rank
