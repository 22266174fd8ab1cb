"""What does the registry hold at one revision? Immutable values, swapped whole, read without waiting."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.access.service_patterns import covers, is_pattern
from aol_broker.audit.policy import AuditPolicy
from aol_broker.registry.lazy_mapping import LazyMapping
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy
from aol_broker.shapes import Shape, shape_of
from aol_wire.adapter import Target
from aol_wire.field_rules import FieldRules
from aol_wire.filters import Path
from aol_wire.indexes import IndexSpec
from aol_wire.storage import Storage


class Permission(StrEnum):
    """What a service may do with a collection: `read` = query; `write` = insert, update, delete; `admin` = both.

    Where a collection keeps record-level security, `assert-context` is to say on whose behalf a call is made, and
    `bypass-security` to reach everything.
    """

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    ASSERT_CONTEXT = "assert-context"
    BYPASS_SECURITY = "bypass-security"

    def covers(self, other: "Permission") -> bool:
        """Whether holding this permission is holding the other one. Write does not cover read, and nothing covers what
        record-level security is about."""
        return self is other or (self is Permission.ADMIN and other in (Permission.READ, Permission.WRITE))


class Validation(StrEnum):
    """How documents are held to the schema hint."""

    OFF = "off"
    WARN = "warn"
    STRICT = "strict"


class SecretsPolicy(StrEnum):
    """What becomes of a document that seems to hold a credential."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


class GrantState(StrEnum):
    """Whether a grant holds, was only asked for, was asked for and refused, or held until its time was over."""

    ACTIVE = "active"
    PENDING = "pending"
    EXPIRED = "expired"
    REFUSED = "refused"


