"""How are documents read by their ids? Those that wait for one collection are read together."""

from collections.abc import Sequence
from typing import NamedTuple

from aol_adapters.kit.pages import PageBuilder, Row
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.compiler import visible
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.planning import keys_match
from aol_adapters.mongodb.server import Server
from aol_adapters.mongodb.stored import rows
from aol_wire import metadata
from aol_wire.adapter import Deleted, Find, Found, Target
from aol_wire.filters import Compare, Operator

# Some servers look for long lists in quadratic time.
MOST_IDS = 100


class Lane(NamedTuple):
    """What reads must have in common to be one query."""

    target: Target
    deleted: Deleted


def wanted_id(request: Find) -> str | None:
    """Return the id of the one document that a query can find; None when it is another kind of query."""
    match request.filter:
        case Compare((metadata.ID,), Operator.EQ, str(id_)) if (
            request.target.tenant is not None and not request.position and not request.skip and request.limit > 0
        ):
            return id_
    return None


async def get(
    server: Server, place: Place, collection: Collection, lane: Lane, requests: Sequence[Find]
) -> list[Found]:
    """Return the page of each request, all of which are of one lane."""
    ids = [wanted_id(request) or "" for request in requests]
    tenant = lane.target.tenant or ""
    pipeline = [{"$match": keys_match(tenant, list(dict.fromkeys(ids)))}]
    conditions = visible(collection, tenant, lane.deleted, server.settings.clock())
    cursor = await server.collection(*place).aggregate([*pipeline, {"$match": {"$and": conditions}}])
    found = {row.id: row for row in rows(await cursor.to_list())}
    return [_found(request, found.get(id_)) for request, id_ in zip(requests, ids, strict=True)]


def _found(request: Find, row: Row | None) -> Found:
    builder = PageBuilder(request.projection, 1, request.max_bytes)
    if row is not None:
        builder.add_all([row])
    return Found(builder.page())
