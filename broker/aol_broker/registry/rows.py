"""How is a collection written in a row, and what a permission is limited to? The values and their rows, both ways."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import RowMapping

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.registry.snapshot import CollectionRecord, SecretsPolicy, Validation
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy, TenantRule
from aol_wire.field_rules import stored_rules, write_field_rules
from aol_wire.indexes import IndexField, IndexSpec, IndexType
from aol_wire.storage import PartitionInterval, Storage, Tenancy

_NO_FIELDS = "[]"
# Most collections say the same of these, or nothing: what is frozen may be shared.
_POLICIES_KEPT = 1024


def to_row(record: CollectionRecord) -> dict[str, Any]:
    """Return the columns of a record; who made it and when is not among them."""
    indexes = [
        {
            "fields": [{"path": field.path, "descending": field.descending} for field in index.fields],
            "type": index.type,
            "expire_after_s": index.expire_after_s,
        }
        for index in record.indexes
    ]
    return {
        "collection_id": record.collection_id,
        "service": record.service,
        "name": record.name,
        "adapter": record.adapter,
        "description": record.description,
        "schema_hint": orjson.dumps(dict(record.schema_hint)).decode(),
        "indexes": orjson.dumps(indexes).decode(),
        "soft_delete": record.soft_delete,
        "validation": record.validation.value,
        "declared": record.declared,
        "storage": orjson.dumps(record.storage).decode(),
        "moving_to": record.moving_to,
        "audit": orjson.dumps(record.audit).decode(),
        "field_rules": orjson.dumps(write_field_rules(record.field_rules, record.schema_hint)).decode(),
        "secrets": record.secrets.value,
        "security": orjson.dumps(record.security).decode() if record.security else "{}",
    }


def from_row(row: RowMapping) -> CollectionRecord:
    """Return the record of a row. What was stored was checked, by the rules of its time."""
    return CollectionRecord(
        service=row["service"],
        name=row["name"],
        adapter=row["adapter"],
        description=row["description"],
        schema_hint=orjson.loads(row["schema_hint"]),
        indexes=tuple(_index(index) for index in orjson.loads(row["indexes"])),
        soft_delete=row["soft_delete"],
        validation=Validation(row["validation"]),
        declared=row["declared"],
        storage=_storage(row["storage"]),
        moving_to=row["moving_to"],
        audit=_audit(row["audit"]),
        field_rules={path: stored_rules(said) for path, said in orjson.loads(row["field_rules"]).items()},
        secrets=SecretsPolicy(row["secrets"]),
        security=_security(row["security"]),
    )


def limits_to_row(limits: Limits) -> dict[str, Any]:
    """Return the columns of what a permission is limited to."""
    return {
        "fields": orjson.dumps(limits.fields).decode(),
        "where_filter": limits.where,
        "expires_us": limits.expires_us,
    }


def limits_from_row(row: RowMapping) -> Limits:
    """Return what a permission is limited to."""
    fields = tuple(tuple(path) for path in orjson.loads(row["fields"])) if row["fields"] != _NO_FIELDS else ()
    limits = Limits(fields, row["where_filter"], row["expires_us"])
    return UNLIMITED if limits == UNLIMITED else limits


def _index(stored: Mapping[str, Any]) -> IndexSpec:
    fields = tuple(IndexField(tuple(field["path"]), field["descending"]) for field in stored["fields"])
    return IndexSpec(fields, IndexType(stored["type"]), stored["expire_after_s"])


@lru_cache(maxsize=_POLICIES_KEPT)
def _storage(text: str) -> Storage:
    stored = orjson.loads(text)
    if not stored:
        return Storage()
    interval = stored["partition_interval"]
    return Storage(
        stored["partition_by"],
        None if interval is None else PartitionInterval(interval),
        stored["retain_for_s"],
        Tenancy(stored["tenancy"]),
        # Those that were written before there was one have none.
        stored.get("shard_key", ""),
    )


@lru_cache(maxsize=_POLICIES_KEPT)
def _audit(text: str) -> AuditPolicy:
    stored = orjson.loads(text)
    # Those that were written before there was one have an empty one.
    return AuditPolicy(AuditLevel(stored["level"]), tuple(map(tuple, stored["sensitive"]))) if stored else AuditPolicy()


@lru_cache(maxsize=_POLICIES_KEPT)
def _security(text: str) -> SecurityPolicy:
    stored = orjson.loads(text)
    if not stored:
        return NO_SECURITY
    rule = TenantRule(stored["tenant"])
    return SecurityPolicy(rule, stored["owner"], stored["acl"], tuple(stored["attributes"]))
