"""Are expired documents removed in the background, from an index, and from files that nobody uses?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_adapters.sqlite import sweeping
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_adapters.sqlite.bindings import Bindings
from aol_adapters.sqlite.catalogue import Collection
from aol_adapters.sqlite.expiring import expired
from aol_adapters.sqlite.finding import compile_find
from aol_adapters.sqlite.lane import Lane
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import CollectionSpec, Delete, Find, Insert, SortKey, Target, Write
from aol_wire.datetimes import from_us
from aol_wire.expiry import is_expired
from aol_wire.filter_parser import parse_filter
from aol_wire.index_parser import parse_index
from aol_wire.json_text import encode
from turned_clock import TurnedClock

TARGET = Target("shop", "orders")
TTL = parse_index({"fields": ["until"], "type": "ttl", "expireAfterSeconds": 60}, "index")
ENDED = parse_index({"fields": ["ended"], "type": "ttl", "expireAfterSeconds": 0}, "index")
NOTE = parse_index({"fields": ["note"], "type": "text"}, "index")
SPEC = CollectionSpec(TARGET, indexes=(TTL, NOTE))


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def adapter(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path, clock=clock)
    await adapter.start()
    yield adapter
    await adapter.close()


def stored(path: Path, table: str = "orders:documents") -> int:
    """Return how many rows there are, seen or not."""
    connection = apsw.Connection(str(path))
    try:
        return int(connection.execute(f'SELECT count(*) FROM "{table}"').get)
    finally:
        connection.close()


async def insert(adapter: SqliteAdapter, target: Target, count: int, until: str) -> None:
    document = encode({"until": until, "note": "some words"})
    await adapter.write(Write(target, [Insert(f"{until}-{number}", document, 1) for number in range(count)]))


async def test_a_sweep_removes_what_is_expired_and_nothing_else(
    adapter: SqliteAdapter, tmp_path: Path, clock: TurnedClock
) -> None:
    await adapter.ensure_collection(SPEC)
    await insert(adapter, TARGET, 1200, clock.in_seconds(0))
    await insert(adapter, TARGET, 30, clock.in_seconds(1))
    await insert(adapter, TARGET, 20, "never")
    await adapter.write(
        Write(TARGET, [Delete(parse_filter('{"_id": {"$lt": "2025-11-22T12:00:00.000000Z-5"}}'), 1, soft=True)])
    )
    assert await adapter.sweep() == 0
    clock.turn(60)
    assert await adapter.sweep() == 1200
    assert stored(tmp_path / "shop.db") == 50
    assert await adapter.sweep() == 0
    clock.turn(1)
    assert await adapter.sweep() == 30
    found = await adapter.find(Find(TARGET, parse_filter('{"$text": "words"}')))
    assert len(found.page.id) == stored(tmp_path / "shop.db") == 20


async def test_more_than_one_turn_s_worth_is_removed_while_other_files_have_their_turn(
    adapter: SqliteAdapter, tmp_path: Path, clock: TurnedClock
) -> None:
    for service, count in (("shop", 10_500), ("store", 700)):
        target = Target(service, "orders")
        await adapter.ensure_collection(CollectionSpec(target, indexes=(TTL, ENDED)))
        await insert(adapter, target, count, clock.in_seconds(-60))
    assert await adapter.sweep() == 11_200
    assert stored(tmp_path / "shop.db") == stored(tmp_path / "store.db") == 0


async def test_tenants_and_both_of_two_indexes_are_swept(
    adapter: SqliteAdapter, tmp_path: Path, clock: TurnedClock
) -> None:
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(TTL, ENDED)))
    for tenant in ("", "a", "b", "zz"):
        target = Target("shop", "orders", tenant)
        await insert(adapter, target, 3, clock.in_seconds(-60))
        both = encode({"until": clock.in_seconds(-60), "ended": clock.in_seconds(0)})
        one = encode({"until": clock.in_seconds(0), "ended": clock.in_seconds(0)})
        await adapter.write(Write(target, [Insert("both", both, 1), Insert("one", one, 1), Insert("none", "{}", 1)]))
    assert await adapter.sweep() == 4 * 5
    assert stored(tmp_path / "shop.db") == 4


async def test_files_that_nobody_has_used_since_the_start_are_swept(
    adapter: SqliteAdapter, tmp_path: Path, clock: TurnedClock
) -> None:
    for number in range(10):
        target = Target(f"service-{number}", "orders")
        await adapter.ensure_collection(CollectionSpec(target, indexes=(TTL,) if number % 2 else ()))
        await insert(adapter, target, 5, clock.in_seconds(-60))
    await adapter.close()
    (tmp_path / "not a service.db").write_text("")
    (tmp_path / "foreign.db").write_text("what is this?" * 1000)
    again = SqliteAdapter(tmp_path, max_open_files=1, clock=clock)
    await again.start()
    assert await again.sweep() == 25
    assert len(again.files) <= 1
    await again.close()
    assert (tmp_path / "foreign.db").read_text() == "what is this?" * 1000


async def test_a_sweep_looks_only_into_files_where_something_expires(
    adapter: SqliteAdapter, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service, indexes in (("shop", (TTL,)), ("archive", ())):
        await adapter.ensure_collection(CollectionSpec(Target(service, "orders"), indexes=indexes))
    looked_into: list[str] = []
    aside = adapter.files.aside

    def recorded(service: str) -> AbstractAsyncContextManager[Lane]:
        looked_into.append(service)
        return aside(service)

    monkeypatch.setattr(adapter.files, "aside", recorded)
    await adapter.sweep()
    assert set(looked_into) == {"shop", "archive"}
    looked_into.clear()
    await insert(adapter, TARGET, 5, clock.in_seconds(-60))
    assert await adapter.sweep() == 5
    assert set(looked_into) == {"shop"}


async def test_the_rounds_go_by_themselves(tmp_path: Path, clock: TurnedClock) -> None:
    adapter = SqliteAdapter(tmp_path, sweep_interval_s=0.001, clock=clock)
    await adapter.start()
    await adapter.ensure_collection(SPEC)
    await insert(adapter, TARGET, 5, clock.in_seconds(-60))
    async with asyncio.timeout(30):
        while await asyncio.to_thread(stored, tmp_path / "shop.db"):
            pass
    await adapter.close()


async def test_a_file_that_is_locked_does_not_keep_others_from_being_swept(tmp_path: Path, clock: TurnedClock) -> None:
    adapter = SqliteAdapter(tmp_path, busy_timeout_s=0.05, clock=clock)
    await adapter.start()
    for service in ("a", "b", "c"):
        await adapter.ensure_collection(CollectionSpec(Target(service, "orders"), indexes=(TTL,)))
        await insert(adapter, Target(service, "orders"), 5, clock.in_seconds(-60))
    connection = apsw.Connection(str(tmp_path / "b.db"))
    connection.execute("BEGIN IMMEDIATE")
    assert await adapter.sweep() == 10
    connection.execute("ROLLBACK")
    connection.close()
    assert await adapter.sweep() == 5
    await adapter.close()


async def test_what_was_changed_after_it_was_found_is_not_removed(adapter: SqliteAdapter, clock: TurnedClock) -> None:
    await adapter.ensure_collection(SPEC)
    await insert(adapter, TARGET, 5, clock.in_seconds(-60))
    async with adapter.files.use("shop") as file:
        found = await file.readers.run(partial(sweeping.find_expired, limit=100))
        assert {name: len(numbers) for name, numbers in found.items()} == {"orders": 5}
        clock.turn(-1)
        assert await file.writer.run(partial(sweeping.remove_expired, name="orders", numbers=found["orders"])) == 0
    assert len((await adapter.find(Find(TARGET))).page.id) == 5


async def test_expired_rows_and_values_are_looked_up_in_the_index(adapter: SqliteAdapter) -> None:
    def plans(session: Session) -> list[list[str]]:
        with session.reading() as connection:
            collection = session.catalogue.collection(connection, "orders")
            find = Find(TARGET, parse_filter('{"until": {"$gt": "2025"}}'), (SortKey(("until",)),))
            query = compile_find(collection, find, session.now_us())
            statements = [sweeping.expired_rows_query(collection, TTL, session.now_us(), 10), (query.sql, query.values)]
            return [
                [str(detail) for *_, detail in connection.execute("EXPLAIN QUERY PLAN " + sql, values)]
                for sql, values in statements
            ]

    await adapter.ensure_collection(SPEC)
    async with adapter.files.use("shop") as file:
        sweep, find = await file.readers.run(plans)
    in_index = "SEARCH orders:documents USING INDEX orders:index:1 (tenant=? AND rank1=? AND value1>? AND value1<?)"
    assert sweep[-1] == in_index
    # From tenant to tenant by the key.
    assert not any(it.startswith("SCAN orders") for it in sweep)
    assert find == ["SEARCH orders:documents USING INDEX orders:index:1 (tenant=? AND rank1=? AND value1>?)"]


DATES = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z".format,
    st.integers(0, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 999_999),
)
VALUES = st.one_of(
    DATES,
    st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999).map(from_us),
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30),
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(value=VALUES, now_us=st.integers(1_000_000_000_000_000, 253_402_300_799_999_999))
def test_sql_and_the_contract_agree_on_what_is_expired(value: bool | int | float | str | None, now_us: int) -> None:
    connection = apsw.Connection("")
    connection.execute("CREATE TABLE documents (doc)")
    connection.execute("INSERT INTO documents VALUES (jsonb(?))", (encode({"until": value}),))
    bindings = Bindings()
    condition = expired(Collection("orders", {}, (TTL,)), now_us, bindings)
    found = connection.execute(f"SELECT {condition} FROM documents", bindings.values).get
    connection.close()
    assert found == is_expired({"until": value}, [TTL], now_us)
