"""What happens to calls when the file is locked, the disk is full, a caller is gone, or the process is killed?"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_adapters.sqlite.session import Session
from aol_wire.adapter import CollectionSpec, Count, Delete, Find, Insert, Target, Write
from aol_wire.errors import Applied, DataError, Reason

TARGET = Target("shop", "orders")
SPEC = CollectionSpec(TARGET)
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path, readers=1, busy_timeout_s=60)
    await adapter.start()
    await adapter.ensure_collection(SPEC)
    yield adapter
    await adapter.close()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the write lock of the data file, as another process would."""
    connection = apsw.Connection(str(folder / "shop.db"))
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


def insert(id: str) -> Write:
    return Write(TARGET, [Insert(id, "{}", 1)])


def run_forever(session: Session) -> None:
    session.connect().execute(FOREVER)


async def ids(adapter: SqliteAdapter) -> list[str]:
    return list((await adapter.find(Find(TARGET))).page.id)


async def test_a_lock_that_stays_is_overload(tmp_path: Path, adapter: SqliteAdapter) -> None:
    hurried = SqliteAdapter(tmp_path, busy_timeout_s=0.05)
    await hurried.start()
    with locked(tmp_path):
        with pytest.raises(DataError) as raised:
            await hurried.write(insert("a"))
        assert await ids(hurried) == []
    assert raised.value.reason is Reason.OVERLOADED
    assert raised.value.applied is Applied.NO
    assert raised.value.retry_after_s is not None
    await hurried.write(insert("a"))
    assert await ids(hurried) == ["a"]
    await hurried.close()


async def test_a_lock_that_goes_away_is_waited_for(tmp_path: Path, adapter: SqliteAdapter) -> None:
    with locked(tmp_path):
        writing = asyncio.create_task(adapter.write(insert("a")))
        assert await ids(adapter) == []
    await writing
    assert await ids(adapter) == ["a"]


async def test_a_write_that_waits_for_its_turn_is_withdrawn_at_its_deadline(
    tmp_path: Path, adapter: SqliteAdapter
) -> None:
    with locked(tmp_path):
        first = asyncio.create_task(adapter.write(insert("first")))
        for _ in range(5):  # turns of the loop, after which the first is under way and takes no other along
            await asyncio.sleep(0)
        with pytest.raises(DataError) as raised:
            await adapter.write(Write(TARGET, [Insert("second", "{}", 1)], timeout_s=0.05))
    assert raised.value.reason is Reason.DEADLINE
    assert raised.value.applied is Applied.NO
    await first
    assert await ids(adapter) == ["first"]


async def test_a_write_that_has_begun_ends_at_its_deadline(tmp_path: Path, adapter: SqliteAdapter) -> None:
    with locked(tmp_path), pytest.raises(DataError) as raised:
        await adapter.write(Write(TARGET, [Insert("a", "{}", 1)], timeout_s=0.05))
    assert raised.value.reason is Reason.DEADLINE
    assert raised.value.applied is Applied.NO
    assert await ids(adapter) == []


async def test_a_cancelled_write_changes_nothing(tmp_path: Path, adapter: SqliteAdapter) -> None:
    with locked(tmp_path):
        writing = [asyncio.create_task(adapter.write(insert(id))) for id in ("a", "b")]
        # Something on the reader's thread and back: the writer has begun by then, or has not; both are well.
        assert await ids(adapter) == []
        for task in writing:
            task.cancel()
        for task in writing:
            with pytest.raises(asyncio.CancelledError):
                await task
        # It needs no lock, and its turn comes after theirs.
        await adapter.ensure_collection(SPEC)
    assert await ids(adapter) == []


async def test_no_time_left_is_a_deadline_before_anything_is_done(adapter: SqliteAdapter) -> None:
    for call in (
        adapter.write(Write(TARGET, [Insert("a", "{}", 1)], timeout_s=0)),
        adapter.find(Find(TARGET, timeout_s=-1.0)),
        adapter.count(Count(TARGET, timeout_s=0)),
    ):
        with pytest.raises(DataError) as raised:
            await call
        assert raised.value.reason is Reason.DEADLINE
    assert await ids(adapter) == []


