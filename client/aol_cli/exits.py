"""With what exit code, and what words, does a command end that did not do its work?"""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aol_client import DataClientError


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class PlanCode(IntEnum):
    """The exit codes of `aol plan`, which say what it found."""

    NOTHING = 0
    ERROR = 1
    CHANGES = 2
    BREAKING = 3


MEANINGS = {
    ExitCode.OK: "done; for doctor: healthy; for lint: no problems",
    ExitCode.FAILED: "the call failed, or something is wrong with what was checked",
    ExitCode.USAGE: "bad arguments or options, a malformed filter included; for plan: there are changes",
    ExitCode.DENIED: "permission denied, or no valid credentials; for plan: breaking or destructive changes",
    ExitCode.NOT_FOUND: "no such collection, or no such token",
    ExitCode.UNAVAILABLE: "the broker or its database does not answer now; trying again may help",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
    ExitCode.BROKEN_PIPE: "the program that read the output went away",
}
"""What each exit code says, for the help and the documentation."""

# What a command may find missing, by the names modules are imported under, is in the extra that brings the broker.
_BROKER_EXTRA = {
    "aiosqlite",
    "alembic",
    "apsw",
    "cryptography",
    "grpc_health",
    "grpc_reflection",
    "jwt",
    "pydantic",
    "pydantic_settings",
    "re2",
    "sqlalchemy",
    "structlog",
    "uvloop",
    "watchfiles",
}


class Failure(Exception):
    """A command cannot do its work; the message says why and what to do."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def failure_of(error: Exception) -> Failure | None:
    """Return the failure that an exception is for the person at the terminal; None when it is a bug."""
    # Here, as only a command that failed needs the client's classes.
    from aol_client import DataClientError

    if isinstance(error, Failure):
        return error
    if isinstance(error, DataClientError):
        return Failure(str(error), code_of(error))
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _BROKER_EXTRA:
        return Failure("this command needs the broker's parts: pip install 'aol-data-broker[broker]'")
    return None


def code_of(error: "DataClientError") -> ExitCode:
    """Return the exit code of a failed call."""
    from aol_client import (
        CollectionNotFoundError,
        DeadlineExceededError,
        InvalidRequestError,
        OverloadedError,
        PermissionDeniedError,
        UnauthenticatedError,
        UnavailableError,
    )

    match error:
        case InvalidRequestError():
            return ExitCode.USAGE
        case PermissionDeniedError() | UnauthenticatedError():
            return ExitCode.DENIED
        case CollectionNotFoundError():
            return ExitCode.NOT_FOUND
        case UnavailableError() | DeadlineExceededError() | OverloadedError():
            return ExitCode.UNAVAILABLE
        case _:
            return ExitCode.FAILED
