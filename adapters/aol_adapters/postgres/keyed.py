"""How are changes of single documents made, each found by its id? Those that wait together in one transaction."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

from collections.abc import Sequence

import asyncpg

from aol_adapters.postgres.bindings import Bindings
from aol_adapters.postgres.catalogue import Collection
from aol_adapters.postgres.changing import Changing, Edit, require_at_most, require_version
from aol_adapters.postgres.compiler import where
from aol_adapters.postgres.connections import Deadline, transaction
from aol_adapters.postgres.database import Database
from aol_wire import metadata
from aol_wire.adapter import Delete, Deleted, Mutation, Outcome, Target, Update
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Compare, Operator

NONE = Outcome()


def id_of(mutation: Mutation) -> str | None:
    """Return the id of the one document that an update or delete is about; None for one that may be about others, or
    that has conditions which are looked into one by one."""
    if not isinstance(mutation, Update | Delete):
        return None
    if isinstance(mutation, Delete) and (mutation.if_version is not None or mutation.max_affected is not None):
        return None
    match mutation.filter:
        case Compare((metadata.ID,), Operator.EQ, str(id_)):
            return id_
    return None


async def update_batch(
    database: Database, target: Target, updates: Sequence[Update], until: Deadline
) -> list[Outcome | DataError] | None:
    """Make updates of one document each, no two of the same, in one transaction; return what became of each.

    :return: None, when one of them is to blame that nothing could be changed: they are to be made one by one.
    """

    async def work() -> list[Outcome | DataError]:
        known = await database.collection(target.service, target.collection, until)
        async with database.connection(until) as connection, transaction(connection, until):
            return await _update(Changing(database, connection, known, target, until), updates)

    try:
        return await database.again(work, until, target)
    except asyncpg.UniqueViolationError:
        return None
    except DataError as error:
        # An index entry that is too long is one document's fault.
        if error.reason is not Reason.TOO_LARGE or len(updates) == 1:
            raise
        return None


async def delete_batch(
    database: Database, target: Target, deletes: Sequence[Delete], until: Deadline
) -> list[Outcome | DataError]:
    """Make deletes of one kind and of one document each in one statement; return what became of each."""

    async def work() -> set[str]:
        known = await database.collection(target.service, target.collection, until)
        async with database.connection(until) as connection, transaction(connection, until):
            sql, bindings = _delete_statement(known, target, deletes, database.settings.clock())
            records = await connection.fetch(sql, *bindings.values, timeout=until.left())
            return {record[0] for record in records}

    left = await database.again(work, until, target)
    outcomes: list[Outcome | DataError] = []
    for delete in deletes:
        id_ = id_of(delete) or ""
        # Of several of one document, the first has deleted it.
        outcomes.append(Outcome(1, ids=(id_,)) if id_ in left else NONE)
        left.discard(id_)
    return outcomes


async def _update(changing: Changing, updates: Sequence[Update]) -> list[Outcome | DataError]:
    records = {record[1]: record for record in await changing.locked([id_of(update) or "" for update in updates])}
    outcomes: list[Outcome | DataError] = []
    edits: list[Edit] = []
    for update in updates:
        id_ = id_of(update) or ""
        record = records.get(id_)
        if record is None:
            outcomes.append(NONE)
            continue
        try:
            require_at_most(1, update.max_affected)
            require_version(record["version"], update.if_version)
            edits.append(changing.edited(record, update))
        except DataError as error:
            error.applied = Applied.NO
            outcomes.append(error)
        else:
            outcomes.append(Outcome(1, ids=(id_,)))
    if edits:
        await changing.put(edits)
    return outcomes


def _delete_statement(
    known: Collection, target: Target, deletes: Sequence[Delete], now_us: int
) -> tuple[str, Bindings]:
    """Return the statement that deletes what is there, and returns the ids of that."""
    first = deletes[0]
    bindings = Bindings()
    deleted = Deleted.ONLY if first.purge else Deleted.EXCLUDE
    ids = sorted({id_of(delete) or "" for delete in deletes})
    conditions = where(known, target, deleted, None, bindings, now_us=now_us)
    conditions += f" AND id = ANY ({bindings.texts(ids)})"
    if not first.soft or first.purge:
        return f"DELETE FROM {known.table} WHERE {conditions} RETURNING id", bindings
    times = {id_of(delete) or "": delete.now_us for delete in reversed(deletes)}
    marks = f"unnest({bindings.texts(ids)}, {bindings.integers([times[id_] for id_ in ids])})"
    sql = (
        f"UPDATE {known.table} SET deleted_us = mark.now_us FROM {marks} AS mark(marked, now_us) "
        f"WHERE {conditions} AND id = mark.marked RETURNING id"
    )
    return sql, bindings
