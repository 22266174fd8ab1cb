"""What is a difference, and what is the edit that mends it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aol_broker.manifest.declaration import Manifest
from aol_broker.registry.declarations import AccessAsked
from aol_broker.registry.snapshot import Snapshot
from aol_broker.usage.uses import Uses
from aol_wire.filters import Json


class Kind(StrEnum):
    """In what way declarations and reality differ."""

    UNUSED_GRANT = "unused_grant"
    UNDECLARED_USE = "undeclared_use"
    NOT_REGISTERED = "not_registered"
    NOT_DECLARED = "not_declared"
    UNREAD_COLLECTION = "unread_collection"
    UNUSED_INDEX = "unused_index"
    UNSERVED_QUERY = "unserved_query"
    UNSEEN_FIELD = "unseen_field"
    UNHINTED_FIELD = "unhinted_field"


class Section(StrEnum):
    """A part of a manifest, by its key there."""

    COLLECTIONS = "collections"
    ACCESS_REQUESTS = "accessRequests"
    INDEXES = "indexes"
    SCHEMA_HINT = "schemaHint"


@dataclass(frozen=True, slots=True)
class Edit:
    """An entry to put into a service's manifest, or to take out. `collection` is the name in that manifest."""

    service: str
    section: Section
    entry: Json = field(hash=False)
    collection: str = ""
    remove: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `edit` and `command` mend it, the edit first where there are both."""

    kind: Kind
    collection_id: str
    service: str
    subject: str
    detail: str
    edit: Edit | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is compared. Moments are microseconds since 1970.

    `manifests`: what each service declares now; `sources`: the files they are of; `before`: what it declared at the
    moment from which uses are looked at, without the services that had no manifest then. `made_us`: when collections
    were made.
    """

    snapshot: Snapshot
    uses: Uses
    asked: tuple[AccessAsked, ...]
    manifests: Mapping[str, Manifest]
    sources: Mapping[str, str]
    before: Mapping[str, Manifest]
    made_us: Mapping[str, int]

    def is_old(self, collection_id: str) -> bool:
        """Whether a collection was there all the time of which uses are known."""
        return self.made_us.get(collection_id, self.uses.since_us) < self.uses.since_us
