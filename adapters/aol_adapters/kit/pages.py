"""What is a document as a database returns it, and how do such rows become a page?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from aol.data.v1.document_pb2 import Page
from aol_wire import metadata
from aol_wire.filters import Json, Path
from aol_wire.json_text import encode
from aol_wire.limits import DOCUMENT_MAX_BYTES
from aol_wire.projection import project


class Row(NamedTuple):
    """A document as it is read: JSON text and metadata. `owner`, `acl`, `deleted_us` are None where there is none.

    Adapters select its parts in this order.
    """

    id: str
    json: str
    created_us: int
    updated_us: int
    version: int
    owner: str | None
    tenant: str
    acl: str | None
    deleted_us: int | None

    def view(self) -> dict[str, Json]:
        """Return the document with its metadata under the reserved keys, as filters and sort keys see it."""
        found: dict[str, Json] = orjson.loads(self.json)
        found |= {
            metadata.ID: self.id,
            metadata.CREATED_AT: self.created_us,
            metadata.UPDATED_AT: self.updated_us,
            metadata.VERSION: self.version,
        }
        if self.tenant:
            found[metadata.TENANT] = self.tenant
        if self.owner is not None:
            found[metadata.OWNER] = self.owner
        if self.acl is not None:
            found[metadata.ACL] = orjson.loads(self.acl)
        if self.deleted_us is not None:
            found[metadata.DELETED_AT] = self.deleted_us
        return found


@dataclass(slots=True)
class PageBuilder:
    """Collects rows until a page is full. A row is a `Row`, or another sequence of its parts.

    :param max_bytes: of JSON; the first document fits in any case.
    """

    projection: tuple[Path, ...]
    max_documents: int
    max_bytes: int
    _rows: list[Sequence[Any]] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _bytes: int = 0

    def add_all(self, rows: Iterable[Sequence[Any]]) -> bool:
        """Add rows and return true, or add those that fit and return false when the page is full before."""
        projection, kept, texts = self.projection, self._rows, self._texts
        for row in rows:
            if len(kept) >= self.max_documents:
                return False
            text = row[1]
            if projection:
                text = encode(project(orjson.loads(text), projection))
            size = len(text) if text.isascii() else len(text.encode())
            if size > DOCUMENT_MAX_BYTES:
                # The database writes numbers with more digits than they need.
                text = encode(orjson.loads(text))
                size = len(text.encode())
            if kept and self._bytes + size > self.max_bytes:
                return False
            kept.append(row)
            texts.append(text)
            self._bytes += size
        return True

    def __len__(self) -> int:
        return len(self._rows)

    def last(self) -> Row:
        """Return the last row of a page that has some."""
        return Row(*self._rows[-1])

    def room_for(self, otherwise: int) -> int:
        """Return how many more documents the page is likely to take, or `otherwise` while nobody can tell."""
        if not self._bytes:
            return otherwise
        by_size = (self.max_bytes - self._bytes) * len(self._rows) // self._bytes
        return min(self.max_documents - len(self._rows), by_size)

    def page(self) -> Page:
        """Return the page. Columns that no document has a value for are left empty."""
        if not self._rows:
            return Page()
        ids, _, created_us, updated_us, version, owners, tenants, acls, deleted_us = zip(*self._rows, strict=True)
        page = Page(id=ids, json=self._texts, created_us=created_us, updated_us=updated_us, version=version)
        # Where there is nothing, a row has None, or "" for a tenant.
        if any(owners):
            page.owner.extend([text or "" for text in owners])
        if any(tenants):
            page.tenant.extend([text or "" for text in tenants])
        if any(acls):
            page.acl.extend([text or "" for text in acls])
        if any(deleted_us):
            page.deleted_us.extend([us or 0 for us in deleted_us])
        return page
