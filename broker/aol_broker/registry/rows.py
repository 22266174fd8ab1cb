"""How is a collection written in a row, and what a permission is limited to? The values and their rows, both ways."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import RowMapping

from aol_broker.access.limits import UNLIMITED, Limits
from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.registry.database import RETRY_AFTER_S
from aol_broker.registry.snapshot import CollectionRecord, Permission, SecretsPolicy, Validation
from aol_broker.security.policy import NO_SECURITY, SecurityPolicy, TenantRule
from aol_wire.errors import DataError, Reason
from aol_wire.field_rules import FieldRules, stored_rules, write_field_rules
from aol_wire.indexes import IndexField, IndexSpec, IndexType
from aol_wire.storage import PartitionInterval, Storage, Tenancy

_NO_FIELDS = _NO_INDEXES = "[]"
_NOTHING = "{}"
_INDEX_TYPES = frozenset(item.value for item in IndexType)
# What reading a row raises that was not written as below.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
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
    """Return the record of a row. What was stored was checked, by the rules of its time.

    :raises DataError: REGISTRY_UNAVAILABLE, it is not as `to_row` writes it.
    """
    try:
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
            field_rules=_field_rules(row["field_rules"]),
            secrets=SecretsPolicy(row["secrets"]),
            security=_security(row["security"]),
        )
    except _UNREADABLE:
        check_rows("collections", [row])
        # That looks into indexes less closely than into the rest.
        raise _unreadable("collections", row["collection_id"], "indexes") from None


def check_rows(table: str, rows: Sequence[RowMapping]) -> None:
    """Return if what rows of a table say can be read, at a small part of what it costs to make values of them.

    :raises DataError: REGISTRY_UNAVAILABLE, one of them is not as this program writes it.
    """
    for column, check in _CHECKS.get(table, _ACCESS_CHECKS).items():
        # Most say the same.
        for text in {row[column] for row in rows}:
            try:
                check(text)
            except _UNREADABLE:
                collection_id = next(row["collection_id"] for row in rows if row[column] == text)
                raise _unreadable(table, collection_id, column) from None


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


def _unreadable(table: str, collection_id: str, column: str) -> DataError:
    return DataError(
        Reason.REGISTRY_UNAVAILABLE,
        f"In the registry's table {table}, the {column} of {collection_id} is not as this program writes it and cannot "
        "be read. Mend the row, or go back to a copy of the database.",
        retry_after_s=RETRY_AFTER_S,
    )


def _check_fields(text: str) -> None:
    if text != _NO_FIELDS:
        _ = [tuple(path) for path in orjson.loads(text)]


def _check_hint(text: str) -> None:
    if not all(type(kind) is str for kind in orjson.loads(text).values()):
        raise TypeError


def _check_indexes(text: str) -> None:
    if text == _NO_INDEXES:
        return
    for index in orjson.loads(text):
        fields = index["fields"]
        if index["type"] not in _INDEX_TYPES or not all("descending" in item and item["path"] for item in fields):
            raise ValueError


def _field_rules(text: str) -> Mapping[str, FieldRules]:
    return {path: stored_rules(said) for path, said in orjson.loads(text).items()} if text != _NOTHING else {}


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


_CHECKS: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    "collections": {
        "schema_hint": _check_hint,
        "indexes": _check_indexes,
        "validation": Validation,
        "storage": _storage,
        "audit": _audit,
        "field_rules": _field_rules,
        "secrets": SecretsPolicy,
        "security": _security,
    },
    "sharing": {"permission": Permission, "fields": _check_fields},
    "grants": {"permission": Permission, "fields": _check_fields},
}
"""What is to be looked at, by tables and their columns."""
_ACCESS_CHECKS: Mapping[str, Callable[[str], object]] = {"permission": Permission}
"""The same of all other tables: they are about a permission of a service on a collection."""
