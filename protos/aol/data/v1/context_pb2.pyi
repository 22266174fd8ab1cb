from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SecurityContext(_message.Message):
    __slots__ = ("tenant", "user", "teams", "roles", "attributes", "token")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    user: str
    teams: _containers.RepeatedScalarFieldContainer[str]
    roles: _containers.RepeatedScalarFieldContainer[str]
    attributes: str
    token: str
    def __init__(self, tenant: _Optional[str] = ..., user: _Optional[str] = ..., teams: _Optional[_Iterable[str]] = ..., roles: _Optional[_Iterable[str]] = ..., attributes: _Optional[str] = ..., token: _Optional[str] = ...) -> None: ...
