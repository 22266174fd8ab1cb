"""Are indexes of large collections built in the background, completely, and beside all other calls?"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from aol_adapters.sqlite import building, steps
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import CollectionSpec, Count, Delete, Find, Insert, Mutation, Target, Update, Write
from aol_wire.errors import Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.filters import Json
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec, IndexState, IndexStatus
from aol_wire.json_text import encode
from aol_wire.update_parser import parse_update
from turned_clock import TurnedClock

T = TypeVar("T")

TARGET = Target("shop", "orders")
DAY = parse_index({"fields": ["day"], "type": "ascending"}, "index")
CITY = parse_index({"fields": ["shop.city", {"day": "desc"}], "type": "compound"}, "index")
NUMBER = parse_index({"fields": ["number"], "type": "unique"}, "index")
NOTE = parse_index({"fields": ["note"], "type": "text"}, "index")
TITLE = parse_index({"fields": ["title"], "type": "text"}, "index")
UNTIL = parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": 0}, "index")
READY, BUILDING, FAILED = IndexState.READY, IndexState.BUILDING, IndexState.FAILED


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    """An adapter for which ten documents are many."""
    adapter = SqliteAdapter(tmp_path, at_once_up_to=10)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    yield adapter
    await adapter.close()


@asynccontextmanager
async def writer_held(adapter: SqliteAdapter) -> AsyncIterator[None]:
    """Keep the writer of the data file busy for a block, so that no build can end."""
    gate = threading.Event()
    async with adapter.files.use("shop") as file:
        holding = asyncio.create_task(file.writer.run(lambda _: gate.wait()))
        # The task puts its work into the writer's queue.
        await asyncio.sleep(0)
        try:
            yield
        finally:
            gate.set()
            await holding


async def fill(adapter: SqliteAdapter, count: int, first: int = 0) -> None:
    documents: list[Json] = [
        {"day": number % 7, "number": number, "shop": {"city": number % 3}, "note": f"word{number} common"}
        for number in range(first, first + count)
    ]
    await write(adapter, *(Insert(f"{number:06d}", encode(it), 1) for number, it in enumerate(documents, first)))


async def write(adapter: SqliteAdapter, *mutations: Mutation) -> list[Reason | None]:
    outcomes = await adapter.write(Write(TARGET, mutations))
    return [outcome.error.reason if outcome.error is not None else None for outcome in outcomes]


async def ensure(adapter: SqliteAdapter, *indexes: IndexSpec) -> list[tuple[IndexState, int]]:
    return _states((await adapter.ensure_collection(CollectionSpec(TARGET, indexes=indexes))).indexes)


async def inspect(adapter: SqliteAdapter) -> list[tuple[IndexState, int]]:
    return _states(await adapter.inspect_collection(TARGET))


def _states(statuses: tuple[IndexStatus, ...]) -> list[tuple[IndexState, int]]:
    return [(status.state, status.offenders) for status in statuses]


async def found(adapter: SqliteAdapter, filter: str) -> list[str]:
    return list((await adapter.find(Find(TARGET, parse_filter(filter)))).page.id)


async def test_reads_and_writes_go_on_while_indexes_of_a_hundred_thousand_documents_are_built(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    for first in range(0, 100_000, 10_000):
        await fill(adapter, 10_000, first)
    assert await ensure(adapter, DAY, NOTE, NUMBER) == [(BUILDING, 0)] * 3
    async with writer_held(adapter):
        assert await adapter.count(Count(TARGET, parse_filter('{"number": {"$lt": 500}}'))) == 500
        assert await inspect(adapter) == [(BUILDING, 0)] * 3
    # The next write comes in between two steps.
    assert await write(adapter, Insert("late", '{"note": "late"}', 1)) == [None]
    assert (BUILDING, 0) in await inspect(adapter)
    await adapter.settle()
    assert await inspect(adapter) == [(READY, 0)] * 3
    assert await found(adapter, '{"$text": "late"}') == ["late"]
    assert await adapter.count(Count(TARGET, parse_filter('{"$text": "common"}'))) == 100_000
    assert (await adapter.explain(Find(TARGET, parse_filter('{"day": 3}')))).index == DAY
    await adapter.close()


async def test_a_small_collection_s_indexes_are_built_at_once(adapter: SqliteAdapter) -> None:
    await fill(adapter, 10)
    assert await ensure(adapter, DAY, CITY, NUMBER, NOTE, UNTIL) == [(READY, 0)] * 5
    await fill(adapter, 1, 10)
    assert await ensure(adapter, DAY, TITLE) == [(READY, 0), (BUILDING, 0)]
    await adapter.settle()
    assert await inspect(adapter) == [(READY, 0)] * 6


async def test_asking_again_while_an_index_is_built_changes_nothing(adapter: SqliteAdapter) -> None:
    await fill(adapter, 20)
    assert await ensure(adapter, DAY) == [(BUILDING, 0)]
    async with writer_held(adapter):
        again = [asyncio.create_task(ensure(adapter, DAY)) for _ in range(3)]
    assert all(states in ([(BUILDING, 0)], [(READY, 0)]) for states in await asyncio.gather(*again))
    await adapter.settle()
    assert await inspect(adapter) == [(READY, 0)]


async def test_an_index_that_does_not_fit_ends_as_failed_until_it_is_asked_for_again(
    adapter: SqliteAdapter, tmp_path: Path
) -> None:
    await fill(adapter, 20)
    await write(adapter, Insert("array", '{"number": [1], "day": 1}', 1), Insert("again", '{"number": 7.0}', 1))
    await write(adapter, Insert("way", '{"shop": [{"city": 1}], "day": "%s"}' % ("é" * 600), 1))
    assert await ensure(adapter, NUMBER, CITY) == [(BUILDING, 0)] * 2
    await adapter.settle()
    failed = [(FAILED, 2), (FAILED, 1)]
    assert await inspect(adapter) == failed
    await write(adapter, Delete(parse_filter('{"_id": {"$in": ["array", "again", "way"]}}'), 1))
    await adapter.close()
    again = SqliteAdapter(tmp_path, at_once_up_to=10)
    await again.start()
    assert await found(again, '{"number": 7}') == ["000007"]
    await again.sweep()
    await again.settle()
    assert await inspect(again) == failed
    assert await ensure(again, NUMBER, CITY) == [(BUILDING, 0)] * 2
    await again.settle()
    assert await inspect(again) == [(READY, 0)] * 2
    await again.close()


async def test_the_rule_about_values_holds_from_the_asking_on_and_a_failure_ends_it(adapter: SqliteAdapter) -> None:
    await fill(adapter, 20)
    await write(adapter, Insert("array", '{"number": [1]}', 1))
    misfit, twice = Insert("misfit", '{"day": {}}', 1), Insert("twice", '{"number": 7}', 1)
    # Both wait behind the asking for the writer, and so come before the last step of the build.
    ensuring = asyncio.create_task(ensure(adapter, DAY, NUMBER))
    await asyncio.sleep(0)
    assert await write(adapter, misfit, twice) == [Reason.BAD_DOCUMENT, None]
    assert await ensuring == [(BUILDING, 0)] * 2
    await adapter.settle()
    assert await inspect(adapter) == [(READY, 0), (FAILED, 2)]
    assert await write(adapter, Insert("more", '{"number": {}}', 1)) == [None]


async def test_a_value_that_comes_twice_while_a_unique_index_is_built_is_noticed_at_the_end(
    adapter: SqliteAdapter,
) -> None:
    def prepare(session: Session) -> steps.Build:
        build = steps.next_build(session)
        assert build is not None
        assert steps.count_repeats(session, build) == 0
        return build

    await fill(adapter, 20)
    async with adapter.files.use("shop") as file:
        await file.writer.run(partial(_ask_only, spec=CollectionSpec(TARGET, indexes=(NUMBER,))))
        build = await file.readers.run(prepare)
        assert await write(adapter, Insert("twice", '{"number": 7}', 1)) == [None]
        assert not await file.writer.run(partial(steps.finish, build=build, filled=None))
        assert await inspect(adapter) == [(BUILDING, 0)]
    assert await ensure(adapter, NUMBER) == [(BUILDING, 0)]
    await adapter.settle()
    assert await inspect(adapter) == [(FAILED, 1)]


def _ask_only(session: Session, spec: CollectionSpec) -> None:
    """Leave indexes to be built, and let nobody know."""
    building.ensure(session, spec, at_once_up_to=0)


async def test_words_follow_what_changes_while_a_text_index_is_filled(adapter: SqliteAdapter) -> None:
    await fill(adapter, 30)
    assert await ensure(adapter, NOTE) == [(BUILDING, 0)]
    await adapter.settle()
    async with adapter.files.use("shop") as file:
        await file.writer.run(partial(_ask_only, spec=CollectionSpec(TARGET, indexes=(NOTE, TITLE))))
        build = await file.readers.run(steps.next_build)
        assert build is not None
        filled = await file.writer.run(partial(steps.begin_filling, build=build))
        assert await file.writer.run(partial(steps.fill, build=build, after=0, rows=10)) == 10
        changes = parse_update('{"title": "changed"}')
        for id in ("000003", "000023"):
            assert await write(adapter, Update(parse_filter(encode({"_id": id})), changes, 2)) == [None]
        gone = parse_filter('{"_id": {"$in": ["000004", "000024"]}}')
        await write(adapter, Delete(gone, 2), Insert("new", '{"title": "changed", "note": "common"}', 2))
        # Nothing of it is seen before it is ready, and the words of the index in use are not missed.
        assert await found(adapter, '{"$text": "changed"}') == []
        assert await found(adapter, '{"$text": "word23"}') == ["000023"]
        last: int | None = 10
        while last is not None:
            last = await file.writer.run(partial(steps.fill, build=build, after=last, rows=7))
        assert await file.writer.run(partial(steps.finish, build=build, filled=filled))
    assert await inspect(adapter) == [(READY, 0)] * 2
    assert await found(adapter, '{"$text": "changed"}') == ["000003", "000023", "new"]
    assert await found(adapter, '{"$text": "changed common"}') == ["000003", "000023", "new"]
    assert await adapter.count(Count(TARGET, parse_filter('{"$text": "common"}'))) == 29
    for word in ("word4", "word24"):
        assert await found(adapter, encode({"$text": word})) == []


async def test_two_text_indexes_built_by_two_processes_end_with_the_words_of_both(
    adapter: SqliteAdapter, tmp_path: Path
) -> None:
    other = SqliteAdapter(tmp_path, at_once_up_to=10)
    await other.start()
    await fill(adapter, 30)
    await write(adapter, Update(None, parse_update('{"title": "same"}'), 2))
    both = await asyncio.gather(ensure(adapter, NOTE, DAY), ensure(other, TITLE, NUMBER))
    assert list(both) == [[(BUILDING, 0)] * 2] * 2
    await asyncio.gather(adapter.settle(), other.settle())
    # A build that another process's lock or words spoiled is taken up when it is asked for again.
    while any(state is BUILDING for state, _ in await ensure(adapter, NOTE, DAY, TITLE, NUMBER)):
        await adapter.settle()
    assert await inspect(adapter) == [(READY, 0)] * 4
    assert await adapter.count(Count(TARGET, parse_filter('{"$text": "same common"}'))) == 30
    await other.close()


async def test_a_collection_that_is_dropped_while_its_index_is_built_is_gone(
    adapter: SqliteAdapter, tmp_path: Path
) -> None:
    await fill(adapter, 2000)
    assert await ensure(adapter, NOTE, DAY) == [(BUILDING, 0)] * 2
    await adapter.drop_collection(TARGET)
    await adapter.settle()
    assert (await adapter.ensure_collection(CollectionSpec(TARGET))).created
    assert await inspect(adapter) == []
    connection = apsw.Connection(str(tmp_path / "shop.db"))
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'orders%' ORDER BY name").fetchall()
    connection.close()
    assert tables == [("orders:documents",), ("orders:key",)]


async def test_closing_in_the_middle_of_a_build_leaves_it_to_the_next_start(
    adapter: SqliteAdapter, tmp_path: Path
) -> None:
    await fill(adapter, 2000)
    assert await ensure(adapter, NOTE, DAY) == [(BUILDING, 0)] * 2
    await adapter.close()
    again = SqliteAdapter(tmp_path)
    await again.start()
    assert (BUILDING, 0) in await inspect(again)
    await _until_built(again)
    assert await again.count(Count(TARGET, parse_filter('{"$text": "common"}'))) == 2000
    await again.close()


async def _until_built(adapter: SqliteAdapter) -> None:
    """Wait for builds that begin by themselves some time after the file was opened."""
    async with asyncio.timeout(30):
        while await inspect(adapter) != [(READY, 0)] * 2:
            await adapter.settle()


async def test_what_a_sweep_finds_unfinished_is_finished(adapter: SqliteAdapter, tmp_path: Path) -> None:
    await fill(adapter, 20)
    assert await ensure(adapter, DAY, NUMBER) == [(BUILDING, 0)] * 2
    await adapter.close()
    again = SqliteAdapter(tmp_path)
    await again.start()
    await again.sweep()
    await again.settle()
    assert await inspect(again) == [(READY, 0)] * 2
    await again.close()


async def test_a_build_that_a_lock_interrupted_is_taken_up_in_the_next_round(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path, busy_timeout_s=0.05, at_once_up_to=10)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    await fill(adapter, 20)
    async with writer_held(adapter):
        ensuring = asyncio.create_task(ensure(adapter, DAY, NOTE))
        locking = asyncio.create_task(_run_on_writer(adapter, partial(_lock, path=tmp_path / "shop.db")))
    assert await ensuring == [(BUILDING, 0)] * 2
    connection = await locking
    await adapter.settle()
    assert await inspect(adapter) == [(BUILDING, 0)] * 2
    connection.execute("ROLLBACK")
    connection.close()
    await adapter.sweep()
    await adapter.settle()
    assert await inspect(adapter) == [(READY, 0)] * 2
    await adapter.close()


async def _run_on_writer(adapter: SqliteAdapter, work: Callable[[Session], T]) -> T:
    async with adapter.files.use("shop") as file:
        return await file.writer.run(work)


def _lock(session: Session, path: Path) -> apsw.Connection:
    """Lock the data file, as another process would."""
    del session
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def test_expired_documents_are_no_offenders_in_the_background_either(tmp_path: Path) -> None:
    clock = TurnedClock()
    adapter = SqliteAdapter(tmp_path, at_once_up_to=10, clock=clock)
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(UNTIL,)))
    await fill(adapter, 20)
    expired = encode({"until": clock.in_seconds(0), "number": 7, "day": ["monday"]})
    await write(adapter, Insert("expired", expired, 1))
    assert await ensure(adapter, NUMBER, DAY) == [(BUILDING, 0)] * 2
    await adapter.settle()
    assert await inspect(adapter) == [(READY, 0)] * 3
    await adapter.close()
