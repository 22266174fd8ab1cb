from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    BAD_DOCUMENT: _ClassVar[ErrorReason]
    BAD_FILTER: _ClassVar[ErrorReason]
    BAD_PATH: _ClassVar[ErrorReason]
    BAD_PAGE_TOKEN: _ClassVar[ErrorReason]
    FILTER_REQUIRED: _ClassVar[ErrorReason]
    TOO_LARGE: _ClassVar[ErrorReason]
    BAD_REQUEST: _ClassVar[ErrorReason]
    BAD_MANIFEST: _ClassVar[ErrorReason]
    NO_CREDENTIALS: _ClassVar[ErrorReason]
    BAD_CREDENTIALS: _ClassVar[ErrorReason]
    GRANT_MISSING: _ClassVar[ErrorReason]
    GRANT_PENDING: _ClassVar[ErrorReason]
    FIELD_DENIED: _ClassVar[ErrorReason]
    CONTEXT_REQUIRED: _ClassVar[ErrorReason]
    COLLECTION_NOT_FOUND: _ClassVar[ErrorReason]
    DUPLICATE_ID: _ClassVar[ErrorReason]
    UNIQUE_VIOLATION: _ClassVar[ErrorReason]
    VERSION_MISMATCH: _ClassVar[ErrorReason]
    MAX_AFFECTED_EXCEEDED: _ClassVar[ErrorReason]
    VALIDATION_FAILED: _ClassVar[ErrorReason]
    CAPABILITY_UNSUPPORTED: _ClassVar[ErrorReason]
    OVERLOADED: _ClassVar[ErrorReason]
    QUOTA: _ClassVar[ErrorReason]
    ADAPTER_DOWN: _ClassVar[ErrorReason]
    AUDIT_UNAVAILABLE: _ClassVar[ErrorReason]
    REGISTRY_UNAVAILABLE: _ClassVar[ErrorReason]
    IDENTITY_UNAVAILABLE: _ClassVar[ErrorReason]
    DEADLINE: _ClassVar[ErrorReason]
    INTERNAL_BUG: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
BAD_DOCUMENT: ErrorReason
BAD_FILTER: ErrorReason
BAD_PATH: ErrorReason
BAD_PAGE_TOKEN: ErrorReason
FILTER_REQUIRED: ErrorReason
TOO_LARGE: ErrorReason
BAD_REQUEST: ErrorReason
BAD_MANIFEST: ErrorReason
NO_CREDENTIALS: ErrorReason
BAD_CREDENTIALS: ErrorReason
GRANT_MISSING: ErrorReason
GRANT_PENDING: ErrorReason
FIELD_DENIED: ErrorReason
CONTEXT_REQUIRED: ErrorReason
COLLECTION_NOT_FOUND: ErrorReason
DUPLICATE_ID: ErrorReason
UNIQUE_VIOLATION: ErrorReason
VERSION_MISMATCH: ErrorReason
MAX_AFFECTED_EXCEEDED: ErrorReason
VALIDATION_FAILED: ErrorReason
CAPABILITY_UNSUPPORTED: ErrorReason
OVERLOADED: ErrorReason
QUOTA: ErrorReason
ADAPTER_DOWN: ErrorReason
AUDIT_UNAVAILABLE: ErrorReason
REGISTRY_UNAVAILABLE: ErrorReason
IDENTITY_UNAVAILABLE: ErrorReason
DEADLINE: ErrorReason
INTERNAL_BUG: ErrorReason
