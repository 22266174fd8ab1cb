"""How are collections and their indexes made and dropped? Nothing that is there is rewritten or dropped unasked."""

from collections.abc import Iterable
from dataclasses import replace

from aol_adapters.mongodb import indexing, sharding
from aol_adapters.mongodb.builds import Builds
from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.preparing import prepare
from aol_adapters.mongodb.server import Server, StaleError
from aol_wire.adapter import CollectionSpec, Ensured, Target
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus


async def ensure(server: Server, catalogue: Catalogue, builds: Builds, spec: CollectionSpec) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`.

    :raises StaleError: it has changed meanwhile; begin again.
    """
    target = spec.target
    known = await catalogue.read(target)
    created = False
    if known is not None and known.is_going:
        await drop(server, catalogue, target)
        raise StaleError
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
    if created:
        await indexing.drop_strays(server, catalogue.places(known))
    if created or any(it.state is IndexState.BUILDING for it in known.indexes):
        await prepare(server, catalogue, known)
        await builds.build(target, known, is_new=created)
        known = await catalogue.current(known) or known
    return Ensured(_statuses(known, spec.indexes), created)


async def drop(server: Server, catalogue: Catalogue, target: Target) -> None:
    """Drop a collection; see `Adapter.drop_collection`.

    :raises StaleError: it has changed meanwhile; begin again.
    """
    known = await catalogue.read(target)
    if known is None:
        return
    # Who writes meanwhile is told that it is gone; it is known until nothing is left of it.
    if not known.is_going and not await catalogue.put(replace(known, is_going=True)):
        raise StaleError
    for place in catalogue.places(known):
        await server.database(place.database).drop_collection(place.collection)
    await catalogue.remove(known)


def _building(indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    return tuple(IndexStatus(index, IndexState.BUILDING) for index in dict.fromkeys(indexes))


def _is_complete(known: Collection, indexes: Iterable[IndexSpec]) -> bool:
    return {it.spec for it in known.indexes if it.state is not IndexState.FAILED}.issuperset(indexes)


def _statuses(known: Collection, indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    by_spec = {status.spec: status for status in known.indexes}
    return tuple(by_spec.get(index, IndexStatus(index, IndexState.BUILDING)) for index in indexes)
