"""How are collections and their indexes made and dropped? Nothing that is there is rewritten or dropped unasked."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from pymongo.errors import PyMongoError

from aol_adapters.kit.access import declared, wanted
from aol_adapters.mongodb import indexing, sharding
from aol_adapters.mongodb.builds import Builds
from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.preparing import prepare
from aol_adapters.mongodb.server import Deadline, Server, StaleError
from aol_wire.adapter import CollectionSpec, Ensured, Target
from aol_wire.errors import DataError
from aol_wire.ids import now_us
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus

# So long may it take to drop a collection, in seconds; who has not done it by then has ended.
_DROPPED_WITHIN_S = 15
_NOBODYS = 1
_LOOKED_EVERY_S = 0.05


async def ensure(server: Server, catalogue: Catalogue, builds: Builds, spec: CollectionSpec) -> Ensured:
    """Make what is missing of a collection; see `Adapter.ensure_collection`.

    :raises StaleError: it has changed meanwhile; begin again.
    """
    spec = wanted(spec)
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
        await _drop_strays(server, catalogue, known)
    if created or any(it.state is IndexState.BUILDING for it in known.indexes):
        await prepare(server, catalogue, known)
        await builds.build(target, known, is_new=created)
        known = await catalogue.current(known) or known
    return Ensured(declared(_statuses(known, spec.indexes)), created)


async def drop(server: Server, catalogue: Catalogue, target: Target) -> None:
    """Drop a collection; see `Adapter.drop_collection`.

    :raises StaleError: it has changed meanwhile; begin again.
    """
    known = await catalogue.read(target)
    if known is None or await _is_dropped_by_another(catalogue, known):
        return
    # Who writes meanwhile is told that it is gone; it is known until nothing is left of it. Nobody else drops it too:
    # whoever is late would drop what was made after it.
    going = replace(known, going_until_us=now_us() + 2 * _DROPPED_WITHIN_S * 1_000_000)
    if not await catalogue.put(going):
        raise StaleError
    going = replace(going, generation=known.generation + 1)
    try:
        with server.within(Deadline(_DROPPED_WITHIN_S)):
            for place in catalogue.places(known):
                await server.database(place.database).drop_collection(place.collection)
    except DataError:
        with suppress(PyMongoError):
            await catalogue.put(replace(going, going_until_us=_NOBODYS))
        raise
    await catalogue.remove(going)


async def _is_dropped_by_another(catalogue: Catalogue, known: Collection) -> bool:
    """Return whether somebody else has dropped a collection, after having waited for whoever does so."""
    now: Collection | None = known
    while now is not None and now.made == known.made:
        if now.going_until_us <= now_us():
            return False
        await asyncio.sleep(_LOOKED_EVERY_S)
        now = await catalogue.read(Target(known.service, known.name))
    return True


async def _drop_strays(server: Server, catalogue: Catalogue, known: Collection) -> None:
    """Drop the indexes of ours that are left in a new collection's place of the one before it: one is, when somebody
    builds it just as that is dropped."""
    place = catalogue.place(known, None)
    found = await indexing.ours(server, place)
    # Whatever is built is declared before.
    now = await catalogue.current(known) or known
    strays = found.difference(*map(indexing.names_of, now.kept))
    for name in strays:
        await server.collection(*place).drop_index(name)
    now = await catalogue.current(known) or known
    for spec in now.kept:
        if indexing.names_of(spec) & strays:
            await indexing.create(server, place, spec)


def _building(indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    return tuple(IndexStatus(index, IndexState.BUILDING) for index in dict.fromkeys(indexes))


def _is_complete(known: Collection, indexes: Iterable[IndexSpec]) -> bool:
    return {it.spec for it in known.indexes if it.state is not IndexState.FAILED}.issuperset(indexes)


def _statuses(known: Collection, indexes: Iterable[IndexSpec]) -> tuple[IndexStatus, ...]:
    by_spec = {status.spec: status for status in known.indexes}
    return tuple(by_spec.get(index, IndexStatus(index, IndexState.BUILDING)) for index in indexes)
