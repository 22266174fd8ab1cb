"""How are indexes of collections that hold documents built, while others write, build or are cut off?"""

import asyncio
from collections.abc import Iterator

import pytest

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_wire.adapter import CollectionSpec, Count, Delete, Insert, Write
from aol_wire.errors import Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec, IndexState
from postgres_adapters import (
    TABLE,
    TARGET,
    error_of,
    failure_of,
    holding,
    ids,
    insert,
    of_adapter,
    opened,
    touch,
    until,
)
from postgres_server import fresh_database, rows, statements

NUMBER = parse_index({"fields": ["n"], "type": "ascending"}, "index")
UNIQUE = parse_index({"fields": ["n"], "type": "unique"}, "index")
TEXT = parse_index({"fields": ["note"], "type": "text"}, "index")
UNTIL = parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": 0}, "index")
MANY = f"""
INSERT INTO {TABLE} (tenant, id, version, created_us, updated_us, doc)
SELECT '', n::text, 1, n, n, jsonb_build_object('n', n, 'note', 'two words') FROM generate_series(1, 100000) AS n
"""
# In the second portion of an update of all, one of them waits.
WAITING = f"""
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END';
CREATE TRIGGER wait BEFORE UPDATE ON {TABLE} FOR EACH ROW WHEN (new.id = '0700') EXECUTE FUNCTION wait()
"""
INDEXES = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = $1::regclass ORDER BY 1"


def spec(*indexes: IndexSpec) -> CollectionSpec:
    return CollectionSpec(TARGET, indexes=indexes)


async def states(adapter: PostgresAdapter) -> list[IndexState]:
    return [status.state for status in await adapter.inspect_collection(TARGET)]


async def is_all_valid(dsn: str) -> bool:
    return all(row["indisvalid"] for row in await rows(dsn, INDEXES, TABLE))


async def test_several_adapters_that_ensure_the_same_at_once_make_it_once(postgres_database: str) -> None:
    async with (
        opened(postgres_database) as first,
        opened(postgres_database) as second,
        opened(postgres_database) as third,
    ):
        adapters = [first, second, third]
        made = await asyncio.gather(*(adapter.ensure_collection(spec(NUMBER)) for adapter in adapters * 3))
        assert [ensured.created for ensured in made].count(True) == 1
        await first.write(insert("a", document='{"n": 1, "note": "words"}'))
        wanted = spec(NUMBER, UNIQUE, TEXT, UNTIL)
        await asyncio.gather(*(adapter.ensure_collection(wanted) for adapter in adapters * 3))
        await asyncio.gather(*(adapter.settle() for adapter in adapters))
        for adapter in adapters:
            assert await states(adapter) == [IndexState.READY] * 4
            assert await adapter.count(Count(TARGET, parse_filter('{"$text": "words"}'))) == 1
    assert len(await rows(postgres_database, INDEXES, TABLE)) == 5
    assert await is_all_valid(postgres_database)


async def test_an_index_that_one_adapter_made_is_obeyed_by_the_next_write_of_another(postgres_database: str) -> None:
    async with opened(postgres_database) as one, opened(postgres_database) as other:
        await one.ensure_collection(spec())
        await other.write(insert("a", document='{"n": 1, "note": "two words"}'))
        await one.ensure_collection(spec(UNIQUE, TEXT))
        error = await error_of(other.write(insert("b", document='{"n": []}')))
        assert error.reason is Reason.BAD_DOCUMENT
        await other.write(insert("c", document='{"n": 3, "note": "three words"}'))
        error = await error_of(other.write(insert("d", document='{"n": 3}')))
        assert error.reason is Reason.UNIQUE_VIOLATION
        await one.ensure_collection(spec(UNIQUE, TEXT, NUMBER))
        error = await error_of(other.write(touch(update='{"$set": {"n": {}}}')))
        assert error.reason is Reason.BAD_DOCUMENT
        await other.write(touch('{"_id": "a"}', '{"$set": {"note": "four words"}}', atomic=True))
        assert await one.count(Count(TARGET, parse_filter('{"$text": "four"}'))) == 1
        assert await one.count(Count(TARGET, parse_filter('{"$text": "words"}'))) == 2


