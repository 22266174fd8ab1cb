"""What must a database adapter do? The interface that the adapter and the broker's proxy of it share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from aol.data.v1.document_pb2 import Page
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Filter, Path
from aol_wire.indexes import IndexSpec, IndexStatus
from aol_wire.storage import Storage
from aol_wire.updates import UpdateOperation

# What calls are made of is not frozen: that makes each of them three times as costly to make. Nobody changes them.


class Capability(StrEnum):
    """What an adapter may have beyond the core (DESIGN section 6)."""

    REGEX = "regex"
    REGEX_FULL = "regex_full"
    TEXT = "text"
    TTL = "ttl"
    UNIQUE = "unique"
    ATOMIC = "atomic"
    ATOMIC_MANY = "atomic_many"
    PARTITION = "partition"
    TENANCY = "tenancy"
    EXPLAIN = "explain"
    SHARDING = "sharding"


class Deleted(StrEnum):
    """Which documents of a soft-delete collection a call sees."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Description:
    """What an adapter says of itself."""

    name: str
    version: str
    capabilities: frozenset[Capability]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. The key of a document is (tenant, id).

    `tenant` is "" where the collection has none; None means all tenants.
    """

    service: str
    collection: str
    tenant: str | None = ""


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection that should exist, all indexes that it should have, and how it is kept when it is made.

    With `owners`, calls ask for documents by `_owner`, and with `acls` by the strings in the arrays `read` and `write`
    of `_acl`: `Or` of a `Compare` (EQ) of the one and a `ContainsAny` of the other, or one of these, as a part of the
    filter's outermost conjunction. Indexes should serve that, as far as one tenant is asked for; they are the adapter's
    own affair, and not among `indexes`. They make no answer different.
    """

    target: Target
    schema_hint: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[IndexSpec, ...] = ()
    description: str = ""
    storage: Storage = field(default_factory=Storage)
    owners: bool = False
    acls: bool = False


@dataclass(frozen=True, slots=True)
class Ensured:
    """What `ensure_collection` found or made."""

    indexes: tuple[IndexStatus, ...]
    created: bool


@dataclass(slots=True)
class Stamps:
    """Metadata that a document has had elsewhere. Times are microseconds since 1970; `deleted_us` is 0 while it is not
    deleted; `version` is at least 1."""

    created_us: int
    updated_us: int
    version: int
    deleted_us: int = 0


@dataclass(slots=True)
class Insert:
    """Insert one document.

    A document of this key that is there and equal (JSON equality; metadata aside), and soft-deleted exactly if this one
    is inserted so, makes it a success with `was_duplicate`, which changes nothing. Any other one makes it fail with
    DUPLICATE_ID. The document keeps the metadata of `stamps`; without them, it is new at `now_us`.
    """

    id: str
    json: str
    now_us: int
    owner: str = ""
    acl: str = ""
    stamps: Stamps | None = None

    @property
    def stamped(self) -> Stamps:
        """The metadata that the document is stored with."""
        return self.stamps or Stamps(self.now_us, self.now_us, 1)


@dataclass(frozen=True, slots=True)
class Update:
    """Update every document that matches, soft-deleted ones aside. Each one's version goes up by one, and its
    `_updated_at` becomes `now_us`, atomically.

    `if_version` comes with a filter that is equality on `_id`, alone or among other conditions; another version is
    VERSION_MISMATCH, no match is 0 affected. A step that does not fit a matching document (BAD_DOCUMENT), or a result
    that is no good document (BAD_DOCUMENT, TOO_LARGE) fails the mutation and changes nothing.

    `acl` (JSON text) and `owner` take the place of those that each document has, in the same change; "" removes them,
    None leaves them alone. With one of them, `operations` may be empty.
    """

    filter: Filter | None
    operations: tuple[UpdateOperation, ...]
    now_us: int
    max_affected: int | None = None
    if_version: int | None = None
    acl: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete every document that matches, or mark it as deleted (`soft`), which leaves its version alone.

    Already marked ones do not match, unless `purge`: then only they match, and are deleted for good. `if_version` as in
    `Update`.
    """

    filter: Filter | None
    now_us: int
    soft: bool = False
    max_affected: int | None = None
    if_version: int | None = None
    purge: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring back every document that matches and is marked as deleted; its version is what it was."""

    filter: Filter | None
    max_affected: int | None = None


Mutation = Insert | Update | Delete | Restore