async def test_a_statement_is_interrupted_at_its_deadline(adapter: SqliteAdapter) -> None:
    async with adapter.files.use("shop") as file:
        for lane in (file.readers, file.writer):
            with pytest.raises(DataError) as raised:
                await lane.run(run_forever, timeout_s=0.05)
            assert raised.value.reason is Reason.DEADLINE
        assert raised.value.applied is Applied.NO
    # Each lane has one thread. It answers only if the statement has ended.
    await adapter.write(insert("a"))
    assert await ids(adapter) == ["a"]


async def test_a_statement_is_interrupted_when_its_caller_is_gone(adapter: SqliteAdapter) -> None:
    async with adapter.files.use("shop") as file:
        reading = asyncio.create_task(file.readers.run(run_forever))
        next_in_line = asyncio.create_task(adapter.count(Count(TARGET)))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await next_in_line == 0


async def test_a_transaction_that_is_interrupted_leaves_nothing(adapter: SqliteAdapter) -> None:
    def half_a_write(session: Session) -> None:
        with session.writing() as connection:
            connection.execute('DELETE FROM "orders:documents"')
            connection.execute(FOREVER)

    await adapter.write(insert("a"))
    async with adapter.files.use("shop") as file:
        with pytest.raises(DataError):
            await file.writer.run(half_a_write, timeout_s=0.05)
    assert await ids(adapter) == ["a"]


async def test_closing_finishes_what_is_under_way(tmp_path: Path, adapter: SqliteAdapter) -> None:
    writing = [asyncio.create_task(adapter.write(insert(f"id-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await adapter.close()
    await asyncio.gather(*writing)
    async with _started(SqliteAdapter(tmp_path)) as again:
        assert await again.count(Count(TARGET)) == 20


async def test_a_full_disk_is_quota_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    async with _started(SqliteAdapter(tmp_path, max_file_pages=60)) as adapter:
        await adapter.ensure_collection(SPEC)
        acknowledged: list[str] = []
        text = '{"a": "' + "x" * 3000 + '"}'

        async def fill_the_disk() -> None:
            for number in range(100):
                await adapter.write(Write(TARGET, [Insert(f"id-{number:03d}", text, 1)]))
                acknowledged.append(f"id-{number:03d}")

        with pytest.raises(DataError) as raised:
            await fill_the_disk()
        assert raised.value.reason is Reason.QUOTA
        assert raised.value.applied is Applied.NO
        assert await ids(adapter) == acknowledged
        # What was deleted makes room again.
        await adapter.write(Write(TARGET, [Delete(None, 1)]))
        await adapter.write(Write(TARGET, [Insert("again", text, 1)]))


async def test_a_full_disk_within_many_inserts_undoes_all_of_them(tmp_path: Path) -> None:
    async with _started(SqliteAdapter(tmp_path, max_file_pages=60)) as adapter:
        await adapter.ensure_collection(SPEC)
        many = [Insert(f"id-{number}", '{"a": "' + "x" * 3000 + '"}', 1) for number in range(100)]
        with pytest.raises(DataError) as raised:
            await adapter.write(Write(TARGET, many))
        assert raised.value.reason is Reason.QUOTA
        assert await ids(adapter) == []


WRITER = """
import asyncio, itertools, pathlib, sys
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import CollectionSpec, Insert, Target, Write

async def main():
    adapter = SqliteAdapter(pathlib.Path(sys.argv[1]))
    await adapter.start()
    target = Target("shop", "orders")
    await adapter.ensure_collection(CollectionSpec(target))
    for number in itertools.count():
        ids = [f"{number:06d}-{part}" for part in range(3)]
        await adapter.write(Write(target, [Insert(id, "{}", 1) for id in ids], atomic=True))
        print(*ids, sep="\\n", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged_before", [1, 50, 200])
async def test_kill_loses_no_acknowledged_insert(tmp_path: Path, acknowledged_before: int) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(acknowledged_before)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.read().split()
    async with _started(SqliteAdapter(tmp_path)) as adapter:
        found = set(await ids(adapter))
        assert found.issuperset(acknowledged)
        # Each call was all or nothing.
        assert len(found) % 3 == 0
        await adapter.write(insert("after"))


class _started:
    """An adapter for the length of a block."""

    def __init__(self, adapter: SqliteAdapter) -> None:
        self._adapter = adapter

    async def __aenter__(self) -> SqliteAdapter:
        await self._adapter.start()
        return self._adapter

    async def __aexit__(self, *_: object) -> None:
        await self._adapter.close()
