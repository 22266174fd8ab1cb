"""What does a failure of MongoDB mean to a caller? Its own text is never passed on: it quotes values and hosts."""

from collections.abc import Mapping

from bson.errors import InvalidBSON, InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    InvalidOperation,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
)

from aol_wire.errors import Applied, DataError, Reason

RETRY_AFTER_S = 1.0

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
DUPLICATE_KEY = frozenset({11000, 11001, 12582})
NOT_VALID = 121
NAMESPACE_EXISTS = 48
_AUTHENTICATION_FAILED, _UNAUTHORIZED = 18, 13
_STOPPED = frozenset({50, 262, 202})
_UNDONE = frozenset({24, 112, 225, 246, 251, 256, 263})
_FULL = frozenset({14031})
_TOO_LARGE = frozenset({10334, 17280, 17419, 17420, 5447})
_TOO_MUCH_MEMORY = frozenset({146, 292, 16819, 16820, 16945})
_BAD_PATTERN = frozenset({51091, 51092, 51108, 51109, 51110, 51111, 51156, 5074501})
_NOT_PRIMARY = frozenset({91, 189, 10058, 10107, 11600, 11602, 13435, 13436})
_CHANGED = frozenset({67, 68, 85, 86, 166, 168, 197})

UNDONE_LABEL = "TransientTransactionError"
UNCERTAIN_LABEL = "UnknownTransactionCommitResult"

_TOLD: Mapping[frozenset[int], tuple[Reason, str, float | None]] = {
    _UNDONE: (Reason.OVERLOADED, "other writes of MongoDB stayed in the way of this one", RETRY_AFTER_S),
    _FULL: (Reason.QUOTA, "the disk that holds the data of MongoDB is full", 60.0),
    _NOT_PRIMARY: (Reason.ADAPTER_DOWN, "MongoDB has no primary now; one is being elected", RETRY_AFTER_S),
    _CHANGED: (
        Reason.ADAPTER_DOWN,
        "a collection in MongoDB is not as this adapter made it; somebody changed it, or its indexes, by hand. Put it "
        "back, or restore it from a backup",
        60.0,
    ),
    frozenset({_AUTHENTICATION_FAILED}): (
        Reason.ADAPTER_DOWN,
        "MongoDB refused the adapter's credentials; correct the URI or the password",
        RETRY_AFTER_S,
    ),
    frozenset({_UNAUTHORIZED}): (
        Reason.ADAPTER_DOWN,
        "MongoDB does not let the adapter's user do this; it needs readWrite and dbAdmin on its databases "
        "(or readWriteAnyDatabase and dbAdminAnyDatabase)",
        RETRY_AFTER_S,
    ),
}

_TOO_LARGE_TOLD = "MongoDB takes documents of at most 16 MiB of BSON"
_INVALID: Mapping[frozenset[int], tuple[Reason, str, str]] = {
    _BAD_PATTERN: (Reason.BAD_FILTER, "filter.$regex", "the pattern is too complex for MongoDB"),
    _TOO_LARGE: (Reason.TOO_LARGE, "document", _TOO_LARGE_TOLD),
    _TOO_MUCH_MEMORY: (Reason.TOO_LARGE, "query", "the query takes more memory than MongoDB allows"),
}

_MEANINGS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Reason, str], ...] = (
    ((DocumentTooLarge, InvalidDocument), Reason.TOO_LARGE, _TOO_LARGE_TOLD),
    (InvalidBSON, Reason.ADAPTER_DOWN, "MongoDB returned a document that is damaged; restore it from a backup"),
    ((InvalidURI, ConfigurationError), Reason.ADAPTER_DOWN, "the URI, or an option in it, is wrong; correct it"),
    ((ConnectionFailure, OSError), Reason.ADAPTER_DOWN, "MongoDB cannot be reached, or broke the connection"),
    (InvalidOperation, Reason.ADAPTER_DOWN, "the MongoDB adapter is closed"),
)


def failure(error: BaseException) -> DataError | None:
    """Return the error that callers see; None for what can only be a bug."""
    if isinstance(error, WaitQueueTimeoutError):
        return DataError(
            Reason.OVERLOADED,
            "all connections to MongoDB stayed busy; repeat later, or give the adapter a larger --pool-size",
            retry_after_s=0.5,
        )
    if isinstance(error, ServerSelectionTimeoutError):
        return _down("MongoDB cannot be reached, or has no primary")
    if isinstance(error, TimeoutError) or (isinstance(error, PyMongoError) and error.timeout):
        return deadline()
    if isinstance(error, OperationFailure) and not isinstance(error, AutoReconnect):
        return _refused(error)
    for kinds, reason, message in _MEANINGS:
        if isinstance(error, kinds):
            return DataError.invalid(reason, "document", message) if reason is Reason.TOO_LARGE else _down(message)
    return None


def applied(error: BaseException) -> Applied:
    """Return what a write that failed so may have done."""
    if isinstance(error, ServerSelectionTimeoutError | WaitQueueTimeoutError):
        return Applied.NO
    if isinstance(error, BulkWriteError | WriteConcernError):
        return Applied.UNKNOWN
    if isinstance(error, OperationFailure) and not error.timeout and error.code not in _NOT_PRIMARY:
        return Applied.NO
    return Applied.UNKNOWN


def is_undone(error: BaseException) -> bool:
    """Return whether a transaction was undone, and may well succeed when it is tried again."""
    return (
        isinstance(error, PyMongoError)
        and error.has_error_label(UNDONE_LABEL)
        and not isinstance(error, ConnectionFailure)
    )


def deadline() -> DataError:
    """Return the error of a call that was stopped."""
    return DataError(Reason.DEADLINE, "the time that the caller gave was over before the database was done")


def _refused(error: OperationFailure) -> DataError:
    code = error.code or 0
    if code in _STOPPED:
        return deadline()
    for codes, (reason, message, retry_after_s) in _TOLD.items():
        if code in codes:
            return DataError(reason, message, retry_after_s=retry_after_s)
    for codes, (reason, place, message) in _INVALID.items():
        if code in codes:
            return DataError.invalid(reason, place, message)
    if error.has_error_label(UNDONE_LABEL):
        return _refused(OperationFailure("", 112))
    return _down(f"MongoDB refused a command of the adapter with its error {code}; its log may say why")


def _down(message: str) -> DataError:
    return DataError(Reason.ADAPTER_DOWN, message, retry_after_s=RETRY_AFTER_S)
