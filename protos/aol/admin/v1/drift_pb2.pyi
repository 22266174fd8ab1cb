from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DriftKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIFT_KIND_UNSPECIFIED: _ClassVar[DriftKind]
    DRIFT_KIND_UNUSED_GRANT: _ClassVar[DriftKind]
    DRIFT_KIND_UNDECLARED_USE: _ClassVar[DriftKind]
    DRIFT_KIND_NOT_REGISTERED: _ClassVar[DriftKind]
    DRIFT_KIND_NOT_DECLARED: _ClassVar[DriftKind]
    DRIFT_KIND_UNREAD_COLLECTION: _ClassVar[DriftKind]
    DRIFT_KIND_UNUSED_INDEX: _ClassVar[DriftKind]
    DRIFT_KIND_UNSERVED_QUERY: _ClassVar[DriftKind]
    DRIFT_KIND_UNSEEN_FIELD: _ClassVar[DriftKind]
    DRIFT_KIND_UNHINTED_FIELD: _ClassVar[DriftKind]

class ManifestSection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MANIFEST_SECTION_UNSPECIFIED: _ClassVar[ManifestSection]
    MANIFEST_SECTION_COLLECTIONS: _ClassVar[ManifestSection]
    MANIFEST_SECTION_ACCESS_REQUESTS: _ClassVar[ManifestSection]
    MANIFEST_SECTION_INDEXES: _ClassVar[ManifestSection]
    MANIFEST_SECTION_SCHEMA_HINT: _ClassVar[ManifestSection]
DRIFT_KIND_UNSPECIFIED: DriftKind
DRIFT_KIND_UNUSED_GRANT: DriftKind
DRIFT_KIND_UNDECLARED_USE: DriftKind
DRIFT_KIND_NOT_REGISTERED: DriftKind
DRIFT_KIND_NOT_DECLARED: DriftKind
DRIFT_KIND_UNREAD_COLLECTION: DriftKind
DRIFT_KIND_UNUSED_INDEX: DriftKind
DRIFT_KIND_UNSERVED_QUERY: DriftKind
DRIFT_KIND_UNSEEN_FIELD: DriftKind
DRIFT_KIND_UNHINTED_FIELD: DriftKind
MANIFEST_SECTION_UNSPECIFIED: ManifestSection
MANIFEST_SECTION_COLLECTIONS: ManifestSection
MANIFEST_SECTION_ACCESS_REQUESTS: ManifestSection
MANIFEST_SECTION_INDEXES: ManifestSection
MANIFEST_SECTION_SCHEMA_HINT: ManifestSection

class GetDriftRequest(_message.Message):
    __slots__ = ("service", "since_us", "manifests", "sample_documents", "limit", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    MANIFESTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    since_us: int
    manifests: _containers.RepeatedCompositeFieldContainer[ManifestText]
    sample_documents: int
    limit: int
    request_id: str
    def __init__(self, service: _Optional[str] = ..., since_us: _Optional[int] = ..., manifests: _Optional[_Iterable[_Union[ManifestText, _Mapping]]] = ..., sample_documents: _Optional[int] = ..., limit: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class ManifestText(_message.Message):
    __slots__ = ("text", "source")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    source: str
    def __init__(self, text: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class GetDriftResponse(_message.Message):
    __slots__ = ("findings", "since_us", "not_sampled", "counts")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    NOT_SAMPLED_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[DriftFinding]
    since_us: int
    not_sampled: _containers.RepeatedScalarFieldContainer[str]
    counts: _containers.RepeatedCompositeFieldContainer[DriftCount]
    def __init__(self, findings: _Optional[_Iterable[_Union[DriftFinding, _Mapping]]] = ..., since_us: _Optional[int] = ..., not_sampled: _Optional[_Iterable[str]] = ..., counts: _Optional[_Iterable[_Union[DriftCount, _Mapping]]] = ...) -> None: ...

class DriftCount(_message.Message):
    __slots__ = ("kind", "findings")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    kind: DriftKind
    findings: int
    def __init__(self, kind: _Optional[_Union[DriftKind, str]] = ..., findings: _Optional[int] = ...) -> None: ...

class DriftFinding(_message.Message):
    __slots__ = ("kind", "collection", "service", "subject", "detail", "edit", "command")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    kind: DriftKind
    collection: str
    service: str
    subject: str
    detail: str
    edit: ManifestEdit
    command: str
    def __init__(self, kind: _Optional[_Union[DriftKind, str]] = ..., collection: _Optional[str] = ..., service: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ..., edit: _Optional[_Union[ManifestEdit, _Mapping]] = ..., command: _Optional[str] = ...) -> None: ...

class ManifestEdit(_message.Message):
    __slots__ = ("service", "section", "collection", "remove", "entry")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    service: str
    section: ManifestSection
    collection: str
    remove: bool
    entry: str
    def __init__(self, service: _Optional[str] = ..., section: _Optional[_Union[ManifestSection, str]] = ..., collection: _Optional[str] = ..., remove: bool = ..., entry: _Optional[str] = ...) -> None: ...
