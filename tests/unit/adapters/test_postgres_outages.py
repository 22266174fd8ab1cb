"""What happens to calls while the server is away, hangs or refuses the adapter, and afterwards?"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from aol_adapters.postgres.adapter import PostgresAdapter
from aol_cli.adapter_programs import LaunchedProgram
from aol_wire.adapter import CollectionSpec, Count, Delete, Find, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filter_parser import parse_filter
from postgres_adapters import TARGET, error_of, failure_of, ids, insert, of_adapter, opened, own_server, touch, until
from postgres_server import PostgresServer

SPEC = CollectionSpec(TARGET)
COMMAND = (sys.executable, "-m", "aol_adapters.postgres")
WRITERS = 32


@dataclass
class Load:
    """Writers who insert one document after the other and note what they were told of each."""

    adapter: PostgresAdapter
    acknowledged: set[str] = field(default_factory=set)
    refused: dict[str, DataError] = field(default_factory=dict)
    is_over: bool = False

    async def write(self, name: int) -> None:
        number = 0
        while not self.is_over:
            number += 1
            id_ = f"{name}-{number}"
            error = await failure_of(self.adapter.write(insert(id_, timeout_s=10)))
            if error is None:
                self.acknowledged.add(id_)
            else:
                self.refused[id_] = error
                # A caller waits before it repeats.
                await asyncio.sleep(0.01)

    async def until_acknowledged(self, more: int) -> None:
        """Wait until so many more inserts were acknowledged."""
        wanted = len(self.acknowledged) + more

        async def enough() -> bool:
            return len(self.acknowledged) >= wanted

        await until(enough)

    async def until_refused(self, more: int) -> None:
        """Wait until so many more inserts failed."""
        wanted = len(self.refused) + more

        async def enough() -> bool:
            return len(self.refused) >= wanted

        await until(enough)


async def restarted(server: PostgresServer, how: signal.Signals, load: Load) -> None:
    await server.stop(how)
    await load.until_refused(2 * WRITERS)
    await server.start()


async def crashed(server: PostgresServer, load: Load) -> None:
    """Kill one of the processes that serve the adapter, upon which the server ends all of them and starts anew."""
    backends = await of_adapter(server.dsn(), "true")
    os.kill(backends[0]["pid"], signal.SIGKILL)
    await load.until_refused(1)


OUTAGES: dict[str, Callable[[PostgresServer, Load], Awaitable[None]]] = {
    "stopped": lambda server, load: restarted(server, signal.SIGINT, load),
    "crashed as a whole": lambda server, load: restarted(server, signal.SIGQUIT, load),
    "a process killed": crashed,
}


@pytest.mark.parametrize("name", OUTAGES)
async def test_an_outage_in_the_middle_of_a_load_loses_nothing_and_is_over_when_it_is_over(name: str) -> None:
    async with own_server() as server, opened(server.dsn()) as adapter:
        await adapter.ensure_collection(SPEC)
        load = Load(adapter)
        writers = [asyncio.create_task(load.write(number)) for number in range(WRITERS)]
        await load.until_acknowledged(200)
        await OUTAGES[name](server, load)
        await load.until_acknowledged(200)
        load.is_over = True
        await asyncio.gather(*writers)
        found = set(await ids(adapter))
    assert {error.reason for error in load.refused.values()} == {Reason.ADAPTER_DOWN}
    assert load.acknowledged <= found
    not_applied = {id_ for id_, error in load.refused.items() if error.applied is Applied.NO}
    assert not_applied
    assert not_applied.isdisjoint(found)
    assert {error.applied for error in load.refused.values()} <= {Applied.NO, Applied.UNKNOWN}
    assert found <= load.acknowledged | set(load.refused)


async def test_an_adapter_waits_for_a_server_that_is_not_there_yet() -> None:
    server = PostgresServer()
    try:
        async with opened(server.dsn()) as adapter:
            for call in (adapter.check, lambda: adapter.ensure_collection(SPEC), lambda: adapter.find(Find(TARGET))):
                assert (await error_of(call())).reason is Reason.ADAPTER_DOWN
            await server.start()
            await adapter.check()
            assert (await adapter.ensure_collection(SPEC)).created
    finally:
        await server.remove()


@pytest.mark.integration
async def test_a_program_says_that_it_cannot_serve_until_its_server_comes() -> None:
    server = PostgresServer()
    try:
        program = LaunchedProgram(COMMAND, {"AOL_POSTGRES_DSN": server.dsn()})
        async with program.running() as running:
            assert not await running.serving("")
            assert (await error_of(running.adapter.find(Find(TARGET)))).reason is Reason.ADAPTER_DOWN
            await server.start()
            await until(lambda: running.serving(""))
            await running.adapter.ensure_collection(SPEC)
            await running.adapter.write(insert("a"))
            await server.stop()

            async def not_serving() -> bool:
                return not await running.serving("")

            await until(not_serving)
    finally:
        await server.remove()


TIMEOUT_S = 0.3
CALLS: dict[str, Callable[[PostgresAdapter], Awaitable[object]]] = {
    "insert": lambda adapter: adapter.write(insert("new", timeout_s=TIMEOUT_S)),
    "update": lambda adapter: adapter.write(touch(timeout_s=TIMEOUT_S)),
    "atomic": lambda adapter: adapter.write(touch(atomic=True, timeout_s=TIMEOUT_S)),
    "delete": lambda adapter: adapter.write(Write(TARGET, [Delete(None, 2)], timeout_s=TIMEOUT_S)),
    "get": lambda adapter: adapter.find(Find(TARGET, parse_filter('{"_id": "a"}'), timeout_s=TIMEOUT_S)),
    "find": lambda adapter: adapter.find(Find(TARGET, timeout_s=TIMEOUT_S)),
    "long find": lambda adapter: adapter.find(Find(TARGET, limit=1000, timeout_s=TIMEOUT_S)),
    "count": lambda adapter: adapter.count(Count(TARGET, timeout_s=TIMEOUT_S)),
    "explain": lambda adapter: adapter.explain(Find(TARGET, timeout_s=TIMEOUT_S)),
}


async def test_a_server_that_hangs_holds_no_call_beyond_its_deadline() -> None:
    async with own_server() as server, opened(server.dsn()) as adapter:
        await adapter.ensure_collection(SPEC)
        await adapter.write(insert("a"))
        # So that each has a connection.
        await asyncio.gather(*(ids(adapter) for _ in CALLS))
        server.pause()
        try:
            async with asyncio.timeout(10):
                for name, call in CALLS.items():
                    error = await error_of(call(adapter))
                    assert error.reason is Reason.DEADLINE, name
                    if name in {"insert", "update", "atomic", "delete"}:
                        assert error.applied is not None, name
                assert (await error_of(adapter.check())).reason is Reason.ADAPTER_DOWN
        finally:
            server.resume()
        await adapter.check()
        await adapter.write(insert("after"))
        assert "after" in await ids(adapter)


async def test_an_adapter_without_connections_is_not_held_by_a_server_that_hangs_either() -> None:
    async with own_server() as server:
        async with opened(server.dsn()) as first:
            await first.ensure_collection(SPEC)
        server.pause()
        try:
            async with opened(server.dsn(), connect_timeout_s=0.5, pool_wait_s=0.5) as adapter, asyncio.timeout(10):
                assert (await error_of(adapter.find(Find(TARGET, timeout_s=0.2)))).reason is Reason.DEADLINE
                # Nobody gave it a limit, so it is not that which is over.
                assert (await error_of(adapter.find(Find(TARGET)))).reason is Reason.ADAPTER_DOWN
                assert (await error_of(adapter.write(insert("a")))).reason is Reason.ADAPTER_DOWN
                server.resume()
                await adapter.check()
                await adapter.write(insert("a"))
                assert await ids(adapter) == ["a"]
        finally:
            server.resume()


async def test_that_a_server_hangs_is_not_said_to_be_load() -> None:
    async with own_server() as server, opened(server.dsn(), connect_timeout_s=0.5, pool_wait_s=0.5) as adapter:
        await adapter.ensure_collection(SPEC)
        server.pause()
        try:
            # More calls than there are connections, of which the adapter has but one by now.
            async with asyncio.timeout(20):
                found = await asyncio.gather(*(error_of(adapter.count(Count(TARGET, timeout_s=3))) for _ in range(4)))
            assert {error.reason for error in found} <= {Reason.ADAPTER_DOWN, Reason.DEADLINE}
        finally:
            server.resume()


@pytest.mark.integration
async def test_neither_error_nor_log_holds_the_credentials_that_the_server_refused() -> None:
    async with own_server() as server:
        dsn = server.dsn(password="not-the-password-7041")
        parts = urlsplit(dsn)
        async with opened(dsn) as adapter:
            for call in (adapter.check, lambda: adapter.find(Find(TARGET)), lambda: adapter.write(insert("a"))):
                error = await error_of(call())
                assert error.reason is Reason.ADAPTER_DOWN
                assert "credentials" in error.message
                assert "7041" not in str(error)
        environment = {**os.environ, "AOL_POSTGRES_DSN": dsn}
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--insecure-tcp", "--listen", "127.0.0.1:0", env=environment, stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        await process.stdout.readline()
        process.terminate()
        _, log = await process.communicate()
        said = log.decode()
        assert "refused the adapter's credentials" in said
        for secret in ("7041", dsn, parts.query, str(server.folder)):
            assert secret not in said


@pytest.mark.parametrize("dsn", ["postgresql://aol:s3cret@localhost:port/aol", "postgresql://aol:s3cret@[::1/aol"])
async def test_a_dsn_that_cannot_be_read_is_told_without_showing_it(dsn: str) -> None:
    async with opened(dsn) as adapter:
        for call in (adapter.check, lambda: adapter.find(Find(TARGET)), lambda: adapter.write(insert("a"))):
            error = await error_of(call())
            assert error.reason is Reason.ADAPTER_DOWN
            assert re.search("DSN", error.message)
            assert "s3cret" not in str(error)
            assert "port/" not in str(error)


async def test_a_database_that_is_not_there_is_named_as_the_fault(postgres_dsn: str) -> None:
    dsn = postgres_dsn.replace("/postgres?", "/nowhere?")
    async with opened(dsn) as adapter:
        error = await error_of(adapter.find(Find(Target("shop", "orders"))))
        assert error.reason is Reason.ADAPTER_DOWN
        assert "create it" in error.message
