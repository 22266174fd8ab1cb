"""Why can a call fail? The one error type of the contract; its reason decides the gRPC status."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from google.rpc import code_pb2

DOMAIN = "aol.data"


class Reason(StrEnum):
    """`aol.data.v1.ErrorReason`, by name (a test compares the two)."""

    BAD_DOCUMENT = "BAD_DOCUMENT"
    BAD_FILTER = "BAD_FILTER"
    BAD_PATH = "BAD_PATH"
    BAD_PAGE_TOKEN = "BAD_PAGE_TOKEN"  # noqa: S105 - a reason, not a password
    FILTER_REQUIRED = "FILTER_REQUIRED"
    TOO_LARGE = "TOO_LARGE"
    BAD_REQUEST = "BAD_REQUEST"
    BAD_MANIFEST = "BAD_MANIFEST"
    NO_CREDENTIALS = "NO_CREDENTIALS"
    BAD_CREDENTIALS = "BAD_CREDENTIALS"
    GRANT_MISSING = "GRANT_MISSING"
    GRANT_PENDING = "GRANT_PENDING"
    FIELD_DENIED = "FIELD_DENIED"
    CONTEXT_REQUIRED = "CONTEXT_REQUIRED"
    COLLECTION_NOT_FOUND = "COLLECTION_NOT_FOUND"
    DUPLICATE_ID = "DUPLICATE_ID"
    UNIQUE_VIOLATION = "UNIQUE_VIOLATION"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    MAX_AFFECTED_EXCEEDED = "MAX_AFFECTED_EXCEEDED"
    VALIDATION_FAILED = "VALIDATION_FAILED"
    CAPABILITY_UNSUPPORTED = "CAPABILITY_UNSUPPORTED"
    OVERLOADED = "OVERLOADED"
    QUOTA = "QUOTA"
    ADAPTER_DOWN = "ADAPTER_DOWN"
    AUDIT_UNAVAILABLE = "AUDIT_UNAVAILABLE"
    REGISTRY_UNAVAILABLE = "REGISTRY_UNAVAILABLE"
    IDENTITY_UNAVAILABLE = "IDENTITY_UNAVAILABLE"
    DEADLINE = "DEADLINE"
    INTERNAL_BUG = "INTERNAL_BUG"


_CODES: Mapping[int, tuple[Reason, ...]] = {
    code_pb2.INVALID_ARGUMENT: (
        Reason.BAD_DOCUMENT,
        Reason.BAD_FILTER,
        Reason.BAD_PATH,
        Reason.BAD_PAGE_TOKEN,
        Reason.FILTER_REQUIRED,
        Reason.TOO_LARGE,
        Reason.BAD_REQUEST,
        Reason.BAD_MANIFEST,
    ),
    code_pb2.UNAUTHENTICATED: (Reason.NO_CREDENTIALS, Reason.BAD_CREDENTIALS),
    code_pb2.PERMISSION_DENIED: (
        Reason.GRANT_MISSING,
        Reason.GRANT_PENDING,
        Reason.FIELD_DENIED,
        Reason.CONTEXT_REQUIRED,
    ),
    code_pb2.NOT_FOUND: (Reason.COLLECTION_NOT_FOUND,),
    code_pb2.ALREADY_EXISTS: (Reason.DUPLICATE_ID, Reason.UNIQUE_VIOLATION),
    code_pb2.ABORTED: (Reason.VERSION_MISMATCH,),
    code_pb2.FAILED_PRECONDITION: (Reason.MAX_AFFECTED_EXCEEDED, Reason.VALIDATION_FAILED),
    code_pb2.UNIMPLEMENTED: (Reason.CAPABILITY_UNSUPPORTED,),
    code_pb2.RESOURCE_EXHAUSTED: (Reason.OVERLOADED, Reason.QUOTA),
    code_pb2.UNAVAILABLE: (
        Reason.ADAPTER_DOWN,
        Reason.AUDIT_UNAVAILABLE,
        Reason.REGISTRY_UNAVAILABLE,
        Reason.IDENTITY_UNAVAILABLE,
    ),
    code_pb2.DEADLINE_EXCEEDED: (Reason.DEADLINE,),
    code_pb2.INTERNAL: (Reason.INTERNAL_BUG,),
}

CODE_OF_REASON: Mapping[Reason, int] = {reason: code for code, reasons in _CODES.items() for reason in reasons}
"""The number of the gRPC status code (google.rpc.Code) that a reason travels with."""


class Applied(StrEnum):
    """Did a failed write change anything?"""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a request: where, and what."""

    path: str
    description: str


class DataError(Exception):
    """A call failed for a reason of the contract.

    `message` is for people: what was wrong, where, and what to do. It never holds a stored value or a credential.
    `metadata` is for programs (`ErrorInfo.metadata`).
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        violations: tuple[Violation, ...] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        applied: Applied | None = None,
    ) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.violations = violations
        self.metadata: dict[str, str] = dict(metadata or {})
        self.retry_after_s = retry_after_s
        self.applied = applied

    @property
    def code(self) -> int:
        """The number of the gRPC status code."""
        return CODE_OF_REASON[self.reason]

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"

    def copy(self) -> "DataError":
        """An error that says the same, for another call that fails for the same reason."""
        return DataError(
            self.reason,
            self.message,
            violations=self.violations,
            metadata=self.metadata,
            retry_after_s=self.retry_after_s,
            applied=self.applied,
        )

    @classmethod
    def invalid(cls, reason: Reason, path: str, description: str) -> Self:
        """An error about one place of a request."""
        return cls(reason, f"{path}: {description}", violations=(Violation(path, description),))
