from aol.data.v1 import collection_pb2 as _collection_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChangeGrade(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_GRADE_UNSPECIFIED: _ClassVar[ChangeGrade]
    CHANGE_GRADE_SAFE: _ClassVar[ChangeGrade]
    CHANGE_GRADE_NEEDS_REVIEW: _ClassVar[ChangeGrade]
    CHANGE_GRADE_BREAKING: _ClassVar[ChangeGrade]
    CHANGE_GRADE_DESTRUCTIVE: _ClassVar[ChangeGrade]

class ChangeAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_ACTION_UNSPECIFIED: _ClassVar[ChangeAction]
    CHANGE_ACTION_ADDED: _ClassVar[ChangeAction]
    CHANGE_ACTION_CHANGED: _ClassVar[ChangeAction]
    CHANGE_ACTION_REMOVED: _ClassVar[ChangeAction]
CHANGE_GRADE_UNSPECIFIED: ChangeGrade
CHANGE_GRADE_SAFE: ChangeGrade
CHANGE_GRADE_NEEDS_REVIEW: ChangeGrade
CHANGE_GRADE_BREAKING: ChangeGrade
CHANGE_GRADE_DESTRUCTIVE: ChangeGrade
CHANGE_ACTION_UNSPECIFIED: ChangeAction
CHANGE_ACTION_ADDED: ChangeAction
CHANGE_ACTION_CHANGED: ChangeAction
CHANGE_ACTION_REMOVED: ChangeAction

class Consumer(_message.Message):
    __slots__ = ("service", "known", "detail", "last_us")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    LAST_US_FIELD_NUMBER: _ClassVar[int]
    service: str
    known: str
    detail: str
    last_us: int
    def __init__(self, service: _Optional[str] = ..., known: _Optional[str] = ..., detail: _Optional[str] = ..., last_us: _Optional[int] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("service", "path", "action", "grade", "reason", "before", "after", "consumers")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    service: str
    path: str
    action: ChangeAction
    grade: ChangeGrade
    reason: str
    before: str
    after: str
    consumers: _containers.RepeatedCompositeFieldContainer[Consumer]
    def __init__(self, service: _Optional[str] = ..., path: _Optional[str] = ..., action: _Optional[_Union[ChangeAction, str]] = ..., grade: _Optional[_Union[ChangeGrade, str]] = ..., reason: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., consumers: _Optional[_Iterable[_Union[Consumer, _Mapping]]] = ...) -> None: ...

class PlannedManifest(_message.Message):
    __slots__ = ("service", "source", "manifest", "sha256", "registered_version", "changed")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    service: str
    source: str
    manifest: str
    sha256: str
    registered_version: int
    changed: bool
    def __init__(self, service: _Optional[str] = ..., source: _Optional[str] = ..., manifest: _Optional[str] = ..., sha256: _Optional[str] = ..., registered_version: _Optional[int] = ..., changed: bool = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("revision", "manifests", "changes", "replaces_all", "created_us", "seal")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    REPLACES_ALL_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    revision: int
    manifests: _containers.RepeatedCompositeFieldContainer[PlannedManifest]
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    replaces_all: bool
    created_us: int
    seal: bytes
    def __init__(self, revision: _Optional[int] = ..., manifests: _Optional[_Iterable[_Union[PlannedManifest, _Mapping]]] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., replaces_all: bool = ..., created_us: _Optional[int] = ..., seal: _Optional[bytes] = ...) -> None: ...

class ManifestToPlan(_message.Message):
    __slots__ = ("manifest", "source", "service", "version")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    manifest: str
    source: str
    service: str
    version: int
    def __init__(self, manifest: _Optional[str] = ..., source: _Optional[str] = ..., service: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class PlanManifestsRequest(_message.Message):
    __slots__ = ("manifests", "replaces_all", "request_id")
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    REPLACES_ALL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    manifests: _containers.RepeatedCompositeFieldContainer[ManifestToPlan]
    replaces_all: bool
    request_id: str
    def __init__(self, manifests: _Optional[_Iterable[_Union[ManifestToPlan, _Mapping]]] = ..., replaces_all: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class PlanManifestsResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class ApplyPlanRequest(_message.Message):
    __slots__ = ("plan", "allow", "prepared", "request_id")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ALLOW_FIELD_NUMBER: _ClassVar[int]
    PREPARED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    allow: ChangeGrade
    prepared: int
    request_id: str
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ..., allow: _Optional[_Union[ChangeGrade, str]] = ..., prepared: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class ApplyPlanResponse(_message.Message):
    __slots__ = ("done", "prepared", "to_prepare", "already_applied", "manifests")
    DONE_FIELD_NUMBER: _ClassVar[int]
    PREPARED_FIELD_NUMBER: _ClassVar[int]
    TO_PREPARE_FIELD_NUMBER: _ClassVar[int]
    ALREADY_APPLIED_FIELD_NUMBER: _ClassVar[int]
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    done: bool
    prepared: int
    to_prepare: int
    already_applied: bool
    manifests: _containers.RepeatedCompositeFieldContainer[AppliedManifest]
    def __init__(self, done: bool = ..., prepared: _Optional[int] = ..., to_prepare: _Optional[int] = ..., already_applied: bool = ..., manifests: _Optional[_Iterable[_Union[AppliedManifest, _Mapping]]] = ...) -> None: ...

class AppliedManifest(_message.Message):
    __slots__ = ("service", "version", "changed", "created_collections")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    CREATED_COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: int
    changed: bool
    created_collections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, service: _Optional[str] = ..., version: _Optional[int] = ..., changed: bool = ..., created_collections: _Optional[_Iterable[str]] = ...) -> None: ...

class ListManifestVersionsRequest(_message.Message):
    __slots__ = ("service", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    request_id: str
    def __init__(self, service: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListManifestVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ManifestVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[ManifestVersion, _Mapping]]] = ...) -> None: ...

class ManifestVersion(_message.Message):
    __slots__ = ("version", "source", "sha256", "applied_by", "applied_us", "plan", "deployed", "retired_us")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    APPLIED_US_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    DEPLOYED_FIELD_NUMBER: _ClassVar[int]
    RETIRED_US_FIELD_NUMBER: _ClassVar[int]
    version: int
    source: str
    sha256: str
    applied_by: str
    applied_us: int
    plan: str
    deployed: bool
    retired_us: int
    def __init__(self, version: _Optional[int] = ..., source: _Optional[str] = ..., sha256: _Optional[str] = ..., applied_by: _Optional[str] = ..., applied_us: _Optional[int] = ..., plan: _Optional[str] = ..., deployed: bool = ..., retired_us: _Optional[int] = ...) -> None: ...

class RetireManifestVersionRequest(_message.Message):
    __slots__ = ("service", "version", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: int
    request_id: str
    def __init__(self, service: _Optional[str] = ..., version: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RetireManifestVersionResponse(_message.Message):
    __slots__ = ("retired",)
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    retired: bool
    def __init__(self, retired: bool = ...) -> None: ...

class ListIndexesRequest(_message.Message):
    __slots__ = ("collections", "request_id")
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, collections: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListIndexesResponse(_message.Message):
    __slots__ = ("collections",)
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[CollectionIndexes]
    def __init__(self, collections: _Optional[_Iterable[_Union[CollectionIndexes, _Mapping]]] = ...) -> None: ...

class CollectionIndexes(_message.Message):
    __slots__ = ("collection", "indexes")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    collection: str
    indexes: _containers.RepeatedCompositeFieldContainer[_collection_pb2.IndexStatus]
    def __init__(self, collection: _Optional[str] = ..., indexes: _Optional[_Iterable[_Union[_collection_pb2.IndexStatus, _Mapping]]] = ...) -> None: ...
