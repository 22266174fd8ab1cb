"""What does a service see of a collection?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from aol.data.v1 import collection_pb2


class _EnumType(Protocol):
    def Name(self, number: int) -> str: ...


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index: its fields with `asc` or `desc`, as `sort` takes them.

    `state` (`building`, `ready`, `failed`) and `offenders` (for `failed`: how many documents do not fit) are given by
    `describe_collection` only.
    """

    name: str
    type: str
    fields: tuple[tuple[str, str], ...]
    expire_after_s: int | None
    state: str | None
    offenders: int


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """How a collection is kept.

    `partition_by` is `created_at`, a field, or "" for one that is not partitioned; its partitions hold a `day` or a
    `month` each. `tenancy` is `shared`, `schema` or `database`. `shard_key` is `_id`, a field, or "" for one that is on
    one server.
    """

    partition_by: str = ""
    partition_interval: str | None = None
    retain_for_s: int | None = None
    tenancy: str = "shared"
    shard_key: str = ""


@dataclass(frozen=True, slots=True)
class SecurityInfo:
    """Which documents of a collection a call reaches, by its `SecurityContext`.

    `tenant` is `required`, `optional`, or "" where documents have none. `owner` and `acl` say whether documents have
    owners and access control lists. `attributes` are filters that documents must meet, in which `"$context.NAME"`
    stands for what the context says.
    """

    tenant: str = ""
    owner: bool = False
    acl: bool = False
    attributes: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection that the service may use.

    `collection_id` is its full name, for example `flight-ops.flights`; `permissions` are the caller's own;
    `declared` says whether a manifest declares it. `moving_to` is the adapter that it is being copied to, "" while it
    is not: until that is done, `adapter` keeps it and changes are refused. `audit` (`metadata`, `shape` or `values`)
    and `sensitive` (paths) say what audit records show of filters. `field_rules` has the type and rules of the fields
    that have rules, by path; `secrets` (`refuse`, `warn`, `off`) is what becomes of documents that seem to hold some.
    `security` is None where the collection keeps no record-level security.
    """

    collection_id: str
    owner: str
    description: str
    schema_hint: dict[str, Any]
    indexes: tuple[IndexInfo, ...]
    permissions: tuple[str, ...]
    adapter: str
    soft_delete: bool
    validation: str
    declared: bool
    storage: StorageInfo = field(default_factory=StorageInfo)
    moving_to: str = ""
    audit: str = "values"
    sensitive: tuple[str, ...] = ()
    field_rules: dict[str, Any] = field(default_factory=dict)
    secrets: str = "off"
    security: SecurityInfo | None = None


def collection_info(collection: collection_pb2.Collection) -> CollectionInfo:
    """Return a collection as its users see it.

    :raises ValueError: the schema hint, or what holds the rules of fields, is not a JSON object.
    """
    return CollectionInfo(
        collection_id=collection.collection_id,
        owner=collection.owner,
        description=collection.description,
        schema_hint=_json_object(collection.schema_hint),
        indexes=tuple(_index_info(index) for index in collection.indexes),
        permissions=permission_names(collection.permissions),
        adapter=collection.adapter,
        soft_delete=collection.soft_delete,
        validation=collection.validation,
        declared=collection.declared,
        storage=_storage_info(collection.storage),
        moving_to=collection.moving_to,
        # A broker from before there was a choice does not say.
        audit=collection.audit or "values",
        sensitive=tuple(collection.sensitive),
        field_rules=_json_object(collection.field_rules),
        secrets=collection.secrets or "off",
        security=_security_info(collection.security) if collection.HasField("security") else None,
    )


def _security_info(security: collection_pb2.Security) -> SecurityInfo:
    rule = _name(collection_pb2.TenantRule, security.tenant)
    return SecurityInfo(
        tenant="" if rule == "unspecified" else rule,
        owner=security.owner,
        acl=security.acl,
        attributes=tuple(_json_object(text) for text in security.attributes),
    )


def _storage_info(storage: collection_pb2.Storage) -> StorageInfo:
    interval = _name(collection_pb2.PartitionInterval, storage.partition_interval)
    tenancy = _name(collection_pb2.Tenancy, storage.tenancy)
    return StorageInfo(
        partition_by=storage.partition_by,
        partition_interval=None if interval == "unspecified" else interval,
        retain_for_s=storage.retain_for_seconds if storage.HasField("retain_for_seconds") else None,
        # A broker from before there was a choice does not say.
        tenancy="shared" if tenancy == "unspecified" else tenancy,
        shard_key=storage.shard_key,
    )


def _index_info(index: collection_pb2.IndexStatus) -> IndexInfo:
    spec = index.spec
    state = _name(collection_pb2.IndexState, index.state)
    return IndexInfo(
        name=index.name,
        type=_name(collection_pb2.IndexType, spec.type),
        fields=tuple((field.path, "desc" if field.descending else "asc") for field in spec.fields),
        expire_after_s=spec.expire_after_seconds if spec.HasField("expire_after_seconds") else None,
        state=None if state == "unspecified" else state,
        offenders=index.offenders,
    )


def _json_object(text: str) -> dict[str, Any]:
    value = orjson.loads(text) if text else {}
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what was sent is wrong, not how we were called
    return value


def _names(enum: _EnumType, numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(_name(enum, number) for number in numbers)


def _name(enum: _EnumType, number: int) -> str:
    """Return `ready` for INDEX_STATE_READY; `unknown` for a value of a newer broker."""
    try:
        return enum.Name(number).rsplit("_", 1)[-1].lower()
    except ValueError:
        return "unknown"


def permission_names(numbers: Sequence[int]) -> tuple[str, ...]:
    """Return the names of permissions, in which there may be more than one word."""
    known = set(collection_pb2.Permission.values())
    names = (collection_pb2.Permission.Name(number) if number in known else "unknown" for number in numbers)
    return tuple(name.removeprefix("PERMISSION_").replace("_", "-").lower() for name in names)
