"""How does one mutation change the tables? All of it or nothing, within a transaction that somebody else ends."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import apsw
import orjson

from aol_adapters.sqlite.access import entitled, source
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.compiler import where
from aol_adapters.sqlite.expiring import expired
from aol_adapters.sqlite.fulltext import add_words, remove_statement
from aol_adapters.sqlite.holders import expired_holders, unique_violation
from aol_adapters.sqlite.session import Session
from aol_adapters.sqlite.sweeping import remove_rows
from aol_adapters.sqlite.values import SqlValue
from aol_wire.adapter import Delete, Deleted, Insert, Mutation, Restore, Target, Update
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexed_paths import check_indexed
from aol_wire.json_text import encode
from aol_wire.update_apply import apply_update
from aol_wire.values import equal


@dataclass(frozen=True, slots=True)
class _Match:
    """A document that an update or delete is about."""

    number: int
    id: str
    tenant: str
    version: int


class Mutations:
    """Applies mutations to one collection."""

    def __init__(self, session: Session, connection: apsw.Connection, collection: Collection, target: Target) -> None:
        self._session = session
        self._execute = connection.execute
        self._changes = connection.changes
        self._connection = connection
        self._collection = collection
        self._target = target
        self._checked = collection.indexes + collection.building
        self._words = collection.words_tables
        # All mutations of a write happen at one moment.
        self._now_us = session.now_us()
        self._insert_sql = (
            f"INSERT INTO {collection.documents} "
            "(tenant, id, version, created_us, updated_us, deleted_us, owner, acl, doc) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, jsonb(?9))"
        )
        # Without a conflict target, whatever is not unique makes no change; what it was is looked into afterwards.
        self._put_sql = f"{self._insert_sql} ON CONFLICT DO NOTHING"

    def apply(self, mutation: Mutation) -> tuple[int, bool, list[str]]:
        """Apply a mutation; return how many documents it affected, whether it was a duplicate, and their ids.

        :raises DataError: the mutation failed. An insert has changed nothing then; an update may have.
        """
        match mutation:
            case Insert():
                return 1, self.insert(mutation), [mutation.id]
            case Update():
                matches = _of_version(self._selected(mutation), mutation)
                self._update(matches, mutation)
            case Delete():
                matches = _of_version(self._selected(mutation), mutation)
                self._delete(matches, mutation)
            case Restore():
                matches = self._selected(mutation)
                self._mark_deleted(matches, None)
        return len(matches), False, [match.id for match in matches]

    def insert(self, insert: Insert) -> bool:
        """Insert; return whether an equal document was there.

        :raises DataError: nothing was changed.
        """
        document: dict[str, Json] | None = None
        if self._checked:
            document = orjson.loads(insert.json)
            try:
                check_indexed(document, self._checked)
            except DataError:
                # A document of the same id comes before what is wrong with this one.
                self._require_free_id(insert)
                raise
        if not self._put(insert):
            if self._require_free_id(insert):
                return True
            document = orjson.loads(insert.json)
            tenant = cast("str", self._target.tenant)
            if not (self._make_room((tenant, insert.id), document) and self._put(insert)):
                raise self._violation(document, tenant)
        if self._words:
            number = self._connection.last_insert_rowid()
            for table in self._words:
                add_words(self._connection, table, number, document)
        return False

    def insert_all(self, inserts: Sequence[Insert]) -> bool:
        """Insert documents in fewer steps than one by one; return false, with nothing changed, when one cannot be."""
        if self._words or not self._all_fit(inserts):
            return False
        self._execute("SAVEPOINT inserts")
        try:
            self._connection.executemany(self._insert_sql, map(self._values, inserts))
        except apsw.ConstraintError:
            self._execute("ROLLBACK TO inserts")
            return False
        finally:
            # Some failures, such as a full disk, have ended the transaction.
            if self._connection.in_transaction:
                self._execute("RELEASE inserts")
        return True

    def _all_fit(self, inserts: Sequence[Insert]) -> bool:
        try:
            for insert in inserts if self._checked else ():
                check_indexed(orjson.loads(insert.json), self._checked)
        except DataError:
            return False
        return True

    def _put(self, insert: Insert) -> bool:
        """Add a row, or return false when a row that is there does not let it."""
        self._execute(self._put_sql, self._values(insert))
        return self._changes() > 0

    def _values(self, insert: Insert) -> tuple[SqlValue, ...]:
        owner, acl, stamps = insert.owner or None, insert.acl or None, insert.stamps
        if stamps is None:
            version, created_us, updated_us, deleted_us = 1, insert.now_us, insert.now_us, None
        else:
            version, deleted_us = stamps.version, stamps.deleted_us or None
            created_us, updated_us = stamps.created_us, stamps.updated_us
        return self._target.tenant, insert.id, version, created_us, updated_us, deleted_us, owner, acl, insert.json

    def _require_free_id(self, insert: Insert) -> bool:
        """Return false when no document has an insert's id, true when an equal one does.

        :raises DataError: DUPLICATE_ID.
        """
        bindings = Bindings()
        is_expired = expired(self._collection, self._now_us, bindings) or "0"
        found = self._execute(
            f"SELECT json(doc), deleted_us FROM {self._collection.documents} "
            f"WHERE tenant = {bindings.add(self._target.tenant)} AND id = {bindings.add(insert.id)} "
            f"AND NOT {is_expired}",
            bindings.values,
        ).get
        if found is None:
            return False
        text, deleted_us = found
        is_deleted, will_be_deleted = deleted_us is not None, insert.stamped.deleted_us != 0
        if is_deleted and not will_be_deleted:
            raise DataError(Reason.DUPLICATE_ID, "a deleted document has this _id, and keeps it until it is purged")
        if is_deleted is not will_be_deleted or not equal(orjson.loads(text), orjson.loads(insert.json)):
            raise DataError(
                Reason.DUPLICATE_ID, "another document has this _id; update it, or insert under another _id"
            )
        return True

    def _selected(self, mutation: Update | Delete | Restore) -> list[_Match]:
        """Return the documents that match, if there are not too many."""
        only_deleted = isinstance(mutation, Restore) or (isinstance(mutation, Delete) and mutation.purge)
        deleted = Deleted.ONLY if only_deleted else Deleted.EXCLUDE
        bindings = Bindings()
        collection, target, filter = self._collection, self._target, mutation.filter
        known = entitled(self._connection, collection, target, filter, None)
        conditions = where(collection, target, deleted, filter, bindings, now_us=self._now_us, entitled=known)
        rows = self._execute(
            f"SELECT number, id, tenant, version FROM {source(collection, known)} WHERE {conditions}", bindings.values
        )
        matches = [_Match(*row) for row in rows]
        if mutation.max_affected is not None and len(matches) > mutation.max_affected:
            raise DataError(
                Reason.MAX_AFFECTED_EXCEEDED,
                f"{len(matches)} documents match, and max_affected is {mutation.max_affected}; nothing was changed",
            )
        return matches

    def _update(self, matches: Sequence[_Match], update: Update) -> None:
        if len(matches) < 2 or not self._collection.unique_indexes:
            self._update_each(matches, update)
            return
        self._execute("SAVEPOINT optimistic")
        try:
            self._update_each(matches, update)
        except DataError as error:
            if error.reason is not Reason.UNIQUE_VIOLATION:
                raise
            # A document may have met the old value of one that was to be updated after it. So all of them step aside,
            # into tenants of their own, and come back with their new values one by one.
            self._execute("ROLLBACK TO optimistic")
            self._step_aside(matches)
            self._update_each(matches, update)
        self._execute("RELEASE optimistic")

    def _step_aside(self, matches: Sequence[_Match]) -> None:
        sql = f"UPDATE {self._collection.documents} SET tenant = char(0) || number WHERE number = ?"
        for match in matches:
            self._session.stop_if_told()
            self._execute(sql, (match.number,))

    def _update_each(self, matches: Sequence[_Match], update: Update) -> None:
        documents = self._collection.documents
        select = f"SELECT json(doc) FROM {documents} WHERE number = ?"
        # A row that would take another's unique values is left as it is.
        access = {"owner": update.owner, "acl": update.acl}
        changed = {name: value or None for name, value in access.items() if value is not None}
        more = "".join(f", {name} = ?{number}" for number, name in enumerate(changed, 5))
        sql = (
            f"UPDATE OR IGNORE {documents} SET tenant = ?1, doc = jsonb(?2), updated_us = ?3, version = version + 1"
            f"{more} WHERE number = ?4"
        )
        for match in matches:
            self._session.stop_if_told()
            document = apply_update(orjson.loads(self._execute(select, (match.number,)).get), update.operations)
            check_indexed(document, self._checked)
            values = (match.tenant, encode(document), update.now_us, match.number, *changed.values())
            self._execute(sql, values)
            if not self._changes():
                # What expires by this update stays in the way of the others.
                numbers = [it.number for it in matches]
                if self._make_room((match.tenant, match.id), document, numbers):
                    self._execute(sql, values)
                if not self._changes():
                    raise self._violation(document, match.tenant, match.number)
            for table in self._words:
                self._execute(remove_statement(table), (match.number,))
                add_words(self._connection, table, match.number, document)

    def _delete(self, matches: Sequence[_Match], delete: Delete) -> None:
        if delete.soft and not delete.purge:
            self._mark_deleted(matches, delete.now_us)
        else:
            self._session.stop_if_told()
            remove_rows(self._connection, self._collection, [match.number for match in matches])

    def _mark_deleted(self, matches: Sequence[_Match], deleted_us: int | None) -> None:
        sql = f"UPDATE {self._collection.documents} SET deleted_us = ? WHERE number = ?"
        for match in matches:
            self._session.stop_if_told()
            self._execute(sql, (deleted_us, match.number))

    def _make_room(self, key: tuple[str, str], document: dict[str, Json], besides: Sequence[int] = ()) -> bool:
        """Remove the expired documents that are in a document's way; return whether there were any."""
        numbers = expired_holders(
            self._connection, self._collection, key, document, now_us=self._now_us, besides=besides
        )
        return remove_rows(self._connection, self._collection, numbers) > 0

    def _violation(self, document: dict[str, Json], tenant: str, number: int = -1) -> DataError:
        return unique_violation(self._connection, self._collection, document, tenant, number)


def _of_version(matches: list[_Match], mutation: Update | Delete) -> list[_Match]:
    """Return the matches if they have the version that the mutation is meant for."""
    if mutation.if_version is not None and any(match.version != mutation.if_version for match in matches):
        raise DataError(
            Reason.VERSION_MISMATCH, "the document has another version than if_version; read it again and decide"
        )
    return matches
