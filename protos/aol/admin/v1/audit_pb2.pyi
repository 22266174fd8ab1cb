from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SummarizeAuditRequest(_message.Message):
    __slots__ = ("collection", "since_us", "until_us", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    since_us: int
    until_us: int
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., since_us: _Optional[int] = ..., until_us: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class SummarizeAuditResponse(_message.Message):
    __slots__ = ("uses", "broker", "truncated")
    USES_FIELD_NUMBER: _ClassVar[int]
    BROKER_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    uses: _containers.RepeatedCompositeFieldContainer[AuditUse]
    broker: str
    truncated: bool
    def __init__(self, uses: _Optional[_Iterable[_Union[AuditUse, _Mapping]]] = ..., broker: _Optional[str] = ..., truncated: bool = ...) -> None: ...

class AuditUse(_message.Message):
    __slots__ = ("service", "principal", "operation", "outcome", "count", "first_us", "last_us")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_US_FIELD_NUMBER: _ClassVar[int]
    LAST_US_FIELD_NUMBER: _ClassVar[int]
    service: str
    principal: str
    operation: str
    outcome: str
    count: int
    first_us: int
    last_us: int
    def __init__(self, service: _Optional[str] = ..., principal: _Optional[str] = ..., operation: _Optional[str] = ..., outcome: _Optional[str] = ..., count: _Optional[int] = ..., first_us: _Optional[int] = ..., last_us: _Optional[int] = ...) -> None: ...
