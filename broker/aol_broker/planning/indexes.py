"""What do indexes that are added to a manifest, or taken out of it, come to?"""

from collections.abc import Iterator

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.planning.changes import Action, Change, Grade
from aol_broker.planning.context import Context
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.indexes import IndexSpec, IndexType

_STAYS = "the index stays in the database and goes on serving queries; only a collection that is made anew lacks it"


def indexes(
    before: CollectionRecord, declared: DeclaredCollection | None, after: DeclaredCollection, context: Context
) -> Iterator[Change]:
    """Yield what is added to the database, and what the manifest no longer names though it did (`declared`)."""
    for index in after.indexes:
        if index not in before.indexes:
            grade, reason = _adding(index)
            yield Change(before.service, _place(before, index), Action.ADDED, grade, reason, after=_shown(index))
    for index in declared.indexes if declared is not None else ():
        if index not in after.indexes:
            users = context.consumers.served(before.collection_id, index)
            grade = Grade.NEEDS_REVIEW if users or index.type is IndexType.TTL else Grade.SAFE
            reason = _STAYS
            if index.type is IndexType.TTL:
                reason = "the index stays in the database: documents go on expiring by it"
            yield Change(
                before.service,
                _place(before, index),
                Action.REMOVED,
                grade,
                reason,
                before=_shown(index),
                consumers=users,
            )


def _adding(index: IndexSpec) -> tuple[Grade, str]:
    match index.type:
        case IndexType.TTL:
            field = ".".join(index.fields[0].path)
            return (
                Grade.DESTRUCTIVE,
                f"documents whose {field} is more than {index.expire_after_s:,} seconds ago are deleted, also those "
                "that are there already",
            )
        case IndexType.UNIQUE:
            return (
                Grade.NEEDS_REVIEW,
                "documents with values that are there already are refused; where stored ones clash, it is not built",
            )
        case _:
            return Grade.SAFE, "it is built while calls go on"


def _place(record: CollectionRecord, index: IndexSpec) -> str:
    return f"{record.collection_id}.indexes.{index.name}"


def _shown(index: IndexSpec) -> str:
    return index.name if index.expire_after_s is None else f"{index.name} after {index.expire_after_s:,} s"
