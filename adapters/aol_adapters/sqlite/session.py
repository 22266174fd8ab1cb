"""What does one connection to a data file need? Its settings, its transactions, and the means to stop it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from aol_adapters.sqlite.catalogue import Catalogue
from aol_adapters.sqlite.failures import commit_failure, deadline
from aol_adapters.sqlite.functions import register
from aol_adapters.sqlite.layout import prepare
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us

# How many virtual-machine steps a statement runs between two looks at whether to stop: some 0.1 ms.
_STEPS_BETWEEN_CHECKS = 10_000
_BUSY_PAUSE_S = 0.01
_CACHED_STATEMENTS = 256
_JOURNAL_KEPT_BYTES = 64 << 20
# Inserts touch pages all over the indexes: with SQLite's 2 MB, one call's pages would be written more than once.
_CACHE_KIB = 8 << 10
# Pages (of 4 KiB) in the journal before a commit carries them over into the file, for which it syncs a second time.
_CHECKPOINT_PAGES = 4000


@dataclass(frozen=True, slots=True)
class Settings:
    """How connections to a data file behave.

    `max_pages` bounds the file's size (SQLite's `max_page_count`); None leaves it to the disk. `now_us` is the clock by
    which documents expire, in microseconds since 1970.
    """

    busy_timeout_s: float = 5.0
    max_pages: int | None = None
    now_us: Callable[[], int] = now_us


class Session:
    """One connection to one data file, for one thread at a time. It opens when it is first used."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.catalogue = Catalogue()
        self.is_stopped: Callable[[], bool] = never
        """Asked now and then while a statement runs or waits for a lock; true interrupts it."""
        self._path = path
        self._settings = settings
        self._connection: apsw.Connection | None = None

    def now_us(self) -> int:
        """Return the time by which documents expire."""
        return self._settings.now_us()

    def has_file(self) -> bool:
        """Return whether there is a data file with anything in it."""
        return self._path.exists() and self._path.stat().st_size > 0

    def connect(self, *, create: bool = False) -> apsw.Connection:
        """Return the open connection.

        :param create: make the file if there is none, or an empty one. Nothing is written otherwise: whoever puts a
            file back may not be done.
        :raises DataError: COLLECTION_NOT_FOUND when there is no file, ADAPTER_DOWN when it is not one of ours.
        """
        if self._connection is None:
            _require_file(self._path, create=create)
            connection = apsw.Connection(str(self._path), apsw.SQLITE_OPEN_READWRITE, None, _CACHED_STATEMENTS)
            try:
                self._set_up(connection, create=create)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the connection if it is open; a later `connect` opens a new one."""
        connection, self._connection = self._connection, None
        self.catalogue = Catalogue()
        if connection is not None:
            # What was to be kept is in the journal already, and the next connection carries it over.
            with suppress(apsw.Error):
                connection.close()

    def stop_if_told(self) -> None:
        """Look whether to stop, between the statements of a long piece of work.

        :raises DataError: DEADLINE.
        """
        if self.is_stopped():
            raise deadline()

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Run a block on one snapshot of the file."""
        connection = self.connect()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Run a block as one transaction, durable when the block ends and undone when it raises."""
        connection = self.connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            self._commit(connection)
        finally:
            # SQLite itself has rolled back after some failures, such as a full disk.
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _commit(self, connection: apsw.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except apsw.Error as error:
            found = commit_failure(error)
            if found is None:
                raise
            raise found from error

    def _set_up(self, connection: apsw.Connection, *, create: bool) -> None:
        connection.set_busy_handler(self._wait_for_lock)
        connection.set_progress_handler(self._stop_asked, _STEPS_BETWEEN_CHECKS)
        connection.pragma("synchronous", "full")
        connection.pragma("temp_store", "memory")
        connection.pragma("cache_size", -_CACHE_KIB)
        connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
        connection.pragma("journal_size_limit", _JOURNAL_KEPT_BYTES)
        # Column and table definitions come from the file: none of them may call back into this process.
        connection.pragma("trusted_schema", "off")
        if self._settings.max_pages is not None:
            connection.pragma("max_page_count", self._settings.max_pages)
        register(connection)
        self._prepare(connection, create=create)

    def _prepare(self, connection: apsw.Connection, *, create: bool) -> None:
        """Prepare the file, again while another process does: SQLite does not wait for the change to WAL by itself."""
        started = time.monotonic()
        while True:
            try:
                is_ours = prepare(connection, create=create)
            except apsw.BusyError:
                if self.is_stopped() or time.monotonic() - started > self._settings.busy_timeout_s:
                    raise
                time.sleep(_BUSY_PAUSE_S)
            else:
                break
        if not is_ours:
            raise _nothing_yet()

    def _stop_asked(self) -> bool:
        return self.is_stopped()

    def _wait_for_lock(self, waits: int) -> bool:
        if self.is_stopped() or waits * _BUSY_PAUSE_S >= self._settings.busy_timeout_s:
            return False
        time.sleep(_BUSY_PAUSE_S)
        return True


def never() -> bool:
    """Return False: what `is_stopped` says between two pieces of work."""
    return False


def _require_file(path: Path, *, create: bool) -> None:
    if create:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here and not by SQLite, which would let the umask decide who may read it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    elif not path.exists():
        raise _nothing_yet()


def _nothing_yet() -> DataError:
    return DataError(Reason.COLLECTION_NOT_FOUND, "the service has no collection here yet")
