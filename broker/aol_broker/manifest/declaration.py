"""What does a checked manifest say? Frozen values; nobody checks them again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.audit.policy import AuditPolicy
from aol_broker.registry.snapshot import Permission, SecretsPolicy, Validation
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy
from aol_wire.field_rules import FieldRules
from aol_wire.filters import Path
from aol_wire.indexes import IndexSpec
from aol_wire.storage import Storage


@dataclass(frozen=True, slots=True)
class Sharing:
    """The owner lets a service have a permission within limits, should it ask."""

    service: str
    permission: Permission
    limits: Limits = UNLIMITED


class SeedCondition(StrEnum):
    """When documents are stored that a manifest seeds a collection with."""

    ALWAYS = "always"
    IF_EMPTY = "if_empty"
    IF_MISSING = "if_missing"


@dataclass(frozen=True, slots=True)
class Seed:
    """Documents to store, each as JSON text with its variables as they are written.

    A document without `_id` is found again by its values at the paths of `key`.
    """

    condition: SeedCondition
    documents: tuple[str, ...]
    key: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class DeclaredCollection:
    """A collection that the service owns. `schema_hint` maps dotted paths to type names, `field_rules` some to rules.

    `adapter` is "" where the manifest leaves it to the broker.
    """

    name: str
    description: str = ""
    schema_hint: Mapping[str, str] = field(default_factory=dict, hash=False)
    indexes: tuple[IndexSpec, ...] = ()
    soft_delete: bool = False
    validation: Validation = Validation.OFF
    sharing: tuple[Sharing, ...] = ()
    adapter: str = ""
    storage: Storage = field(default_factory=Storage)
    audit: AuditPolicy = field(default_factory=AuditPolicy)
    field_rules: Mapping[str, FieldRules] = field(default_factory=dict, hash=False)
    secrets: SecretsPolicy = SecretsPolicy.REFUSE
    security: SecurityPolicy = NO_SECURITY
    seeds: tuple[Seed, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A permission that the service asks for on a collection of another."""

    collection_id: str
    permission: Permission
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a service declares. `version` is its own word for the version, as written."""

    service: str
    version: str = ""
    collections: tuple[DeclaredCollection, ...] = ()
    access_requests: tuple[AccessRequest, ...] = ()
