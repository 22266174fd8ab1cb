from aol.admin.v1 import access_pb2 as _access_pb2
from aol.admin.v1 import audit_pb2 as _audit_pb2
from aol.admin.v1 import drift_pb2 as _drift_pb2
from aol.admin.v1 import plan_pb2 as _plan_pb2
from aol.admin.v1 import seed_pb2 as _seed_pb2
from aol.admin.v1 import token_pb2 as _token_pb2
from aol.admin.v1 import usage_pb2 as _usage_pb2
from aol.data.v1 import collection_pb2 as _collection_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditSinkState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIT_SINK_STATE_UNSPECIFIED: _ClassVar[AuditSinkState]
    AUDIT_SINK_STATE_OK: _ClassVar[AuditSinkState]
    AUDIT_SINK_STATE_BACKING_OFF: _ClassVar[AuditSinkState]

class CopyPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COPY_PHASE_UNSPECIFIED: _ClassVar[CopyPhase]
    COPY_PHASE_MARKED: _ClassVar[CopyPhase]
    COPY_PHASE_COPYING: _ClassVar[CopyPhase]
    COPY_PHASE_INDEXING: _ClassVar[CopyPhase]
    COPY_PHASE_SETTLING: _ClassVar[CopyPhase]
    COPY_PHASE_VERIFYING: _ClassVar[CopyPhase]
    COPY_PHASE_DONE: _ClassVar[CopyPhase]
    COPY_PHASE_DIFFERENT: _ClassVar[CopyPhase]
AUDIT_SINK_STATE_UNSPECIFIED: AuditSinkState
AUDIT_SINK_STATE_OK: AuditSinkState
AUDIT_SINK_STATE_BACKING_OFF: AuditSinkState
COPY_PHASE_UNSPECIFIED: CopyPhase
COPY_PHASE_MARKED: CopyPhase
COPY_PHASE_COPYING: CopyPhase
COPY_PHASE_INDEXING: CopyPhase
COPY_PHASE_SETTLING: CopyPhase
COPY_PHASE_VERIFYING: CopyPhase
COPY_PHASE_DONE: CopyPhase
COPY_PHASE_DIFFERENT: CopyPhase

