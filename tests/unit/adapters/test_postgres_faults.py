"""What happens to calls while something is in their way in the server: locks, limits, a full disk, a read-only one?"""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_wire.adapter import CollectionSpec, Count, Delete, Find, Insert, Restore, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filter_parser import parse_filter
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
    own_server,
    touch,
    until,
    until_waiting,
)
from postgres_server import rows, statements, with_database
from small_disks import mounted

SPEC = CollectionSpec(TARGET)
COUNTING = '{"$inc": {"n": 1}}'


def name_of(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")


async def until_idle(dsn: str) -> None:
    """Wait until the server runs nothing for the adapter, in no transaction."""

    async def idle() -> bool:
        return not await of_adapter(dsn, "state <> 'idle'")

    await until(idle)


async def test_a_pool_that_is_used_up_is_overload_and_recovers(postgres_database: str) -> None:
    async with opened(postgres_database, pool_size=2, pool_wait_s=0.2) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a"))
        async with holding(postgres_database, f"SELECT 1 FROM {TABLE} FOR UPDATE"):
            writing = [asyncio.create_task(adapter.write(touch())) for _ in range(2)]
            await until_waiting(postgres_database, 2)
            waiting: list[Callable[[], Awaitable[object]]] = [
                lambda: adapter.find(Find(TARGET, timeout_s=5)),
                lambda: adapter.find(Find(TARGET, parse_filter('{"_id": "a"}'), timeout_s=5)),
                lambda: adapter.count(Count(TARGET, timeout_s=0.05)),
                lambda: adapter.write(touch(timeout_s=5)),
                lambda: adapter.write(insert("b", timeout_s=5)),
                lambda: adapter.write(insert("c")),
            ]
            for call in waiting:
                error = await error_of(call())
                assert error.reason is Reason.OVERLOADED
                assert error.retry_after_s
                assert "--pool-size" in error.message
            # That the adapter is busy is no reason to replace it.
            await adapter.check()
        for outcome in [outcomes[0] for outcomes in await asyncio.gather(*writing)]:
            assert outcome.error is None
        await adapter.write(insert("d"))
        assert await ids(adapter) == ["a", "d"]


async def test_a_lock_is_waited_for_until_the_deadline_and_nothing_is_left_of_the_statement(
    postgres_database: str,
) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a"))
        async with holding(postgres_database, f"SELECT 1 FROM {TABLE} FOR UPDATE"):
            for write in (touch(timeout_s=0.1), touch(timeout_s=0.1, atomic=True)):
                error = await error_of(adapter.write(write))
                assert error.reason is Reason.DEADLINE
                assert error.applied is Applied.NO
            await until_idle(postgres_database)
        assert (await adapter.find(Find(TARGET))).page.version == [1]


async def test_an_insert_that_is_broken_off_at_its_deadline_may_or_may_not_be_there(postgres_database: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        async with holding(
            postgres_database, f"INSERT INTO {TABLE} VALUES ('', 'a', 1, 1, 1, null, null, null, '{{}}')"
        ):
            error = await error_of(adapter.write(insert("a", timeout_s=0.1)))
            assert error.reason is Reason.DEADLINE
            assert error.applied is Applied.UNKNOWN
            await until_idle(postgres_database)
        assert await ids(adapter) == []


CALLS: dict[str, Callable[[PostgresAdapter], Awaitable[object]]] = {
    "update": lambda adapter: adapter.write(touch()),
    "atomic": lambda adapter: adapter.write(touch(atomic=True)),
    "delete": lambda adapter: adapter.write(Write(TARGET, [Delete(None, 1)])),
    "insert": lambda adapter: adapter.write(insert("new")),
    "find": lambda adapter: adapter.find(Find(TARGET)),
    "long find": lambda adapter: adapter.find(Find(TARGET, limit=1000)),
    "get": lambda adapter: adapter.find(Find(TARGET, parse_filter('{"_id": "a"}'))),
    "count": lambda adapter: adapter.count(Count(TARGET)),
    "explain": lambda adapter: adapter.explain(Find(TARGET)),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_cancelled_call_leaves_no_statement_behind(postgres_database: str, name: str) -> None:
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a"))
        async with holding(postgres_database, f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE"):
            calling = asyncio.ensure_future(CALLS[name](adapter))
            await until_waiting(postgres_database)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            await until_idle(postgres_database)
        assert await ids(adapter) == ["a"]


async def test_of_two_that_wait_for_each_other_the_one_that_is_broken_off_tries_again(postgres_database: str) -> None:
    await statements(postgres_database, f"ALTER DATABASE {name_of(postgres_database)} SET deadlock_timeout = '2s'")
    async with opened(postgres_database) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a", "b"))
        lock = f"SELECT 1 FROM {TABLE} WHERE id = "
        for atomic in (False, True):
            async with holding(postgres_database, "SET deadlock_timeout = '1h'", f"{lock} 'b' FOR UPDATE") as other:
                updating = asyncio.create_task(adapter.write(touch(update=COUNTING, atomic=atomic)))
                await until_waiting(postgres_database)
                # Now each waits for the other, until the adapter's is broken off.
                await other.execute(f"{lock} 'a' FOR UPDATE")
                await other.execute("COMMIT")
                (outcome,) = await updating
            assert outcome.affected == 2
        assert list((await adapter.find(Find(TARGET))).page.version) == [3, 3]


async def test_what_cannot_be_serialised_is_tried_again(postgres_database: str) -> None:
    """A database may be set to another isolation; behind a pooler the adapter's own is not in force."""
    name = name_of(postgres_database)
    await statements(postgres_database, f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    async with opened(postgres_database, transaction_pooling=True) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a"))
        lock = f"UPDATE {TABLE} SET version = version + 1 WHERE id = 'a'"
        async with holding(postgres_database, lock) as other:
            updating = asyncio.create_task(adapter.write(touch(update=COUNTING)))
            await until_waiting(postgres_database)
            await other.execute("COMMIT")
            (outcome,) = await updating
        assert outcome.error is None
        assert list((await adapter.find(Find(TARGET))).page.version) == [3]


async def test_a_read_only_server_is_read_and_says_why_it_takes_nothing() -> None:
    async with own_server() as server, opened(server.dsn()) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a"))
        setting = "ALTER SYSTEM SET default_transaction_read_only ="
        await statements(server.dsn(), f"{setting} on", "SELECT pg_reload_conf()")

        async def is_read_only() -> bool:
            (setting,) = await rows(server.dsn(), "SHOW default_transaction_read_only")
            return bool(setting[0] == "on")

        await until(is_read_only)
        refused: list[Callable[[], Awaitable[object]]] = [
            lambda: adapter.write(insert("b")),
            lambda: adapter.write(touch()),
            lambda: adapter.write(touch(atomic=True)),
            lambda: adapter.write(Write(TARGET, [Delete(None, 1)])),
            lambda: adapter.write(Write(TARGET, [Restore(None)])),
            lambda: adapter.ensure_collection(CollectionSpec(Target("shop", "more"))),
            lambda: adapter.drop_collection(TARGET),
        ]
        for call in refused:
            error = await error_of(call())
            assert error.reason is Reason.ADAPTER_DOWN
            assert "read-only" in error.message
        assert await ids(adapter) == ["a"]
        assert await adapter.count(Count(TARGET)) == 1
        await adapter.check()
        await _writable(server.dsn())
        await until(lambda: _accepts(adapter))
        assert await ids(adapter) == ["a", "b"]


async def _writable(dsn: str) -> None:
    """Undo the setting; a session may do so although the default is read-only."""
    async with holding(dsn) as connection:
        await connection.execute("COMMIT")
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await connection.execute("SELECT pg_reload_conf()")


async def _accepts(adapter: PostgresAdapter) -> bool:
    return await failure_of(adapter.write(insert("b"))) is None


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 32 MB; where none can be mounted, the test cannot be run."""
    folder = Path(tempfile.mkdtemp(prefix="aol-disk-"))
    try:
        with mounted(folder, "size=32m,mode=0777") as disk:
            yield disk
    finally:
        shutil.rmtree(folder)


async def stored(adapter: PostgresAdapter) -> list[str]:
    """Return the ids by pages so short that no sorting needs the disk."""
    found: list[str] = []
    position = b""
    while True:
        page = await adapter.find(Find(TARGET, limit=5, position=position))
        found += page.page.id
        position = page.next_position
        if not position:
            return found


async def test_a_full_disk_is_quota_and_keeps_what_was_acknowledged(small_disk: Path) -> None:
    async with own_server() as server:
        location = small_disk / "space"
        location.mkdir(mode=0o777)
        # The server runs as somebody else, who must own the folder.
        owner = server.folder.stat()
        shutil.chown(location, owner.st_uid, owner.st_gid)
        location.chmod(0o700)
        await statements(server.dsn(), f"CREATE TABLESPACE small LOCATION '{location}'")
        await statements(server.dsn(), "CREATE DATABASE small TABLESPACE small")
        async with opened(with_database(server.dsn(), "small")) as adapter:
            await adapter.ensure_collection(SPEC)
            acknowledged: list[str] = []
            # What hardly compresses.
            text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(100_000))
            while True:
                id_ = f"{len(acknowledged):03d}"
                error = await failure_of(adapter.write(insert(id_, document=f'{{"a": "{text}"}}')))
                if error is not None:
                    break
                acknowledged.append(id_)
            assert error.reason is Reason.QUOTA
            assert error.applied is Applied.NO
            assert await stored(adapter) == acknowledged
            together = [Insert(f"more-{number}", f'{{"a": "{text}"}}', 1) for number in range(2)]
            with pytest.raises(DataError) as raised:
                await adapter.write(Write(TARGET, together, atomic=True))
            assert raised.value.reason is Reason.QUOTA
            assert await stored(adapter) == acknowledged
            subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
            await adapter.write(insert("again"))
            assert await stored(adapter) == [*acknowledged, "again"]


async def test_a_server_that_takes_no_more_connections_is_overload() -> None:
    settings = {"max_connections": "8", "superuser_reserved_connections": "0", "max_wal_senders": "0"}
    async with own_server(**settings) as server, AsyncExitStack() as others, opened(server.dsn()) as adapter:
        await adapter.ensure_collection(SPEC)
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                await others.enter_async_context(holding(server.dsn()))
        found = await asyncio.gather(*(_count(adapter) for _ in range(16)))
        assert any(isinstance(it, DataError) for it in found)
        for error in (it for it in found if isinstance(it, DataError)):
            assert error.reason is Reason.OVERLOADED
            assert "max_connections" in error.message
        await others.aclose()
        assert await asyncio.gather(*(_count(adapter) for _ in range(4))) == [0] * 4


async def _count(adapter: PostgresAdapter) -> int | DataError:
    try:
        return await adapter.count(Count(TARGET, timeout_s=10))
    except DataError as error:
        return error
