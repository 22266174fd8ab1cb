"""What do a requested collection, an applied manifest, a dropped collection write?"""

from collections.abc import Mapping

from aol_broker.manifest.declaration import AccessRequest, Manifest
from aol_broker.registry import tables
from aol_broker.registry.declaring import declared, requested, undeclared
from aol_broker.registry.deployments import abstract_of, abstract_to_text, digest
from aol_broker.registry.move_changes import not_dropped, refuse_moving
from aol_broker.registry.moves import move_from_row
from aol_broker.registry.request_changes import forget_refusals, remove_orphans
from aol_broker.registry.rows import limits_to_row
from aol_broker.registry.snapshot import CollectionRecord, Permission
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
    writer: Writer, manifest: Manifest, text: str, *, source: str, applied_by: str, adapter: str, plan: str = ""
) -> tuple[int, tuple[str, ...]]:
    """Make the registry say what a manifest says; return the version of the manifest and the collections made.

    Applying the text of the newest version again changes nothing, unless a collection of it was dropped since. `plan`
    is the id of the plan that it is part of, which says that grants are removed that the service asks for no more;
    without one, nobody was told so, and they stay.
    """
    service = manifest.service
    version = int((await writer.service(service))["manifest_version"])
    newest = await writer.select(tables.manifests, service=service, version=version)
    before = await writer.records(service=service)
    ended = await remove_orphans(writer, service, manifest.access_requests) if plan else set()
    if newest and newest[0]["text"] == text and _stands(manifest, before) and not ended:
        return version, ()
    version += 1
    row = {
        "service": service,
        "version": version,
        "text": text,
        "source": source,
        "applied_by": applied_by,
        "applied_us": writer.now_us,
        "sha256": digest(text),
        "plan": plan,
        "declares": abstract_to_text(abstract_of(manifest)),
    }
    await writer.insert(tables.manifests, row)
    await writer.update(tables.services, {"name": service}, manifest_version=version, revision=writer.revision)
    changed = _records(manifest, before, adapter)
    refuse_moving(changed)
    created = await writer.store(changed, before, applied_by)
    await _share(writer, manifest)
    asked = await _ask(writer, service, manifest.access_requests)
    await writer.touch({*before, *created, *asked, *ended})
    return version, created


async def drop_collection(writer: Writer, collection_id: str) -> bool:
    """Forget a collection, and what is shared, granted and refused of it; return whether it was known.

    What others ask for stays asked: a request need not be on a collection that exists.

    :raises DataError: BAD_REQUEST, a copy of it to another adapter is not over.
    """
    if not await writer.select(tables.collections, collection_id=collection_id):
        return False
    for row in await writer.select(tables.moves, collection_id=collection_id):
        raise not_dropped(move_from_row(row))
    for table in (tables.collections, tables.sharing, tables.revocations, tables.grants, tables.refusals):
        await writer.delete(table, collection_id=collection_id)
    await writer.touch([collection_id])
    return True


def _stands(manifest: Manifest, before: Mapping[str, CollectionRecord]) -> bool:
    """Whether every collection of a manifest that was applied is still there, as its."""
    ids = (f"{manifest.service}.{declaration.name}" for declaration in manifest.collections)
    return all(id_ in before and before[id_].declared for id_ in ids)


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
    """Replace what the owner shares; forget what it revoked and refused of that: the manifest is its newest word."""
    shared = {
        (f"{manifest.service}.{declaration.name}", item.service, asked.value)
        for declaration in manifest.collections
        for item in declaration.sharing
        for asked in Permission
        if item.permission.covers(asked)
    }
    for row in await writer.select_owned(tables.refusals, manifest.service):
        key = (row["collection_id"], row["service"], row["permission"])
        if key in shared:
            await writer.delete(tables.refusals, collection_id=key[0], service=key[1], permission=key[2])
    await writer.delete_owned(tables.sharing, manifest.service)
    await writer.delete_owned(tables.revocations, manifest.service)
    rows = (
        {
            "collection_id": f"{manifest.service}.{declaration.name}",
            "service": item.service,
            "permission": item.permission.value,
            "revision": writer.revision,
            **limits_to_row(item.limits),
        }
        for declaration in manifest.collections
        for item in declaration.sharing
    )
    await writer.insert(tables.sharing, *rows)


async def _ask(writer: Writer, service: str, wanted: tuple[AccessRequest, ...]) -> set[str]:
    """Replace what the service asks for; return the collections that this is about, before and after."""
    anew = await forget_refusals(writer, service, wanted)
    asked = await writer.select(tables.access_requests, service=service)
    since_us = {(row["collection_id"], row["permission"]): row["created_us"] for row in asked}
    await writer.delete(tables.access_requests, service=service)
    rows = (
        {
            "collection_id": request.collection_id,
            "service": service,
            "permission": request.permission.value,
            "reason": request.reason,
            "created_us": writer.now_us if key in anew else since_us.get(key, writer.now_us),
        }
        for request in wanted
        for key in [(request.collection_id, request.permission.value)]
    )
    await writer.insert(tables.access_requests, *rows)
    return {collection_id for collection_id, _ in since_us} | {request.collection_id for request in wanted}
