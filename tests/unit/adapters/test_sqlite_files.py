"""Which files does the SQLite adapter open, how many, and what does it do with those that are not its own?"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_adapters.sqlite.layout import APPLICATION_ID, LAYOUT_VERSION
from aol_wire.adapter import CollectionSpec, Count, Find, Insert, Target, Write
from aol_wire.errors import Applied, DataError, Reason

TARGET = Target("shop", "orders")
SPEC = CollectionSpec(TARGET)
INSERT = Write(TARGET, [Insert("a", '{"secret": "hunter2"}', 1)])


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path / "data", busy_timeout_s=0.05)
    await adapter.start()
    yield adapter
    await adapter.close()


async def test_the_folder_and_files_are_for_their_owner_only(adapter: SqliteAdapter, tmp_path: Path) -> None:
    await adapter.ensure_collection(SPEC)
    await adapter.write(INSERT)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    files = list((tmp_path / "data").iterdir())
    assert {file.name for file in files} >= {"shop.db", "shop.db-wal"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_read_or_write_makes_no_file(adapter: SqliteAdapter, tmp_path: Path) -> None:
    for call in (adapter.find(Find(TARGET)), adapter.count(Count(TARGET)), adapter.write(INSERT)):
        with pytest.raises(DataError) as raised:
            await call
        assert raised.value.reason is Reason.COLLECTION_NOT_FOUND
    await adapter.drop_collection(TARGET)
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("service", ["../evil", "a/b", "", "A", ".", "a\0b", "shop.db"])
async def test_a_service_cannot_name_a_file_elsewhere(adapter: SqliteAdapter, tmp_path: Path, service: str) -> None:
    with pytest.raises(DataError) as raised:
        await adapter.ensure_collection(CollectionSpec(Target(service, "orders")))
    assert raised.value.reason is Reason.BAD_PATH
    assert not list(tmp_path.rglob("*.db"))


async def test_a_file_outlives_the_adapter(adapter: SqliteAdapter, tmp_path: Path) -> None:
    await adapter.ensure_collection(SPEC)
    await adapter.write(INSERT)
    await adapter.close()
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["shop.db"]
    async with _opened(tmp_path / "data") as again:
        assert not (await again.ensure_collection(SPEC)).created
        assert list((await again.find(Find(TARGET))).page.id) == ["a"]


async def test_after_close_nothing_works_and_a_second_close_is_harmless(adapter: SqliteAdapter) -> None:
    await adapter.ensure_collection(SPEC)
    await adapter.close()
    await adapter.close()
    for call in (adapter.check(), adapter.find(Find(TARGET)), adapter.ensure_collection(SPEC)):
        with pytest.raises(DataError) as raised:
            await call
        assert raised.value.reason is Reason.ADAPTER_DOWN


async def test_a_file_of_a_newer_layout_is_left_alone(adapter: SqliteAdapter, tmp_path: Path) -> None:
    path = tmp_path / "data" / "shop.db"
    connection = apsw.Connection(str(path))
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", LAYOUT_VERSION + 1)
    connection.close()
    before = path.read_bytes()
    error = await _down(adapter)
    assert "newer version" in error.message
    assert path.read_bytes() == before


async def test_a_database_of_another_program_is_left_alone(adapter: SqliteAdapter, tmp_path: Path) -> None:
    path = tmp_path / "data" / "shop.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    error = await _down(adapter)
    assert "another program" in error.message
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_left_alone(adapter: SqliteAdapter, tmp_path: Path) -> None:
    path = tmp_path / "data" / "shop.db"
    path.write_bytes(b"what is this? " * 1000)
    error = await _down(adapter)
    assert "not an SQLite database" in error.message
    assert path.read_bytes() == b"what is this? " * 1000


async def test_an_empty_file_is_written_to_by_nobody_but_who_makes_a_collection(
    adapter: SqliteAdapter, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "shop.db"
    path.write_bytes(b"")
    for call in (adapter.find(Find(TARGET)), adapter.write(INSERT), adapter.inspect_collection(TARGET)):
        with pytest.raises(DataError) as raised:
            await call
        assert raised.value.reason is Reason.COLLECTION_NOT_FOUND
    await adapter.drop_collection(TARGET)
    assert await adapter.sweep() == 0
    assert path.read_bytes() == b""
    assert (await adapter.ensure_collection(SPEC)).created


async def test_a_damaged_file_is_reported_and_one_that_was_put_back_is_used(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    async with _opened(tmp_path) as adapter:
        await adapter.ensure_collection(SPEC)
        many = [Insert(f"id-{number:04d}", '{"a": "' + "x" * 500 + '"}', 1) for number in range(200)]
        await adapter.write(Write(TARGET, many))
    good = path.read_bytes()
    page = 4096
    path.write_bytes(good[: 2 * page] + b"\xa5" * (len(good) - 2 * page))
    async with _opened(tmp_path) as adapter:
        with pytest.raises(DataError) as raised:
            await adapter.find(Find(TARGET))
        assert raised.value.reason is Reason.ADAPTER_DOWN
        path.write_bytes(good)
        assert await adapter.count(Count(TARGET)) == 200


async def test_a_data_folder_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    adapter = SqliteAdapter(tmp_path / "file" / "data")
    with pytest.raises(DataError) as raised:
        await adapter.start()
    assert raised.value.reason is Reason.ADAPTER_DOWN
    await adapter.close()


async def test_the_check_notices_that_the_data_folder_is_gone(adapter: SqliteAdapter, tmp_path: Path) -> None:
    await adapter.check()
    (tmp_path / "data").rmdir()
    with pytest.raises(DataError) as raised:
        await adapter.check()
    assert raised.value.reason is Reason.ADAPTER_DOWN


async def test_two_hundred_services_share_a_few_open_files(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path, max_open_files=4)
    await adapter.start()
    most = 0

    async def use(number: int) -> None:
        nonlocal most
        target = Target(f"service-{number}", "orders")
        await adapter.ensure_collection(CollectionSpec(target))
        await adapter.write(Write(target, [Insert(str(number), "{}", 1)]))
        most = max(most, len(adapter.files), _open_databases(tmp_path))

    await asyncio.gather(*map(use, range(200)))
    assert 0 < most <= 4
    found = [await adapter.find(Find(Target(f"service-{number}", "orders"))) for number in range(0, 200, 20)]
    assert [list(it.page.id) for it in found] == [[str(number)] for number in range(0, 200, 20)]
    await adapter.close()
    assert _open_databases(tmp_path) == 0


async def test_a_call_does_not_wait_forever_for_an_open_file(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path, max_open_files=1, busy_timeout_s=0.05)
    await adapter.start()
    async with adapter.files.use("greedy"):
        with pytest.raises(DataError) as raised:
            await adapter.find(Find(TARGET))
    assert raised.value.reason is Reason.OVERLOADED
    assert raised.value.retry_after_s is not None
    await adapter.close()


async def _down(adapter: SqliteAdapter) -> DataError:
    with pytest.raises(DataError) as raised:
        await adapter.ensure_collection(SPEC)
    assert raised.value.reason is Reason.ADAPTER_DOWN
    assert raised.value.applied is Applied.NO
    return raised.value


def _open_databases(folder: Path) -> int:
    """How many databases this process has open, where the system tells."""
    if sys.platform != "linux":
        return 0
    targets = set()
    for link in Path("/proc/self/fd").iterdir():
        # Files are closed on other threads meanwhile.
        with suppress(FileNotFoundError):
            targets.add(str(link.readlink()))
    return len({it for it in targets if it.startswith(str(folder)) and it.endswith(".db")})


class _opened:
    """An adapter for the length of a block."""

    def __init__(self, folder: Path) -> None:
        self._adapter = SqliteAdapter(folder)

    async def __aenter__(self) -> SqliteAdapter:
        await self._adapter.start()
        return self._adapter

    async def __aexit__(self, *_: object) -> None:
        await self._adapter.close()
