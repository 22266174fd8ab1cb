from aol.data.v1 import access_request_pb2 as _access_request_pb2
from aol.data.v1 import collection_pb2 as _collection_pb2
from aol.data.v1 import context_pb2 as _context_pb2
from aol.data.v1 import document_pb2 as _document_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestCollectionRequest(_message.Message):
    __slots__ = ("name", "schema_hint", "indexes", "description", "context", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_HINT_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    schema_hint: str
    indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.IndexSpec]
    description: str
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, name: _Optional[str] = ..., schema_hint: _Optional[str] = ..., indexes: _Optional[_Iterable[_Union[_collection_pb2.IndexSpec, _Mapping]]] = ..., description: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RequestCollectionResponse(_message.Message):
    __slots__ = ("collection_id", "created")
    COLLECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    collection_id: str
    created: bool
    def __init__(self, collection_id: _Optional[str] = ..., created: bool = ...) -> None: ...

class StoreDataRequest(_message.Message):
    __slots__ = ("collection", "document", "document_id", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    document: str
    document_id: str
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., document: _Optional[str] = ..., document_id: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StoreDataResponse(_message.Message):
    __slots__ = ("success", "document_id", "was_duplicate")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    WAS_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    success: bool
    document_id: str
    was_duplicate: bool
    def __init__(self, success: bool = ..., document_id: _Optional[str] = ..., was_duplicate: bool = ...) -> None: ...

class StoreBatchRequest(_message.Message):
    __slots__ = ("collection", "documents", "document_ids", "atomic", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_IDS_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    documents: _containers.RepeatedScalarFieldContainer[str]
    document_ids: _containers.RepeatedScalarFieldContainer[str]
    atomic: bool
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., documents: _Optional[_Iterable[str]] = ..., document_ids: _Optional[_Iterable[str]] = ..., atomic: bool = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StoreBatchResponse(_message.Message):
    __slots__ = ("document_ids", "stored_count", "failures")
    DOCUMENT_IDS_FIELD_NUMBER: _ClassVar[int]
    STORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    document_ids: _containers.RepeatedScalarFieldContainer[str]
    stored_count: int
    failures: _containers.RepeatedCompositeFieldContainer[BatchFailure]
    def __init__(self, document_ids: _Optional[_Iterable[str]] = ..., stored_count: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[BatchFailure, _Mapping]]] = ...) -> None: ...

class BatchFailure(_message.Message):
    __slots__ = ("index", "status")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    index: int
    status: bytes
    def __init__(self, index: _Optional[int] = ..., status: _Optional[bytes] = ...) -> None: ...

