"""How does real data get in? Each owner inserts its own collections, through the SDK.

    python -m examples.flights.load --endpoint 127.0.0.1:50051 [--full]

Ids are natural keys, so loading twice changes nothing.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from aol_client import AOLDataClient, DataClientError
from examples.flights.dataset import PackageMissingError, Table, count_rows
from examples.flights.documents import Document, documents

# Several messages' worth: the SDK cuts it up and keeps a few in flight.
BATCH_DOCUMENTS = 4_000


class Load(NamedTuple):
    """Which table goes into whose collection."""

    table: Table
    service: str
    collection: str


LOADS = (
    Load(Table.AIRLINES, "flight-ops", "airlines"),
    Load(Table.PLANES, "flight-ops", "planes"),
    Load(Table.FLIGHTS, "flight-ops", "flights"),
    Load(Table.WEATHER, "weather-station", "observations"),
)


async def load_all(endpoint: str, console: Console, *, full: bool = False) -> int:
    """Loads the four tables and gives the number of documents.

    :raises PackageMissingError: `full`, and the package that holds the whole tables is not installed.
    """
    totals = {load: count_rows(load.table, full=full) for load in LOADS}
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for load, total in totals.items():
            task = progress.add_task(f"{load.service}.{load.collection}", total=total)
            async with AOLDataClient(endpoint, load.service) as client:
                for batch in _batches(documents(load.table, full=full)):
                    await client.insert_many(load.collection, batch)
                    progress.advance(task, len(batch))
    return sum(totals.values())


def _batches(all_documents: Iterator[Document]) -> Iterator[list[Document]]:
    while batch := list(islice(all_documents, BATCH_DOCUMENTS)):
        yield batch


def main() -> int:
    """The program: 0 when all is loaded, 1 when the broker refuses, 2 when `--full` has nothing to load from."""
    parser = argparse.ArgumentParser(description="Loads the New York departures of 2013 into a running broker.")
    parser.add_argument("--endpoint", default="127.0.0.1:50051", help="where the broker listens")
    parser.add_argument("--full", action="store_true", help="the whole year: 336,776 flights")
    arguments = parser.parse_args()
    try:
        asyncio.run(load_all(arguments.endpoint, Console(highlight=False), full=arguments.full))
    except PackageMissingError as missing:
        print(missing, file=sys.stderr)
        return 2
    except DataClientError as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
