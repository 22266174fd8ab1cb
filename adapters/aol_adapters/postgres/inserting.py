"""How are documents inserted? Many in one statement; one that cannot be inserted fails alone."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from aol_adapters.postgres import holders
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.database import Database, Deadline, StaleError, transaction
from aol_adapters.postgres.failures import LOST, failure
from aol_adapters.postgres.numbers import jsonb_text
from aol_adapters.postgres.words import document_words, vector
from aol_wire.adapter import Insert, Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexed_paths import check_indexed

_ROUNDS = 5


@dataclass(slots=True)
class Item:
    """A document on its way in: of which tenant, as the contract says it, and as it is stored."""

    tenant: str
    insert: Insert
    document: dict[str, Json]
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """(tenant, id)."""
        return self.tenant, self.insert.id


def item(tenant: str, insert: Insert) -> Item:
    """Return an item; its numbers are put into their one form."""
    document: dict[str, Json] = orjson.loads(insert.json)
    return Item(tenant, insert, document, jsonb_text(document))


class Inserting:
    """Inserts documents into one collection, as the catalogue has it."""

    def __init__(self, database: Database, collection: Collection) -> None:
        self._database = database
        self._collection = collection

    async def together(self, items: Sequence[Item], outcomes: list[Outcome | None], until: Deadline) -> None:
        """Insert those documents that have no outcome yet, each on its own account, and fill in what became of each.

        What has its outcome when this raises keeps it; in a transaction, which is undone then, nothing does.

        :raises DataError: nothing is known of those that have no outcome, or they are not there: see `applied`.
        :raises StaleError: the collection is another one by now; those that have no outcome are not there.
        """
        async with self._database.connection(until) as connection:
            await self._ids_first(connection, items, outcomes, until)
            waiting = [number for number, outcome in enumerate(outcomes) if outcome is None]
            stalled = 0
            while waiting and stalled < _ROUNDS:
                await self._round(connection, items, outcomes, waiting, until)
                left = [number for number in waiting if outcomes[number] is None]
                stalled = 0 if len(left) < len(waiting) else stalled + 1
                waiting = left
        for number in waiting:
            outcomes[number] = Outcome(error=_unsettled())

    async def _ids_first(
        self, connection: asyncpg.Connection, items: Sequence[Item], outcomes: list[Outcome | None], until: Deadline
    ) -> None:
        """Look into the ids of documents that do not fit. Where one before it has the same id, which may be inserted
        only now, the answer waits for that."""
        inserted: set[tuple[str, str]] = set()
        for number, item in enumerate(items):
            if outcomes[number] is not None:
                continue
            misfit = self._misfit(item)
            if misfit is None:
                inserted.add(item.key)
            elif item.key not in inserted:
                outcomes[number] = await self._id_first(connection, item, misfit, until)

    async def _round(
        self,
        connection: asyncpg.Connection,
        items: Sequence[Item],
        outcomes: list[Outcome | None],
        waiting: Sequence[int],
        until: Deadline,
    ) -> None:
        """Insert what can be, and find out about the rest; what has no outcome then may be tried again."""
        first: dict[tuple[str, str], int] = {}
        for number in waiting:
            # Of several with one id the first that fits is inserted; the others meet it.
            if self._misfit(items[number]) is None:
                first.setdefault(items[number].key, number)
        done = await self._insert_or_halve(connection, [items[number] for number in first.values()], until)
        for number, outcome in zip(first.values(), done, strict=True):
            outcomes[number] = outcome
        for number in waiting:
            if outcomes[number] is None:
                outcomes[number] = await self._explained(connection, items[number], until)

    async def alone(self, connection: asyncpg.Connection, item: Item, until: Deadline) -> Outcome:
        """Insert one document within a transaction that somebody else ends.

        :raises DataError: it cannot be inserted.
        """
        try:
            check_indexed(item.document, self._collection.checked)
        except DataError as error:
            return _raised(await self._id_first(connection, item, Outcome(error=error), until))
        for _ in range(_ROUNDS):
            if await self._insert(connection, [item], until):
                return Outcome(1)
            outcome = await self._explained(connection, item, until)
            if outcome is not None:
                return _raised(outcome)
        raise _unsettled()

    async def _insert_or_halve(
        self, connection: asyncpg.Connection, items: Sequence[Item], until: Deadline
    ) -> list[Outcome | None]:
        """Insert what can be; None for those that something is in the way of.

        What only one of them can be to blame for is found by halving.
        """
        if not items:
            return []
        try:
            if self._database.settings.transaction_pooling:
                # Within the connection's transaction, which goes on after a failure.
                async with transaction(connection, until):
                    inserted = await self._insert(connection, items, until)
            else:
                inserted = await self._insert(connection, items, until)
        except (asyncpg.ProgramLimitExceededError, asyncpg.DataError) as error:
            if len(items) > 1:
                half = len(items) // 2
                return [
                    *await self._insert_or_halve(connection, items[:half], until),
                    *await self._insert_or_halve(connection, items[half:], until),
                ]
            found = failure(error)
            if found is None:
                raise
            found.applied = Applied.NO
            return [Outcome(error=found)]
        return [Outcome(1) if item.key in inserted else None for item in items]

    async def _insert(
        self, connection: asyncpg.Connection, items: Sequence[Item], until: Deadline
    ) -> set[tuple[str, str]]:
        """Insert what can be in one statement, and return the keys of that."""
        words = [[document_words(item.document, it.paths) for item in items] for it in self._collection.words]
        try:
            records = await connection.fetch(
                self._statement(),
                self._collection.service,
                self._collection.name,
                self._collection.generation,
                [item.tenant for item in items],
                [item.insert.id for item in items],
                [item.insert.now_us for item in items],
                [item.insert.owner or None for item in items],
                [item.insert.acl or None for item in items],
                [item.text for item in items],
                *words,
                timeout=until.left(),
            )
        except (TimeoutError, *LOST) as error:
            found = None if isinstance(error, ValueError) else failure(error)
            if found is None:
                raise
            # It may have been committed.
            found.applied = Applied.UNKNOWN
            raise found from None
        return {(record[0], record[1]) for record in records}

    def _statement(self) -> str:
        collection = self._collection
        columns = [it.column for it in collection.words]
        arrays = "".join(f", ${number}::text[]" for number in range(10, 10 + len(columns)))
        vectors = "".join(f", {vector(f'new.{column}')}" for column in columns)
        named = "".join(f", {column}" for column in columns)
        is_current = self._database.catalogue.generation_is("$1::text", "$2::text", "$3::int8")
        return (
            f"INSERT INTO {collection.table} "
            f"(tenant, id, version, created_us, updated_us, owner, acl, doc{named}) "
            "SELECT new.tenant, new.id, 1, new.now_us, new.now_us, new.owner, new.acl::jsonb, new.doc::jsonb"
            f"{vectors} FROM unnest($4::text[], $5::text[], $6::int8[], $7::text[], $8::text[], $9::text[]{arrays}) "
            f"AS new(tenant, id, now_us, owner, acl, doc{named}) "
            f"WHERE {is_current} ON CONFLICT DO NOTHING RETURNING tenant, id"
        )

    def _misfit(self, item: Item) -> Outcome | None:
        try:
            check_indexed(item.document, self._collection.checked)
        except DataError as error:
            error.applied = Applied.NO
            return Outcome(error=error)
        return None

    async def _id_first(
        self, connection: asyncpg.Connection, item: Item, otherwise: Outcome, until: Deadline
    ) -> Outcome:
        """Return what a document's id has to say: that comes before what is wrong with the document."""
        return await holders.of_id(self._database, connection, self._collection, item, until) or otherwise

    async def _explained(self, connection: asyncpg.Connection, item: Item, until: Deadline) -> Outcome | None:
        """Return why a document was not inserted; None when it may be tried again.

        :raises StaleError: the collection has changed.
        """
        if not await holders.is_current(self._database, connection, self._collection, until):
            raise StaleError
        outcome = await holders.of_id(self._database, connection, self._collection, item, until) or self._misfit(item)
        if outcome is not None:
            return outcome
        if await holders.remove_expired(
            self._database, connection, self._collection, item.key, item.document, until=until
        ):
            return None
        return await holders.of_values(connection, self._collection, item.key, item.document, until)


def _raised(outcome: Outcome) -> Outcome:
    if outcome.error is not None:
        raise outcome.error
    return outcome


def _unsettled() -> DataError:
    return DataError(
        Reason.OVERLOADED,
        "other writes to the same documents stayed in the way of this one",
        retry_after_s=0.5,
        applied=Applied.NO,
    )
