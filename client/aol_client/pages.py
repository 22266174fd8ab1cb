"""How does a page of documents become dicts?"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import orjson

from aol.data.v1 import document_pb2
from aol_wire.metadata import ACL, CREATED_AT, DELETED_AT, ID, OWNER, TENANT, UPDATED_AT, VERSION

Document = dict[str, Any]
"""A document as it is read: its fields and the reserved keys `_id`, `_created_at`, `_updated_at`, `_version`, and
where the collection uses them `_owner`, `_tenant`, `_acl`, `_deleted_at`. Times are RFC 3339 text in UTC."""


def documents_of(page: document_pb2.Page, projection: frozenset[str]) -> list[Document]:
    """Return the documents of a page; with a projection, only the metadata that it names (and `_id`).

    :raises ValueError: the page is not what the contract says. The message holds nothing of it.
    """
    try:
        documents: list[Document] = [
            # A slice is a list, which is read much faster than a column.
            {ID: document_id, **orjson.loads(text)}
            for document_id, text in zip(page.id[:], page.json[:], strict=True)
        ]
        columns = _metadata_columns()
        # Naming a column of a page takes longer than most of what is done with it here, so each is named once.
        created_us, updated_us, versions = page.created_us[:], page.updated_us[:], page.version[:]
        if created_us and updated_us and versions and not projection:
            _add_usual_columns(documents, created_us, updated_us, versions)
            columns = columns[_USUAL_COLUMNS:]
        for key, name, shown in columns:
            column = getattr(page, name)
            if column and (not projection or key in projection):
                _add_column(documents, key, column[:], shown)
    except (TypeError, ValueError, OverflowError):  # a JSONDecodeError is a ValueError
        raise ValueError("malformed page") from None
    return documents


@cache
def _metadata_columns() -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    """Return the key of each column of metadata, its name in a page, and what its values are shown by."""
    return (
        (CREATED_AT, "created_us", _from_us()),
        (UPDATED_AT, "updated_us", _from_us()),
        (VERSION, "version", None),
        (OWNER, "owner", None),
        (TENANT, "tenant", None),
        (ACL, "acl", orjson.loads),
        (DELETED_AT, "deleted_us", _from_us()),
    )


@cache
def _from_us() -> Callable[[int], str]:
    from aol_wire.datetimes import from_us  # here, as it brings in the filter tree, which importing the SDK need not

    return from_us


_USUAL_COLUMNS = 3
_ABSENT_WHEN_EMPTY = frozenset({OWNER, TENANT, ACL, DELETED_AT})


def _add_usual_columns(
    documents: list[Document], created_us: Sequence[int], updated_us: Sequence[int], versions: Sequence[int]
) -> None:
    """Add the columns that every collection has, all at once: most reads are of a few documents with these alone."""
    from_us = _from_us()
    last_created = last_updated = None
    created_at = updated_at = ""
    for document, created, updated, version in zip(documents, created_us, updated_us, versions, strict=True):
        # Documents that came together have one time, and those that never changed have it twice.
        if created != last_created:
            last_created, created_at = created, from_us(created)
        if updated != last_updated:
            last_updated, updated_at = updated, created_at if updated == created else from_us(updated)
        document[CREATED_AT] = created_at
        document[UPDATED_AT] = updated_at
        document[VERSION] = version


def _add_column(documents: list[Document], key: str, column: Sequence[Any], shown: Callable[[Any], Any] | None) -> None:
    optional = key in _ABSENT_WHEN_EMPTY
    last, as_shown = None, None
    for document, value in zip(documents, column, strict=True):
        if optional and not value:
            continue
        if shown is None:
            document[key] = value
        elif isinstance(value, int):
            # Documents that came together have one time.
            if value != last:
                last, as_shown = value, shown(value)
            document[key] = as_shown
        else:
            document[key] = shown(value)
