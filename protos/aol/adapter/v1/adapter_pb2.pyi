from aol.adapter.v1 import filter_pb2 as _filter_pb2
from aol.data.v1 import collection_pb2 as _collection_pb2
from aol.data.v1 import document_pb2 as _document_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Capability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPABILITY_UNSPECIFIED: _ClassVar[Capability]
    CAPABILITY_REGEX: _ClassVar[Capability]
    CAPABILITY_REGEX_FULL: _ClassVar[Capability]
    CAPABILITY_TEXT: _ClassVar[Capability]
    CAPABILITY_TTL: _ClassVar[Capability]
    CAPABILITY_UNIQUE: _ClassVar[Capability]
    CAPABILITY_ATOMIC: _ClassVar[Capability]
    CAPABILITY_ATOMIC_MANY: _ClassVar[Capability]
    CAPABILITY_PARTITION: _ClassVar[Capability]
    CAPABILITY_TENANCY: _ClassVar[Capability]
    CAPABILITY_EXPLAIN: _ClassVar[Capability]
    CAPABILITY_SHARDING: _ClassVar[Capability]
CAPABILITY_UNSPECIFIED: Capability
CAPABILITY_REGEX: Capability
CAPABILITY_REGEX_FULL: Capability
CAPABILITY_TEXT: Capability
CAPABILITY_TTL: Capability
CAPABILITY_UNIQUE: Capability
CAPABILITY_ATOMIC: Capability
CAPABILITY_ATOMIC_MANY: Capability
CAPABILITY_PARTITION: Capability
CAPABILITY_TENANCY: Capability
CAPABILITY_EXPLAIN: Capability
CAPABILITY_SHARDING: Capability

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("name", "version", "capabilities")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    capabilities: _containers.RepeatedScalarFieldContainer[Capability]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[Capability, str]]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("service", "collection", "tenant")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    service: str
    collection: str
    tenant: str
    def __init__(self, service: _Optional[str] = ..., collection: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class EnsureCollectionRequest(_message.Message):
    __slots__ = ("target", "schema_hint", "indexes", "description", "storage", "owners", "acls")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_HINT_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    ACLS_FIELD_NUMBER: _ClassVar[int]
    target: Target
    schema_hint: str
    indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.IndexSpec]
    description: str
    storage: _collection_pb2.Storage
    owners: bool
    acls: bool
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., schema_hint: _Optional[str] = ..., indexes: _Optional[_Iterable[_Union[_collection_pb2.IndexSpec, _Mapping]]] = ..., description: _Optional[str] = ..., storage: _Optional[_Union[_collection_pb2.Storage, _Mapping]] = ..., owners: bool = ..., acls: bool = ...) -> None: ...

class EnsureCollectionResponse(_message.Message):
    __slots__ = ("indexes", "created")
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.IndexStatus]
    created: bool
    def __init__(self, indexes: _Optional[_Iterable[_Union[_collection_pb2.IndexStatus, _Mapping]]] = ..., created: bool = ...) -> None: ...

class InspectCollectionRequest(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: Target
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ...) -> None: ...

class InspectCollectionResponse(_message.Message):
    __slots__ = ("indexes",)
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.IndexStatus]
    def __init__(self, indexes: _Optional[_Iterable[_Union[_collection_pb2.IndexStatus, _Mapping]]] = ...) -> None: ...

class DropCollectionRequest(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: Target
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ...) -> None: ...

class DropCollectionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Mutation(_message.Message):
    __slots__ = ("insert", "update", "delete", "restore")
    INSERT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    RESTORE_FIELD_NUMBER: _ClassVar[int]
    insert: Insert
    update: Update
    delete: Delete
    restore: Restore
    def __init__(self, insert: _Optional[_Union[Insert, _Mapping]] = ..., update: _Optional[_Union[Update, _Mapping]] = ..., delete: _Optional[_Union[Delete, _Mapping]] = ..., restore: _Optional[_Union[Restore, _Mapping]] = ...) -> None: ...

class Insert(_message.Message):
    __slots__ = ("id", "json", "now_us", "owner", "acl", "stamps")
    ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    id: str
    json: str
    now_us: int
    owner: str
    acl: str
    stamps: Stamps
    def __init__(self, id: _Optional[str] = ..., json: _Optional[str] = ..., now_us: _Optional[int] = ..., owner: _Optional[str] = ..., acl: _Optional[str] = ..., stamps: _Optional[_Union[Stamps, _Mapping]] = ...) -> None: ...

