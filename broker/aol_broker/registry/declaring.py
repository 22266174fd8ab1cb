"""What becomes of a collection that is declared again? Indexes are added and never removed; the adapter stays."""

from dataclasses import replace

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.index_parser import check_indexes
from aol_wire.indexes import IndexSpec


def requested(existing: CollectionRecord | None, record: CollectionRecord) -> CollectionRecord:
    """Return the collection after a `request_collection` for `record`.

    Of an existing one, description and schema hint change when they are given; what only a manifest can say stays.

    :raises DataError: TOO_LARGE, there would be more indexes than a collection may have.
    """
    if existing is None:
        return record
    return replace(
        existing,
        indexes=_union(existing, record.indexes),
        description=record.description or existing.description,
        schema_hint=record.schema_hint or existing.schema_hint,
    )


def declared(
    existing: CollectionRecord | None, service: str, declaration: DeclaredCollection, adapter: str
) -> CollectionRecord:
    """Return the collection after its owner's manifest was applied; `adapter` keeps it if it is new.

    :raises DataError: TOO_LARGE, there would be more indexes than a collection may have.
    """
    record = existing or CollectionRecord(service, declaration.name, adapter)
    return replace(
        record,
        description=declaration.description,
        schema_hint=declaration.schema_hint,
        indexes=_union(record, declaration.indexes),
        soft_delete=declaration.soft_delete,
        validation=declaration.validation,
        declared=True,
    )


def undeclared(existing: CollectionRecord) -> CollectionRecord:
    """Return a collection that its owner's manifest no longer names."""
    return replace(existing, declared=False)


def _union(record: CollectionRecord, more: tuple[IndexSpec, ...]) -> tuple[IndexSpec, ...]:
    # A collection that has too many, by an older rule, goes on as it is: only adding to them is refused.
    added = set(more).difference(record.indexes)
    return check_indexes(record.indexes + more, f"{record.collection_id}.indexes") if added else record.indexes
