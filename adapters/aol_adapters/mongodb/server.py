"""How is the server reached, what can it do, and what does an error become on the way out?"""

import asyncio
import random
import secrets
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

import pymongo
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from aol_adapters.mongodb.failures import UNCERTAIN_LABEL, applied, deadline, failure, is_undone
from aol_adapters.mongodb.settings import Settings
from aol_wire.errors import Applied, DataError, Reason

T = TypeVar("T")
Document = dict[str, Any]
"""A document as the driver has it, or an expression or command."""

_ATTEMPTS = 12
_FIRST_PAUSE_S = 0.005
_CHECK_TIMEOUT_S = 1.8
_PROBE_TIMEOUT_S = 10.0

# Whatever other tools have stored, reading it does not fail.
CODEC: CodecOptions[Document] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


class Deadline:
    """When the time of a call is over."""

    def __init__(self, timeout_s: float | None) -> None:
        self._end = None if timeout_s is None else monotonic() + timeout_s

    def left(self) -> float | None:
        """Return the seconds that are left; None when there is no limit.

        :raises DataError: DEADLINE.
        """
        if self._end is None:
            return None
        left = self._end - monotonic()
        if left <= 0:
            raise deadline()
        return left


class StaleError(Exception):
    """The collection is not any more as the catalogue said when the work began; it has changed nothing."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the connected server does, as it showed when it was asked to.

    :ivar transactions: it undoes what a transaction wrote.
    :ivar text: it makes text indexes.
    :ivar sharded: it is a `mongos`, before the shards of a cluster.
    """

    transactions: bool
    text: bool
    sharded: bool


