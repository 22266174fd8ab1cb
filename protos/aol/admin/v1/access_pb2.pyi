from aol.data.v1 import access_request_pb2 as _access_request_pb2
from aol.data.v1 import collection_pb2 as _collection_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GrantState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANT_STATE_UNSPECIFIED: _ClassVar[GrantState]
    GRANT_STATE_ACTIVE: _ClassVar[GrantState]
    GRANT_STATE_PENDING: _ClassVar[GrantState]
    GRANT_STATE_EXPIRED: _ClassVar[GrantState]
    GRANT_STATE_REFUSED: _ClassVar[GrantState]

class AccessStepResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_STEP_RESULT_UNSPECIFIED: _ClassVar[AccessStepResult]
    ACCESS_STEP_RESULT_YES: _ClassVar[AccessStepResult]
    ACCESS_STEP_RESULT_NO: _ClassVar[AccessStepResult]
    ACCESS_STEP_RESULT_LIMIT: _ClassVar[AccessStepResult]
GRANT_STATE_UNSPECIFIED: GrantState
GRANT_STATE_ACTIVE: GrantState
GRANT_STATE_PENDING: GrantState
GRANT_STATE_EXPIRED: GrantState
GRANT_STATE_REFUSED: GrantState
ACCESS_STEP_RESULT_UNSPECIFIED: AccessStepResult
ACCESS_STEP_RESULT_YES: AccessStepResult
ACCESS_STEP_RESULT_NO: AccessStepResult
ACCESS_STEP_RESULT_LIMIT: AccessStepResult

class Grant(_message.Message):
    __slots__ = ("collection", "service", "permission", "state", "origin", "granted_by", "reason", "created_us", "fields", "where", "expires_us", "name", "orphaned", "refusal")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    GRANTED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_US_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORPHANED_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    collection: str
    service: str
    permission: _collection_pb2.Permission
    state: GrantState
    origin: str
    granted_by: str
    reason: str
    created_us: int
    fields: _containers.RepeatedScalarFieldContainer[str]
    where: str
    expires_us: int
    name: str
    orphaned: bool
    refusal: _access_request_pb2.Refusal
    def __init__(self, collection: _Optional[str] = ..., service: _Optional[str] = ..., permission: _Optional[_Union[_collection_pb2.Permission, str]] = ..., state: _Optional[_Union[GrantState, str]] = ..., origin: _Optional[str] = ..., granted_by: _Optional[str] = ..., reason: _Optional[str] = ..., created_us: _Optional[int] = ..., fields: _Optional[_Iterable[str]] = ..., where: _Optional[str] = ..., expires_us: _Optional[int] = ..., name: _Optional[str] = ..., orphaned: bool = ..., refusal: _Optional[_Union[_access_request_pb2.Refusal, _Mapping]] = ...) -> None: ...

class ListAccessRequest(_message.Message):
    __slots__ = ("service", "collection", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    collection: str
    request_id: str
    def __init__(self, service: _Optional[str] = ..., collection: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ListAccessResponse(_message.Message):
    __slots__ = ("access",)
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    access: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, access: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class ExplainAccessRequest(_message.Message):
    __slots__ = ("service", "verb", "collection", "request_id")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    service: str
    verb: str
    collection: str
    request_id: str
    def __init__(self, service: _Optional[str] = ..., verb: _Optional[str] = ..., collection: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExplainAccessResponse(_message.Message):
    __slots__ = ("allowed", "collection", "steps", "right", "denial", "reason")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    DENIAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    collection: str
    steps: _containers.RepeatedCompositeFieldContainer[AccessStep]
    right: str
    denial: str
    reason: str
    def __init__(self, allowed: bool = ..., collection: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[AccessStep, _Mapping]]] = ..., right: _Optional[str] = ..., denial: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AccessStep(_message.Message):
    __slots__ = ("result", "text", "grant")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    result: AccessStepResult
    text: str
    grant: Grant
    def __init__(self, result: _Optional[_Union[AccessStepResult, str]] = ..., text: _Optional[str] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ...) -> None: ...
