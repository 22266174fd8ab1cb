"""How are documents inserted? Many in one statement; one that cannot be inserted fails alone."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import cast

import asyncpg
import orjson

from aol_adapters.postgres import holders
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.connections import Deadline, transaction
from aol_adapters.postgres.database import Database, StaleError
from aol_adapters.postgres.failures import LOST, RETRIED, failure
from aol_adapters.postgres.numbers import has_usual_numbers, jsonb_text
from aol_adapters.postgres.partitions import Partitioning
from aol_adapters.postgres.words import document_words, vector
from aol_wire.adapter import Insert, Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexed_paths import check_indexed

_ROUNDS = 5
INSERTED = Outcome(1)
# How a statement takes an array that is bound under a number.
_TEXTS, _INTEGERS, _LINES = "${}::text[]", "${}::int8[]", r"string_to_array(${}::text, E'\n')"
# Columns that not every statement has, and what makes their values of texts.
_CASTS: Mapping[str, str] = {"deleted_us": "", "owner": "", "acl": "::jsonb", "part": "::date"}


@dataclass(slots=True)
class Item:
    """A document on its way in: of which tenant, and as the contract says it."""

    tenant: str
    insert: Insert
    _document: dict[str, Json] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """(tenant, id)."""
        return self.tenant, self.insert.id

    @property
    def document(self) -> dict[str, Json]:
        """The document. Most are stored without a look into them.

        :raises DataError: INTERNAL_BUG; it is not JSON.
        """
        if self._document is None:
            try:
                self._document = orjson.loads(self.insert.json)
            except orjson.JSONDecodeError:
                raise _not_json() from None
        return cast("dict[str, Json]", self._document)


class Inserting:
    """Inserts documents into one collection, as the catalogue has it."""

    def __init__(self, database: Database, collection: Collection) -> None:
        self._database = database
        self._collection = collection
        self._has_rules = bool(collection.checked or collection.partitioned)

    async def together(self, items: Sequence[Item], outcomes: list[Outcome | None], until: Deadline) -> None:
        """Insert those documents of one tenant that have no outcome yet, each on its own account, and fill in what
        became of each.

        What has its outcome when this raises keeps it; in a transaction, which is undone then, nothing does.

        :raises DataError: nothing is known of those that have no outcome, or they are not there: see `applied`.
        :raises StaleError: the collection is another one by now; those that have no outcome are not there.
        """
        async with self._database.connection(until) as connection:
            unfit = await self._unfit(connection, items, outcomes, until)
            waiting = [number for number, outcome in enumerate(outcomes) if outcome is None]
            stalled = 0
            while waiting and stalled < _ROUNDS:
                await self._round(connection, items, outcomes, (waiting, unfit), until)
                left = [number for number in waiting if outcomes[number] is None]
                stalled = 0 if len(left) < len(waiting) else stalled + 1
                waiting = left
        for number in waiting:
            outcomes[number] = Outcome(error=_unsettled())

    async def _unfit(
        self, connection: asyncpg.Connection, items: Sequence[Item], outcomes: list[Outcome | None], until: Deadline
    ) -> set[int]:
        """Return which documents do not fit, and look into the ids of these. Where one before it has the same id, which
        may be inserted only now, the answer waits for that."""
        unfit: set[int] = set()
        if not self._has_rules:
            return unfit
        inserted: set[str] = set()
        for number, item in enumerate(items):
            if outcomes[number] is not None:
                continue
            misfit = self._misfit(item)
            if misfit is None:
                inserted.add(item.insert.id)
                continue
            unfit.add(number)
            if item.insert.id not in inserted:
                outcomes[number] = await self._id_first(connection, item, misfit, until)
        return unfit

    async def _round(
        self,
        connection: asyncpg.Connection,
        items: Sequence[Item],
        outcomes: list[Outcome | None],
        numbers: tuple[Sequence[int], Container[int]],
        until: Deadline,
    ) -> None:
        """Insert what can be, and find out about the rest; what has no outcome then may be tried again.

        :param numbers: of the documents that wait, and of those that do not fit.
        """
        waiting, unfit = numbers
        turn = _up_to_repeated_id(items, waiting)
        fitting = [number for number in turn if number not in unfit]
        done = await self._insert_or_halve(connection, [items[number] for number in fitting], until)
        for number, outcome in zip(fitting, done, strict=True):
            outcomes[number] = outcome
        for number in turn:
            if outcomes[number] is None:
                outcomes[number] = await self._explained(connection, items[number], until)

    async def alone(self, connection: asyncpg.Connection, item: Item, until: Deadline) -> Outcome:
        """Insert one document within a transaction that somebody else ends.

        :raises DataError: it cannot be inserted.
        """
        misfit = self._misfit(item)
        if misfit is not None:
            return _raised(await self._id_first(connection, item, misfit, until))
        for _ in range(_ROUNDS):
            (outcome,) = await self._insert(connection, [item], until)
            outcome = outcome or await self._explained(connection, item, until)
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
            async with self._undoable(connection, until):
                return await self._insert(connection, items, until)
        except (asyncpg.ProgramLimitExceededError, asyncpg.DataError) as error:
            if len(items) > 1:
                half = len(items) // 2
                return [
                    *await self._insert_or_halve(connection, items[:half], until),
                    *await self._insert_or_halve(connection, items[half:], until),
                ]
            found = failure(error)
            if isinstance(error, asyncpg.InvalidTextRepresentationError):
                found = _not_json()
            if found is None:
                raise
            found.applied = Applied.NO
            return [Outcome(error=found)]

    def _undoable(self, connection: asyncpg.Connection, until: Deadline) -> AbstractAsyncContextManager[None]:
        """Return the context of a statement after whose failure others may follow."""
        if self._database.settings.transaction_pooling:
            # Within the connection's transaction, which goes on after a failure.
            return transaction(connection, until)
        return nullcontext()

    async def _insert(
        self, connection: asyncpg.Connection, items: Sequence[Item], until: Deadline
    ) -> list[Outcome | None]:
        """Insert what can be in one statement, all of one tenant; None for what something is in the way of."""
        collection, inserts = self._collection, [item.insert for item in items]
        created_us = [it.stamps.created_us if it.stamps is not None else it.now_us for it in inserts]
        columns: dict[str, tuple[str, object]] = {
            "id": _texts([insert.id for insert in inserts]),
            "doc": _documents(items),
        }
        # Each array costs something for each document, so what nobody has, or everybody, is left out.
        is_one_moment = len(set(created_us)) == 1
        if not is_one_moment:
            columns["created_us"] = _INTEGERS, created_us
        if any(map(attrgetter("stamps"), inserts)):
            stamps = [item.insert.stamped for item in items]
            columns["version"] = _INTEGERS, [it.version for it in stamps]
            columns["updated_us"] = _INTEGERS, [it.updated_us for it in stamps]
            columns["deleted_us"] = _INTEGERS, [it.deleted_us or None for it in stamps]
        if any(map(attrgetter("owner"), inserts)):
            columns["owner"] = _texts([insert.owner or None for insert in inserts])
        if any(map(attrgetter("acl"), inserts)):
            columns["acl"] = _texts([insert.acl or None for insert in inserts])
        for it in collection.words:
            columns[it.column] = _texts([document_words(item.document, it.paths) for item in items])
        if collection.partitioned is not None:
            parts = [self._part(item, collection.partitioned) for item in items]
            self._database.require_partitions(collection, parts)
            columns["part"] = _texts(parts)
        sql = self._statement({name: form for name, (form, _) in columns.items()})
        values = [collection.service, collection.name, collection.generation, items[0].tenant]
        values += [bound for _, bound in columns.values()]
        if is_one_moment:
            values.append(created_us[0])
        try:
            records = await connection.fetch(sql, *values, timeout=until.left())
        except RETRIED:
            raise
        except (TimeoutError, *LOST) as error:
            found = None if isinstance(error, ValueError) else failure(error)
            if found is None:
                raise
            # It may have been committed.
            found.applied = Applied.UNKNOWN
            raise found from None
        inserted = {record[0] for record in records}
        return [INSERTED if insert.id in inserted else None for insert in inserts]

    def _statement(self, columns: Mapping[str, str]) -> str:
        """Return the statement that inserts arrays of these names and forms."""
        words = [it.column for it in self._collection.words]
        optional = [name for name in _CASTS if name in columns]
        named = "".join(f", {name}" for name in (*optional, *words))
        selected = "".join(f", new.{name}{_CASTS[name]}" for name in optional)
        selected += "".join(f", {vector(f'new.{column}')}" for column in words)
        arrays = ", ".join(form.format(number) for number, form in enumerate(columns.values(), 5))
        is_current = self._database.catalogue.generation_is("$1::text", "$2::text", "$3::int8")
        version = "new.version" if "version" in columns else "1"
        created_us = "new.created_us" if "created_us" in columns else f"${5 + len(columns)}::int8"
        updated_us = "new.updated_us" if "updated_us" in columns else created_us
        return (
            f"INSERT INTO {self._collection.table} (tenant, id, version, created_us, updated_us, doc{named}) "
            f"SELECT $4::text, new.id, {version}, {created_us}, {updated_us}, new.doc::jsonb{selected} "
            f"FROM unnest({arrays}) AS new({', '.join(columns)}) "
            # A plain INSERT costs the server a third less, and writes the ids of a conflict into its log.
            f"WHERE {is_current} ON CONFLICT DO NOTHING RETURNING id"
        )

    def _part(self, item: Item, by: Partitioning) -> str:
        now_us = self._database.settings.clock()
        return by.of(item.document, item.insert.id, item.insert.stamped.created_us, now_us)

    def _misfit(self, item: Item) -> Outcome | None:
        try:
            check_indexed(item.document, self._collection.checked)
            if self._collection.partitioned is not None:
                self._part(item, self._collection.partitioned)
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
        key, document = item.key, item.document
        part = holders.part_of(self._collection, item)
        if await holders.remove_expired(
            self._database, connection, self._collection, key, document, until=until, part=part
        ):
            return None
        return await holders.of_values(connection, self._collection, key, document, until=until, part=part)


def _documents(items: Sequence[Item]) -> tuple[str, object]:
    """Return what `_texts` does of the documents as they are stored: their numbers in one form."""
    texts = [item.insert.json for item in items]
    if not has_usual_numbers("\n".join(texts)):
        # Where one is not JSON, the server says so, and it is found out which one.
        with suppress(DataError):
            texts = [jsonb_text(item.document) for item in items]
    return _texts(texts)


def _texts(texts: Sequence[str | None]) -> tuple[str, object]:
    """Return how a statement takes texts as an array, and what is bound: as one text, if that can be split again.

    The driver looks several times into each element of an array, so that one text costs it a tenth; the server as much.
    """
    if None not in texts:
        lines = "\n".join(cast("Sequence[str]", texts))
        if lines and lines.count("\n") == len(texts) - 1:
            return _LINES, lines
    return _TEXTS, texts


def _up_to_repeated_id(items: Sequence[Item], numbers: Sequence[int]) -> list[int]:
    """Return the numbers up to the first document whose id one before it has: what becomes of it, and of the values
    that it and those after it want, hangs on what becomes of that one."""
    seen: set[str] = set()
    turn = []
    for number in numbers:
        id_ = items[number].insert.id
        if id_ in seen:
            break
        seen.add(id_)
        turn.append(number)
    return turn


def _raised(outcome: Outcome) -> Outcome:
    if outcome.error is not None:
        raise outcome.error
    return outcome


def _not_json() -> DataError:
    return DataError(Reason.INTERNAL_BUG, "the document is not JSON, and the broker has let it pass")


def _unsettled() -> DataError:
    return DataError(
        Reason.OVERLOADED,
        "other writes to the same documents stayed in the way of this one",
        retry_after_s=0.5,
        applied=Applied.NO,
    )