async def test_a_collection_that_another_adapter_dropped_is_not_there_and_can_be_made_again(
    postgres_database: str,
) -> None:
    async with opened(postgres_database) as one, opened(postgres_database) as other:
        await one.ensure_collection(spec(NUMBER))
        await other.write(insert("a", document='{"n": 1}'))
        await one.drop_collection(TARGET)
        for call in (other.write(insert("b")), other.count(Count(TARGET)), other.write(touch())):
            assert (await error_of(call)).reason is Reason.COLLECTION_NOT_FOUND
        await one.ensure_collection(spec(UNIQUE))
        await other.write(insert("c", document='{"n": 1}'))
        error = await error_of(other.write(insert("d", document='{"n": 1}')))
        assert error.reason is Reason.UNIQUE_VIOLATION


@pytest.fixture(scope="module")
def large(postgres_dsn: str) -> Iterator[str]:
    """A database with a collection of 100,000 documents; each test gives it an index of its own."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database = fresh_database(postgres_dsn)
        dsn = runner.run(database.__aenter__())

        async def load() -> None:
            async with opened(dsn) as adapter:
                await adapter.ensure_collection(spec())
            await statements(dsn, MANY)

        runner.run(load())
        yield dsn
        runner.run(database.__aexit__(None, None, None))


@pytest.mark.parametrize("index", [NUMBER, UNIQUE, UNTIL], ids=lambda index: str(index.type))
async def test_a_build_that_was_cut_off_is_finished_by_the_next_adapter(large: str, index: IndexSpec) -> None:
    async with opened(large) as adapter:
        (status, *_) = (await adapter.ensure_collection(spec(index))).indexes
        assert status.state is IndexState.BUILDING

        async def builds() -> bool:
            progress = "SELECT 1 FROM pg_stat_progress_create_index WHERE relid = $1::regclass AND index_relid <> 0"
            return bool(await rows(large, progress, TABLE))

        await until(builds)
    assert not await of_adapter(large, "state = 'active'")
    async with opened(large) as other:
        await other.sweep()
        await other.settle()
        assert set(await states(other)) == {IndexState.READY}
    assert await is_all_valid(large)


async def test_words_that_were_half_filled_in_are_filled_in_by_the_next_adapter(postgres_database: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(spec())
        documents = [Insert(f"{number:04d}", f'{{"note": "word{number}"}}', 1) for number in range(1500)]
        await adapter.write(Write(TARGET, documents))
    await statements(postgres_database, WAITING)
    async with (
        holding(postgres_database, "SELECT pg_advisory_xact_lock(1)"),
        opened(postgres_database, at_once_up_to=0) as adapter,
    ):
        await adapter.ensure_collection(spec(TEXT))
        await until(lambda: of_adapter(postgres_database, "wait_event_type = 'Lock' AND wait_event = 'advisory'"))
    async with opened(postgres_database) as other:
        await other.sweep()
        await other.settle()
        assert await states(other) == [IndexState.READY]
        for word in ("word0", "word700", "word1499"):
            assert await other.count(Count(TARGET, parse_filter(f'{{"$text": "{word}"}}'))) == 1


async def test_a_build_of_a_large_collection_keeps_nobody_waiting(large: str) -> None:
    price = parse_index({"fields": ["price"], "type": "descending"}, "index")
    async with opened(large) as adapter:
        # Somebody reads for long, which the build waits for.
        async with holding(large, f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM {TABLE} LIMIT 1"):
            await adapter.ensure_collection(spec(price))
            await adapter.write(insert("new", document='{"price": 1}', timeout_s=10))
            await adapter.write(touch('{"_id": "1"}', timeout_s=10))
            error = await error_of(adapter.write(insert("unfit", document='{"price": []}')))
            assert error.reason is Reason.BAD_DOCUMENT
            statuses = {status.spec: status.state for status in await adapter.inspect_collection(TARGET)}
            assert statuses[price] is IndexState.BUILDING
        await adapter.settle()
        statuses = {status.spec: status.state for status in await adapter.inspect_collection(TARGET)}
        assert statuses[price] is IndexState.READY
        await adapter.write(Write(TARGET, [Delete(parse_filter('{"_id": "new"}'), 1)]))


async def test_a_unique_index_over_offenders_fails_while_others_write_and_is_ready_once_they_are_gone(
    postgres_database: str,
) -> None:
    async with opened(postgres_database) as adapter, opened(postgres_database, at_once_up_to=0) as builder:
        await adapter.ensure_collection(spec())
        documents = [Insert(f"{number}", f'{{"n": {number // 2}}}', 1) for number in range(200)]
        await adapter.write(Write(TARGET, documents))
        is_over = False
        refused: list[Reason] = []

        async def write(name: int) -> int:
            number = 0
            while not is_over:
                number += 1
                document = f'{{"n": {number % 300 + 1000}}}'
                for write in (insert(f"{name}-{number}", document=document), touch(f'{{"_id": "{name}-{number}"}}')):
                    error = await failure_of(adapter.write(write))
                    if error is not None:
                        refused.append(error.reason)
            return number

        writers = [asyncio.create_task(write(name)) for name in range(8)]
        for _ in range(3):
            await builder.ensure_collection(spec(UNIQUE))
            await builder.settle()
            (status,) = await builder.inspect_collection(TARGET)
            assert status.state is IndexState.FAILED
            assert status.offenders >= 100
        is_over = True
        assert min(await asyncio.gather(*writers)) > 0
        assert set(refused) <= {Reason.UNIQUE_VIOLATION}
        await adapter.write(Write(TARGET, [Delete(None, 1)]))
        await adapter.write(insert("a", document='{"n": 1}'))
        await builder.ensure_collection(spec(UNIQUE))
        await builder.settle()
        assert await states(builder) == [IndexState.READY]
        assert (await error_of(adapter.write(insert("b", document='{"n": 1}')))).reason is Reason.UNIQUE_VIOLATION
        assert await ids(adapter) == ["a"]
    assert await is_all_valid(postgres_database)


async def test_a_unique_index_that_is_built_while_others_write_gets_ready_and_lets_no_repeat_through(
    postgres_database: str,
) -> None:
    async with opened(postgres_database) as adapter, opened(postgres_database, at_once_up_to=0) as builder:
        await adapter.ensure_collection(spec())
        await adapter.write(Write(TARGET, [Insert(f"{number}", f'{{"n": {number}}}', 1) for number in range(500)]))
        is_over = False

        async def write(name: int) -> None:
            number = 0
            while not is_over:
                number += 1
                document = f'{{"n": {1000 + number * 8 + name}}}'
                assert await failure_of(adapter.write(insert(f"{name}-{number}", document=document))) is None
                move = f'{{"$set": {{"n": {-1000 - number * 8 - name}}}}}'
                assert await failure_of(adapter.write(touch(f'{{"_id": "{name}-{number}"}}', move))) is None

        writers = [asyncio.create_task(write(name)) for name in range(8)]
        await builder.ensure_collection(spec(UNIQUE))
        await builder.settle()
        assert await states(builder) == [IndexState.READY]
        again = await asyncio.gather(
            *(
                failure_of(adapter.write(insert(f"again-{number}", document=f'{{"n": {number}}}')))
                for number in range(50)
            )
        )
        is_over = True
        await asyncio.gather(*writers)
    assert {error.reason for error in again if error is not None} == {Reason.UNIQUE_VIOLATION}
    assert None not in again
    repeated = await rows(postgres_database, f"SELECT doc -> 'n' FROM {TABLE} GROUP BY 1 HAVING count(*) > 1")
    assert list(repeated) == []
