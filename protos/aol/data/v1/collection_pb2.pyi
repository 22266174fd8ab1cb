from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IndexType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INDEX_TYPE_UNSPECIFIED: _ClassVar[IndexType]
    INDEX_TYPE_ASCENDING: _ClassVar[IndexType]
    INDEX_TYPE_DESCENDING: _ClassVar[IndexType]
    INDEX_TYPE_COMPOUND: _ClassVar[IndexType]
    INDEX_TYPE_UNIQUE: _ClassVar[IndexType]
    INDEX_TYPE_TEXT: _ClassVar[IndexType]
    INDEX_TYPE_TTL: _ClassVar[IndexType]

class IndexState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INDEX_STATE_UNSPECIFIED: _ClassVar[IndexState]
    INDEX_STATE_BUILDING: _ClassVar[IndexState]
    INDEX_STATE_READY: _ClassVar[IndexState]
    INDEX_STATE_FAILED: _ClassVar[IndexState]

class PartitionInterval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARTITION_INTERVAL_UNSPECIFIED: _ClassVar[PartitionInterval]
    PARTITION_INTERVAL_DAY: _ClassVar[PartitionInterval]
    PARTITION_INTERVAL_MONTH: _ClassVar[PartitionInterval]

class Tenancy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TENANCY_UNSPECIFIED: _ClassVar[Tenancy]
    TENANCY_SHARED: _ClassVar[Tenancy]
    TENANCY_SCHEMA: _ClassVar[Tenancy]
    TENANCY_DATABASE: _ClassVar[Tenancy]

class Permission(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERMISSION_UNSPECIFIED: _ClassVar[Permission]
    PERMISSION_READ: _ClassVar[Permission]
    PERMISSION_WRITE: _ClassVar[Permission]
    PERMISSION_ADMIN: _ClassVar[Permission]
    PERMISSION_ASSERT_CONTEXT: _ClassVar[Permission]
    PERMISSION_BYPASS_SECURITY: _ClassVar[Permission]

class TenantRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TENANT_RULE_UNSPECIFIED: _ClassVar[TenantRule]
    TENANT_RULE_OPTIONAL: _ClassVar[TenantRule]
    TENANT_RULE_REQUIRED: _ClassVar[TenantRule]
INDEX_TYPE_UNSPECIFIED: IndexType
INDEX_TYPE_ASCENDING: IndexType
INDEX_TYPE_DESCENDING: IndexType
INDEX_TYPE_COMPOUND: IndexType
INDEX_TYPE_UNIQUE: IndexType
INDEX_TYPE_TEXT: IndexType
INDEX_TYPE_TTL: IndexType
INDEX_STATE_UNSPECIFIED: IndexState
INDEX_STATE_BUILDING: IndexState
INDEX_STATE_READY: IndexState
INDEX_STATE_FAILED: IndexState
PARTITION_INTERVAL_UNSPECIFIED: PartitionInterval
PARTITION_INTERVAL_DAY: PartitionInterval
PARTITION_INTERVAL_MONTH: PartitionInterval
TENANCY_UNSPECIFIED: Tenancy
TENANCY_SHARED: Tenancy
TENANCY_SCHEMA: Tenancy
TENANCY_DATABASE: Tenancy
PERMISSION_UNSPECIFIED: Permission
PERMISSION_READ: Permission
PERMISSION_WRITE: Permission
PERMISSION_ADMIN: Permission
PERMISSION_ASSERT_CONTEXT: Permission
PERMISSION_BYPASS_SECURITY: Permission
TENANT_RULE_UNSPECIFIED: TenantRule
TENANT_RULE_OPTIONAL: TenantRule
TENANT_RULE_REQUIRED: TenantRule

class IndexField(_message.Message):
    __slots__ = ("path", "descending")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    path: str
    descending: bool
    def __init__(self, path: _Optional[str] = ..., descending: bool = ...) -> None: ...

class IndexSpec(_message.Message):
    __slots__ = ("fields", "type", "expire_after_seconds")
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[IndexField]
    type: IndexType
    expire_after_seconds: int
    def __init__(self, fields: _Optional[_Iterable[_Union[IndexField, _Mapping]]] = ..., type: _Optional[_Union[IndexType, str]] = ..., expire_after_seconds: _Optional[int] = ...) -> None: ...

class IndexStatus(_message.Message):
    __slots__ = ("spec", "name", "state", "offenders")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OFFENDERS_FIELD_NUMBER: _ClassVar[int]
    spec: IndexSpec
    name: str
    state: IndexState
    offenders: int
    def __init__(self, spec: _Optional[_Union[IndexSpec, _Mapping]] = ..., name: _Optional[str] = ..., state: _Optional[_Union[IndexState, str]] = ..., offenders: _Optional[int] = ...) -> None: ...

class Storage(_message.Message):
    __slots__ = ("partition_by", "partition_interval", "retain_for_seconds", "tenancy", "shard_key")
    PARTITION_BY_FIELD_NUMBER: _ClassVar[int]
    PARTITION_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RETAIN_FOR_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TENANCY_FIELD_NUMBER: _ClassVar[int]
    SHARD_KEY_FIELD_NUMBER: _ClassVar[int]
    partition_by: str
    partition_interval: PartitionInterval
    retain_for_seconds: int
    tenancy: Tenancy
    shard_key: str
    def __init__(self, partition_by: _Optional[str] = ..., partition_interval: _Optional[_Union[PartitionInterval, str]] = ..., retain_for_seconds: _Optional[int] = ..., tenancy: _Optional[_Union[Tenancy, str]] = ..., shard_key: _Optional[str] = ...) -> None: ...

class Security(_message.Message):
    __slots__ = ("tenant", "owner", "acl", "attributes")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    tenant: TenantRule
    owner: bool
    acl: bool
    attributes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant: _Optional[_Union[TenantRule, str]] = ..., owner: bool = ..., acl: bool = ..., attributes: _Optional[_Iterable[str]] = ...) -> None: ...

