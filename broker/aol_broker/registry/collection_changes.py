"""What do a requested collection and an applied manifest write?"""

from collections.abc import Mapping

from aol_broker.manifest.declaration import AccessRequest, Manifest
from aol_broker.registry import tables
from aol_broker.registry.declaring import declared, requested, undeclared
from aol_broker.registry.move_changes import refuse_moving
from aol_broker.registry.snapshot import CollectionRecord
from aol_broker.registry.writer import Writer


async def request_collection(writer: Writer, record: CollectionRecord, created_by: str) -> bool:
    """Make a collection or add to it; return whether it was made."""
    before = await writer.records(collection_id=record.collection_id)
    existing = before.get(record.collection_id)
    wanted = requested(existing, record)
    if wanted != existing:
        refuse_moving(before.values())
        await writer.service(record.service)
        await writer.store([wanted], before, created_by)
        await writer.touch([record.collection_id])
    return existing is None


async def apply_manifest(
    writer: Writer, manifest: Manifest, text: str, *, source: str, applied_by: str, adapter: str
) -> tuple[int, tuple[str, ...]]:
    """Make the registry say what a manifest says; return the version of the manifest and the collections made.

    Applying the text of the newest version again changes nothing.
    """
    service = manifest.service
    version = int((await writer.service(service))["manifest_version"])
    newest = await writer.select(tables.manifests, service=service, version=version)
    if newest and newest[0]["text"] == text:
        return version, ()
    version += 1
    row = {"service": service, "version": version, "text": text, "source": source, "applied_by": applied_by}
    await writer.insert(tables.manifests, {**row, "applied_us": writer.now_us})
    await writer.update(tables.services, {"name": service}, manifest_version=version, revision=writer.revision)
    before = await writer.records(service=service)
    changed = _records(manifest, before, adapter)
    refuse_moving(changed)
    created = await writer.store(changed, before, applied_by)
    await _share(writer, manifest)
    asked = await _ask(writer, service, manifest.access_requests)
    await writer.touch({*before, *created, *asked})
    return version, created


def _records(manifest: Manifest, before: Mapping[str, CollectionRecord], adapter: str) -> list[CollectionRecord]:
    """Return the collections to write. One that the manifest no longer names stays, with its data, but undeclared."""
    after = {}
    for declaration in manifest.collections:
        collection_id = f"{manifest.service}.{declaration.name}"
        after[collection_id] = declared(before.get(collection_id), manifest.service, declaration, adapter)
    for collection_id, record in before.items():
        after.setdefault(collection_id, undeclared(record))
    return [record for collection_id, record in after.items() if record != before.get(collection_id)]


async def _share(writer: Writer, manifest: Manifest) -> None:
    """Replace what the owner shares, and forget what it revoked of that: the manifest is its newest word."""
    await writer.delete_owned(tables.sharing, manifest.service)
    await writer.delete_owned(tables.revocations, manifest.service)
    rows = (
        {
            "collection_id": f"{manifest.service}.{declaration.name}",
            "service": item.service,
            "permission": item.permission.value,
        }
        for declaration in manifest.collections
        for item in declaration.sharing
    )
    await writer.insert(tables.sharing, *rows)


async def _ask(writer: Writer, service: str, wanted: tuple[AccessRequest, ...]) -> set[str]:
    """Replace what the service asks for; return the collections that this is about, before and after."""
    asked = await writer.select(tables.access_requests, service=service)
    since_us = {(row["collection_id"], row["permission"]): row["created_us"] for row in asked}
    await writer.delete(tables.access_requests, service=service)
    rows = (
        {
            "collection_id": request.collection_id,
            "service": service,
            "permission": request.permission.value,
            "reason": request.reason,
            "created_us": since_us.get((request.collection_id, request.permission.value), writer.now_us),
        }
        for request in wanted
    )
    await writer.insert(tables.access_requests, *rows)
    return {collection_id for collection_id, _ in since_us} | {request.collection_id for request in wanted}