class Origin(StrEnum):
    """Why a grant is there: the owner's manifest, a call, or (pending or refused) just the request."""

    SHARING = "sharing"
    GRANT = "grant"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """A collection. `schema_hint` maps dotted field paths to type names; `declared`: a manifest declares it.

    `field_rules` are of the fields that have some. `shape` is what documents are held to, None where they are not.
    `moving_to` is the adapter that it is being copied to, empty while it is not; `adapter` keeps it until that is done.
    """

    service: str
    name: str
    adapter: str
    description: str = ""
    schema_hint: Mapping[str, str] = field(default_factory=dict, hash=False)
    indexes: tuple[IndexSpec, ...] = ()
    soft_delete: bool = False
    validation: Validation = Validation.OFF
    declared: bool = False
    storage: Storage = field(default_factory=Storage)
    moving_to: str = ""
    audit: AuditPolicy = field(default_factory=AuditPolicy)
    field_rules: Mapping[str, FieldRules] = field(default_factory=dict, hash=False)
    secrets: SecretsPolicy = SecretsPolicy.REFUSE
    security: SecurityPolicy = NO_SECURITY
    collection_id: str = field(init=False, repr=False, compare=False)
    target: Target = field(init=False, repr=False, compare=False)
    datetime_paths: frozenset[Path] = field(init=False, repr=False, compare=False)
    shape: Shape | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Computed once, because every call on the collection reads them.
        object.__setattr__(self, "collection_id", f"{self.service}.{self.name}")
        object.__setattr__(self, "target", Target(self.service, self.name))
        datetimes = frozenset(tuple(path.split(".")) for path, kind in self.schema_hint.items() if kind == "datetime")
        object.__setattr__(self, "datetime_paths", datetimes)
        held = self.validation is not Validation.OFF
        object.__setattr__(self, "shape", shape_of(self.schema_hint, self.field_rules) if held else None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who refused a request, when (microseconds since 1970), and why."""

    refused_by: str
    reason: str
    created_us: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission of `service`, which may be a pattern, on a collection of another service, held or asked for.

    `granted_by` is empty of what was only asked for. `created_us` is when it was granted or asked for, in microseconds
    since 1970. `number` is the registry's revision at which it was given as it is; 0 of what was only asked for, and of
    those that are older than numbers. `state` knows of no time: see `state_at`. `refusal` is there when it is refused.
    `answers_request`: it was granted by a call while a request waited for it; it is `orphaned` when that request is
    gone, and holds until it is removed.
    """

    collection_id: str
    service: str
    permission: Permission
    state: GrantState
    origin: Origin
    granted_by: str = ""
    reason: str = ""
    created_us: int = 0
    limits: Limits = UNLIMITED
    number: int = 0
    refusal: Refusal | None = None
    answers_request: bool = False
    orphaned: bool = False
    name: str = field(init=False, repr=False, compare=False)
    """How audit records name it, for example `grant:read#17`: origin, permission, number."""

    def __post_init__(self) -> None:
        number = f"#{self.number}" if self.number else ""
        object.__setattr__(self, "name", f"{self.origin.value}:{self.permission.value}{number}")

    def state_at(self, now_us: int) -> GrantState:
        """Return its state at a time, in microseconds since 1970."""
        over = self.state is GrantState.ACTIVE and self.limits.over(now_us)
        return GrantState.EXPIRED if over else self.state


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A service that the registry has heard of. `manifest_version` is 0 while it has no manifest."""

    name: str
    manifest_version: int
    created_us: int


@dataclass(frozen=True, slots=True)
class MintedToken:
    """An opaque token that holds until it expires: a service's, or that of an operator of this name.

    `expires_us` is in microseconds since 1970, 0 for never.
    """

    token_id: str
    service: str
    operator: str
    created_by: str
    created_us: int
    expires_us: int


GrantKey = tuple[str, str]
"""(collection id, service that may use it, or a pattern of services)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry at a revision. Lookups are dict hits, whatever its size.

    `tokens` are those that were not revoked, by the SHA-256 of their text. `collections` and `grants` may be such that
    make a value once it is read: to read them all takes a moment where there are thousands.
    """

    revision: int = 0
    services: Mapping[str, ServiceRecord] = field(default_factory=dict)
    collections: Mapping[str, CollectionRecord] = field(default_factory=dict)
    grants: Mapping[GrantKey, tuple[Grant, ...]] = field(default_factory=dict)
    tokens: Mapping[bytes, MintedToken] = field(default_factory=dict)
    _owned: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _granted: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    # Of grants to patterns there are few: those of a collection, and all patterns that there are.
    _to_many: Mapping[str, tuple[Grant, ...]] = field(init=False, repr=False, compare=False)
    _patterns: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("services", "collections", "grants", "tokens"):
            given = getattr(self, name)
            if not isinstance(given, LazyMapping):
                object.__setattr__(self, name, MappingProxyType(dict(given)))
        object.__setattr__(self, "_owned", _grouped((id_.partition(".")[0], id_) for id_ in self.collections))
        object.__setattr__(self, "_granted", _grouped((service, id_) for id_, service in self.grants))
        to_many: defaultdict[str, tuple[Grant, ...]] = defaultdict(tuple)
        for key in [key for key in self.grants if is_pattern(key[1])]:
            to_many[key[0]] += self.grants[key]
        object.__setattr__(self, "_to_many", dict(to_many))
        object.__setattr__(self, "_patterns", tuple(sorted(filter(is_pattern, self._granted))))

    def collection(self, service: str, name: str) -> CollectionRecord | None:
        """Return a collection, or None if there is none of that name."""
        return self.collections.get(f"{service}.{name}")

    def grants_of(self, collection_id: str, service: str) -> tuple[Grant, ...]:
        """Return what `service` holds on a collection or has asked for, active ones first; by patterns after that.

        The owner's own rights are not among them.
        """
        own = self.grants.get((collection_id, service), ())
        to_many = self._to_many.get(collection_id)
        if to_many is None or is_pattern(service):
            return own
        return own + tuple(grant for grant in to_many if covers(grant.service, service))

    def grants_on(self, collection_id: str) -> tuple[Grant, ...]:
        """Return all grants and requests on a collection, by service. It looks at every grant that there is."""
        keys = sorted(key for key in self.grants if key[0] == collection_id)
        return tuple(grant for key in keys for grant in self.grants[key])

    def owned_by(self, service: str) -> tuple[str, ...]:
        """Return the ids of the collections of a service, sorted."""
        return self._owned.get(service, ())

    def granted_to(self, service: str) -> tuple[str, ...]:
        """Return the ids of the collections of others on which a service has or awaits a grant, sorted.

        An id may be of a collection that does not exist yet.
        """
        own = self._granted.get(service, ())
        many = [pattern for pattern in self._patterns if pattern != service and covers(pattern, service)]
        if not many:
            return own
        return tuple(sorted({*own, *(id_ for pattern in many for id_ in self._granted[pattern])}))

    def orphaned_of(self, service: str) -> tuple[Grant, ...]:
        """Return the grants of a service that answered requests which its manifest makes no more, by collection."""
        ids = self._granted.get(service, ())
        return tuple(grant for id_ in ids for grant in self.grants[id_, service] if grant.orphaned)


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return {key: tuple(sorted(values)) for key, values in groups.items()}
