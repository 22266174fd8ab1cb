"""What is declared and not there, what is there and not declared, and what does nobody read?"""

from collections.abc import Iterator
from shlex import quote

from aol_broker.drift.access import READING
from aol_broker.drift.finding import Edit, Finding, Kind, Known, Section
from aol_broker.drift.indexes import entry_of, has_effect, is_used
from aol_broker.manifest.declaration import DeclaredCollection, Manifest
from aol_broker.registry.snapshot import CollectionRecord
from aol_wire.filters import Json


def not_registered(known: Known) -> Iterator[Finding]:
    """Yield what manifests declare and the registry does not have. Applying the manifest mends it."""
    asked = {(item.service, item.collection_id, item.permission) for item in known.asked}
    for service, manifest in sorted(known.manifests.items()):
        apply = f"aol apply {quote(known.sources.get(service) or 'manifest.yaml')}"
        for declaration in manifest.collections:
            yield from _missing(known.snapshot.collection(service, declaration.name), service, declaration, apply)
        for request in manifest.access_requests:
            if (service, request.collection_id, request.permission) not in asked:
                detail = f"The manifest of {service} asks for {request.permission}; the registry does not know of it."
                subject = request.permission.value
                yield Finding(Kind.NOT_REGISTERED, request.collection_id, service, subject, detail, command=apply)


def not_declared(known: Known) -> Iterator[Finding]:
    """Yield what the registry has and no manifest declares: collections, indexes that are of use, requests."""
    for id_, record in sorted(known.snapshot.collections.items()):
        manifest = known.manifests.get(record.service)
        declaration = _declaration(manifest, record.name)
        if declaration is not None:
            yield from _undeclared_indexes(known, record, declaration)
            continue
        detail = f"No manifest of {record.service} declares it."
        edit = None if manifest is None else Edit(record.service, Section.COLLECTIONS, _collection_entry(record))
        command = "" if edit is not None else f"aol collection drop {id_}"
        yield Finding(Kind.NOT_DECLARED, id_, record.service, record.name, detail, edit, command)
    for item in known.asked:
        manifest = known.manifests.get(item.service)
        if manifest is None or any(
            (request.collection_id, request.permission) == (item.collection_id, item.permission)
            for request in manifest.access_requests
        ):
            continue
        detail = f"The registry has a request of {item.service} for {item.permission}; its manifest asks no more."
        apply = f"aol apply {quote(known.sources.get(item.service) or 'manifest.yaml')}"
        yield Finding(Kind.NOT_DECLARED, item.collection_id, item.service, item.permission.value, detail, command=apply)


def unread_collections(known: Known) -> Iterator[Finding]:
    """Yield collections that nobody has read."""
    for id_, record in sorted(known.snapshot.collections.items()):
        uses = known.uses.uses(id_)
        if not known.is_old(id_) or any(use.verb in READING for use in uses):
            continue
        calls = sum(use.calls for use in uses)
        writers = ", ".join(sorted({use.service for use in uses}))
        detail = f"Nobody reads it; {writers} changed it in {calls:,} calls." if uses else "Nobody uses it."
        # What is written still is for somebody to decide who knows why.
        command = f"aol impact {id_}" if uses else f"aol collection drop {id_}"
        yield Finding(Kind.UNREAD_COLLECTION, id_, record.service, record.name, detail, command=command)


def _missing(
    record: CollectionRecord | None, service: str, declaration: DeclaredCollection, apply: str
) -> Iterator[Finding]:
    id_ = f"{service}.{declaration.name}"
    if record is None:
        detail = f"The manifest of {service} declares it; the registry does not have it."
        yield Finding(Kind.NOT_REGISTERED, id_, service, declaration.name, detail, command=apply)
        return
    for index in declaration.indexes:
        if index not in record.indexes:
            detail = f"The manifest of {service} declares this index; the registry does not have it."
            yield Finding(Kind.NOT_REGISTERED, id_, service, index.name, detail, command=apply)


def _undeclared_indexes(known: Known, record: CollectionRecord, declaration: DeclaredCollection) -> Iterator[Finding]:
    """An index that is of no use and in no manifest is left alone: it stays until the collection is dropped."""
    shapes = known.uses.shapes(record.collection_id)
    for index in record.indexes:
        if index in declaration.indexes or not (has_effect(index) or is_used(index, shapes)):
            continue
        edit = Edit(record.service, Section.INDEXES, entry_of(index), record.name)
        detail = f"No manifest of {record.service} declares this index, which is of use."
        yield Finding(Kind.NOT_DECLARED, record.collection_id, record.service, index.name, detail, edit)


def _declaration(manifest: Manifest | None, name: str) -> DeclaredCollection | None:
    return next((item for item in manifest.collections if item.name == name), None) if manifest is not None else None


def _collection_entry(record: CollectionRecord) -> dict[str, Json]:
    """Return a collection as a manifest declares it."""
    entry: dict[str, Json] = {"name": record.name}
    if record.description:
        entry["description"] = record.description
    if record.schema_hint:
        entry["schemaHint"] = dict(record.schema_hint)
    if record.indexes:
        entry["indexes"] = [entry_of(index) for index in record.indexes]
    if record.soft_delete:
        entry["softDelete"] = True
    return entry
