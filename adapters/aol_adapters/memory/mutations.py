"""What would a mutation change? Computed before anything is changed."""

from dataclasses import dataclass, field, replace
from typing import assert_never, cast

import orjson

from aol_adapters.memory.collection import Changes, Collection
from aol_adapters.memory.rows import Row
from aol_wire.adapter import Delete, Deleted, Insert, Mutation, Outcome, Restore, Update
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.json_text import encode
from aol_wire.update_apply import apply_update
from aol_wire.values import equal


@dataclass(frozen=True, slots=True)
class Plan:
    """What a mutation changes; a repeated insert changes nothing."""

    changes: Changes = field(default_factory=dict)
    duplicate_of: str | None = None

    def outcome(self, return_ids: bool) -> Outcome:
        """Return the outcome once the changes are made."""
        ids = tuple(id_ for _, id_ in self.changes) if self.duplicate_of is None else (self.duplicate_of,)
        return Outcome(len(ids), self.duplicate_of is not None, ids if return_ids else ())


def plan(collection: Collection, tenant: str | None, mutation: Mutation) -> Plan:
    """Return what a mutation changes.

    :raises DataError: as the contract's mutations say.
    """
    match mutation:
        case Insert():
            return _insert(collection, tenant or "", mutation)
        case Update():
            return _update(_of_version(_selected(collection, tenant, mutation), mutation), mutation)
        case Delete():
            return _delete(_of_version(_selected(collection, tenant, mutation), mutation), mutation)
        case Restore():
            rows = _selected(collection, tenant, mutation)
            return Plan({row.key: replace(row, deleted_us=0) for row in rows})
        case _:
            assert_never(mutation)


def _insert(collection: Collection, tenant: str, insert: Insert) -> Plan:
    document = cast("dict[str, Json]", orjson.loads(insert.json))
    present = collection.rows.get((tenant, insert.id))
    stamps = insert.stamped
    if present is None:
        row = Row(
            tenant,
            insert.id,
            document,
            insert.json,
            stamps.created_us,
            stamps.updated_us,
            stamps.version,
            insert.owner,
            insert.acl,
            stamps.deleted_us,
        )
        return Plan({row.key: row})
    if present.deleted_us and not stamps.deleted_us:
        raise DataError(Reason.DUPLICATE_ID, "a deleted document has this _id, and keeps it until it is purged")
    if bool(present.deleted_us) is not bool(stamps.deleted_us) or not equal(present.document, document):
        raise DataError(Reason.DUPLICATE_ID, "another document has this _id; update it, or insert under another _id")
    return Plan(duplicate_of=insert.id)


def _selected(collection: Collection, tenant: str | None, mutation: Update | Delete | Restore) -> list[Row]:
    only_deleted = isinstance(mutation, Restore) or (isinstance(mutation, Delete) and mutation.purge)
    rows = collection.select(tenant, mutation.filter, Deleted.ONLY if only_deleted else Deleted.EXCLUDE)
    if mutation.max_affected is not None and len(rows) > mutation.max_affected:
        raise DataError(
            Reason.MAX_AFFECTED_EXCEEDED,
            f"{len(rows)} documents match, and max_affected is {mutation.max_affected}; nothing was changed",
        )
    return rows


def _of_version(rows: list[Row], mutation: Update | Delete) -> list[Row]:
    if mutation.if_version is not None and any(row.version != mutation.if_version for row in rows):
        raise DataError(
            Reason.VERSION_MISMATCH, "the document has another version than if_version; read it again and decide"
        )
    return rows


def _update(rows: list[Row], update: Update) -> Plan:
    changes: dict[tuple[str, str], Row | None] = {}
    for row in rows:
        document = apply_update(row.document, update.operations)
        changes[row.key] = replace(
            row,
            document=document,
            json=encode(document),
            updated_us=update.now_us,
            version=row.version + 1,
            owner=row.owner if update.owner is None else update.owner,
            acl=row.acl if update.acl is None else update.acl,
        )
    return Plan(changes)


def _delete(rows: list[Row], delete: Delete) -> Plan:
    if delete.soft and not delete.purge:
        return Plan({row.key: replace(row, deleted_us=delete.now_us) for row in rows})
    return Plan(dict.fromkeys(row.key for row in rows))
