"""Does an adapter answer any query as plain Python does, and any program of steps as the reference does?

Plain Python's expectation is computed from the documents with its own comparisons, by code that shares nothing with the
adapters.
"""

import json
import operator
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aol_adapters.conformance.trial import Trial
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings as MongodbSettings
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_adapters.postgres.settings import Settings as PostgresSettings
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_broker.adapters import AdapterHost
from aol_wire.adapter import Adapter, Count, Deleted
from aol_wire.ids import now_us
from differential import Pair
from soak import PAIRS, mongodb_beside_memory, postgres_beside_memory, soak, sqlite_beside_memory

OPERATIONS = 2_000
SEED = int(os.environ.get("AOL_DIFFERENTIAL_SEED", "1"))

INTEGERS = st.sampled_from([-(2**63), -1, 0, 1, 2, 2**53, 2**53 + 1, 2**63 - 1])
DOUBLES = st.sampled_from([-1.5, -0.0, 0.5, 1.0, float(2**53), float(2**63), 1e300])
STRINGS = st.sampled_from(["", "a", "A", "ab", "é", "\uff5e", "😀", "1", "null", "'\"\\"])
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, DOUBLES, STRINGS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab0"), inner, max_size=3)),
    max_leaves=5,
)
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=8)
PATHS = st.sampled_from(["a", "b", "c", "a.a", "a.b", "b.0", "a.0.b", "c.1"])
COMPARED = st.one_of(st.booleans(), INTEGERS, DOUBLES, STRINGS)
LEAVES = st.one_of(
    st.tuples(PATHS, st.sampled_from(["$eq", "$ne", "$contains"]), VALUES),
    st.tuples(PATHS, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), COMPARED),
    st.tuples(PATHS, st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=4)),
    st.tuples(PATHS, st.just("$exists"), st.booleans()),
).map(lambda leaf: {leaf[0]: {leaf[1]: leaf[2]}})
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts}),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=4,
)
SORTS = st.lists(st.tuples(PATHS, st.booleans()), max_size=3, unique_by=lambda key: key[0])

GONE = object()
RANKS: list[tuple[type, ...]] = [(int, float), (str,), (dict,), (list,)]
ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def rank(value: Any) -> int:
    if value is None or value is GONE:
        return 0
    if isinstance(value, bool):
        return 5
    return next(number for number, types in enumerate(RANKS, 1) if isinstance(value, types))


def reach(value: Any, path: str) -> Any:
    for segment in path.split("."):
        if isinstance(value, dict):
            value = value.get(segment, GONE)
        elif isinstance(value, list) and segment.isdecimal() and int(segment) < len(value):
            value = value[int(segment)]
        else:
            return GONE
    return value


def same(left: Any, right: Any) -> bool:
    if rank(left) != rank(right):
        return False
    if isinstance(left, dict):
        return set(left) == set(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(one, other) for one, other in zip(left, right, strict=True))
    return rank(left) == 0 or bool(left == right)


def holds(document: dict[str, Any], condition: dict[str, Any]) -> bool:
    ((key, operand),) = condition.items()
    if key == "$and":
        return all(holds(document, part) for part in operand)
    if key == "$or":
        return any(holds(document, part) for part in operand)
    if key == "$not":
        return not holds(document, operand)
    ((name, operand),) = operand.items()
    value = reach(document, key)
    if name in {"$eq", "$ne"}:
        return same(value, operand) is (name == "$eq")
    if name in {"$in", "$nin"}:
        return any(same(value, candidate) for candidate in operand) is (name == "$in")
    if name == "$exists":
        return (value is not GONE) is operand
    if name == "$contains":
        return isinstance(value, list) and any(same(item, operand) for item in value)
    return rank(value) == rank(operand) and ORDERINGS[name](value, operand)


def comparison(sort: list[tuple[str, bool]]) -> Callable[[Any, Any], int]:
    def compare(left: tuple[str, dict[str, Any]], right: tuple[str, dict[str, Any]]) -> int:
        for path, descending in sort:
            one, other = reach(left[1], path), reach(right[1], path)
            order = (rank(one) > rank(other)) - (rank(one) < rank(other))
            if order == 0 and rank(one) in {1, 2, 5}:
                order = (one > other) - (one < other)
            if order:
                return -order if descending else order
        order = (left[0] > right[0]) - (left[0] < right[0])
        return -order if sort and sort[-1][1] else order

    return compare


@pytest.fixture(params=["memory", "sqlite", "postgres", "mongodb"])
def rival(request: pytest.FixtureRequest, tmp_path: Path) -> Adapter:
    match request.param:
        case "memory":
            return MemoryAdapter()
        case "sqlite":
            return SqliteAdapter(tmp_path)
        case "mongodb":
            uri, prefix = request.getfixturevalue("mongodb_uri"), request.getfixturevalue("mongodb_prefix")
            return MongodbAdapter(MongodbSettings(uri=uri, prefix=prefix))
    return PostgresAdapter(PostgresSettings(dsn=request.getfixturevalue("postgres_database")))


@pytest.fixture
async def python_rival(rival: Adapter) -> AsyncIterator[Adapter]:
    """The reference itself, and the others."""
    adapter = rival
    await adapter.start()
    yield adapter
    await adapter.close()


