"""How fast is the PostgreSQL adapter by itself, beside asyncpg on the same table? On a real server with fsync=on.

`make bench-postgres` runs it. The lines:

- inserts: single documents of some 120 bytes, so many writes in flight at once, which the adapter gathers;
- scan: all documents by pages, against an asyncpg cursor over the same columns, in turn.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator

import asyncpg
import orjson
import uvloop

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings
from aol_wire.adapter import CollectionSpec, Find, Insert, Target, Write
from postgres_server import PostgresServer

TARGET = Target("bench", "events")
TABLE = '"aol_bench"."events"'
IN_FLIGHT = (32, 256, 1024)


async def main(documents: int, repeats: int) -> dict[str, object]:
    """Run all lines and return them."""
    server = PostgresServer(fsync="on", synchronous_commit="on")
    await server.start()
    adapter = PostgresAdapter(Settings(dsn=server.dsn()))
    try:
        await adapter.start()
        await adapter.ensure_collection(CollectionSpec(TARGET))
        numbers = iter(range(10**9))
        await inserts(adapter, numbers, 256, documents // 10)  # warm
        inserted = {
            str(in_flight): [round(await inserts(adapter, numbers, in_flight, documents)) for _ in range(repeats)]
            for in_flight in IN_FLIGHT
        }
        ratios = await scans(adapter, server.dsn(), repeats)
        return {
            "inserts_per_s": {name: spread(values) for name, values in inserted.items()},
            "scan_over_cursor": spread(ratios),
        }
    finally:
        await adapter.close()
        await server.remove()


async def inserts(adapter: PostgresAdapter, numbers: Iterator[int], in_flight: int, documents: int) -> float:
    """Insert documents one by one, so many at once; return documents per second."""
    left = iter(range(documents))

    async def work() -> None:
        for _ in left:
            number = next(numbers)
            insert = Insert(f"{number:012}", document(number), 1)
            (outcome,) = await adapter.write(Write(TARGET, [insert], timeout_s=30.0))
            if outcome.error is not None:
                raise outcome.error

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return documents / (time.perf_counter() - started)


async def scans(adapter: PostgresAdapter, dsn: str, repeats: int) -> list[float]:
    """Return how long the adapter takes for all documents, over what a cursor takes, run in turn."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"DELETE FROM {TABLE} WHERE id >= '000000100000'")
        await connection.execute(f"VACUUM ANALYZE {TABLE}")
        await scan(adapter)
        return [await scan(adapter) / await cursor(connection) for _ in range(repeats)]
    finally:
        await connection.close()


async def scan(adapter: PostgresAdapter) -> float:
    """Read all pages; return the seconds."""
    started, position = time.perf_counter(), b""
    while True:
        found = await adapter.find(Find(TARGET, position=position))
        position = found.next_position
        if not position:
            return time.perf_counter() - started


async def cursor(connection: asyncpg.Connection) -> float:
    """Read the same by a cursor; return the seconds."""
    started = time.perf_counter()
    sql = f"SELECT id, doc::text, created_us, updated_us, version FROM {TABLE} ORDER BY tenant, id"
    async with connection.transaction():
        async for _ in connection.cursor(sql, prefetch=5000):
            pass
    return time.perf_counter() - started


def document(number: int) -> str:
    """Return a small document."""
    return orjson.dumps(
        {
            "event_id": f"e{number:08}",
            "event_type": "user.login",
            "timestamp": "2025-11-22T00:00:00.000000Z",
            "n": number,
            "data": {"ip": "10.0.0.1"},
        }
    ).decode()


def spread(values: list[float] | list[int]) -> dict[str, float]:
    """Return the least, the median and the largest value."""
    return {
        "min": round(min(values), 2),
        "median": round(statistics.median(values), 2),
        "max": round(max(values), 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=30_000, help="inserted in each run of each line (30000)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each line (5)")
    arguments = parser.parse_args()
    print(json.dumps(uvloop.run(main(arguments.documents, arguments.repeats)), indent=2))
