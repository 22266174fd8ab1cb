"""How does a page of documents become dicts?"""

from collections.abc import Callable, Sequence
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
        for key, column, shown in _metadata_columns(page):
            if column and (not projection or key in projection):
                _add_column(documents, key, column, shown)
    except (TypeError, ValueError, OverflowError):  # a JSONDecodeError is a ValueError
        raise ValueError("malformed page") from None
    return documents


def _metadata_columns(page: document_pb2.Page) -> tuple[tuple[str, Sequence[Any], Callable[[Any], Any] | None], ...]:
    from aol_wire.datetimes import from_us  # here, as it brings in the filter tree, which importing the SDK need not

    return (
        (CREATED_AT, page.created_us, from_us),
        (UPDATED_AT, page.updated_us, from_us),
        (VERSION, page.version, None),
        (OWNER, page.owner, None),
        (TENANT, page.tenant, None),
        (ACL, page.acl, orjson.loads),
        (DELETED_AT, page.deleted_us, from_us),
    )


_ABSENT_WHEN_EMPTY = frozenset({OWNER, TENANT, ACL, DELETED_AT})


def _add_column(documents: list[Document], key: str, column: Sequence[Any], shown: Callable[[Any], Any] | None) -> None:
    optional = key in _ABSENT_WHEN_EMPTY
    last, as_shown = None, None
    for document, value in zip(documents, column[:], strict=True):
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
