"""What is kept of a document? The document, its metadata, and how filters and unique indexes see them."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from aol_wire import metadata
from aol_wire.filters import Json, Path
from aol_wire.indexes import IndexSpec
from aol_wire.values import SortValue, get, sort_key

Key = tuple[str, str]
"""The key of a document: (tenant, id)."""

UniqueKey = tuple[str | SortValue, ...]
"""What a unique index lets stand once: the tenant and the values."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored document. `json` is its text; `deleted_us` is 0 while it is not deleted. Never changed in place."""

    tenant: str
    id: str
    document: dict[str, Json]
    json: str
    created_us: int
    updated_us: int
    version: int = 1
    owner: str = ""
    acl: str = ""
    deleted_us: int = 0

    @property
    def key(self) -> Key:
        """The document's key."""
        return self.tenant, self.id

    def view(self) -> dict[str, Json]:
        """Return the document with its metadata, as filters and sort orders see it."""
        view: dict[str, Json] = {
            **self.document,
            metadata.ID: self.id,
            metadata.CREATED_AT: self.created_us,
            metadata.UPDATED_AT: self.updated_us,
            metadata.VERSION: self.version,
        }
        if self.tenant:
            view[metadata.TENANT] = self.tenant
        if self.owner:
            view[metadata.OWNER] = self.owner
        if self.acl:
            view[metadata.ACL] = orjson.loads(self.acl)
        if self.deleted_us:
            view[metadata.DELETED_AT] = self.deleted_us
        return view

    def unique_key(self, index: IndexSpec) -> UniqueKey:
        """Return what must be this document's alone in a unique index; missing counts as null."""
        return self.tenant, *(sort_key(get(self.document, field.path)) for field in index.fields)

    def strings(self, paths: Iterable[Path]) -> list[str]:
        """Return the strings at these paths."""
        return [value for path in paths if isinstance(value := get(self.document, path), str)]
