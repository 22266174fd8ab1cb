"""How is a query answered? What PostgreSQL plans, and how many rows the query looks at when it runs."""

# ruff: noqa: S608 - SQL is made here, of quoted names and of expressions; values are bound.

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from aol_adapters.kit.access import is_access
from aol_adapters.kit.plans import names_id
from aol_adapters.postgres.catalogue import Collection, index_name, key_name
from aol_adapters.postgres.connections import Deadline
from aol_adapters.postgres.database import Database
from aol_adapters.postgres.finding import Query, compile_find
from aol_wire.adapter import Explanation, Find
from aol_wire.indexes import IndexSpec, IndexState

# The words of a plan: https://www.postgresql.org/docs/current/using-explain.html. A test explains a query for each kind
# of index.
_SORTS = frozenset({"Sort", "Incremental Sort"})
_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"})
_REMOVED = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
# All indexes begin with the tenant: one that is bounded by nothing else, and gives no order, is as good as none.
_TENANT_ONLY = re.compile(r"\(tenant = '[^']*'::text\)")
_COUNTED_UP_TO = 10_000

Plan = Mapping[str, Any]


async def explain(database: Database, collection: Collection, request: Find, until: Deadline) -> Explanation:
    """Return how a query is answered; see `Adapter.explain`."""
    query = compile_find(collection, request, database.settings.clock())
    async with database.connection(until) as connection:
        nodes = list(_nodes(await _plan(connection, query, until)))
        size = await _size(connection, collection, until)
        parents = await _parents(connection, collection, until)
    # The index of a partition stands for that of the table.
    used = [
        {**node, "Index Name": parents.get(node["Index Name"], node["Index Name"])}
        for node in nodes
        if "Index Name" in node
    ]
    is_sorted = not any(node["Node Type"] in _SORTS for node in nodes)
    if not is_sorted:
        used = [node for node in used if _TENANT_ONLY.fullmatch(node.get("Index Cond", "")) is None]
    access = {index_name(collection.name, n) for n, it in collection.indexes.items() if is_access(it.spec)}
    names_key = names_id(request.filter) or (request.filter is None and is_sorted)
    return Explanation(
        filter_pushed_down=True,
        sort_pushed_down=is_sorted,
        index=_index(collection, used),
        estimated_documents=size,
        examined_documents=sum(_examined(node) for node in nodes),
        returned_documents=min(int(nodes[0]["Actual Rows"]), request.limit),
        uses_key=names_key and [node["Index Name"] for node in used[:1]] == [key_name(collection.name)],
        uses_access=any(node["Index Name"] in access for node in used),
    )


async def _plan(connection: asyncpg.Connection, query: Query, until: Deadline) -> Plan:
    explain_ = "EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF, COSTS OFF, SUMMARY OFF)"
    text = await connection.fetchval(f"{explain_} {query.sql}", *query.values, timeout=until.left())
    plan: Plan = orjson.loads(text)[0]["Plan"]
    return plan


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _index(collection: Collection, used: Sequence[Plan]) -> IndexSpec | None:
    """Return the declared index by which the documents are found: the first, when there are several."""
    names = {
        index_name(collection.name, number): status.spec
        for number, status in collection.indexes.items()
        if status.state is IndexState.READY and not is_access(status.spec)
    }
    return names.get(used[0]["Index Name"]) if used else None


def _examined(node: Plan) -> int:
    if node["Node Type"] not in _SCANS:
        return 0
    rows = node["Actual Rows"] + sum(node.get(key, 0) for key in _REMOVED)
    return round(float(rows * node["Actual Loops"]))


async def _parents(connection: asyncpg.Connection, collection: Collection, until: Deadline) -> dict[str, str]:
    """Return of the indexes of partitions, by their names, the names of the table's."""
    if collection.partitioned is None:
        return {}
    rows = await connection.fetch(
        "SELECT child.relname, parent.relname FROM pg_catalog.pg_index AS x "
        "JOIN pg_catalog.pg_class AS parent ON parent.oid = x.indexrelid "
        "JOIN pg_catalog.pg_inherits AS i ON i.inhparent = x.indexrelid "
        "JOIN pg_catalog.pg_class AS child ON child.oid = i.inhrelid WHERE x.indrelid = to_regclass($1)",
        collection.table,
        timeout=until.left(),
    )
    return {row[0]: row[1] for row in rows}


async def _size(connection: asyncpg.Connection, collection: Collection, until: Deadline) -> int:
    """Return about how many documents there are: exactly while they are few, and what VACUUM or ANALYZE saw last."""
    sql = (
        f"SELECT greatest((SELECT count(*) FROM (SELECT 1 FROM {collection.table} LIMIT {_COUNTED_UP_TO}) AS first), "
        "(SELECT sum(c.reltuples)::int8 FROM pg_catalog.pg_partition_tree(to_regclass($1)) AS t "
        "JOIN pg_catalog.pg_class AS c ON c.oid = t.relid WHERE t.isleaf))"
    )
    return int(await connection.fetchval(sql, collection.table, timeout=until.left()))
