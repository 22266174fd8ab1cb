"""Who has the id or the unique values that a document wants? Looked into only when somebody has."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from typing import TYPE_CHECKING

import asyncpg
import orjson

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.database import Database, Deadline
from aol_adapters.postgres.expiring import expired
from aol_adapters.postgres.places import equals_scalar, indexed_place
from aol_wire.adapter import Outcome
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexSpec
from aol_wire.values import MISSING, equal, get

if TYPE_CHECKING:
    from aol_adapters.postgres.inserting import Item


async def is_current(
    database: Database, connection: asyncpg.Connection, collection: Collection, until: Deadline
) -> bool:
    """Return whether the collection is as the catalogue said when it was last read."""
    condition = database.catalogue.generation_is("$1::text", "$2::text", "$3::int8")
    values = (collection.service, collection.name, collection.generation)
    return await connection.fetchval(f"SELECT {condition}", *values, timeout=until.left()) is True


async def of_id(
    database: Database, connection: asyncpg.Connection, collection: Collection, item: "Item", until: Deadline
) -> Outcome | None:
    """Return what becomes of an insert whose id another document has; None when none has it."""
    bindings = Bindings()
    tenant, id_ = item.key
    conditions = f"tenant = {bindings.text(tenant)} AND id = {bindings.text(id_)}"
    is_expired = expired(collection, database.settings.clock(), bindings)
    if is_expired is not None:
        conditions += f" AND NOT {is_expired}"
    conditions += in_partition(collection, item, bindings)
    sql = f"SELECT doc::text, deleted_us FROM {collection.table} WHERE {conditions}"
    found = await connection.fetchrow(sql, *bindings.values, timeout=until.left())
    if found is None:
        return None
    is_deleted, will_be_deleted = found["deleted_us"] is not None, item.insert.stamped.deleted_us != 0
    if is_deleted and not will_be_deleted:
        return _duplicate("a deleted document has this _id, and keeps it until it is purged")
    if is_deleted is will_be_deleted and equal(orjson.loads(found["doc"]), item.document):
        return Outcome(1, was_duplicate=True)
    return _duplicate("another document has this _id; update it, or insert under another _id")


async def remove_expired(
    database: Database,
    connection: asyncpg.Connection,
    collection: Collection,
    key: tuple[str, str],
    document: dict[str, Json],
    *,
    until: Deadline,
    part: str | None = None,
) -> bool:
    """Remove the expired documents that have the key (tenant, id) or a unique value of a document.

    :param part: in which partition, if there are any.
    :return: whether there were any.
    """
    bindings = Bindings()
    is_expired = expired(collection, database.settings.clock(), bindings)
    if is_expired is None:
        return False
    tenant, id_ = key
    holds = [f"id = {bindings.text(id_)}"]
    holds += [_has_values(index, document, bindings) for index in collection.uniques.values()]
    sql = (
        f"DELETE FROM {collection.table} WHERE tenant = {bindings.text(tenant)} AND ({' OR '.join(holds)}) "
        f"AND {is_expired}{_in_part(part, bindings)}"
    )
    return str(await connection.execute(sql, *bindings.values, timeout=until.left())) != "DELETE 0"


async def of_values(
    connection: asyncpg.Connection,
    collection: Collection,
    key: tuple[str, str],
    document: dict[str, Json],
    *,
    until: Deadline,
    part: str | None = None,
) -> Outcome | None:
    """Return what becomes of a document whose unique values another one has; None when none has them."""
    tenant, id_ = key
    for index in collection.uniques.values():
        bindings = Bindings()
        sql = (
            f"SELECT 1 FROM {collection.table} WHERE tenant = {bindings.text(tenant)} "
            f"AND id <> {bindings.text(id_)} AND {_has_values(index, document, bindings)}{_in_part(part, bindings)}"
        )
        if await connection.fetchval(sql, *bindings.values, timeout=until.left()) is not None:
            error = unique_violation(index)
            error.applied = Applied.NO
            return Outcome(error=error)
    return None


def in_partition(collection: Collection, item: "Item", bindings: Bindings) -> str:
    """Return the rest of a condition: the document of an item lies in one partition, if it can lie in any."""
    return "" if collection.partitioned is None else _in_part(part_of(collection, item), bindings)


def part_of(collection: Collection, item: "Item") -> str | None:
    """Return the partition of a document; None when there are none, or it has no place in any."""
    by = collection.partitioned
    if by is None:
        return None
    try:
        return by.of(item.document, item.insert.id, item.insert.stamped.created_us, item.insert.now_us)
    except DataError:
        return None


def _in_part(part: str | None, bindings: Bindings) -> str:
    return "" if part is None else f" AND part = {bindings.text(part)}::date"


def unique_violation(index: IndexSpec) -> DataError:
    """Return the error of a document whose values in an index another one has."""
    return DataError(
        Reason.UNIQUE_VIOLATION,
        f"another document has the values of this one in the index {index.name}",
        metadata={"index": index.name},
    )


def _has_values(index: IndexSpec, document: dict[str, Json], bindings: Bindings) -> str:
    conditions = []
    for field in index.fields:
        value = get(document, field.path)
        conditions.append(equals_scalar(indexed_place(field.path), None if value is MISSING else value, bindings))
    return f"({' AND '.join(conditions)})"


def _duplicate(message: str) -> Outcome:
    return Outcome(error=DataError(Reason.DUPLICATE_ID, message, applied=Applied.NO))
