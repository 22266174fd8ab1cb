"""How is a place made, and held to the rules of its collection's indexes? Each step may fail, and be done again."""

from pymongo.errors import CollectionInvalid, OperationFailure

from aol_adapters.mongodb import indexing, sharding
from aol_adapters.mongodb.catalogue import Catalogue, Collection
from aol_adapters.mongodb.failures import NAMESPACE_EXISTS
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.server import Server
from aol_wire.adapter import Target


async def prepare(server: Server, catalogue: Catalogue, known: Collection) -> Collection | None:
    """Make the places of a collection that are not there, and have the server hold what is written to the rules that
    the catalogue has when all is done; return the collection as it is then, None when it is gone.

    Of several who do so at once, the last one to change a place has seen the last change of the catalogue.
    """
    while True:
        for place in catalogue.places(known):
            await make(server, place, known)
        now = await catalogue.current(known)
        if now is None or now.checked == known.checked:
            return now
        known = now


async def make(server: Server, place: Place, known: Collection) -> None:
    """Make a place if it is not there, held to the rules of a collection as it was read."""
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


async def make_of_tenant(server: Server, catalogue: Catalogue, target: Target, tenant: str) -> None:
    """Make a tenant's own place in a collection, with all that its indexes demand before its first document comes.

    The catalogue knows of the place first, so that it is dropped with the collection, and that it is whole last.

    :raises DataError: COLLECTION_NOT_FOUND.
    """
    known = await catalogue.add_tenant(target, tenant)
    while tenant in known.making:
        place = catalogue.place(known, tenant)
        await make(server, place, known)
        for spec in known.kept:
            await indexing.create(server, place, spec)
        if await catalogue.put(known.with_whole(tenant)):
            return
        known = await catalogue.collection(target)