class ApplyManifestRequest(_message.Message):
    __slots__ = ("manifest", "source", "request_id")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    manifest: str
    source: str
    request_id: str
    def __init__(self, manifest: _Optional[str] = ..., source: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ApplyManifestResponse(_message.Message):
    __slots__ = ("service", "version", "changed", "created_collections", "active_grants", "pending_grants", "notices", "refused_grants", "orphaned_grants")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    CREATED_COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_GRANTS_FIELD_NUMBER: _ClassVar[int]
    PENDING_GRANTS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_GRANTS_FIELD_NUMBER: _ClassVar[int]
    ORPHANED_GRANTS_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: int
    changed: bool
    created_collections: _containers.RepeatedScalarFieldContainer[str]
    active_grants: _containers.RepeatedCompositeFieldContainer[_access_pb2.Grant]
    pending_grants: _containers.RepeatedCompositeFieldContainer[_access_pb2.Grant]
    notices: _containers.RepeatedScalarFieldContainer[str]
    refused_grants: _containers.RepeatedCompositeFieldContainer[_access_pb2.Grant]
    orphaned_grants: _containers.RepeatedCompositeFieldContainer[_access_pb2.Grant]
    def __init__(self, service: _Optional[str] = ..., version: _Optional[int] = ..., changed: bool = ..., created_collections: _Optional[_Iterable[str]] = ..., active_grants: _Optional[_Iterable[_Union[_access_pb2.Grant, _Mapping]]] = ..., pending_grants: _Optional[_Iterable[_Union[_access_pb2.Grant, _Mapping]]] = ..., notices: _Optional[_Iterable[str]] = ..., refused_grants: _Optional[_Iterable[_Union[_access_pb2.Grant, _Mapping]]] = ..., orphaned_grants: _Optional[_Iterable[_Union[_access_pb2.Grant, _Mapping]]] = ...) -> None: ...

class ListServicesRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class ListServicesResponse(_message.Message):
    __slots__ = ("services",)
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[Service]
    def __init__(self, services: _Optional[_Iterable[_Union[Service, _Mapping]]] = ...) -> None: ...

class Service(_message.Message):
    __slots__ = ("name", "manifest_version", "collection_count", "created_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    manifest_version: int
    collection_count: int
    created_us: int
    def __init__(self, name: _Optional[str] = ..., manifest_version: _Optional[int] = ..., collection_count: _Optional[int] = ..., created_us: _Optional[int] = ...) -> None: ...

class ListCollectionsRequest(_message.Message):
    __slots__ = ("service", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    request_id: str
    def __init__(self, service: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListCollectionsResponse(_message.Message):
    __slots__ = ("collections",)
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[_collection_pb2.Collection]
    def __init__(self, collections: _Optional[_Iterable[_Union[_collection_pb2.Collection, _Mapping]]] = ...) -> None: ...

class DropCollectionRequest(_message.Message):
    __slots__ = ("collection", "dry_run", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    dry_run: bool
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., dry_run: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class DropCollectionResponse(_message.Message):
    __slots__ = ("collection", "document_count", "dropped")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    collection: _collection_pb2.Collection
    document_count: int
    dropped: bool
    def __init__(self, collection: _Optional[_Union[_collection_pb2.Collection, _Mapping]] = ..., document_count: _Optional[int] = ..., dropped: bool = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ("collection", "service", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    service: str
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., service: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants",)
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[_access_pb2.Grant]
    def __init__(self, grants: _Optional[_Iterable[_Union[_access_pb2.Grant, _Mapping]]] = ...) -> None: ...

class SearchAuditRequest(_message.Message):
    __slots__ = ("service", "collection", "operation", "outcome", "since_us", "until_us", "limit", "after_seq", "principal", "document_id", "field", "recorded_request_id", "trace_id", "text", "stages", "unresolved", "follow", "user", "tenant", "security", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    RECORDED_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    UNRESOLVED_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    collection: str
    operation: str
    outcome: str
    since_us: int
    until_us: int
    limit: int
    after_seq: int
    principal: str
    document_id: str
    field: str
    recorded_request_id: str
    trace_id: str
    text: str
    stages: _containers.RepeatedScalarFieldContainer[str]
    unresolved: bool
    follow: bool
    user: str
    tenant: str
    security: str
    request_id: str
    def __init__(self, service: _Optional[str] = ..., collection: _Optional[str] = ..., operation: _Optional[str] = ..., outcome: _Optional[str] = ..., since_us: _Optional[int] = ..., until_us: _Optional[int] = ..., limit: _Optional[int] = ..., after_seq: _Optional[int] = ..., principal: _Optional[str] = ..., document_id: _Optional[str] = ..., field: _Optional[str] = ..., recorded_request_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., text: _Optional[str] = ..., stages: _Optional[_Iterable[str]] = ..., unresolved: bool = ..., follow: bool = ..., user: _Optional[str] = ..., tenant: _Optional[str] = ..., security: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SearchAuditResponse(_message.Message):
    __slots__ = ("records", "broker", "truncated")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    BROKER_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedScalarFieldContainer[str]
    broker: str
    truncated: bool
    def __init__(self, records: _Optional[_Iterable[str]] = ..., broker: _Optional[str] = ..., truncated: bool = ...) -> None: ...

class AuditStatusRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class AuditStatusResponse(_message.Message):
    __slots__ = ("broker", "durable_seq", "failure", "open_segment", "segment_count", "segment_bytes", "oldest_seq", "oldest_us", "sinks", "anchors")
    BROKER_FIELD_NUMBER: _ClassVar[int]
    DURABLE_SEQ_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    OPEN_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_SEQ_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    SINKS_FIELD_NUMBER: _ClassVar[int]
    ANCHORS_FIELD_NUMBER: _ClassVar[int]
    broker: str
    durable_seq: int
    failure: str
    open_segment: str
    segment_count: int
    segment_bytes: int
    oldest_seq: int
    oldest_us: int
    sinks: _containers.RepeatedCompositeFieldContainer[AuditSink]
    anchors: _containers.RepeatedCompositeFieldContainer[AuditAnchor]
    def __init__(self, broker: _Optional[str] = ..., durable_seq: _Optional[int] = ..., failure: _Optional[str] = ..., open_segment: _Optional[str] = ..., segment_count: _Optional[int] = ..., segment_bytes: _Optional[int] = ..., oldest_seq: _Optional[int] = ..., oldest_us: _Optional[int] = ..., sinks: _Optional[_Iterable[_Union[AuditSink, _Mapping]]] = ..., anchors: _Optional[_Iterable[_Union[AuditAnchor, _Mapping]]] = ...) -> None: ...

class AuditSink(_message.Message):
    __slots__ = ("name", "type", "seq", "lag", "lag_us", "state", "failing_since_us", "last_error", "skipped", "missing")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    LAG_US_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAILING_SINCE_US_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    seq: int
    lag: int
    lag_us: int
    state: AuditSinkState
    failing_since_us: int
    last_error: str
    skipped: int
    missing: int
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., seq: _Optional[int] = ..., lag: _Optional[int] = ..., lag_us: _Optional[int] = ..., state: _Optional[_Union[AuditSinkState, str]] = ..., failing_since_us: _Optional[int] = ..., last_error: _Optional[str] = ..., skipped: _Optional[int] = ..., missing: _Optional[int] = ...) -> None: ...

class AuditAnchor(_message.Message):
    __slots__ = ("name", "anchored_seq")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ANCHORED_SEQ_FIELD_NUMBER: _ClassVar[int]
    name: str
    anchored_seq: int
    def __init__(self, name: _Optional[str] = ..., anchored_seq: _Optional[int] = ...) -> None: ...

class CopyCollectionRequest(_message.Message):
    __slots__ = ("collection", "to_adapter", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    TO_ADAPTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    to_adapter: str
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., to_adapter: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CopyCollectionResponse(_message.Message):
    __slots__ = ("phase", "from_adapter", "to_adapter", "total", "copied", "compared", "checksum", "differences", "already_there")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    FROM_ADAPTER_FIELD_NUMBER: _ClassVar[int]
    TO_ADAPTER_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    COPIED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    ALREADY_THERE_FIELD_NUMBER: _ClassVar[int]
    phase: CopyPhase
    from_adapter: str
    to_adapter: str
    total: int
    copied: int
    compared: int
    checksum: str
    differences: CopyDifferences
    already_there: bool
    def __init__(self, phase: _Optional[_Union[CopyPhase, str]] = ..., from_adapter: _Optional[str] = ..., to_adapter: _Optional[str] = ..., total: _Optional[int] = ..., copied: _Optional[int] = ..., compared: _Optional[int] = ..., checksum: _Optional[str] = ..., differences: _Optional[_Union[CopyDifferences, _Mapping]] = ..., already_there: bool = ...) -> None: ...

class CopyDifferences(_message.Message):
    __slots__ = ("missing", "unexpected", "different", "failed_indexes")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    UNEXPECTED_FIELD_NUMBER: _ClassVar[int]
    DIFFERENT_FIELD_NUMBER: _ClassVar[int]
    FAILED_INDEXES_FIELD_NUMBER: _ClassVar[int]
    missing: int
    unexpected: int
    different: int
    failed_indexes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, missing: _Optional[int] = ..., unexpected: _Optional[int] = ..., different: _Optional[int] = ..., failed_indexes: _Optional[_Iterable[str]] = ...) -> None: ...

class AbortCopyRequest(_message.Message):
    __slots__ = ("collection", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class AbortCopyResponse(_message.Message):
    __slots__ = ("aborted", "adapter", "to_adapter")
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    TO_ADAPTER_FIELD_NUMBER: _ClassVar[int]
    aborted: bool
    adapter: str
    to_adapter: str
    def __init__(self, aborted: bool = ..., adapter: _Optional[str] = ..., to_adapter: _Optional[str] = ...) -> None: ...

class HashAuditValueRequest(_message.Message):
    __slots__ = ("value", "request_id")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    value: str
    request_id: str
    def __init__(self, value: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class HashAuditValueResponse(_message.Message):
    __slots__ = ("hmac",)
    HMAC_FIELD_NUMBER: _ClassVar[int]
    hmac: str
    def __init__(self, hmac: _Optional[str] = ...) -> None: ...
