"""How is a query answered? One aggregation, read until the page is full."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pymongo.asynchronous.command_cursor import AsyncCommandCursor

from aol_adapters.kit.keyset import Order as Positions
from aol_adapters.kit.pages import PageBuilder, Row
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.compiler import TRUE, WITH_TENANT, WITHOUT_TENANT, Match, visible
from aol_adapters.mongodb.naming import Place
from aol_adapters.mongodb.order import Order, order
from aol_adapters.mongodb.patterns import checker
from aol_adapters.mongodb.planning import Plan, may_use_index, plan, widened
from aol_adapters.mongodb.server import Document, Server
from aol_adapters.mongodb.stored import row, rows
from aol_wire.adapter import Count, Deleted, Find, Found
from aol_wire.filters import Filter

_Sieve = Callable[[list[Row]], list[Row]]

_FIRST_DOCUMENTS = 256
_MOST_DOCUMENTS = 2000


@dataclass(frozen=True, slots=True)
class Query:
    """A pipeline, the order of its documents, and the plan behind it."""

    pipeline: list[Document]
    order: Order
    plan: Plan


def in_parts(request: Find) -> list[tuple[Match, Find]]:
    """Return conditions for parts of what a request is about, one part after the other, and the requests for them.

    There is more than one part where documents of all tenants are asked for in no order but that of their keys: first
    come those without a tenant, then the others, and within each part they are in the order of `_id`, which has an
    index.
    """
    if request.target.tenant is not None or request.sort or request.skip:
        return [(TRUE, request)]
    if not request.position:
        return [(WITHOUT_TENANT, request), (WITH_TENANT, request)]
    ((tenant, _),) = Positions((), ()).places(request.position)
    if tenant:
        return [(WITH_TENANT, request)]
    return [(WITHOUT_TENANT, request), (WITH_TENANT, replace(request, position=b""))]


def compile_find(collection: Collection, request: Find, now_us: int, part: Match = TRUE) -> Query:
    """Return the pipeline that finds a page's documents and the one after it.

    :param part: see `in_parts`.
    :raises DataError: BAD_PAGE_TOKEN.
    """
    tenant = request.target.tenant
    planned = plan(collection, tenant, request.filter)
    by = order(request.sort, request.filter, collection.indexed, tenant, of_part=bool(part))
    served = dict(planned.served)
    if request.position and not served and by.terms[0].field == "_id":
        (served,) = by.after(request.position)
    if planned.ranged and request.position:
        served[planned.ranged] = {**served[planned.ranged], **widened(by.edge(request.position, planned.ranged))}
    by_index = may_use_index(collection, request.filter, request.sort)
    conditions = [part, *visible(collection, tenant, request.deleted, now_us, by_index=by_index), *planned.others]
    pipeline = [*_match([served]), *_match(conditions)]
    computed = by.computed()
    if computed:
        pipeline.append({"$set": computed})
    if request.position:
        pipeline += _match(by.after(request.position))
    pipeline.append({"$sort": by.sort()})
    if request.skip and planned.here is None:
        pipeline.append({"$skip": request.skip})
    if planned.here is None:
        # The one document more tells whether there is a next page.
        pipeline.append({"$limit": request.limit + 1})
    if computed:
        pipeline.append({"$unset": list(computed)})
    return Query(pipeline, by, planned)


@dataclass(frozen=True, slots=True)
class Selection:
    """Every document that a request is about, in no order: what a pipeline finds and a filter here leaves."""

    pipeline: list[Document]
    here: Filter | None


def selection(
    collection: Collection, tenant: str | None, deleted: Deleted, filter: Filter | None, now_us: int
) -> Selection:
    """Return what a request is about."""
    planned = plan(collection, tenant, filter)
    by_index = may_use_index(collection, filter)
    conditions = [*visible(collection, tenant, deleted, now_us, by_index=by_index), *planned.others]
    return Selection([*_match([planned.served]), *_match(conditions)], planned.here)


async def find(server: Server, place: Place, collection: Collection, request: Find) -> Found:
    """Return a page; see `Adapter.find`."""
    builder = PageBuilder(request.projection, request.limit, request.max_bytes)
    now_us = server.settings.clock()
    for condition, part in in_parts(request):
        query = compile_find(collection, part, now_us, condition)
        wanted = min(request.limit + 1 - len(builder), _FIRST_DOCUMENTS)
        cursor = await server.collection(*place).aggregate(query.pipeline, batchSize=wanted, allowDiskUse=True)
        async with cursor:
            is_last = await _read(cursor, builder, wanted, _sieve(collection, query.plan.here, request.skip))
        if not is_last:
            break
    position = b"" if is_last or not builder else query.order.positions.position(builder.last().view())
    return Found(builder.page(), position)


async def count(server: Server, place: Place, collection: Collection, request: Count) -> int:
    """Return how many documents match; see `Adapter.count`."""
    chosen = selection(collection, request.target.tenant, request.deleted, request.filter, server.settings.clock())
    if chosen.here is None:
        return await counted(server, place, chosen.pipeline)
    is_match = checker(collection, chosen.here)
    cursor = await server.collection(*place).aggregate(chosen.pipeline)
    async with cursor:
        return sum([is_match(row(document)) async for document in cursor])


async def counted(server: Server, place: Place, pipeline: list[Document]) -> int:
    """Return how many documents a pipeline finds."""
    cursor = await server.collection(*place).aggregate([*pipeline, {"$count": "n"}])
    found = await cursor.to_list()
    return int(found[0]["n"]) if found else 0


async def _read(cursor: AsyncCommandCursor[Document], builder: PageBuilder, wanted: int, sieve: _Sieve) -> bool:
    """Read by portions, so that no more is read than a page holds; return whether nothing comes after it."""
    while portion := await _portion(cursor, wanted):
        if not builder.add_all(sieve(rows(portion))):
            return False
        wanted = min(_MOST_DOCUMENTS, max(_FIRST_DOCUMENTS, builder.room_for(len(builder)) + 1))
        cursor.batch_size(wanted)
    return True


def _sieve(collection: Collection, here: Filter | None, skip: int) -> _Sieve:
    """Return what lets the documents through that a filter matches here, without the first ones."""
    if here is None:
        return lambda found: found
    is_match = checker(collection, here)
    left_out = skip

    def let_through(found: list[Row]) -> list[Row]:
        nonlocal left_out
        kept = [row for row in found if is_match(row)]
        kept, left_out = kept[left_out:], max(0, left_out - len(kept))
        return kept

    return let_through


async def _portion(cursor: AsyncCommandCursor[Document], wanted: int) -> list[Document]:
    portion: list[Document] = []
    async for document in cursor:
        portion.append(document)
        if len(portion) >= wanted:
            break
    return portion


def _match(conditions: list[Match]) -> list[Document]:
    """Return one `$match` of all conditions that say something, or none."""
    said = [condition for condition in conditions if condition]
    if not said:
        return []
    return [{"$match": said[0] if len(said) == 1 else {"$and": said}}]