@dataclass(slots=True)
class Write:
    """Mutations of one collection, applied in order.

    With `atomic` they are all applied or none. `timeout_s` is what is left of the caller's time.
    """

    target: Target
    mutations: Sequence[Mutation]
    atomic: bool = False
    return_ids: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutation. With `error`, it changed nothing unless `error.applied` says otherwise.

    A duplicate insert of an equal document counts as one affected. `ids` is filled in with `return_ids`.
    """

    affected: int = 0
    was_duplicate: bool = False
    ids: tuple[str, ...] = ()
    error: DataError | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort order."""

    path: Path
    descending: bool = False


@dataclass(slots=True)
class Find:
    """A query for one page.

    `position` is what the page before returned as `next_position`, with `skip` 0. `projection` empty: the whole
    document; metadata columns are returned in any case. A page ends at `limit` documents or when it holds `max_bytes`
    of JSON, but one document always fits.
    """

    target: Target
    filter: Filter | None = None
    sort: tuple[SortKey, ...] = ()
    projection: tuple[Path, ...] = ()
    limit: int = 10_000
    skip: int = 0
    position: bytes = b""
    deleted: Deleted = Deleted.EXCLUDE
    max_bytes: int = 2 << 20
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `next_position` (at most `limits.POSITION_MAX_BYTES`) is empty when there is nothing after it."""

    page: Page
    next_position: bytes = b""


@dataclass(frozen=True, slots=True)
class Count:
    """A query for a number."""

    target: Target
    filter: Filter | None = None
    deleted: Deleted = Deleted.EXCLUDE
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query is answered. `index` is None for a scan, and where the documents' key (`uses_key`) or what the
    collection keeps of owners and access control lists (`uses_access`) serves it.

    `estimated_documents` is the collection's size as far as the database knows; `examined_documents` counts documents
    or index entries that were looked at.
    """

    filter_pushed_down: bool
    sort_pushed_down: bool
    index: IndexSpec | None
    estimated_documents: int
    examined_documents: int
    returned_documents: int
    uses_key: bool = False
    uses_access: bool = False


class Adapter(ABC):
    """A database behind the contract. Requests are checked already: names, documents, filters, permission.

    Every method raises `DataError`, and only that, for what can go wrong: COLLECTION_NOT_FOUND for a collection that
    was not ensured, CAPABILITY_UNSUPPORTED for what `describe` does not declare, ADAPTER_DOWN for a database that does
    not answer, QUOTA for a full disk, OVERLOADED for a pool or lock that stays busy, DEADLINE when `timeout_s` is over.
    A call that is cancelled ends its work in the database. Nothing stored stands in an error or a log.

    With the capability `ttl`, a document that has expired (`aol_wire.expiry`) is invisible to every method at once, and
    blocks neither its id nor its unique values; when it is really removed is the adapter's own affair.
    """

    @abstractmethod
    async def start(self) -> None:
        """Open what is needed. Called once, before anything else."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way and let go of everything. Calling it twice is harmless."""

    @abstractmethod
    async def describe(self) -> Description:
        """Say what this adapter can do."""

    @abstractmethod
    async def check(self) -> None:
        """Return if the database can be used now. Health reports what this says.

        :raises DataError: ADAPTER_DOWN, with the reason.
        """

    @abstractmethod
    async def ensure_collection(self, spec: CollectionSpec) -> Ensured:
        """Make the collection and the indexes that are missing. Repeating it changes nothing; nothing is dropped.

        The indexes returned are those of `spec`, in its order. Two calls at once both succeed. An index over many
        documents may be returned as BUILDING and be built in the background; answers are right meanwhile. Storage is
        for the call that makes the collection: one that is there stays as it is kept. What serves `owners` and `acls`
        it gets whenever it is ensured with them.
        """

    @abstractmethod
    async def inspect_collection(self, target: Target) -> tuple[IndexStatus, ...]:
        """Return how every index stands that was ever asked for. It changes nothing, and waits for no write."""

    @abstractmethod
    async def drop_collection(self, target: Target) -> None:
        """Drop the collection and its documents. One that is not there is fine."""

    @abstractmethod
    async def write(self, request: Write) -> list[Outcome]:
        """Apply mutations; one outcome each, in order, durable when this returns.

        :raises DataError: the whole call failed; with `atomic`, also when one mutation failed.
        """

    @abstractmethod
    async def find(self, request: Find) -> Found:
        """Return one page of matching documents, in order.

        :raises DataError: TOO_LARGE when a page ends at a document whose sort values do not fit a position.
        """

    @abstractmethod
    async def count(self, request: Count) -> int:
        """Return how many documents match."""

    async def explain(self, request: Find) -> Explanation:
        """Return how `find` answers a request, having run it. Only with the capability `explain`."""
        del request
        raise DataError(Reason.CAPABILITY_UNSUPPORTED, "this adapter does not explain queries")
