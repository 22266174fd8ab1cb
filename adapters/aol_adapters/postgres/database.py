"""How is one PostgreSQL database reached? Its pool, its catalogue, and what an error becomes on the way out."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from collections.abc import Collection as Collection_
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import TypeVar

import asyncpg

from aol_adapters.postgres import layout, partitions
from aol_adapters.postgres.catalogue import Catalogue, Collection, not_found, schema_name
from aol_adapters.postgres.connections import BROKEN_OFF_S, Deadline, Session, connect, note_use, transaction
from aol_adapters.postgres.failures import CHANGED_BY_HAND, LOST, RETRIED, damaged_catalogue, failure
from aol_adapters.postgres.quoting import quote_name
from aol_adapters.postgres.settings import OF_TRANSACTIONS, Settings
from aol_wire.adapter import Target
from aol_wire.errors import DataError, Reason

T = TypeVar("T")

_ATTEMPTS = 6
_FIRST_PAUSE_S = 0.005
_CHECK_TIMEOUT_S = 2.0


class Database:
    """One database: a bounded pool of connections, made when they are needed, and what the catalogue said last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.catalogue = Catalogue(settings.prefix)
        self._pool: asyncpg.Pool | None = None
        self._probe: asyncpg.Connection | None = None
        self._opening = asyncio.Lock()
        self._releasing: set[asyncio.Task[None]] = set()
        self._is_prepared = False
        self._version = -1
        self._collections: dict[tuple[str, str], Collection] = {}
        self._partitions: dict[tuple[str, str], set[str]] = {}

    async def open(self) -> None:
        """Make the pool; nothing is connected yet."""
        self._pool = await asyncpg.create_pool(
            **self.settings.connect_arguments(),
            min_size=0,
            max_size=self.settings.pool_size,
            # Sessions hold nothing that would have to be taken back, so a connection goes back without a round trip.
            reset=note_use,
            connect=connect,
            connection_class=Session,
            max_queries=1_000_000_000,
        )

    async def close(self) -> None:
        """Close the connections, those of calls under way too."""
        pool, self._pool = self._pool, None
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.terminate()
        if pool is not None:
            await asyncio.gather(*self._releasing)
            try:
                async with asyncio.timeout(_CHECK_TIMEOUT_S):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def check(self) -> None:
        """Return if the server answers, on a connection of its own: that all others are busy is no fault.

        :raises DataError: ADAPTER_DOWN.
        """
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await self._prepare()
                if self._probe is None or self._probe.is_closed():
                    self._probe = await connect(**self.settings.connect_arguments())
                if self.settings.transaction_pooling:
                    async with self._probe.transaction():
                        version = await self.catalogue.read_version(self._probe)
                else:
                    version = await self.catalogue.read_version(self._probe)
        except TimeoutError:
            self._drop_probe()
            message = f"PostgreSQL has not answered for {_CHECK_TIMEOUT_S:g} s"
            raise DataError(Reason.ADAPTER_DOWN, message, retry_after_s=1.0) from None
        except (asyncpg.PostgresError, *LOST) as error:
            self._drop_probe()
            if isinstance(error, asyncpg.UndefinedTableError):
                self._is_prepared = False
            found = failure(error, self.catalogue.state)
            if found is None:
                raise
            raise found from None
        except TypeError:
            raise damaged_catalogue(self.catalogue.schema) from None
        if version != self._version:
            self._version = version
            self._collections.clear()

    @asynccontextmanager
    async def connection(
        self, until: Deadline, *, outside_transactions: bool = False
    ) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection. Whatever a statement on it raises becomes an error of the contract.

        Behind a transaction pooler it is in a transaction, which is what makes it one connection.

        :param outside_transactions: for a single statement that binds nothing and cannot be in a transaction.

        :raises DataError: OVERLOADED when none is free in time, ADAPTER_DOWN, DEADLINE, and what statements raise.
        """
        with_transaction = self.settings.transaction_pooling and not outside_transactions
        try:
            await self._prepare_within(until)
            connection = await self._acquire(until)
            try:
                if with_transaction:
                    async with transaction(connection, until):
                        await connection.execute(OF_TRANSACTIONS, timeout=until.left())
                        yield connection
                else:
                    yield connection
            except BaseException as error:
                if _is_lost(error):
                    # The driver may not have noticed, and would lend it to the next one.
                    with suppress(asyncpg.InterfaceError):  # it has noticed, and taken it back
                        connection.terminate()
                # It may be at the statement that was broken off, for which nobody should wait.
                task = asyncio.create_task(self._release(connection))
                self._releasing.add(task)
                task.add_done_callback(self._releasing.discard)
                raise
            await self._release(connection)
        except (*RETRIED, *CHANGED_BY_HAND):
            # `again` decides.
            raise
        except (asyncpg.PostgresError, TimeoutError, *LOST) as error:
            found = None if isinstance(error, ValueError) else failure(error)
            if found is None:
                raise
            raise found from None

    async def run_alone(self, statement: str) -> None:
        """Run a statement that cannot be in a transaction, and binds nothing."""
        async with self.connection(Deadline(None), outside_transactions=True) as connection:
            await connection.execute(statement)

    @asynccontextmanager
    async def catalogue_connection(self, until: Deadline) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection on which nothing but the catalogue is read.

        :raises DataError: ADAPTER_DOWN, for a catalogue that somebody has damaged, too.
        """
        try:
            async with self.connection(until) as connection:
                yield connection
        except (*CHANGED_BY_HAND, LookupError, TypeError, ValueError):
            # One that is gone altogether is made again, as in a new database.
            self._is_prepared = False
            raise damaged_catalogue(self.catalogue.schema) from None
        except RETRIED:
            raise _unstable() from None

    async def again(self, work: Callable[[], Awaitable[T]], until: Deadline, target: Target) -> T:
        """Run work that begins with a new transaction, again when that was undone by a deadlock or the like.

        :raises DataError: OVERLOADED when it is undone again and again; ADAPTER_DOWN for a table that somebody changed.
        """
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await work()
            except StaleError:
                self.forget()
            except MissingPartitionsError as missing:
                await self.add_partitions(missing.known, missing.starts, until)
                continue
            except CHANGED_BY_HAND as error:
                # Or dropped by another adapter, which the catalogue then says.
                self.forget()
                if attempt > 1:
                    raise _changed_by_hand(error, self.catalogue.table(target.service, target.collection)) from None
            except RETRIED as error:
                if attempt == _ATTEMPTS:
                    raise (failure(error) or _unstable()) from None
            left = until.left()
            await asyncio.sleep(min(pause_s * (1 + random.random()), left or pause_s * 2))  # noqa: S311 - no secret
            pause_s *= 2
        raise _unstable()

    async def collection(self, service: str, name: str, until: Deadline) -> Collection:
        """Return a collection as the catalogue has it, at most a second old.

        :raises DataError: COLLECTION_NOT_FOUND.
        """
        found = self._collections.get((service, name))
        if found is None:
            async with self.catalogue_connection(until) as connection:
                read = await self.catalogue.read(connection, service, name)
            if read is None:
                raise not_found(name)
            found = self._collections[service, name] = read
        return found

    def known(self, service: str, name: str) -> Collection | None:
        """Return a collection if it was read lately."""
        return self._collections.get((service, name))

    def forget(self) -> None:
        """Read the catalogue anew from here on."""
        self._collections.clear()
        self._partitions.clear()

    def require_partitions(self, known: Collection, starts: Collection_[str]) -> None:
        """Return if partitions are there, as far as is known.

        :raises MissingPartitionsError: they may have to be made, outside of the transaction that needs them.
        """
        if not self._partitions.get((known.service, known.name), set()).issuperset(starts):
            raise MissingPartitionsError(known, frozenset(starts))

    async def add_partitions(self, known: Collection, starts: Collection_[str], until: Deadline) -> None:
        """Make the partitions that are missing."""
        if known.partitioned is None:
            return
        schema = quote_name(schema_name(self.settings.prefix, known.service))
        async with self.connection(until) as connection, connection.transaction():
            await layout.lock_ddl(connection)
            await connection.execute("SET LOCAL lock_timeout = '3s'")
            there = await partitions.add(
                connection, known.table, schema, known.name, by=known.partitioned, starts=starts
            )
        self._partitions[known.service, known.name] = there

    async def _prepare_within(self, until: Deadline) -> None:
        if not self._is_prepared:
            async with asyncio.timeout(until.left()):
                await self._prepare()

    async def _prepare(self) -> None:
        """Make the catalogue, once in the life of a database, and see what server this is, once in the life of ours."""
        if self._is_prepared:
            return
        async with self._opening:
            if not self._is_prepared:
                connection = await connect(**self.settings.connect_arguments())
                try:
                    await layout.prepare(connection, self.settings.prefix)
                finally:
                    connection.terminate()
                self._is_prepared = True

    async def _acquire(self, until: Deadline) -> asyncpg.Connection:
        """Return a connection that works: one that has rested for long is asked first."""
        if self._pool is None:
            raise DataError(Reason.ADAPTER_DOWN, "the PostgreSQL adapter is not started, or closed")
        for _ in range(self.settings.pool_size + 1):
            left = until.left()
            wait_s = self.settings.pool_wait_s if left is None else min(left, self.settings.pool_wait_s)
            try:
                connection = await self._pool.acquire(timeout=wait_s)
            except TimeoutError:
                raise self._nothing_free(until) from None
            if await self._is_well(connection):
                return connection
            connection.terminate()
            await self._release(connection)
        raise failure(ConnectionError()) or _unstable()

    async def _is_well(self, connection: asyncpg.Connection) -> bool:
        if monotonic() - connection.used_at < self.settings.idle_s:
            return True
        try:
            await connection.fetchval("SELECT 1", timeout=_CHECK_TIMEOUT_S)
        except (asyncpg.PostgresError, TimeoutError, *LOST):
            return False
        return True

    async def _release(self, connection: asyncpg.Connection) -> None:
        """Give a connection back, or close it if it does not come to rest: what the call did is over."""
        if self._pool is not None:
            with suppress(TimeoutError, asyncpg.PostgresError, *LOST):
                await self._pool.release(connection, timeout=BROKEN_OFF_S)

    def _nothing_free(self, until: Deadline) -> DataError:
        assert self._pool is not None  # noqa: S101 - it was waited for
        if self._pool.get_size() < self.settings.pool_size:
            # There was room for one more, which the server did not make.
            until.left()
            return failure(ConnectionError()) or _unstable()
        return DataError(
            Reason.OVERLOADED,
            f"all {self.settings.pool_size} connections to PostgreSQL stayed busy; repeat later, or give the adapter a "
            "larger --pool-size",
            retry_after_s=0.5,
        )

    def _drop_probe(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.terminate()


class StaleError(Exception):
    """The collection is not any more as the catalogue said when the work began; it has changed nothing."""


class MissingPartitionsError(Exception):
    """Documents lie in partitions that are not known to be there; nothing was changed."""

    def __init__(self, known: Collection, starts: frozenset[str]) -> None:
        super().__init__(known.name)
        self.known = known
        self.starts = starts


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, DataError):
        return error.reason is Reason.ADAPTER_DOWN
    return isinstance(error, LOST) and not isinstance(error, (*RETRIED, TimeoutError, ValueError))


def _changed_by_hand(error: BaseException, table: str) -> DataError:
    found = failure(error, table)
    assert found is not None  # noqa: S101 - `failures` knows all of them
    return found


def _unstable() -> DataError:
    return DataError(Reason.OVERLOADED, "the collection is being changed; repeat in a moment", retry_after_s=1.0)
