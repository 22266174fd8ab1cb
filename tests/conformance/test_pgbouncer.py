"""Does the PostgreSQL adapter keep every rule behind PgBouncer, where no two transactions are on one connection?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from aol_adapters.conformance.rule import Rule
from aol_adapters.conformance.rules import RULES
from aol_adapters.conformance.runner import Verdict, fresh_service, try_rule
from aol_adapters.postgres.adapter import PostgresAdapter
from aol_wire.adapter import Adapter, Capability, CollectionSpec, Count, Insert, Write
from aol_wire.errors import Applied, Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexState
from pgbouncer import PROGRAM, pgbouncer
from postgres_adapters import TABLE, TARGET, failure_of, holding, ids, insert, of_adapter, opened, touch, until_waiting
from postgres_server import statements

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")

SERVICE = fresh_service()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened_once(postgres_dsn: str) -> AsyncIterator[tuple[Adapter, frozenset[Capability]]]:
    """An adapter that all rules share, with more connections than the pooler has, and what it declares."""
    async with (
        pgbouncer(postgres_dsn, server_connections=2) as dsn,
        opened(dsn, transaction_pooling=True) as adapter,
    ):
        yield adapter, (await adapter.describe()).capabilities


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.program], ids=lambda rule: rule.name)
async def test_it_keeps_the_rule(opened_once: tuple[Adapter, frozenset[Capability]], rule: Rule) -> None:
    adapter, capabilities = opened_once
    result = await try_rule(rule, adapter, capabilities, service=SERVICE)
    if result.verdict in (Verdict.NOT_DECLARED, Verdict.DOES_NOT_APPLY):
        pytest.skip(result.detail)
    assert result.verdict is Verdict.PASS, f"{rule.sentence}\n{result.detail}"


@pytest.fixture
async def pooled(postgres_database: str) -> AsyncIterator[PostgresAdapter]:
    async with (
        pgbouncer(postgres_database, server_connections=2) as dsn,
        opened(dsn, transaction_pooling=True) as adapter,
    ):
        yield adapter


async def test_more_callers_than_server_connections_are_all_answered(pooled: PostgresAdapter) -> None:
    await pooled.ensure_collection(CollectionSpec(TARGET))
    await pooled.write(insert("counter", document='{"n": 0}'))

    async def work(name: int) -> None:
        for number in range(10):
            assert await failure_of(pooled.write(insert(f"{name}-{number}"))) is None
            assert await failure_of(pooled.write(touch('{"_id": "counter"}', '{"$inc": {"n": 1}}'))) is None
            assert await pooled.count(Count(TARGET, parse_filter(f'{{"_id": "{name}-{number}"}}'))) == 1

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(name) for name in range(32)))
    assert len(await ids(pooled)) == 321
    assert await pooled.count(Count(TARGET, parse_filter('{"n": 320}'))) == 1


async def test_indexes_of_documents_that_are_there_are_built(pooled: PostgresAdapter) -> None:
    await pooled.ensure_collection(CollectionSpec(TARGET))
    await pooled.write(Write(TARGET, [Insert(f"{number}", f'{{"n": {number}, "t": "w"}}', 1) for number in range(100)]))
    kinds = {"unique": "n", "descending": "n", "text": "t"}
    indexes = tuple(parse_index({"fields": [path], "type": kind}, "index") for kind, path in kinds.items())
    await pooled.ensure_collection(CollectionSpec(TARGET, indexes=indexes))
    await pooled.settle()
    assert [status.state for status in await pooled.inspect_collection(TARGET)] == [IndexState.READY] * 3
    assert await pooled.count(Count(TARGET, parse_filter('{"$text": "w"}'))) == 100


async def test_one_document_too_large_for_an_index_fails_alone(pooled: PostgresAdapter) -> None:
    fields = [f"f{number}" for number in range(4)]
    index = parse_index({"fields": list(fields), "type": "compound"}, "index")
    await pooled.ensure_collection(CollectionSpec(TARGET, indexes=(index,)))
    text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(300))
    large = "{" + ", ".join(f'"{field}": "{text[number:]}"' for number, field in enumerate(fields)) + "}"
    outcomes = await pooled.write(
        Write(TARGET, [Insert(f"{number}", large if number == 5 else "{}", 1) for number in range(11)])
    )
    assert [number for number, outcome in enumerate(outcomes) if outcome.error is not None] == [5]
    assert outcomes[5].error is not None
    assert outcomes[5].error.reason is Reason.TOO_LARGE
    assert len(await ids(pooled)) == 10


async def test_a_transaction_that_is_broken_leaves_nothing_of_what_came_before(
    pooled: PostgresAdapter, postgres_database: str
) -> None:
    await pooled.ensure_collection(CollectionSpec(TARGET))
    await pooled.write(insert("b"))
    async with holding(postgres_database, f"SELECT 1 FROM {TABLE} FOR UPDATE"):
        writing = asyncio.create_task(failure_of(pooled.write(touch(atomic=True))))
        await until_waiting(postgres_database)
        (waiting,) = await of_adapter(postgres_database, "wait_event_type = 'Lock'")
        await statements(postgres_database, f"SELECT pg_terminate_backend({waiting['pid']})")
        error = await writing
    assert error is not None
    assert error.reason is Reason.ADAPTER_DOWN
    assert error.applied is Applied.NO
    assert await failure_of(pooled.write(touch())) is None
