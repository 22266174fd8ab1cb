"""Do the flights arrive whole wherever they are copied, and do three databases answer every query alike?"""

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aol_client import AOLDataClient
from copying import Site, Start, ended, sqlite_program
from examples.flights.dataset import Table
from examples.flights.documents import documents

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FLIGHTS = list(documents(Table.FLIGHTS))
QUERIES = 200
# One in so many of them, and the deadline of a call: the server that stands in for MongoDB looks at a few thousand
# documents a second.
HOW_MANY = [
    pytest.param(100, 2, id="some of them"),
    pytest.param(1, 30, id="all of them", marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
]
# Where each collection is made, and where it is copied to. SQLite and PostgreSQL have a test of their own.
WAYS = {
    "east": ("sqlite", "mongodb", "postgres"),
    "west": ("postgres", "mongodb", "sqlite"),
    "stay": ("mongodb",),
}
MANIFEST = "\n".join(
    [
        'metadata: {name: mover, version: "1"}',
        "spec:",
        "  dataRequirements:",
        "    enabled: true",
        "    collections:",
        *(
            f"      - {{name: {name}, storage: {{adapter: {way[0]}}}, softDelete: true, "
            "schemaHint: {time_hour: datetime}, indexes: ["
            "{fields: [carrier, time_hour], type: compound}, {fields: [dep_delay], type: descending}, "
            "{fields: [dest], type: ascending}, {fields: [distance, {dep_delay: desc}], type: compound}]}"
            for name, way in WAYS.items()
        ),
    ]
)
SCALARS = [name for name in FLIGHTS[0] if name != "_id"]


@pytest.fixture
def site(tmp_path: Path, start: Start, postgres_database: str, mongodb_uri: str, mongodb_prefix: str) -> Site:
    """A site of three adapters."""
    programs = {
        "sqlite": sqlite_program(tmp_path / "sqlite"),
        "postgres": {
            "command": [sys.executable, "-m", "aol_adapters.postgres"],
            "environment": {"AOL_POSTGRES_DSN": postgres_database},
        },
        "mongodb": {
            "command": [sys.executable, "-m", "aol_adapters.mongodb", "--database-prefix", mongodb_prefix],
            "environment": {"AOL_MONGODB_URI": mongodb_uri},
        },
    }
    return Site(tmp_path, start, programs)


class Questions:
    """Makes queries about flights, in which about every operator comes up."""

    def __init__(self, flights: list[dict[str, Any]], seed: int) -> None:
        self._flights = flights
        self._random = Random(seed)

    def query(self) -> dict[str, Any]:
        sort = self._random.sample(SCALARS, self._random.randint(0, 3))
        return {
            "filter": self._filter(3),
            "sort": {name: self._random.choice(["asc", "desc"]) for name in sort},
            "limit": self._random.choice([1, 7, 50]),
            "skip": self._random.choice([0, 0, 3]),
        }

    def _filter(self, depth: int) -> dict[str, Any]:
        if depth and self._random.random() < 0.5:
            parts = [self._filter(depth - 1) for _ in range(self._random.randint(1, 3))]
            return self._random.choice([{"$and": parts}, {"$or": parts}, {"$not": parts[0]}])
        name = self._random.choice(SCALARS)
        values = [self._random.choice(self._flights)[name] for _ in range(3)]
        present = [value for value in values if value is not None] or [0]
        operator = self._random.choice(["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", "$regex"])
        match operator:
            case "$in" | "$nin":
                return {name: {operator: values}}
            case "$exists":
                return {name: {operator: self._random.random() < 0.5}}
            case "$regex":
                pattern = self._random.choice(["^N[0-9]", "A$", "JFK|LGA", "[A-C]{2}", "\\d\\d-0[78]"])
                return {name: {operator: pattern}}
            case "$eq" | "$ne":
                return {name: {operator: values[0]}}
        return {name: {operator: present[0]}}


async def fill(site: Site, endpoint: str, flights: list[dict[str, Any]]) -> None:
    manifest = site.folder / "manifest.yaml"
    manifest.write_text(MANIFEST)
    await asyncio.to_thread(ended, site.aol(endpoint, "apply", str(manifest)))
    async with AOLDataClient(endpoint, "mover", timeout=site.deadline_s) as client:
        for name in WAYS:
            await client.insert_many(name, flights)
            late = {"carrier": "AA", "dep_delay": {"$gt": 0}}
            await client.update(name, late, {"$inc": {"dep_delay": 0.5}, "$push": {"notes": "far"}})
            await client.delete(name, {"carrier": "WN"})


async def copy(site: Site, endpoint: str, name: str, flights: int) -> None:
    """Copy a collection all its way."""
    for adapter in WAYS[name][1:]:
        copying = site.aol(endpoint, "copy", f"mover.{name}", "--to", adapter)
        stdout, stderr = await asyncio.to_thread(ended, copying, within_s=site.deadline_s * 30)
        assert f"mover.{name} is kept by {adapter} now: {flights:,} documents, equal on both sides" in stdout
        assert stderr == ""


async def answers(client: AOLDataClient, query: dict[str, Any]) -> list[Any]:
    """Return what each database answers: documents without the times at which they were written, and their number."""
    asked = (
        client.query(name, query["filter"], sort=query["sort"], limit=query["limit"], skip=query["skip"])
        for name in WAYS
    )
    found = await asyncio.gather(*asked)
    counts = await asyncio.gather(*(client.count(name, query["filter"]) for name in WAYS))
    times = {"_created_at", "_updated_at"}
    shown = [[{k: v for k, v in it.items() if k not in times} for it in documents] for documents in found]
    return list(zip(shown, counts, strict=True))


@pytest.mark.parametrize(("one_in", "deadline_s"), HOW_MANY)
async def test_three_databases_answer_alike_wherever_the_flights_were_copied(
    site: Site, one_in: int, deadline_s: int
) -> None:
    flights = FLIGHTS[::one_in]
    site.deadline_s = deadline_s
    endpoint = site.broker().endpoint
    await fill(site, endpoint, flights)
    copies = [copy(site, endpoint, name, len(flights)) for name in WAYS]
    if one_in == 1:
        for whole in copies:
            await whole
    else:
        # Copies of a few documents wait most of the time, for calls that may be under way.
        await asyncio.gather(*copies)
    async with AOLDataClient(endpoint, "mover", timeout=deadline_s) as client:
        kept_by = {name: (await client.describe_collection(name)).adapter for name in WAYS}
        assert set(kept_by.values()) == {"sqlite", "postgres", "mongodb"}
        questions = Questions(flights, seed=1)
        found = 0
        for _ in range(QUERIES):
            query = questions.query()
            first, *others = await answers(client, query)
            assert others == [first, first], query
            found += first[1]
        assert found > QUERIES
