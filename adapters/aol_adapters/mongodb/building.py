"""How are collections and their indexes made and dropped? Nothing that is there is rewritten or dropped unasked."""

from collections.abc import Iterable
from dataclasses import replace

from pymongo.errors import CollectionInvalid, OperationFailure

from aol_adapters.mongodb import indexing, sharding
from aol_adapters.mongodb.builds import Builds
from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.failures import NAMESPACE_EXISTS
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.server import Server, StaleError
from aol_wire.adapter import CollectionSpec, Ensured, Target
from aol_wire.errors import DataError, Reason
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus


async def ensure(server: Server, catalogue: Catalogue, builds: Builds, spec: CollectionSpec) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`.

    :raises StaleError: it has changed meanwhile; begin again.
    """
    target = spec.target
    known = await catalogue.read(target)
    created = False
    if known is None:
        known = Collection(target.service, target.collection, 1, _building(spec.indexes), spec.storage)
        sharding.check_indexes(known)
        # Whose entry it is, made it. Its places come after it, so that none of them is made without anybody knowing.
        created = await catalogue.add(known)
        if not created:
            raise StaleError
    elif not _is_complete(known, spec.indexes):
        for index in _building(spec.indexes):
            status = next((it for it in known.indexes if it.spec == index.spec), None)
            if status is None or status.state is IndexState.FAILED:
                known = known.with_status(index)
        sharding.check_indexes(known)
        if not await catalogue.put(known):
            raise StaleError
        known = replace(known, generation=known.generation + 1)
    if created or any(it.state is IndexState.BUILDING for it in known.indexes):
        for place in catalogue.places(known):
            await prepare(server, place, known)
        await builds.build(target, known, is_new=created)
        known = await catalogue.read(target) or known
    return Ensured(_statuses(known, spec.indexes), created)


async def prepare(server: Server, place: Place, known: Collection) -> None:
    """Make a place if it is not there, and have the server hold what is written to the rules of the indexes."""
    database = server.database(place.database)
    rules = indexing.validator(known.checked)
    try:
        await database.create_collection(place.collection, validator=rules, check_exists=False)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != NAMESPACE_EXISTS:
            raise
        await database.command("collMod", place.collection, validator=rules)
    if known.storage.shard_key:
        for command in sharding.commands(place, known.storage.shard_key):
            await server.database("admin").command(command)


async def make_place(server: Server, catalogue: Catalogue, target: Target, tenant: str) -> None:
    """Make a tenant's own place in a collection.

    :raises DataError: COLLECTION_NOT_FOUND.
    """
    known = await catalogue.add_tenant(target, tenant)
    if known is None:
        raise DataError(Reason.COLLECTION_NOT_FOUND, f"the collection {target.collection!r} was not made here yet")
    place = catalogue.place(known, tenant)
    await prepare(server, place, known)
    for spec in known.checked:
        await indexing.create(server, place, spec)


async def drop(server: Server, catalogue: Catalogue, target: Target) -> None:
    """Drop a collection; see `Adapter.drop_collection`."""
    known = await catalogue.read(target)
    if known is None:
        return
    # First it is forgotten: who writes meanwhile is told that it is gone.
    await catalogue.remove(target)
    for place in catalogue.places(known):
        await server.database(place.database).drop_collection(place.collection)


def _building(indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    return tuple(IndexStatus(index, IndexState.BUILDING) for index in dict.fromkeys(indexes))


def _is_complete(known: Collection, indexes: Iterable[IndexSpec]) -> bool:
    return {it.spec for it in known.indexes if it.state is not IndexState.FAILED}.issuperset(indexes)


def _statuses(known: Collection, indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    by_spec = {status.spec: status for status in known.indexes}
    return tuple(by_spec.get(index, IndexStatus(index, IndexState.BUILDING)) for index in indexes)
