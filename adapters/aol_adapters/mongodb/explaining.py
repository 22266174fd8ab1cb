"""How is a query answered? What MongoDB plans, and how many documents it looks at when it runs."""

from collections.abc import Iterator
from typing import Any

from aol_adapters.kit.keyset import paths_with
from aol_adapters.kit.plans import names_id
from aol_adapters.mongodb.catalogue import Collection
from aol_adapters.mongodb.finding import Query, compile_find, counted, find
from aol_adapters.mongodb.indexing import names_of
from aol_adapters.mongodb.naming import Place, index_keys, index_name
from aol_adapters.mongodb.server import Server
from aol_adapters.mongodb.texts import INDEX_NAME
from aol_wire.adapter import Explanation, Find
from aol_wire.filters import Operator
from aol_wire.indexes import IndexSpec

# https://www.mongodb.com/docs/manual/reference/explain-results/
_OF_KEY = frozenset({"IDHACK", "EXPRESS_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN"})
_KEY_INDEX = "_id_"


async def explain(server: Server, place: Place, collection: Collection, request: Find) -> Explanation:
    """Return how a query is answered; see `Adapter.explain`."""
    query = compile_find(collection, request, server.settings.clock())
    command = {"aggregate": place.collection, "pipeline": query.pipeline, "cursor": {}}
    told = await server.database(place.database).command("explain", command, verbosity="executionStats")
    plans = list(_all(told, "winningPlan"))
    names = [name for plan in plans for name in _all(plan, "indexName")]
    stages = {stage for plan in plans for stage in _all(plan, "stage")}
    statistics = list(_all(told, "executionStats"))
    examined = max(
        (max(it.get("totalDocsExamined", 0), it.get("totalKeysExamined", 0)) for it in statistics), default=0
    )
    returned = await _returned(server, place, collection, request, query)
    size = await server.collection(*place).estimated_document_count()
    by_key = bool(stages & _OF_KEY) or names[:1] == [_KEY_INDEX]
    index = _index(collection, names, query.plan.index)
    uses_access = not {name for spec in collection.access for name in names_of(spec)}.isdisjoint(names)
    return Explanation(
        filter_pushed_down=True,
        sort_pushed_down="SORT" not in stages
        and not uses_access
        and _comes_sorted(query.order.sort(), index, _fixed(request)),
        index=index,
        estimated_documents=size,
        examined_documents=max(examined, min(returned, request.limit)),
        returned_documents=min(returned, request.limit),
        uses_key=by_key and names_id(request.filter),
        uses_access=uses_access,
    )


def _index(collection: Collection, names: list[str], planned: IndexSpec | None) -> IndexSpec | None:
    """Return the declared index by which the documents are found: of several that are one in MongoDB, the one that was
    planned with."""
    if not names:
        return None
    if names[0] == INDEX_NAME and collection.ready_words:
        return collection.ready_words[0]
    candidates = [spec for spec in collection.ready if index_name(index_keys(spec)) == names[0]]
    return planned if planned in candidates else next(iter(candidates), None)


def _comes_sorted(sort: dict[str, int], index: IndexSpec | None, fixed: set[str]) -> bool:
    """Return whether documents come out of an index in order, or the database would sort them."""
    if index is None:
        return list(sort) == ["_id"]
    keys = [(name, direction) for name, direction in index_keys(index) if name not in fixed]
    wanted = list(sort.items())
    return any([(name, direction * turned) for name, direction in keys][: len(wanted)] == wanted for turned in (1, -1))


def _fixed(request: Find) -> set[str]:
    return {"_aol.t", *(".".join(path) for path in paths_with(request.filter, (Operator.EQ,)))}


async def _returned(server: Server, place: Place, collection: Collection, request: Find, query: Query) -> int:
    if query.plan.here is not None:
        return len((await find(server, place, collection, request)).page.id)
    return await counted(server, place, query.pipeline)


def _all(found: Any, name: str) -> Iterator[Any]:
    """Return everything that stands under a name, at whatever depth."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key == name:
                yield value
            else:
                yield from _all(value, name)
    elif isinstance(found, list):
        for value in found:
            yield from _all(value, name)
