"""How do updates, deletes and restores change documents? Each as it was read: its guard says which one that was."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pymongo import DeleteOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from aol_adapters.mongodb import sharding
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.failures import DUPLICATE_KEY, NOT_VALID, failure
from aol_adapters.mongodb.finding import selection
from aol_adapters.mongodb.holders import Holders
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.patterns import checker
from aol_adapters.mongodb.server import Document, Server, StaleError
from aol_adapters.mongodb.stored import META, guard, metadata_of, open_to, plain, row, stored
from aol_adapters.mongodb.texts import document_words
from aol_wire.adapter import Delete, Deleted, Outcome, Restore, Target, Update
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexed_paths import check_indexed
from aol_wire.limits import INT64_MAX
from aol_wire.update_apply import apply_update

# Documents of a mutation that are read, changed and written together; each may have a megabyte.
_AT_ONCE = 100
_ASIDE = "\x01"

Mutation = Update | Delete | Restore
_Model = ReplaceOne[Document] | UpdateOne | DeleteOne


class ExchangedError(Exception):
    """A document met a unique value of one that may be about to give it up; the transaction is undone."""


@dataclass(slots=True)
class _Changed:
    """A document that is to be changed, and how."""

    key: str
    tenant: str
    id: str
    document: dict[str, Json]
    model: _Model


class Changing:
    """Applies one mutation to documents of one place."""

    def __init__(
        self, server: Server, place: Place, collection: Collection, target: Target, mutation: Mutation
    ) -> None:
        self._server = server
        self._place = place
        self._collection = collection
        self._target = target
        self._mutation = mutation
        self._now_us = server.settings.clock()

    async def alone(self) -> list[str] | None:
        """Change the one document that the mutation is about; return its id, or none. None when there are several."""
        found = await self._selected([{"$limit": 2}])
        return await self._each(found) if len(found) < 2 else None

    async def one_by_one(self) -> list[str]:
        """Change documents, each atomically; return their ids.

        :raises DataError: `applied` says whether some were changed.
        """
        return await self._each(await self._selected([]))

    async def together(self, session: AsyncClientSession, *, aside: bool = False) -> list[str]:
        """Change documents in a transaction that somebody else ends; return their ids.

        :param aside: documents step aside first, so that they can exchange unique values.
        :raises ExchangedError: they may have to.
        :raises DataError: the transaction is to be undone.
        """
        heads = [{"$project": {"_id": 1, "_aol.v": 1, "_aol.i": 1}}, {"$sort": {"_id": 1}}]
        found = await self._selected(heads, session)
        self._check(found)
        keys = [document["_id"] for document in found]
        if aside:
            await self._step_aside(keys, session)
        async for portion in self._portions(keys, session):
            await self._write([self._changed(document) for document in portion], session, aside=aside)
        return [_id_of(document) for document in found]

    async def _each(self, found: Sequence[Document]) -> list[str]:
        self._check(found)
        # What cannot be changed is known before anything is.
        changed = [self._changed(document) for document in found]
        ids: list[str] = []
        for it in changed:
            try:
                ids += await self._persist(it)
            except (DataError, PyMongoError, StaleError) as error:
                if not ids:
                    raise
                raise _half_done(error) from None
        return ids

    async def _persist(self, changed: _Changed) -> list[str]:
        """Change one document, again as long as others change it meanwhile and it matches; return its id, or none."""
        next_: _Changed | None = changed
        made_room = False
        while next_ is not None:
            try:
                result = await self._stored().bulk_write([next_.model])
            except BulkWriteError as error:
                violated = self._violated(error)
                if made_room or not await self._holders().remove_expired(next_.tenant, next_.id, next_.document):
                    raise violated from None
                made_room = True
                continue
            if result.matched_count + result.deleted_count:
                return [next_.id]
            again = await self._selected([], key=changed.key)
            self._check(again)
            next_ = self._changed(again[0]) if again else None
        return []

    async def _write(self, changed: Sequence[_Changed], session: AsyncClientSession, *, aside: bool) -> None:
        if aside:
            for it in changed:
                await self._holders(session).remove_expired(it.tenant, it.id, it.document)
        try:
            result = await self._stored().bulk_write([it.model for it in changed], session=session)
        except BulkWriteError as error:
            violated = self._violated(error)
            raise (violated if aside else ExchangedError()) from None
        if result.matched_count + result.deleted_count != len(changed):
            raise StaleError

    async def _step_aside(self, keys: Sequence[str], session: AsyncClientSession) -> None:
        for start in range(0, len(keys), _AT_ONCE):
            condition = {"_id": {"$in": keys[start : start + _AT_ONCE]}}
            change = [{"$set": {"_aol.t": {"$concat": [_ASIDE, {"$ifNull": ["$_aol.t", ""]}]}}}]
            await self._stored().update_many(condition, change, session=session)

    async def _portions(self, keys: Sequence[str], session: AsyncClientSession) -> AsyncIterator[list[Document]]:
        for start in range(0, len(keys), _AT_ONCE):
            portion = keys[start : start + _AT_ONCE]
            found = await self._aggregate([{"$match": {"_id": {"$in": portion}}}], session)
            by_key = {document["_id"]: document for document in found}
            yield [by_key[it] for it in portion if it in by_key]

    def _changed(self, document: Document) -> _Changed:
        meta, as_read = metadata_of(document), guard(document)
        tenant = str(meta.get("t", "")).removeprefix(_ASIDE)
        changed = _Changed(document["_id"], tenant, _id_of(document), {}, DeleteOne(as_read))
        match self._mutation:
            case Update() as update:
                content = {name: plain(value) for name, value in document.items() if name not in {"_id", META}}
                changed.document = apply_update(content, update.operations)
                check_indexed(changed.document, self._collection.checked)
                sharding.check_unmoved(self._collection, content, changed.document)
                changed.model = ReplaceOne(as_read, self._replacement(changed, meta, update))
            case Restore():
                changed.model = UpdateOne(as_read, {"$unset": {"_aol.d": ""}})
            case Delete(soft=True, purge=False):
                changed.model = UpdateOne(as_read, {"$set": {"_aol.d": stored(self._mutation.now_us)}})
        return changed

    def _replacement(self, changed: _Changed, meta: Document, update: Update) -> Document:
        version = min(int(meta.get("v", 1)) + 1, INT64_MAX)
        fresh = {**meta, "v": stored(version), "u": stored(update.now_us)}
        for name in ("w", "r", "e"):
            fresh.pop(name, None)
        if str(meta.get("t", "")).startswith(_ASIDE):
            _put(fresh, "t", changed.tenant)
        if update.owner is not None:
            _put(fresh, "o", update.owner)
        if update.acl is not None:
            _put(fresh, "a", stored(orjson.loads(update.acl)) if update.acl else None)
        if "o" in fresh or "a" in fresh:
            fresh |= open_to(fresh.get("o"), fresh.get("a"))
        if self._collection.words:
            fresh["w"] = document_words(changed.document, self._collection.words)
        return {"_id": changed.key, **stored(changed.document), META: fresh}

    def _check(self, found: Sequence[Document]) -> None:
        mutation = self._mutation
        if mutation.max_affected is not None and len(found) > mutation.max_affected:
            raise DataError(
                Reason.MAX_AFFECTED_EXCEEDED,
                f"{len(found)} documents match, and max_affected is {mutation.max_affected}; nothing was changed",
            )
        if isinstance(mutation, Restore) or mutation.if_version is None:
            return
        if any(metadata_of(document).get("v", 1) != mutation.if_version for document in found):
            raise DataError(
                Reason.VERSION_MISMATCH, "the document has another version than if_version; read it again and decide"
            )

    def _violated(self, error: BulkWriteError) -> DataError:
        """Return what a refused write means.

        :raises StaleError: the collection is another one by now.
        """
        first = error.details["writeErrors"][0] if error.details.get("writeErrors") else {}
        if first.get("code") == NOT_VALID:
            raise StaleError from None
        if first.get("code") not in DUPLICATE_KEY:
            raise error
        violated = self._holders().violated(first.get("keyPattern"))
        if violated is None:
            raise StaleError from None
        return violated

    async def _selected(
        self, shape: list[Document], session: AsyncClientSession | None = None, *, key: str | None = None
    ) -> list[Document]:
        """Return the documents that the mutation is about; in a shape, or whole when they are looked at here.

        :param key: that one alone, if it is one of them.
        """
        mutation = self._mutation
        only_deleted = isinstance(mutation, Restore) or (isinstance(mutation, Delete) and mutation.purge)
        deleted = Deleted.ONLY if only_deleted else Deleted.EXCLUDE
        chosen = selection(self._collection, self._target.tenant, deleted, mutation.filter, self._now_us)
        # Behind the others: `$text` stands in the first stage or nowhere.
        only = [] if key is None else [{"$match": {"_id": key}}]
        if chosen.here is None:
            return await self._aggregate([*chosen.pipeline, *only, *shape], session)
        is_match = checker(self._collection, chosen.here)
        found = await self._aggregate([*chosen.pipeline, *only, {"$sort": {"_id": 1}}], session)
        return [document for document in found if is_match(row(dict(document)))]

    async def _aggregate(self, pipeline: list[Document], session: AsyncClientSession | None = None) -> list[Document]:
        collection = self._stored()
        if session is None:
            # As it is now, on its way to a majority or not: the guard of what is written shows whether it still is.
            collection = collection.with_options(read_concern=ReadConcern("local"))
        cursor = await collection.aggregate(pipeline, session=session)
        found: list[Document] = await cursor.to_list()
        return found

    def _holders(self, session: AsyncClientSession | None = None) -> Holders:
        return Holders(self._server, self._place, self._collection, session)

    def _stored(self) -> Any:
        return self._server.collection(*self._place)


def outcome(ids: Sequence[str], *, return_ids: bool) -> Outcome:
    """Return the outcome of a mutation that changed these documents."""
    return Outcome(len(ids), ids=tuple(ids) if return_ids else ())


def _half_done(error: Exception) -> DataError:
    """Return the error of a change that was made to some documents before it failed: it is not made again."""
    found = error if isinstance(error, DataError) else failure(error)
    if found is None:
        found = DataError(Reason.OVERLOADED, "the collection was changed before all documents were", retry_after_s=1.0)
    found.applied = Applied.UNKNOWN
    return found


def _put(meta: Document, name: str, value: Any) -> None:
    """Set metadata, or remove it where there is none."""
    if value in (None, ""):
        meta.pop(name, None)
    else:
        meta[name] = value


def _id_of(document: Document) -> str:
    return str(metadata_of(document).get("i", document["_id"]))
