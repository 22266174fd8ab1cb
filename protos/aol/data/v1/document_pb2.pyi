from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class DeletedMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELETED_MODE_UNSPECIFIED: _ClassVar[DeletedMode]
    DELETED_MODE_EXCLUDE: _ClassVar[DeletedMode]
    DELETED_MODE_INCLUDE: _ClassVar[DeletedMode]
    DELETED_MODE_ONLY: _ClassVar[DeletedMode]
DELETED_MODE_UNSPECIFIED: DeletedMode
DELETED_MODE_EXCLUDE: DeletedMode
DELETED_MODE_INCLUDE: DeletedMode
DELETED_MODE_ONLY: DeletedMode

class Page(_message.Message):
    __slots__ = ("id", "json", "created_us", "updated_us", "version", "owner", "tenant", "acl", "deleted_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    UPDATED_US_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ACL_FIELD_NUMBER: _ClassVar[int]
    DELETED_US_FIELD_NUMBER: _ClassVar[int]
    id: _containers.RepeatedScalarFieldContainer[str]
    json: _containers.RepeatedScalarFieldContainer[str]
    created_us: _containers.RepeatedScalarFieldContainer[int]
    updated_us: _containers.RepeatedScalarFieldContainer[int]
    version: _containers.RepeatedScalarFieldContainer[int]
    owner: _containers.RepeatedScalarFieldContainer[str]
    tenant: _containers.RepeatedScalarFieldContainer[str]
    acl: _containers.RepeatedScalarFieldContainer[str]
    deleted_us: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[_Iterable[str]] = ..., json: _Optional[_Iterable[str]] = ..., created_us: _Optional[_Iterable[int]] = ..., updated_us: _Optional[_Iterable[int]] = ..., version: _Optional[_Iterable[int]] = ..., owner: _Optional[_Iterable[str]] = ..., tenant: _Optional[_Iterable[str]] = ..., acl: _Optional[_Iterable[str]] = ..., deleted_us: _Optional[_Iterable[int]] = ...) -> None: ...

class SortKey(_message.Message):
    __slots__ = ("path", "descending")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    path: str
    descending: bool
    def __init__(self, path: _Optional[str] = ..., descending: bool = ...) -> None: ...
