"""What is a document as a database returns it, and how do such rows become a page?"""

from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from aol.data.v1.document_pb2 import Page
from aol_wire import metadata
from aol_wire.filters import Json, Path
from aol_wire.json_text import encode
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
    """Collects rows until a page is full.

    :param max_bytes: of JSON; the first document fits in any case.
    """

    projection: tuple[Path, ...]
    max_documents: int
    max_bytes: int
    rows: list[Row] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _bytes: int = 0

    def add(self, row: Row) -> bool:
        """Add a row and return true, or return false when the page is full."""
        if len(self.rows) >= self.max_documents:
            return False
        text = encode(project(orjson.loads(row.json), self.projection)) if self.projection else row.json
        size = len(text) if text.isascii() else len(text.encode())
        if self.rows and self._bytes + size > self.max_bytes:
            return False
        self.rows.append(row)
        self._texts.append(text)
        self._bytes += size
        return True

    def room_for(self, otherwise: int) -> int:
        """Return how many more documents the page is likely to take, or `otherwise` while nobody can tell."""
        if not self._bytes:
            return otherwise
        by_size = (self.max_bytes - self._bytes) * len(self.rows) // self._bytes
        return min(self.max_documents - len(self.rows), by_size)

    def page(self) -> Page:
        """Return the page. Columns that no document has a value for are left empty."""
        rows = self.rows
        page = Page(
            id=[row.id for row in rows],
            json=self._texts,
            created_us=[row.created_us for row in rows],
            updated_us=[row.updated_us for row in rows],
            version=[row.version for row in rows],
        )
        if any(row.owner is not None for row in rows):
            page.owner.extend(row.owner or "" for row in rows)
        if any(row.tenant for row in rows):
            page.tenant.extend(row.tenant for row in rows)
        if any(row.acl is not None for row in rows):
            page.acl.extend(row.acl or "" for row in rows)
        if any(row.deleted_us is not None for row in rows):
            page.deleted_us.extend(row.deleted_us or 0 for row in rows)
        return page
