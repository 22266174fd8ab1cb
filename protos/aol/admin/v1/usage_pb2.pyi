from aol.data.v1 import collection_pb2 as _collection_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetLineageRequest(_message.Message):
    __slots__ = ("collection", "service", "path", "since_us", "limit", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    service: str
    path: str
    since_us: int
    limit: int
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., service: _Optional[str] = ..., path: _Optional[str] = ..., since_us: _Optional[int] = ..., limit: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetLineageResponse(_message.Message):
    __slots__ = ("edges", "since_us", "until_us", "left_out")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[LineageEdge]
    since_us: int
    until_us: int
    left_out: int
    def __init__(self, edges: _Optional[_Iterable[_Union[LineageEdge, _Mapping]]] = ..., since_us: _Optional[int] = ..., until_us: _Optional[int] = ..., left_out: _Optional[int] = ...) -> None: ...

class LineageEdge(_message.Message):
    __slots__ = ("collection", "service", "owner", "exists", "granted", "pending", "requested", "uses")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    collection: str
    service: str
    owner: bool
    exists: bool
    granted: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    pending: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    requested: _containers.RepeatedScalarFieldContainer[_collection_pb2.Permission]
    uses: _containers.RepeatedCompositeFieldContainer[Use]
    def __init__(self, collection: _Optional[str] = ..., service: _Optional[str] = ..., owner: bool = ..., exists: bool = ..., granted: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ..., pending: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ..., requested: _Optional[_Iterable[_Union[_collection_pb2.Permission, str]]] = ..., uses: _Optional[_Iterable[_Union[Use, _Mapping]]] = ...) -> None: ...

class Use(_message.Message):
    __slots__ = ("verb", "path", "calls", "last_us")
    VERB_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    LAST_US_FIELD_NUMBER: _ClassVar[int]
    verb: str
    path: str
    calls: int
    last_us: int
    def __init__(self, verb: _Optional[str] = ..., path: _Optional[str] = ..., calls: _Optional[int] = ..., last_us: _Optional[int] = ...) -> None: ...