class Server:
    """One client, which keeps a bounded pool of connections and finds the primary by itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client: AsyncMongoClient[Document] | None = None
        self._abilities: Abilities | None = None
        self._asking = asyncio.Lock()

    def open(self) -> None:
        """Make the client; nothing is connected yet.

        :raises DataError: ADAPTER_DOWN for a URI that is none, or has an option that is none: it may be one that was
            to make the connection a safe one.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                self._client = AsyncMongoClient(**self.settings.client_arguments())
        except OSError:
            raise DataError(Reason.ADAPTER_DOWN, "a file that the URI names cannot be read; correct it") from None
        except (PyMongoError, ValueError, UserWarning):
            raise _bad_uri() from None

    async def close(self) -> None:
        """Close the connections, those of calls under way too."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def database(self, name: str) -> AsyncDatabase[Document]:
        """Return a database."""
        return self._opened().get_database(name, codec_options=CODEC)

    def collection(self, database: str, name: str) -> AsyncCollection[Document]:
        """Return a collection of MongoDB."""
        return self.database(database)[name]

    async def check(self) -> None:
        """Return if a primary answers.

        :raises DataError: ADAPTER_DOWN.
        """
        client = self._opened()
        try:
            with pymongo.timeout(_CHECK_TIMEOUT_S):
                await client.admin.command("ping")
                # A connection that has gone through is one that has logged in; the catalogue may still be forbidden.
                await self.collection(self.settings.prefix, "collections").find_one({"_id": ""})
        except (PyMongoError, OSError) as error:
            found = failure(error)
            if found is None:
                raise
            if found.reason is Reason.DEADLINE:
                message = f"MongoDB has not answered for {_CHECK_TIMEOUT_S:g} s"
                found = DataError(Reason.ADAPTER_DOWN, message, retry_after_s=1.0)
            raise found from None

    async def abilities(self) -> Abilities:
        """Return what the server can do; it is asked once.

        :raises DataError: ADAPTER_DOWN.
        """
        if self._abilities is None:
            async with self._asking:
                if self._abilities is None:
                    with self.within(Deadline(_PROBE_TIMEOUT_S)):
                        self._abilities = await self._ask()
        return self._abilities

    @contextmanager
    def within(self, until: Deadline) -> Iterator[None]:
        """Bound what is done on the server, by `maxTimeMS` there and a timeout here. What it raises becomes an error of
        the contract; a write's says what was applied."""
        try:
            with pymongo.timeout(until.left()):
                yield
        except (PyMongoError, BSONError, TimeoutError, OSError) as error:
            found = failure(error)
            if found is None:
                raise
            found.applied = applied(error)
            raise found from None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncClientSession]:
        """Run a block as a transaction, which is undone when it raises.

        :raises DataError: with `applied` unknown, when nobody knows whether it was committed.
        """
        async with self._opened().start_session() as session:
            await session.start_transaction()
            try:
                yield session
            except BaseException as error:
                await _undo(session)
                if isinstance(error, PyMongoError) and not is_undone(error) and (found := failure(error)) is not None:
                    found.applied = Applied.NO
                    raise found from None
                raise
            await _commit(session)

    async def again(self, work: Callable[[], Awaitable[T]], until: Deadline, forget: Callable[[], None]) -> T:
        """Run work, again when it met a collection that has changed, or when its transaction was undone.

        :raises DataError: OVERLOADED when that happens again and again.
        """
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.within(until):
                    try:
                        return await work()
                    except StaleError:
                        forget()
                    except PyMongoError as error:
                        if not is_undone(error) or attempt == _ATTEMPTS:
                            raise
            except DataError as error:
                error.applied = error.applied or Applied.NO
                raise
            left = until.left()
            pause = pause_s * (1 + random.random())  # noqa: S311 - no secret
            await asyncio.sleep(pause if left is None else min(pause, left))
            pause_s = min(pause_s * 2, 0.3)
        raise DataError(
            Reason.OVERLOADED,
            "the collection is being changed; repeat in a moment",
            retry_after_s=1.0,
            applied=Applied.NO,
        )

    async def _ask(self) -> Abilities:
        hello = await self._opened().admin.command("hello")
        scratch = self.collection(self.settings.prefix, f"probe-{secrets.token_hex(6)}")
        try:
            return Abilities(
                transactions=await self._has_transactions(scratch),
                text=await _has_text(scratch),
                sharded=hello.get("msg") == "isdbgrid",
            )
        finally:
            await scratch.drop()

    async def _has_transactions(self, scratch: AsyncCollection[Document]) -> bool:
        await scratch.insert_one({"_id": "before"})
        try:
            async with self._opened().start_session() as session:
                await session.start_transaction()
                await scratch.insert_one({"_id": "undone"}, session=session)
                await session.abort_transaction()
        except OperationFailure as error:
            if is_undone(error):
                raise
            return False
        return await scratch.find_one({"_id": "undone"}) is None

    def _opened(self) -> AsyncMongoClient[Document]:
        if self._client is None:
            raise DataError(Reason.ADAPTER_DOWN, "the MongoDB adapter is not started, or closed")
        return self._client


async def _undo(session: AsyncClientSession) -> None:
    """Undo a transaction, also when the time of the caller is over: it would hold its locks for a minute."""
    undoing = asyncio.get_running_loop().create_task(_abort(session), context=Context())
    await asyncio.shield(undoing)


async def _abort(session: AsyncClientSession) -> None:
    with suppress(PyMongoError, OSError), pymongo.timeout(_CHECK_TIMEOUT_S):
        await session.abort_transaction()


async def _commit(session: AsyncClientSession) -> None:
    for _ in range(_ATTEMPTS):
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label(UNCERTAIN_LABEL) and not error.timeout:
                continue
            if is_undone(error):
                raise
            found = failure(error)
            if found is None:
                raise
            found.applied = Applied.UNKNOWN
            raise found from None
        return
    raise DataError(
        Reason.ADAPTER_DOWN, "MongoDB did not say whether it committed", retry_after_s=1.0, applied=Applied.UNKNOWN
    )


async def _has_text(scratch: AsyncCollection[Document]) -> bool:
    try:
        await scratch.create_index([("words", "text")], default_language="none", name="words")
        await scratch.insert_one({"_id": "text", "words": "x61x"})
        return await scratch.count_documents({"$text": {"$search": '"x61x"'}}) == 1
    except OperationFailure:
        return False


def _bad_uri() -> DataError:
    return DataError(Reason.ADAPTER_DOWN, "the URI, or an option in it, is not one of MongoDB's; correct it")
