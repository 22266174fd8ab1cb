from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Frame(_message.Message):
    __slots__ = ("hello", "calls", "cancelled_ids", "replies", "leaving")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_IDS_FIELD_NUMBER: _ClassVar[int]
    REPLIES_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    calls: Calls
    cancelled_ids: _containers.RepeatedScalarFieldContainer[int]
    replies: Replies
    leaving: Leaving
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., calls: _Optional[_Union[Calls, _Mapping]] = ..., cancelled_ids: _Optional[_Iterable[int]] = ..., replies: _Optional[_Union[Replies, _Mapping]] = ..., leaving: _Optional[_Union[Leaving, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("max_calls", "max_frame_bytes")
    MAX_CALLS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_calls: int
    max_frame_bytes: int
    def __init__(self, max_calls: _Optional[int] = ..., max_frame_bytes: _Optional[int] = ...) -> None: ...

class Calls(_message.Message):
    __slots__ = ("ids", "methods", "requests", "timeouts_us", "traceparents", "revision")
    IDS_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_US_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    methods: _containers.RepeatedScalarFieldContainer[str]
    requests: _containers.RepeatedScalarFieldContainer[bytes]
    timeouts_us: _containers.RepeatedScalarFieldContainer[int]
    traceparents: _containers.RepeatedScalarFieldContainer[str]
    revision: int
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., methods: _Optional[_Iterable[str]] = ..., requests: _Optional[_Iterable[bytes]] = ..., timeouts_us: _Optional[_Iterable[int]] = ..., traceparents: _Optional[_Iterable[str]] = ..., revision: _Optional[int] = ...) -> None: ...

class Replies(_message.Message):
    __slots__ = ("ids", "responses", "request_ids", "failures", "revision")
    IDS_FIELD_NUMBER: _ClassVar[int]
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_IDS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    responses: _containers.RepeatedScalarFieldContainer[bytes]
    request_ids: _containers.RepeatedScalarFieldContainer[str]
    failures: _containers.RepeatedCompositeFieldContainer[Failure]
    revision: int
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., responses: _Optional[_Iterable[bytes]] = ..., request_ids: _Optional[_Iterable[str]] = ..., failures: _Optional[_Iterable[_Union[Failure, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("id", "code", "message", "details", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    code: int
    message: str
    details: bytes
    request_id: str
    def __init__(self, id: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[bytes] = ..., request_id: _Optional[str] = ...) -> None: ...

class Leaving(_message.Message):
    __slots__ = ("last_id",)
    LAST_ID_FIELD_NUMBER: _ClassVar[int]
    last_id: int
    def __init__(self, last_id: _Optional[int] = ...) -> None: ...