class QueryDataRequest(_message.Message):
    __slots__ = ("collection", "filter", "sort", "projection", "limit", "skip", "page_token", "page_size", "deleted", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    sort: _containers.RepeatedCompositeFieldContainer[_document_pb2.SortKey]
    projection: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    skip: int
    page_token: str
    page_size: int
    deleted: _document_pb2.DeletedMode
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., sort: _Optional[_Iterable[_Union[_document_pb2.SortKey, _Mapping]]] = ..., projection: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., skip: _Optional[int] = ..., page_token: _Optional[str] = ..., page_size: _Optional[int] = ..., deleted: _Optional[_Union[_document_pb2.DeletedMode, str]] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class QueryDataResponse(_message.Message):
    __slots__ = ("page", "next_page_token")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page: _document_pb2.Page
    next_page_token: str
    def __init__(self, page: _Optional[_Union[_document_pb2.Page, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CountDataRequest(_message.Message):
    __slots__ = ("collection", "filter", "deleted", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    deleted: _document_pb2.DeletedMode
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., deleted: _Optional[_Union[_document_pb2.DeletedMode, str]] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CountDataResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class UpdateDataRequest(_message.Message):
    __slots__ = ("collection", "filter", "update", "allow_all", "max_affected", "if_version", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_ALL_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    update: str
    allow_all: bool
    max_affected: int
    if_version: int
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., update: _Optional[str] = ..., allow_all: bool = ..., max_affected: _Optional[int] = ..., if_version: _Optional[int] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateDataResponse(_message.Message):
    __slots__ = ("updated_count",)
    UPDATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    updated_count: int
    def __init__(self, updated_count: _Optional[int] = ...) -> None: ...

class DeleteDataRequest(_message.Message):
    __slots__ = ("collection", "filter", "allow_all", "max_affected", "if_version", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALLOW_ALL_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    allow_all: bool
    max_affected: int
    if_version: int
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., allow_all: bool = ..., max_affected: _Optional[int] = ..., if_version: _Optional[int] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteDataResponse(_message.Message):
    __slots__ = ("deleted_count",)
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    def __init__(self, deleted_count: _Optional[int] = ...) -> None: ...

class RestoreDataRequest(_message.Message):
    __slots__ = ("collection", "filter", "allow_all", "max_affected", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALLOW_ALL_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    allow_all: bool
    max_affected: int
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., allow_all: bool = ..., max_affected: _Optional[int] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RestoreDataResponse(_message.Message):
    __slots__ = ("restored_count",)
    RESTORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    restored_count: int
    def __init__(self, restored_count: _Optional[int] = ...) -> None: ...

class PurgeDataRequest(_message.Message):
    __slots__ = ("collection", "filter", "allow_all", "max_affected", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALLOW_ALL_FIELD_NUMBER: _ClassVar[int]
    MAX_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    allow_all: bool
    max_affected: int
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., allow_all: bool = ..., max_affected: _Optional[int] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class PurgeDataResponse(_message.Message):
    __slots__ = ("purged_count",)
    PURGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    purged_count: int
    def __init__(self, purged_count: _Optional[int] = ...) -> None: ...

class ExplainQueryRequest(_message.Message):
    __slots__ = ("collection", "filter", "sort", "limit", "skip", "deleted", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: str
    sort: _containers.RepeatedCompositeFieldContainer[_document_pb2.SortKey]
    limit: int
    skip: int
    deleted: _document_pb2.DeletedMode
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[str] = ..., sort: _Optional[_Iterable[_Union[_document_pb2.SortKey, _Mapping]]] = ..., limit: _Optional[int] = ..., skip: _Optional[int] = ..., deleted: _Optional[_Union[_document_pb2.DeletedMode, str]] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExplainQueryResponse(_message.Message):
    __slots__ = ("filter_pushed_down", "sort_pushed_down", "index", "estimated_documents", "examined_documents", "returned_documents", "proposed_index", "proposed_line")
    FILTER_PUSHED_DOWN_FIELD_NUMBER: _ClassVar[int]
    SORT_PUSHED_DOWN_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    RETURNED_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_INDEX_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_LINE_FIELD_NUMBER: _ClassVar[int]
    filter_pushed_down: bool
    sort_pushed_down: bool
    index: str
    estimated_documents: int
    examined_documents: int
    returned_documents: int
    proposed_index: _collection_pb2.IndexSpec
    proposed_line: str
    def __init__(self, filter_pushed_down: bool = ..., sort_pushed_down: bool = ..., index: _Optional[str] = ..., estimated_documents: _Optional[int] = ..., examined_documents: _Optional[int] = ..., returned_documents: _Optional[int] = ..., proposed_index: _Optional[_Union[_collection_pb2.IndexSpec, _Mapping]] = ..., proposed_line: _Optional[str] = ...) -> None: ...

class GrantAccessRequest(_message.Message):
    __slots__ = ("collection", "target_service", "permission", "reason", "fields", "where", "expires_us", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    TARGET_SERVICE_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_US_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    target_service: str
    permission: _collection_pb2.Permission
    reason: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    where: str
    expires_us: int
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., target_service: _Optional[str] = ..., permission: _Optional[_Union[_collection_pb2.Permission, str]] = ..., reason: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., where: _Optional[str] = ..., expires_us: _Optional[int] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GrantAccessResponse(_message.Message):
    __slots__ = ("granted", "replaced")
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    granted: bool
    replaced: bool
    def __init__(self, granted: bool = ..., replaced: bool = ...) -> None: ...

class RevokeAccessRequest(_message.Message):
    __slots__ = ("collection", "target_service", "permission", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    TARGET_SERVICE_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    target_service: str
    permission: _collection_pb2.Permission
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., target_service: _Optional[str] = ..., permission: _Optional[_Union[_collection_pb2.Permission, str]] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RevokeAccessResponse(_message.Message):
    __slots__ = ("revoked", "still_by")
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    STILL_BY_FIELD_NUMBER: _ClassVar[int]
    revoked: bool
    still_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revoked: bool = ..., still_by: _Optional[_Iterable[str]] = ...) -> None: ...

class ListCollectionsRequest(_message.Message):
    __slots__ = ("context", "request_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListCollectionsResponse(_message.Message):
    __slots__ = ("collections",)
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[_collection_pb2.Collection]
    def __init__(self, collections: _Optional[_Iterable[_Union[_collection_pb2.Collection, _Mapping]]] = ...) -> None: ...

class DescribeCollectionRequest(_message.Message):
    __slots__ = ("collection", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class DescribeCollectionResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: _collection_pb2.Collection
    def __init__(self, collection: _Optional[_Union[_collection_pb2.Collection, _Mapping]] = ...) -> None: ...