@given(
    documents=DOCUMENTS,
    queries=st.lists(st.tuples(FILTERS, SORTS), min_size=4, max_size=4),
    limit=st.integers(1, 4),
    hidden=st.integers(0, 2),
    fields=st.lists(st.sampled_from(["a", "b", {"c": "desc"}, "a.a"]), max_size=2, unique_by=str),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_query_is_answered_as_python_would(
    python_rival: Adapter,
    documents: list[dict[str, Any]],
    queries: list[tuple[dict[str, Any], list[tuple[str, bool]]]],
    limit: int,
    hidden: int,
    fields: list[Any],
) -> None:
    trial = Trial(python_rival)
    await python_rival.drop_collection(trial.target)
    await trial.ensure()
    rows = {f"{number}": document for number, document in enumerate(documents)}
    await trial.fill(rows)
    if fields:
        # Over documents that do not fit, it fails, and answers must be the same.
        single = "ascending" if isinstance(fields[0], str) else "descending"
        await trial.ensure({"fields": fields, "type": "compound" if len(fields) > 1 else single})
    await trial.delete({"_id": {"$in": [f"{number}" for number in range(hidden)]}}, soft=True)
    visible = [(id_, document) for id_, document in rows.items() if int(id_) >= hidden]
    for condition, sort in queries:
        matching = [row for row in visible if holds(row[1], condition)]
        expected = [id_ for id_, _ in sorted(matching, key=cmp_to_key(comparison(sort)))]
        query = trial.query(condition, *("-" * descending + path for path, descending in sort))
        pages = await trial.pages(replace(query, limit=limit))
        assert [id_ for found in pages for id_ in found.page.id] == expected
        assert await trial.count(condition) == len(expected)
        everything = [row for row in rows.items() if holds(row[1], condition)]
        assert await trial.count(condition, Deleted.INCLUDE) == len(everything)


async def test_sqlite_answers_any_program_as_the_reference_does(tmp_path: Path) -> None:
    async with sqlite_beside_memory(tmp_path) as pair:
        assert await pair.compare(SEED, count(), OPERATIONS) is None
        assert pair.compared >= OPERATIONS


async def test_postgres_answers_any_program_as_the_reference_does(postgres_database: str) -> None:
    async with postgres_beside_memory(postgres_database) as pair:
        assert await pair.compare(SEED, count(), OPERATIONS) is None
        assert pair.compared >= OPERATIONS


async def test_mongodb_answers_any_program_as_the_reference_does(mongodb_uri: str, mongodb_prefix: str) -> None:
    # Fewer: the server that the tests start is slow.
    async with mongodb_beside_memory(mongodb_uri, mongodb_prefix) as pair:
        assert await pair.compare(SEED, count(), OPERATIONS // 4) is None
        assert pair.compared >= OPERATIONS // 4


@dataclass(frozen=True)
class Config:
    """A configured adapter, as the broker has it."""

    command: tuple[str, ...]
    address: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def configured(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """An adapter of the project as a broker would start it."""
    command = (sys.executable, "-m", f"aol_adapters.{request.param}")
    match request.param:
        case "sqlite":
            return Config((*command, "--data-dir", str(tmp_path)))
        case "postgres":
            return Config(command, environment={"AOL_POSTGRES_DSN": request.getfixturevalue("postgres_database")})
    return Config(command)


async def test_a_program_over_the_socket_answers_as_the_reference_does(configured: Config) -> None:
    host = AdapterHost("compared", configured)
    await host.start()
    capabilities = (await host.adapter.describe()).capabilities
    # Its clock cannot be set, so everything that ever expires in these programs is expired from the beginning.
    reference = MemoryAdapter(clock=now_us, capabilities=capabilities)
    await reference.start()
    try:
        pair = Pair(reference, host.adapter, capabilities, keeps_text="aol_adapters.postgres" not in configured.command)
        assert await pair.compare(SEED + 1, count(), OPERATIONS) is None
        assert pair.compared >= OPERATIONS
    finally:
        await host.stop()
        await reference.close()


class _Forgetful(MemoryAdapter):
    """Counts soft-deleted documents that it should not."""

    async def count(self, request: Count) -> int:
        return await super().count(replace(request, deleted=Deleted.INCLUDE))


async def test_a_difference_is_found_and_cut_down_to_what_shows_it() -> None:
    reference, forgetful = MemoryAdapter(), _Forgetful()
    await reference.start()
    await forgetful.start()
    pair = Pair(reference, forgetful, (await reference.describe()).capabilities)
    report = await pair.compare(SEED, count(), OPERATIONS)
    assert report is not None
    assert report.startswith(f"AOL_SOAK_SEED={SEED}:")
    steps = [json.loads(line) for line in report.splitlines() if line.startswith("{")]
    # It is made, filled, a document of it deleted softly, and counted.
    assert len(steps) <= 4
    assert steps[-1]["do"] == "count"


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", PAIRS)
def test_a_million_operations_are_answered_as_by_the_reference(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    operations = int(os.environ.get("AOL_SOAK_OPERATIONS", "1000000"))

    def report(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    result = soak(name, operations, os.environ.get("AOL_SOAK_SEED", ""), report)
    report(str(result))
    assert not result.difference
    assert result.compared >= operations