class Stamps(_message.Message):
    __slots__ = ("created_us", "updated_us", "version", "deleted_us")
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    UPDATED_US_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DELETED_US_FIELD_NUMBER: _ClassVar[int]
    created_us: int
    updated_us: int
    version: int
    deleted_us: int
    def __init__(self, created_us: _Optional[int] = ..., updated_us: _Optional[int] = ..., version: _Optional[int] = ..., deleted_us: _Optional[int] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("filter", "operations", "now_us", "max_affected", "if_version", "acl", "owner")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    filter: _filter_pb2.Filter
    operations: _containers.RepeatedCompositeFieldContainer[UpdateOperation]
    now_us: int
    max_affected: int
    if_version: int
    acl: str
    owner: str
    def __init__(self, filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., operations: _Optional[_Iterable[_Union[UpdateOperation, _Mapping]]] = ..., now_us: _Optional[int] = ..., max_affected: _Optional[int] = ..., if_version: _Optional[int] = ..., acl: _Optional[str] = ..., owner: _Optional[str] = ...) -> None: ...

class UpdateOperation(_message.Message):
    __slots__ = ("path", "set", "unset", "inc", "push")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    UNSET_FIELD_NUMBER: _ClassVar[int]
    INC_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    path: _filter_pb2.Path
    set: _filter_pb2.Value
    unset: bool
    inc: _filter_pb2.Value
    push: _filter_pb2.Value
    def __init__(self, path: _Optional[_Union[_filter_pb2.Path, _Mapping]] = ..., set: _Optional[_Union[_filter_pb2.Value, _Mapping]] = ..., unset: bool = ..., inc: _Optional[_Union[_filter_pb2.Value, _Mapping]] = ..., push: _Optional[_Union[_filter_pb2.Value, _Mapping]] = ...) -> None: ...

class Delete(_message.Message):
    __slots__ = ("filter", "soft", "now_us", "max_affected", "if_version", "purge")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SOFT_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    PURGE_FIELD_NUMBER: _ClassVar[int]
    filter: _filter_pb2.Filter
    soft: bool
    now_us: int
    max_affected: int
    if_version: int
    purge: bool
    def __init__(self, filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., soft: bool = ..., now_us: _Optional[int] = ..., max_affected: _Optional[int] = ..., if_version: _Optional[int] = ..., purge: bool = ...) -> None: ...

class Restore(_message.Message):
    __slots__ = ("filter", "max_affected")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    filter: _filter_pb2.Filter
    max_affected: int
    def __init__(self, filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., max_affected: _Optional[int] = ...) -> None: ...

class WriteRequest(_message.Message):
    __slots__ = ("target", "mutations", "atomic", "return_ids")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    MUTATIONS_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    RETURN_IDS_FIELD_NUMBER: _ClassVar[int]
    target: Target
    mutations: _containers.RepeatedCompositeFieldContainer[Mutation]
    atomic: bool
    return_ids: bool
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., mutations: _Optional[_Iterable[_Union[Mutation, _Mapping]]] = ..., atomic: bool = ..., return_ids: bool = ...) -> None: ...

class WriteResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[MutationResult]
    def __init__(self, results: _Optional[_Iterable[_Union[MutationResult, _Mapping]]] = ...) -> None: ...

class MutationResult(_message.Message):
    __slots__ = ("affected", "was_duplicate", "ids", "error")
    AFFECTED_FIELD_NUMBER: _ClassVar[int]
    WAS_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    affected: int
    was_duplicate: bool
    ids: _containers.RepeatedScalarFieldContainer[str]
    error: bytes
    def __init__(self, affected: _Optional[int] = ..., was_duplicate: bool = ..., ids: _Optional[_Iterable[str]] = ..., error: _Optional[bytes] = ...) -> None: ...

class FindSortKey(_message.Message):
    __slots__ = ("path", "descending")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    path: _filter_pb2.Path
    descending: bool
    def __init__(self, path: _Optional[_Union[_filter_pb2.Path, _Mapping]] = ..., descending: bool = ...) -> None: ...

class FindRequest(_message.Message):
    __slots__ = ("target", "filter", "sort", "projection", "limit", "skip", "position", "deleted", "max_bytes")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    target: Target
    filter: _filter_pb2.Filter
    sort: _containers.RepeatedCompositeFieldContainer[FindSortKey]
    projection: _containers.RepeatedCompositeFieldContainer[_filter_pb2.Path]
    limit: int
    skip: int
    position: bytes
    deleted: _document_pb2.DeletedMode
    max_bytes: int
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., sort: _Optional[_Iterable[_Union[FindSortKey, _Mapping]]] = ..., projection: _Optional[_Iterable[_Union[_filter_pb2.Path, _Mapping]]] = ..., limit: _Optional[int] = ..., skip: _Optional[int] = ..., position: _Optional[bytes] = ..., deleted: _Optional[_Union[_document_pb2.DeletedMode, str]] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class FindResponse(_message.Message):
    __slots__ = ("page", "next_position")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_POSITION_FIELD_NUMBER: _ClassVar[int]
    page: _document_pb2.Page
    next_position: bytes
    def __init__(self, page: _Optional[_Union[_document_pb2.Page, _Mapping]] = ..., next_position: _Optional[bytes] = ...) -> None: ...

class CountRequest(_message.Message):
    __slots__ = ("target", "filter", "deleted")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    target: Target
    filter: _filter_pb2.Filter
    deleted: _document_pb2.DeletedMode
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., deleted: _Optional[_Union[_document_pb2.DeletedMode, str]] = ...) -> None: ...

class CountResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("find",)
    FIND_FIELD_NUMBER: _ClassVar[int]
    find: FindRequest
    def __init__(self, find: _Optional[_Union[FindRequest, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("filter_pushed_down", "sort_pushed_down", "index", "estimated_documents", "examined_documents", "returned_documents", "uses_key", "uses_access")
    FILTER_PUSHED_DOWN_FIELD_NUMBER: _ClassVar[int]
    SORT_PUSHED_DOWN_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    USES_KEY_FIELD_NUMBER: _ClassVar[int]
    USES_ACCESS_FIELD_NUMBER: _ClassVar[int]
    filter_pushed_down: bool
    sort_pushed_down: bool
    index: _collection_pb2.IndexSpec
    estimated_documents: int
    examined_documents: int
    returned_documents: int
    uses_key: bool
    uses_access: bool
    def __init__(self, filter_pushed_down: bool = ..., sort_pushed_down: bool = ..., index: _Optional[_Union[_collection_pb2.IndexSpec, _Mapping]] = ..., estimated_documents: _Optional[int] = ..., examined_documents: _Optional[int] = ..., returned_documents: _Optional[int] = ..., uses_key: bool = ..., uses_access: bool = ...) -> None: ...
