"""How are documents inserted? Many in one unordered bulk write; one that cannot be inserted fails alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from pymongo import InsertOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.failures import DUPLICATE_KEY, NOT_VALID, failure
from aol_adapters.mongodb.holders import Holders, Item
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.server import Deadline, Document, Server, StaleError
from aol_adapters.mongodb.stored import META, key, open_to, stored
from aol_adapters.mongodb.texts import document_words
from aol_wire.adapter import Insert, Outcome, Target
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.indexed_paths import check_indexed

_ROUNDS = 6
_FIRST_PAUSE_S = 0.005
INSERTED = Outcome(1)


def item(tenant: str, insert: Insert) -> Item:
    """Return an item."""
    return Item(tenant, insert, orjson.loads(insert.json))


def to_store(collection: Collection, item: Item) -> Document:
    """Return a document as it is stored."""
    stamps, insert = item.insert.stamped, item.insert
    meta: dict[str, Any] = {"v": stamps.version, "c": stamps.created_us, "u": stamps.updated_us}
    if item.tenant:
        meta |= {"t": item.tenant, "i": insert.id}
    if insert.owner:
        meta["o"] = insert.owner
    if insert.acl:
        meta["a"] = orjson.loads(insert.acl)
    if insert.owner or insert.acl:
        meta |= open_to(insert.owner, meta.get("a"))
    if stamps.deleted_us:
        meta["d"] = stamps.deleted_us
    if collection.words:
        meta["w"] = document_words(item.document, collection.words)
    return {"_id": key(item.tenant, insert.id), **stored(item.document), META: stored(meta)}


class Inserting:
    """Inserts documents into one place of a collection, as the catalogue has it."""

    def __init__(self, server: Server, catalogue: Catalogue, collection: Collection, place: Place) -> None:
        self._server = server
        self._catalogue = catalogue
        self._collection = collection
        self._place = place

    async def together(self, items: Sequence[Item], until: Deadline) -> list[Outcome]:
        """Insert documents, each on its own account; return what became of each.

        :raises DataError: nothing is known of any of them, or nothing was changed: see `applied`.
        """
        outcomes: list[Outcome | None] = [self._misfit(item) for item in items]
        try:
            with self._server.within(until):
                await self._ids_first(items, outcomes)
            await self._in_rounds(items, outcomes, until)
        except DataError as error:
            if not any(outcomes):
                raise
            # What is inserted is, whatever became of the others.
            error.applied = error.applied or Applied.UNKNOWN
            return [outcome or Outcome(error=error) for outcome in outcomes]
        return [outcome or Outcome(error=_unsettled()) for outcome in outcomes]

    async def alone(self, item: Item, session: AsyncClientSession) -> Outcome:
        """Insert one document within a transaction that somebody else ends.

        :raises DataError: it cannot be inserted.
        """
        holders = Holders(self._server, self._place, self._collection, session)
        outcome = await holders.of_id(item) or self._misfit(item)
        if outcome is not None:
            if outcome.error is not None:
                raise outcome.error
            return outcome
        await holders.remove_expired(item.tenant, item.insert.id, item.document)
        try:
            await self._stored().insert_one(to_store(self._collection, item), session=session)
        except DuplicateKeyError as error:
            violated = holders.violated((error.details or {}).get("keyPattern"))
            raise (violated or StaleError()) from None
        except OperationFailure as error:
            if error.code == NOT_VALID:
                raise StaleError from None
            raise
        return INSERTED

    async def _in_rounds(self, items: Sequence[Item], outcomes: list[Outcome | None], until: Deadline) -> None:
        waiting = [number for number, outcome in enumerate(outcomes) if outcome is None]
        stalled = 0
        while waiting and stalled < _ROUNDS:
            with self._server.within(until):
                await self._round(items, outcomes, waiting)
            left = [number for number in waiting if outcomes[number] is None]
            stalled = 0 if len(left) < len(waiting) else stalled + 1
            waiting = left
            if stalled:
                # Whoever is in the way is on its way to a majority, or gives up.
                await asyncio.sleep(_FIRST_PAUSE_S * 2**stalled)

    async def _ids_first(self, items: Sequence[Item], outcomes: list[Outcome | None]) -> None:
        """Look into the ids of documents that do not fit. Where one before it has the same id and may be inserted, the
        answer waits for that; one behind it changes nothing for it."""
        inserted: set[str] = set()
        for number, it in enumerate(items):
            if outcomes[number] is None:
                inserted.add(it.insert.id)
            elif it.insert.id in inserted:
                outcomes[number] = None
            else:
                outcomes[number] = await self._holders().of_id(it) or outcomes[number]

    async def _round(self, items: Sequence[Item], outcomes: list[Outcome | None], waiting: Sequence[int]) -> None:
        """Insert what can be, and find out about the rest; what has no outcome then may be tried again."""
        first: dict[str, int] = {}
        for number in waiting:
            # Of several with one id the first that fits is inserted; the others meet it.
            if self._misfit(items[number]) is None:
                first.setdefault(items[number].insert.id, number)
        numbers = list(first.values())
        refused = await self._insert([items[number] for number in numbers])
        for place, number in enumerate(numbers):
            if place not in refused:
                outcomes[number] = INSERTED
            elif refused[place] is not None:
                outcomes[number] = refused[place]
        # What becomes of a document hangs on what became of those before it with its id.
        undecided: set[str] = set()
        for number in waiting:
            id_ = items[number].insert.id
            if outcomes[number] is None and id_ not in undecided:
                outcomes[number] = await self._explained(items[number])
            if outcomes[number] is None:
                undecided.add(id_)

    async def _insert(self, items: Sequence[Item]) -> dict[int, Outcome | None]:
        """Insert what can be; return the numbers of the others, with what became of them if that is known already."""
        if not items:
            return {}
        try:
            await self._stored().bulk_write(
                [InsertOne(to_store(self._collection, item)) for item in items], ordered=False
            )
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            codes: dict[int, int] = {it["index"]: it["code"] for it in error.details["writeErrors"]}
            if NOT_VALID in codes.values():
                await self._look_again()
            return {number: _refusal(code) for number, code in codes.items()}
        return {}

    async def _explained(self, item: Item) -> Outcome | None:
        """Return why a document was not inserted; None when it may be tried again."""
        outcome = await self._holders().of_id(item) or self._misfit(item)
        if outcome is not None:
            return outcome
        id_, document = item.insert.id, item.document
        if await self._holders().remove_expired(item.tenant, id_, document):
            return None
        error = await self._holders().of_values(item.tenant, id_, document)
        return None if error is None else Outcome(error=error)

    def _misfit(self, item: Item) -> Outcome | None:
        try:
            check_indexed(item.document, self._collection.checked)
        except DataError as error:
            error.applied = Applied.NO
            return Outcome(error=error)
        return None

    async def _look_again(self) -> None:
        """Read the catalogue: the collection has rules that were not known."""
        self._catalogue.forget()
        target = Target(self._collection.service, self._collection.name)
        self._collection = await self._catalogue.collection(target)

    def _holders(self) -> Holders:
        return Holders(self._server, self._place, self._collection)

    def _stored(self) -> Any:
        return self._server.collection(*self._place)


def _refusal(code: int) -> Outcome | None:
    """Return what became of a document that the server refused; None when that is still to be found out."""
    if code in DUPLICATE_KEY or code == NOT_VALID:
        return None
    error = failure(OperationFailure("", code))
    assert error is not None  # noqa: S101 - of a server's refusal, `failure` makes something
    error.applied = Applied.NO
    return Outcome(error=error)


def _unsettled() -> DataError:
    return DataError(
        Reason.OVERLOADED,
        "other writes to the same documents stayed in the way of this one",
        retry_after_s=0.5,
        applied=Applied.NO,
    )
