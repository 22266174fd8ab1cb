"""How do registry records look on the wire?"""

from collections.abc import Iterable
from typing import TypeVar

import orjson
from google.protobuf.message import Message

from aol.admin.v1 import access_pb2
from aol.data.v1 import access_request_pb2, collection_pb2
from aol_broker.registry.snapshot import CollectionRecord, Grant, GrantState, Permission, Refusal
from aol_broker.security.policy import SecurityPolicy, TenantRule
from aol_wire.errors import DataError, Reason
from aol_wire.field_rules import write_field_rules
from aol_wire.ids import now_us
from aol_wire.index_parser import index_to_proto
from aol_wire.indexes import IndexState, IndexStatus
from aol_wire.limits import LIST_MAX_BYTES
from aol_wire.paths import format_path
from aol_wire.storage_parser import storage_to_proto

M = TypeVar("M", bound=Message)

# What stands before each element of a list: its tag, and its length.
_ELEMENT_BYTES = 6
_PERMISSIONS = {
    Permission.READ: collection_pb2.PERMISSION_READ,
    Permission.WRITE: collection_pb2.PERMISSION_WRITE,
    Permission.ADMIN: collection_pb2.PERMISSION_ADMIN,
    Permission.ASSERT_CONTEXT: collection_pb2.PERMISSION_ASSERT_CONTEXT,
    Permission.BYPASS_SECURITY: collection_pb2.PERMISSION_BYPASS_SECURITY,
}
_TENANT_RULES = {
    TenantRule.NONE: collection_pb2.TENANT_RULE_UNSPECIFIED,
    TenantRule.OPTIONAL: collection_pb2.TENANT_RULE_OPTIONAL,
    TenantRule.REQUIRED: collection_pb2.TENANT_RULE_REQUIRED,
}
_PERMISSION_OF = {number: permission for permission, number in _PERMISSIONS.items()}
_STATES = {
    IndexState.BUILDING: collection_pb2.INDEX_STATE_BUILDING,
    IndexState.READY: collection_pb2.INDEX_STATE_READY,
    IndexState.FAILED: collection_pb2.INDEX_STATE_FAILED,
}
_GRANT_STATES = {
    GrantState.ACTIVE: access_pb2.GRANT_STATE_ACTIVE,
    GrantState.PENDING: access_pb2.GRANT_STATE_PENDING,
    GrantState.EXPIRED: access_pb2.GRANT_STATE_EXPIRED,
    GrantState.REFUSED: access_pb2.GRANT_STATE_REFUSED,
}


def permission_of(number: collection_pb2.Permission) -> Permission:
    """Return the permission that a request names.

    :raises DataError: BAD_REQUEST.
    """
    if number not in _PERMISSION_OF:
        raise DataError.invalid(Reason.BAD_REQUEST, "permission", f"it is one of {', '.join(Permission)}")
    return _PERMISSION_OF[number]


def permission_to_proto(permission: Permission) -> collection_pb2.Permission:
    """Return a permission as it is on the wire."""
    return _PERMISSIONS[permission]


def collection_to_proto(
    record: CollectionRecord,
    permissions: Iterable[Permission] = (),
    indexes: Iterable[IndexStatus] | None = None,
) -> collection_pb2.Collection:
    """Return a collection as its users see it; `indexes` only where their state was asked for."""
    if indexes is None:
        shown = [collection_pb2.IndexStatus(spec=index_to_proto(spec), name=spec.name) for spec in record.indexes]
    else:
        shown = [
            collection_pb2.IndexStatus(
                spec=index_to_proto(status.spec),
                name=status.spec.name,
                state=_STATES[status.state],
                offenders=status.offenders,
            )
            for status in indexes
        ]
    return collection_pb2.Collection(
        collection_id=record.collection_id,
        owner=record.service,
        description=record.description,
        schema_hint=orjson.dumps(dict(record.schema_hint)).decode(),
        indexes=shown,
        permissions=[_PERMISSIONS[permission] for permission in permissions],
        adapter=record.adapter,
        soft_delete=record.soft_delete,
        validation=record.validation.value,
        declared=record.declared,
        storage=storage_to_proto(record.storage),
        moving_to=record.moving_to,
        audit=record.audit.level.value,
        sensitive=map(format_path, record.audit.sensitive),
        field_rules=orjson.dumps(write_field_rules(record.field_rules, record.schema_hint)).decode(),
        secrets=record.secrets.value,
        security=_security_to_proto(record.security),
    )


def _security_to_proto(policy: SecurityPolicy) -> collection_pb2.Security | None:
    if not policy:
        return None
    return collection_pb2.Security(
        tenant=_TENANT_RULES[policy.tenant], owner=policy.owner, acl=policy.acl, attributes=policy.attributes
    )


def grant_to_proto(grant: Grant, at_us: int | None = None) -> access_pb2.Grant:
    """Return a grant as operators see it at a time, in microseconds since 1970; now, when not given."""
    return access_pb2.Grant(
        collection=grant.collection_id,
        service=grant.service,
        permission=_PERMISSIONS[grant.permission],
        state=_GRANT_STATES[grant.state_at(now_us() if at_us is None else at_us)],
        origin=grant.origin.value,
        granted_by=grant.granted_by,
        reason=grant.reason,
        created_us=grant.created_us,
        fields=map(format_path, grant.limits.fields),
        where=grant.limits.where,
        expires_us=grant.limits.expires_us,
        name=grant.name if grant.state is GrantState.ACTIVE else "",
        orphaned=grant.orphaned,
        refusal=_refusal_to_proto(grant.refusal),
    )


def request_to_proto(request: Grant) -> access_request_pb2.AccessRequest:
    """Return a request that was not granted as those see it who answer it, and those who make it."""
    refused = request.refusal is not None
    return access_request_pb2.AccessRequest(
        collection=request.collection_id,
        service=request.service,
        permission=_PERMISSIONS[request.permission],
        state=access_request_pb2.ACCESS_REQUEST_STATE_REFUSED
        if refused
        else access_request_pb2.ACCESS_REQUEST_STATE_PENDING,
        reason=request.reason,
        created_us=request.created_us,
        refusal=_refusal_to_proto(request.refusal),
    )


def _refusal_to_proto(refusal: Refusal | None) -> access_request_pb2.Refusal | None:
    if refusal is None:
        return None
    return access_request_pb2.Refusal(
        refused_by=refusal.refused_by, reason=refusal.reason, created_us=refusal.created_us
    )


def owner_to_proto(record: CollectionRecord) -> access_pb2.Grant:
    """Return what the owner of a collection may do with it: everything."""
    return access_pb2.Grant(
        collection=record.collection_id,
        service=record.service,
        permission=_PERMISSIONS[Permission.ADMIN],
        state=access_pb2.GRANT_STATE_ACTIVE,
        origin="owner",
        name="owner",
    )


def within_one_answer(elements: Iterable[M], advice: str) -> list[M]:
    """Return what a list answers with, when one answer can carry it.

    :param advice: how to ask for less, as a sentence.
    :raises DataError: TOO_LARGE.
    """
    listed: list[M] = []
    size_bytes = 0
    for element in elements:
        size_bytes += element.ByteSize() + _ELEMENT_BYTES
        if size_bytes > LIST_MAX_BYTES:
            raise DataError(
                Reason.TOO_LARGE, f"The list is longer than the {LIST_MAX_BYTES:,} bytes of an answer. {advice}"
            )
        listed.append(element)
    return listed
