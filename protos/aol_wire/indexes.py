"""What is an index? As manifests and `request_collection` declare it."""

from dataclasses import dataclass
from enum import StrEnum

from aol_wire.filters import Path


class IndexType(StrEnum):
    """The kinds of index, by their names in manifests."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    COMPOUND = "compound"
    UNIQUE = "unique"
    TEXT = "text"
    TTL = "ttl"


class IndexState(StrEnum):
    """Where the building of an index stands."""

    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class IndexField:
    """A field of an index; its path goes through objects only."""

    path: Path
    descending: bool = False


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """An index as declared. Two equal specs are one index."""

    fields: tuple[IndexField, ...]
    type: IndexType
    expire_after_s: int | None = None

    @property
    def name(self) -> str:
        """The name by which errors and tables speak of it, for example `unique(email)` or `compound(a, b desc)`."""
        fields = ", ".join(".".join(field.path) + (" desc" if field.descending else "") for field in self.fields)
        return f"{self.type.value}({fields})"


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """An index as it stands in the database."""

    spec: IndexSpec
    state: IndexState
    offenders: int = 0
