"""What becomes of a collection that is declared again? Indexes are added, never removed; how it is kept stays."""

from dataclasses import replace

from aol_broker.manifest.declaration import DeclaredCollection
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.errors import DataError, Reason
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
        # They belong to the fields of their hint.
        field_rules=record.field_rules if record.schema_hint else existing.field_rules,
    )


def declared(
    existing: CollectionRecord | None, service: str, declaration: DeclaredCollection, adapter: str
) -> CollectionRecord:
    """Return the collection after its owner's manifest was applied; `adapter` keeps it if it is new and the manifest
    names none.

    :raises DataError: TOO_LARGE, there would be more indexes than a collection may have; BAD_MANIFEST, it exists and is
        kept otherwise than the manifest says.
    """
    if existing is None:
        kept_by = declaration.adapter or adapter
        record = CollectionRecord(
            service, declaration.name, kept_by, storage=declaration.storage, security=declaration.security
        )
    else:
        _check_kept(existing, declaration)
        record = existing
    return replace(
        record,
        description=declaration.description,
        schema_hint=declaration.schema_hint,
        field_rules=declaration.field_rules,
        secrets=declaration.secrets,
        indexes=_union(record, declaration.indexes),
        soft_delete=declaration.soft_delete,
        validation=declaration.validation,
        audit=declaration.audit,
        security=declaration.security,
        declared=True,
    )


def _check_kept(existing: CollectionRecord, declaration: DeclaredCollection) -> None:
    """Return if a manifest says of an existing collection what is so. Saying no adapter is leaving it where it is."""
    collection_id = existing.collection_id
    if declaration.adapter not in ("", existing.adapter):
        raise DataError.invalid(
            Reason.BAD_MANIFEST,
            f"{collection_id}.storage.adapter",
            f"the adapter '{existing.adapter}' keeps this collection, and a manifest does not move it; moving a "
            f"collection between adapters is `aol copy {collection_id} --to {declaration.adapter}`",
        )
    if declaration.storage != existing.storage:
        raise DataError.invalid(
            Reason.BAD_MANIFEST,
            f"{collection_id}.storage",
            "partitions, retention and tenancy are chosen when a collection is made and cannot be changed. Leave them "
            f"as they were (`aol describe {collection_id}` shows them), or drop the collection with all its documents, "
            f"`aol collection drop {collection_id} --yes`, and apply the manifest again",
        )

    if declaration.security.tenant != existing.security.tenant:
        raise DataError.invalid(
            Reason.BAD_MANIFEST,
            f"{collection_id}.security.tenant",
            f"it is {existing.security.tenant or 'not there'}, and stays so: whether documents have tenants is chosen "
            "when a collection is made, as a change would hide documents, or show them to others. Leave it as it was, "
            f"or drop the collection with all its documents, `aol collection drop {collection_id} --yes`, and apply "
            "the manifest again",
        )


def undeclared(existing: CollectionRecord) -> CollectionRecord:
    """Return a collection that its owner's manifest no longer names."""
    return replace(existing, declared=False)


def _union(record: CollectionRecord, more: tuple[IndexSpec, ...]) -> tuple[IndexSpec, ...]:
    # A collection that has too many, by an older rule, goes on as it is: only adding to them is refused.
    added = set(more).difference(record.indexes)
    return check_indexes(record.indexes + more, f"{record.collection_id}.indexes") if added else record.indexes
