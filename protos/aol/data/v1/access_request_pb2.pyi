from aol.data.v1 import collection_pb2 as _collection_pb2
from aol.data.v1 import context_pb2 as _context_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccessRequestState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_REQUEST_STATE_UNSPECIFIED: _ClassVar[AccessRequestState]
    ACCESS_REQUEST_STATE_PENDING: _ClassVar[AccessRequestState]
    ACCESS_REQUEST_STATE_REFUSED: _ClassVar[AccessRequestState]
ACCESS_REQUEST_STATE_UNSPECIFIED: AccessRequestState
ACCESS_REQUEST_STATE_PENDING: AccessRequestState
ACCESS_REQUEST_STATE_REFUSED: AccessRequestState

class AccessRequest(_message.Message):
    __slots__ = ("collection", "service", "permission", "state", "reason", "created_us", "refusal")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    collection: str
    service: str
    permission: _collection_pb2.Permission
    state: AccessRequestState
    reason: str
    created_us: int
    refusal: Refusal
    def __init__(self, collection: _Optional[str] = ..., service: _Optional[str] = ..., permission: _Optional[_Union[_collection_pb2.Permission, str]] = ..., state: _Optional[_Union[AccessRequestState, str]] = ..., reason: _Optional[str] = ..., created_us: _Optional[int] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("refused_by", "reason", "created_us")
    REFUSED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    refused_by: str
    reason: str
    created_us: int
    def __init__(self, refused_by: _Optional[str] = ..., reason: _Optional[str] = ..., created_us: _Optional[int] = ...) -> None: ...

class ListAccessRequestsRequest(_message.Message):
    __slots__ = ("owner", "collection", "target_service", "include_refused", "context", "request_id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    TARGET_SERVICE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_REFUSED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    collection: str
    target_service: str
    include_refused: bool
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, owner: _Optional[str] = ..., collection: _Optional[str] = ..., target_service: _Optional[str] = ..., include_refused: bool = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListAccessRequestsResponse(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[AccessRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[AccessRequest, _Mapping]]] = ...) -> None: ...

class ApproveAccessRequest(_message.Message):
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

class ApproveAccessResponse(_message.Message):
    __slots__ = ("approved", "already")
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    ALREADY_FIELD_NUMBER: _ClassVar[int]
    approved: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    already: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    def __init__(self, approved: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ..., already: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ...) -> None: ...

class RefuseAccessRequest(_message.Message):
    __slots__ = ("collection", "target_service", "permission", "reason", "context", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    TARGET_SERVICE_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    target_service: str
    permission: _collection_pb2.Permission
    reason: str
    context: _context_pb2.SecurityContext
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., target_service: _Optional[str] = ..., permission: _Optional[_Union[_collection_pb2.Permission, str]] = ..., reason: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.SecurityContext, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RefuseAccessResponse(_message.Message):
    __slots__ = ("refused", "already")
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    ALREADY_FIELD_NUMBER: _ClassVar[int]
    refused: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    already: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    def __init__(self, refused: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ..., already: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ...) -> None: ...
