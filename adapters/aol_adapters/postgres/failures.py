"""What does a failure of PostgreSQL mean to a caller? Its own text is never passed on: it quotes values and hosts."""

import asyncpg

from aol_wire.errors import DataError, Reason

RETRY_AFTER_S = 1.0

CHANGED_BY_HAND = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.DatatypeMismatchError,
    asyncpg.UndefinedFunctionError,
    asyncpg.WrongObjectTypeError,
    asyncpg.NotNullViolationError,
    asyncpg.CheckViolationError,
    asyncpg.ForeignKeyViolationError,
    asyncpg.GeneratedAlwaysError,
    asyncpg.InvalidColumnReferenceError,
    asyncpg.CannotCoerceError,
    asyncpg.InvalidTextRepresentationError,
    asyncpg.DuplicateTableError,
    # A trigger of somebody's.
    asyncpg.PLPGSQLError,
)
"""What a statement meets when somebody has changed a table by hand, or another adapter has dropped it."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    # What the driver says of a connection whose end it has not noticed yet.
    asyncpg.InternalClientError,
    OSError,
)
"""The connection is gone, or could not be made."""

RETRIED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
"""The transaction was undone, and may well succeed when it is tried again."""

_BUSY: tuple[tuple[tuple[type[Exception], ...], Reason, str, float], ...] = (
    (
        (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError),
        Reason.OVERLOADED,
        "other transactions of PostgreSQL stayed in the way of this one",
        RETRY_AFTER_S,
    ),
    (
        (asyncpg.TooManyConnectionsError,),
        Reason.OVERLOADED,
        "PostgreSQL has as many connections as max_connections, or the role, allows",
        RETRY_AFTER_S,
    ),
    (
        (asyncpg.DiskFullError, asyncpg.ConfigurationLimitExceededError),
        Reason.QUOTA,
        "the disk that holds the data of PostgreSQL is full",
        60.0,
    ),
)

_TOO_MUCH: tuple[tuple[type[Exception], Reason, str, str], ...] = (
    (
        asyncpg.InvalidRegularExpressionError,
        Reason.BAD_FILTER,
        "filter.$regex",
        "the pattern is too complex for PostgreSQL",
    ),
    (asyncpg.StatementTooComplexError, Reason.TOO_LARGE, "filter", "the query is too complex for PostgreSQL"),
    (
        asyncpg.ProgramLimitExceededError,
        Reason.TOO_LARGE,
        "document",
        "its values in one of the collection's indexes are together too long for PostgreSQL, whose index entries hold "
        "2,704 bytes, or it has more words than a text index holds",
    ),
)

_DOWN: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InvalidPasswordError, "PostgreSQL refused the adapter's credentials; correct the DSN or the password"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "PostgreSQL refused the adapter's credentials; correct the DSN, the password or pg_hba.conf",
    ),
    (asyncpg.InvalidCatalogNameError, "the database that the DSN names is not there; create it, or correct the DSN"),
    (
        asyncpg.ReadOnlySQLTransactionError,
        "PostgreSQL is read-only now (a standby, or default_transaction_read_only); point the DSN at the primary",
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        "PostgreSQL does not let the adapter's role do this; it needs CREATE on its database, and owns what it made",
    ),
    (asyncpg.OutOfMemoryError, "PostgreSQL ran out of memory"),
    (asyncpg.DataCorruptedError, "PostgreSQL reports damaged data; restore it from a backup"),
    (asyncpg.IndexCorruptedError, "PostgreSQL reports a damaged index; REINDEX it"),
    (asyncpg.PostgresIOError, "PostgreSQL cannot read or write its files; check its disk"),
    (asyncpg.InternalServerError, "PostgreSQL reports an internal error; see its log"),
)


def failure(error: BaseException, table: str = "") -> DataError | None:
    """Return the error that callers see; None for what can only be a bug.

    :param table: the table that the statement was about.
    """
    found = _about_work(error) or _about_server(error)
    if found is None and isinstance(error, asyncpg.DependentObjectsStillExistError):
        return DataError(
            Reason.ADAPTER_DOWN,
            f"something else in PostgreSQL depends on the table {table or 'of the collection'}; drop that first",
        )
    if found is None and isinstance(error, CHANGED_BY_HAND):
        return DataError(
            Reason.ADAPTER_DOWN,
            f"the table {table or 'of the collection'} in PostgreSQL is not as this adapter made it; somebody changed "
            "it, or what belongs to it, by hand. Put it back, or restore it from a backup",
            retry_after_s=60.0,
        )
    return found


def damaged_catalogue(schema: str) -> DataError:
    """Return the error about a catalogue that says nothing sensible.

    :param schema: where it is, quoted.
    """
    return DataError(
        Reason.ADAPTER_DOWN,
        f"the catalogue of the adapter, in the schema {schema} of PostgreSQL, is not as this adapter made it; somebody "
        "changed it by hand. Put it back, or restore it from a backup",
        retry_after_s=60.0,
    )


def _about_work(error: BaseException) -> DataError | None:
    """Return the error of a statement that the server was well enough to refuse."""
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return deadline()
    for kinds, reason, message, retry_after_s in _BUSY:
        if isinstance(error, kinds):
            return DataError(reason, message, retry_after_s=retry_after_s)
    for kind, reason, place, description in _TOO_MUCH:
        if isinstance(error, kind):
            return DataError.invalid(reason, place, description)
    return None


def _about_server(error: BaseException) -> DataError | None:
    for kind, message in _DOWN:
        if isinstance(error, kind):
            return DataError(Reason.ADAPTER_DOWN, message, retry_after_s=RETRY_AFTER_S)
    if isinstance(error, LOST):
        return DataError(
            Reason.ADAPTER_DOWN, "PostgreSQL cannot be reached, or broke the connection", retry_after_s=RETRY_AFTER_S
        )
    return None


def deadline() -> DataError:
    """Return the error of a call that was stopped."""
    return DataError(Reason.DEADLINE, "the time that the caller gave was over before the database was done")
