"""What does a failure of SQLite mean to a caller?"""

import apsw

from aol_wire.errors import Applied, DataError, Reason

RETRY_AFTER_S = 1.0

_DOWN: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.ReadOnlyError, "the service's data file cannot be written to; check its permissions and its file system"),
    (apsw.IOError, "the service's data file cannot be read or written; check the disk"),
    (apsw.CorruptError, "the service's data file is damaged; restore it from a backup"),
    (apsw.NotADBError, "the service's data file is not an SQLite database; restore it from a backup"),
    (apsw.CantOpenError, "the service's data file cannot be opened; check its permissions and the limit of open files"),
    (apsw.PermissionsError, "the service's data file may not be used; check its permissions"),
    (apsw.NoMemError, "SQLite ran out of memory"),
)


def failure(error: apsw.Error) -> DataError | None:
    """Return the error that callers see; None for what can only be a bug. SQLite's own text is not passed on."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return DataError(
                Reason.OVERLOADED,
                "the service's data file stayed locked by another process",
                retry_after_s=RETRY_AFTER_S,
            )
        case apsw.FullError():
            return DataError(Reason.QUOTA, "the disk that holds the service's data file is full", retry_after_s=60.0)
        case apsw.InterruptError():
            return deadline()
        case apsw.TooBigError():
            return DataError(Reason.TOO_LARGE, "a value is too large for SQLite")
    for kind, message in _DOWN:
        if isinstance(error, kind):
            return DataError(Reason.ADAPTER_DOWN, message, retry_after_s=RETRY_AFTER_S)
    return None


def commit_failure(error: apsw.Error) -> DataError | None:
    """Return the error that callers see when a commit failed.

    A full disk or a lock is noticed before anything is durable. After a failed write or sync nobody can tell.
    """
    found = failure(error)
    if found is not None:
        noticed_before = isinstance(error, apsw.BusyError | apsw.FullError)
        found.applied = Applied.NO if noticed_before else Applied.UNKNOWN
    return found


def deadline() -> DataError:
    """Return the error of a call that was stopped."""
    return DataError(Reason.DEADLINE, "the time that the caller gave was over before the database was done")
