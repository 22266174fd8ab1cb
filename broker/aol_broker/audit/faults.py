"""Why can audit records not be written? The kinds of reasons, as records and people are told of them."""

import errno
from dataclasses import dataclass
from enum import StrEnum

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that say that there is no room, be it of the disk, of a quota or of the largest file that is allowed."""


class FaultKind(StrEnum):
    """A kind of reason; the `reason` of the record `audit_resumed` that tells of it afterwards."""

    DISK_FULL = "DISK_FULL"
    SEGMENT_REPLACED = "SEGMENT_REPLACED"
    SEGMENT_DAMAGED = "SEGMENT_DAMAGED"
    FOLDER_TAKEN = "FOLDER_TAKEN"
    DISK_STALLED = "DISK_STALLED"
    IO_ERROR = "IO_ERROR"


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason, and in words."""

    kind: FaultKind
    text: str


class ReplacedError(OSError):
    """The file that is written is not, or not only, the one that its name leads to."""


def is_replaced(error: OSError) -> bool:
    """Whether an error says that the name of a segment does not lead to its file any more."""
    return isinstance(error, ReplacedError | FileNotFoundError) or error.errno == errno.ELOOP


def fault_of(error: OSError) -> Fault:
    """Return what an error of the system means for the audit log."""
    if isinstance(error, ReplacedError):
        return Fault(FaultKind.SEGMENT_REPLACED, str(error))
    text = error.strerror or type(error).__name__
    return Fault(FaultKind.DISK_FULL if error.errno in NO_SPACE else FaultKind.IO_ERROR, text)