class Collection(_message.Message):
    __slots__ = ("collection_id", "owner", "description", "schema_hint", "indexes", "permissions", "adapter", "soft_delete", "validation", "declared", "storage", "moving_to", "audit", "sensitive", "field_rules", "secrets", "security")
    COLLECTION_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_HINT_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    SOFT_DELETE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    DECLARED_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    MOVING_TO_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    SENSITIVE_FIELD_NUMBER: _ClassVar[int]
    FIELD_RULES_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    collection_id: str
    owner: str
    description: str
    schema_hint: str
    indexes: _containers.RepeatedCompositeFieldContainer[IndexStatus]
    permissions: _containers.RepeatedScalarFieldContainer[Permission]
    adapter: str
    soft_delete: bool
    validation: str
    declared: bool
    storage: Storage
    moving_to: str
    audit: str
    sensitive: _containers.RepeatedScalarFieldContainer[str]
    field_rules: str
    secrets: str
    security: Security
    def __init__(self, collection_id: _Optional[str] = ..., owner: _Optional[str] = ..., description: _Optional[str] = ..., schema_hint: _Optional[str] = ..., indexes: _Optional[_Iterable[_Union[IndexStatus, _Mapping]]] = ..., permissions: _Optional[_Iterable[_Union[Permission, str]]] = ..., adapter: _Optional[str] = ..., soft_delete: bool = ..., validation: _Optional[str] = ..., declared: bool = ..., storage: _Optional[_Union[Storage, _Mapping]] = ..., moving_to: _Optional[str] = ..., audit: _Optional[str] = ..., sensitive: _Optional[_Iterable[str]] = ..., field_rules: _Optional[str] = ..., secrets: _Optional[str] = ..., security: _Optional[_Union[Security, _Mapping]] = ...) -> None: ...
