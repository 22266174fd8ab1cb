"""How do updates, deletes and restores change the table? Within a transaction, all of one or nothing."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from aol_adapters.postgres import holders
from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.compiler import where
from aol_adapters.postgres.connections import Deadline, transaction
from aol_adapters.postgres.database import Database, StaleError
from aol_adapters.postgres.numbers import jsonb_text
from aol_adapters.postgres.words import document_words, vector
from aol_wire.adapter import Delete, Deleted, Outcome, Restore, Target, Update
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexed_paths import check_indexed
from aol_wire.update_apply import apply_update

# Documents of an update that are read, changed and written together; each may have a megabyte.
_AT_ONCE = 100
_ASIDE = "\x01"
# Of these types, whatever somebody has made of the columns.
_READ = "tenant::text, id::text, doc::text, version::int8"
# An empty text removes, NULL leaves alone.
_ACCESS = (
    ", owner = CASE WHEN new.owner IS NULL THEN stored.owner ELSE nullif(new.owner, '') END"
    ", acl = CASE WHEN new.acl IS NULL THEN stored.acl ELSE nullif(new.acl, '')::jsonb END"
)
_READ_IN_PARTITIONS = ", part::date, created_us::int8"


@dataclass(frozen=True, slots=True)
class Edit:
    """A document as it is to be; `was` is its partition, if there are any, and `part` where it goes. Its owner and its
    access control list are left alone where they are None."""

    tenant: str
    id: str
    document: dict[str, Json]
    now_us: int
    was: str | None = None
    part: str | None = None
    owner: str | None = None
    acl: str | None = None


class Changing:
    """Changes documents of one collection, on a connection that is in a transaction."""

    def __init__(
        self,
        database: Database,
        connection: asyncpg.Connection,
        collection: Collection,
        target: Target,
        until: Deadline,
    ) -> None:
        self._database = database
        self._connection = connection
        self._collection = collection
        self._target = target
        self._until = until
        # All mutations of a write happen at one moment.
        self._now_us = database.settings.clock()
        partitioned = collection.partitioned is not None
        self._read_columns = f"{_READ}{_READ_IN_PARTITIONS if partitioned else ''}"
        self._in_its_partition = " AND stored.part = new.was::date" if partitioned else ""

    async def apply(self, mutation: Update | Delete | Restore, *, return_ids: bool) -> Outcome:
        """Apply a mutation; when it raises, the transaction or savepoint is to be undone.

        :raises DataError: the mutation failed.
        """
        match mutation:
            case Update():
                ids = await self._update(mutation)
                return Outcome(len(ids), ids=tuple(ids) if return_ids else ())
            case Delete():
                return await self._delete(mutation, return_ids)
            case Restore():
                bindings, conditions = self._conditions(mutation, Deleted.ONLY)
                sql = f"UPDATE {self._collection.table} SET deleted_us = NULL WHERE {conditions}"
                return await self._run(sql, bindings, mutation, return_ids)

    async def locked(self, ids: Sequence[str]) -> list[asyncpg.Record]:
        """Return the documents of these ids, for `edited`; nobody else changes them until the transaction ends."""
        bindings = Bindings()
        conditions = where(self._collection, self._target, Deleted.EXCLUDE, None, bindings, now_us=self._now_us)
        # In the order of keys, so that two transactions do not wait for each other.
        sql = (
            f"SELECT {self._read_columns} FROM {self._collection.table} "
            f"WHERE {conditions} AND id = ANY ({bindings.texts(sorted(ids))}) ORDER BY tenant, id FOR UPDATE"
        )
        found: list[asyncpg.Record] = await self._connection.fetch(sql, *bindings.values, timeout=self._until.left())
        return found

    async def _delete(self, delete: Delete, return_ids: bool) -> Outcome:
        if delete.if_version is not None:
            await self._require_version(delete)
        bindings, conditions = self._conditions(delete, Deleted.ONLY if delete.purge else Deleted.EXCLUDE)
        if delete.soft and not delete.purge:
            sql = f"UPDATE {self._collection.table} SET deleted_us = {bindings.integer(delete.now_us)} "
        else:
            sql = f"DELETE FROM {self._collection.table} "
        return await self._run(f"{sql} WHERE {conditions}", bindings, delete, return_ids)

    async def _run(self, sql: str, bindings: Bindings, mutation: Delete | Restore, return_ids: bool) -> Outcome:
        timeout_s = self._until.left()
        if return_ids:
            records = await self._connection.fetch(f"{sql} RETURNING id", *bindings.values, timeout=timeout_s)
            ids = tuple(record[0] for record in records)
            affected = len(ids)
        else:
            status = await self._connection.execute(sql, *bindings.values, timeout=timeout_s)
            ids, affected = (), int(status.rpartition(" ")[2])
        require_at_most(affected, mutation.max_affected)
        return Outcome(affected, ids=ids)

    async def _require_version(self, mutation: Delete | Update) -> None:
        purge = isinstance(mutation, Delete) and mutation.purge
        bindings, conditions = self._conditions(mutation, Deleted.ONLY if purge else Deleted.EXCLUDE)
        sql = f"SELECT version FROM {self._collection.table} WHERE {conditions} FOR UPDATE"
        versions = await self._connection.fetch(sql, *bindings.values, timeout=self._until.left())
        require_at_most(len(versions), mutation.max_affected)
        for record in versions:
            require_version(record[0], mutation.if_version)

    async def _update(self, update: Update) -> list[str]:
        """Update what matches and return the ids."""
        if update.if_version is not None:
            await self._require_version(update)
        if not self._collection.uniques:
            return await self._update_by_portions(update)
        try:
            async with transaction(self._connection, self._until):
                return await self._update_by_portions(update)
        except asyncpg.UniqueViolationError:
            # A document may have met the old value of one that was to be updated after it, or one that is expired.
            return await self._update_one_by_one(update)

    async def _update_by_portions(self, update: Update) -> list[str]:
        bindings, conditions = self._conditions(update, Deleted.EXCLUDE)
        # In the order of keys, so that two updates do not wait for each other.
        sql = (
            f"SELECT {self._read_columns} FROM {self._collection.table} WHERE {conditions} "
            "ORDER BY tenant, id FOR UPDATE"
        )
        ids: list[str] = []
        cursor = await self._connection.cursor(sql, *bindings.values, timeout=self._until.left())
        while records := await cursor.fetch(_AT_ONCE, timeout=self._until.left()):
            ids += [record[1] for record in records]
            if update.max_affected is None or len(ids) <= update.max_affected:
                await self.put([self.edited(record, update) for record in records])
            if len(records) < _AT_ONCE:
                break
        require_at_most(len(ids), update.max_affected)
        return ids

    async def _update_one_by_one(self, update: Update) -> list[str]:
        """Update so that documents can exchange unique values: all of them step aside, into tenants of their own, and
        come back with their new values one by one."""
        bindings, conditions = self._conditions(update, Deleted.EXCLUDE)
        sql = f"SELECT {self._read_columns} FROM {self._collection.table} WHERE {conditions} ORDER BY tenant, id"
        records = await self._connection.fetch(f"{sql} FOR UPDATE", *bindings.values, timeout=self._until.left())
        require_at_most(len(records), update.max_affected)
        changed = [self.edited(record, update) for record in records]
        await self._connection.execute(
            f"UPDATE {self._collection.table} AS stored SET tenant = $1 || stored.tenant "
            f"FROM unnest($2::text[], $3::text[], $4::text[]) AS new(tenant, id, was) WHERE stored.tenant = new.tenant "
            f"AND stored.id = new.id{self._in_its_partition}",
            _ASIDE,
            [it.tenant for it in changed],
            [it.id for it in changed],
            [it.was for it in changed],
            timeout=self._until.left(),
        )
        for it in changed:
            # What expires by this update stays in the way of the others.
            await self._come_back(it, [other.id for other in changed])
        return [it.id for it in changed]

    async def _come_back(self, changed: Edit, besides: Sequence[str]) -> None:
        violated = None
        for _ in range(2):
            try:
                async with transaction(self._connection, self._until):
                    return await self.put([changed], from_aside=True)
            except asyncpg.UniqueViolationError as error:
                violated = self._collection.uniques.get(error.constraint_name or "")
                key = (changed.tenant, changed.id)
                made_room = await holders.remove_expired(
                    self._database,
                    self._connection,
                    self._collection,
                    key,
                    changed.document,
                    until=self._until,
                    part=changed.part,
                    besides=besides,
                )
                if not made_room:
                    break
        if violated is None:
            raise StaleError
        raise holders.unique_violation(violated)

    def edited(self, record: asyncpg.Record, update: Update) -> Edit:
        """Return a document as an update makes it.

        :raises DataError: BAD_DOCUMENT, TOO_LARGE.
        """
        document = apply_update(orjson.loads(record[2]), update.operations)
        check_indexed(document, self._collection.checked)
        by = self._collection.partitioned
        was = part = None
        if by is not None:
            was, part = record["part"].isoformat(), by.of(document, record[1], record["created_us"], self._now_us)
        return Edit(record[0], record[1], document, update.now_us, was, part, update.owner, update.acl)

    async def put(self, changed: Sequence[Edit], *, from_aside: bool = False) -> None:
        """Write documents that are locked.

        :raises StaleError: the collection has changed, so that their checks and words may be of yesterday.
        """
        collection = self._collection
        texts = [[document_words(it.document, kept.paths) for it in changed] for kept in collection.words]
        columns = [kept.column for kept in collection.words]
        changes = "".join(f", {column} = {vector(f'new.{column}')}" for column in columns)
        if any(it.owner is not None or it.acl is not None for it in changed):
            columns += ["owner", "acl"]
            texts += [[it.owner for it in changed], [it.acl for it in changed]]
            changes += _ACCESS
        arrays = "".join(f", ${number}::text[]" for number in range(10, 10 + len(columns)))
        named = "".join(f", {column}" for column in columns)
        if collection.partitioned is not None:
            self._database.require_partitions(collection, [it.part or "" for it in changed])
            changes += ", part = new.part::date"
        is_current = self._database.catalogue.generation_is("$1::text", "$2::text", "$3::int8")
        stored_tenant = f"'{_ASIDE}' || new.tenant" if from_aside else "new.tenant"
        sql = (
            f"UPDATE {collection.table} AS stored SET tenant = new.tenant, doc = new.doc::jsonb, "
            f"updated_us = new.now_us, version = stored.version + 1{changes} "
            "FROM unnest($4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]"
            f"{arrays}) AS new(now_us, tenant, id, doc, was, part{named}) "
            f"WHERE stored.tenant = {stored_tenant} AND stored.id = new.id{self._in_its_partition} AND {is_current}"
        )
        status = await self._connection.execute(
            sql,
            collection.service,
            collection.name,
            collection.generation,
            [it.now_us for it in changed],
            [it.tenant for it in changed],
            [it.id for it in changed],
            [jsonb_text(it.document) for it in changed],
            [it.was for it in changed],
            [it.part for it in changed],
            *texts,
            timeout=self._until.left(),
        )
        if status != f"UPDATE {len(changed)}":
            raise StaleError

    def _conditions(self, mutation: Update | Delete | Restore, deleted: Deleted) -> tuple[Bindings, str]:
        bindings = Bindings()
        conditions = where(self._collection, self._target, deleted, mutation.filter, bindings, now_us=self._now_us)
        return bindings, conditions


def require_version(version: int, wanted: int | None) -> None:
    """Return if a document has the version that a change is meant for.

    :raises DataError: VERSION_MISMATCH.
    """
    if wanted is not None and version != wanted:
        raise DataError(
            Reason.VERSION_MISMATCH, "the document has another version than if_version; read it again and decide"
        )


def require_at_most(affected: int, most: int | None) -> None:
    if most is not None and affected > most:
        raise DataError(
            Reason.MAX_AFFECTED_EXCEEDED,
            f"{affected} documents match, and max_affected is {most}; nothing was changed",
        )
