"""Does an adapter in a process of its own behave as one in ours, in good times and when it dies?"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from aol_broker.adapters import AdapterHost, Phase, Timing
from aol_wire.adapter import (
    Capability,
    CollectionSpec,
    Count,
    Delete,
    Deleted,
    Find,
    Insert,
    Mutation,
    SortKey,
    Target,
    Update,
    Write,
)
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import And, Compare, Operator
from aol_wire.indexes import IndexField, IndexSpec, IndexState, IndexType
from aol_wire.updates import Inc, Set

pytestmark = pytest.mark.integration

TOY = (sys.executable, str(Path(__file__).with_name("toy_adapter.py")))
MEMORY = (sys.executable, "-m", "aol_adapters.memory")
TARGET = Target("flight-ops", "flights")
QUICK = Timing(check_every_s=0.05, first_delay_s=0.05)
INSERT = Insert("a", '{"n":1}', 1)


@dataclass(frozen=True)
class Config:
    command: tuple[str, ...] | None = MEMORY
    address: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
async def memory() -> AsyncIterator[AdapterHost]:
    """The memory adapter in a process of its own."""
    host = AdapterHost("memory", Config(), timing=QUICK)
    await host.start()
    assert host.ready, host.state
    yield host
    await host.stop()


@pytest.fixture
async def toy(tmp_path: Path) -> AsyncIterator[AdapterHost]:
    """The toy adapter; its files are in `tmp_path`."""
    files = {f"TOY_{name.upper()}": str(tmp_path / name) for name in ("mark", "go", "sick")}
    host = AdapterHost("toy", Config(TOY, environment=files), timing=QUICK)
    await host.start()
    assert host.ready, host.state
    yield host
    await host.stop()


async def until(host: AdapterHost, true: Callable[[], bool]) -> None:
    """Wait until the host's state makes this true."""
    found = asyncio.Event()

    def look() -> None:
        if true():
            found.set()

    host.on_change(look)
    look()
    async with asyncio.timeout(30):
        await found.wait()


async def until_text(path: Path, text: str) -> None:
    """Wait until another process has written this."""
    async with asyncio.timeout(30):
        while not path.exists() or path.read_text() != text:
            await asyncio.sleep(0.01)


def pid_of(host: AdapterHost) -> int:
    assert host.pid is not None
    return host.pid


async def failure(call: Awaitable[object]) -> DataError:
    with pytest.raises(DataError) as caught:
        await call
    return caught.value


async def test_every_method_goes_through_and_back(memory: AdapterHost) -> None:
    adapter = memory.adapter
    assert memory.description is not None
    assert memory.description == await adapter.describe()
    assert (memory.description.name, Capability.UNIQUE in memory.description.capabilities) == ("memory", True)
    await adapter.check()
    index = IndexSpec((IndexField(("n",)),), IndexType.ASCENDING)
    ensured = await adapter.ensure_collection(CollectionSpec(TARGET, {"n": "number"}, (index,), "Departures"))
    assert (ensured.created, ensured.indexes[0].spec, ensured.indexes[0].state) == (True, index, IndexState.READY)
    inserts = [Insert(f"d{number}", json.dumps({"n": number}), 1_000 + number) for number in range(5)]
    outcomes = await adapter.write(Write(TARGET, [*inserts, inserts[0], Insert("d1", "{}", 1)], return_ids=True))
    assert [(item.affected, item.was_duplicate) for item in outcomes] == [(1, False)] * 5 + [(1, True), (0, False)]
    assert (outcomes[0].ids, outcomes[-1].error and outcomes[-1].error.reason) == (("d0",), Reason.DUPLICATE_ID)
    many = And((Compare(("n",), Operator.GTE, 1), Compare(("n",), Operator.LT, 4)))
    changes: list[Mutation] = [
        Update(many, (Inc(("n",), 10), Set(("seen",), value=True)), 9),
        Delete(many, 9, soft=True),
    ]
    assert [item.affected for item in await adapter.write(Write(TARGET, changes))] == [3, 0]
    first = await adapter.find(Find(TARGET, sort=(SortKey(("n",), descending=True),), limit=2, timeout_s=10))
    assert list(first.page.id) == ["d3", "d2"]
    rest = await adapter.find(
        Find(TARGET, sort=(SortKey(("n",), descending=True),), limit=9, position=first.next_position)
    )
    assert (list(rest.page.id), rest.next_position) == (["d1", "d4", "d0"], b"")
    assert [json.loads(text) for text in rest.page.json] == [{"n": 11, "seen": True}, {"n": 4}, {"n": 0}]
    gone = Delete(Compare(("n",), Operator.EQ, 4), 99, soft=True)
    await adapter.write(Write(TARGET, [gone]))
    assert [await adapter.count(Count(TARGET, deleted=mode)) for mode in Deleted] == [4, 5, 1]
    await adapter.drop_collection(TARGET)
    assert (await failure(adapter.count(Count(TARGET)))).reason is Reason.COLLECTION_NOT_FOUND


async def test_an_atomic_write_that_fails_carries_its_error_across(memory: AdapterHost) -> None:
    await memory.adapter.ensure_collection(CollectionSpec(TARGET))
    await memory.adapter.write(Write(TARGET, [INSERT]))
    changes = [Insert("b", "{}", 1), Insert("a", '{"n":2}', 1)]
    error = await failure(memory.adapter.write(Write(TARGET, changes, atomic=True)))
    assert (error.reason, error.applied) == (Reason.DUPLICATE_ID, Applied.NO)
    assert await memory.adapter.count(Count(TARGET)) == 1


async def test_a_request_beyond_the_size_of_a_message_is_refused_before_it_is_sent(memory: AdapterHost) -> None:
    await memory.adapter.ensure_collection(CollectionSpec(TARGET))
    big = json.dumps({"text": "x" * 1_000_000})
    error = await failure(memory.adapter.write(Write(TARGET, [Insert(f"d{n}", big, 1) for n in range(18)])))
    assert (error.reason, error.applied) == (Reason.TOO_LARGE, Applied.NO)
    fits = await memory.adapter.write(Write(TARGET, [Insert(f"d{n}", big, 1) for n in range(16)]))
    assert all(outcome.affected == 1 for outcome in fits)


async def test_a_killed_adapter_is_down_at_once_and_comes_back_by_itself(memory: AdapterHost) -> None:
    first = pid_of(memory)
    os.kill(first, signal.SIGKILL)
    await until(memory, lambda: not memory.ready)
    assert memory.reason == "it was ended by signal 9"
    error = await failure(memory.adapter.write(Write(TARGET, [INSERT])))
    assert (error.reason, error.applied) == (Reason.ADAPTER_DOWN, Applied.NO)
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s < 2
    await until(memory, lambda: memory.ready)
    assert memory.pid != first
    await memory.adapter.ensure_collection(CollectionSpec(TARGET))
    assert (await memory.adapter.write(Write(TARGET, [INSERT])))[0].affected == 1


async def test_a_write_under_way_when_the_adapter_dies_may_or_may_not_have_been_made(
    toy: AdapterHost, tmp_path: Path
) -> None:
    write = asyncio.create_task(toy.adapter.write(Write(Target("flight-ops", "slow"), [INSERT])))
    count = asyncio.create_task(toy.adapter.count(Count(Target("flight-ops", "slow"))))
    await until_text(tmp_path / "mark", "entered")
    os.kill(pid_of(toy), signal.SIGKILL)
    written, counted = await failure(write), await failure(count)
    assert (written.reason, written.applied) == (Reason.ADAPTER_DOWN, Applied.UNKNOWN)
    assert (counted.reason, counted.applied) == (Reason.ADAPTER_DOWN, None)
    assert written.retry_after_s is not None


async def test_a_write_that_kills_the_adapter_does_not_keep_it_down(toy: AdapterHost) -> None:
    reasons: list[str] = []
    toy.on_change(lambda: reasons.append(toy.reason))
    error = await failure(toy.adapter.write(Write(Target("flight-ops", "die"), [INSERT])))
    assert error.applied is Applied.UNKNOWN
    await until(toy, lambda: toy.ready and bool(reasons))
    assert "it ended with exit code 9" in reasons


async def test_a_call_that_takes_too_long_ends_at_its_deadline_in_both_processes(
    toy: AdapterHost, tmp_path: Path
) -> None:
    slow = Target("flight-ops", "slow")
    error = await failure(toy.adapter.write(Write(slow, [INSERT], timeout_s=0.3)))
    assert (error.reason, error.applied) == (Reason.DEADLINE, Applied.UNKNOWN)
    await until_text(tmp_path / "mark", "left")
    error = await failure(toy.adapter.write(Write(slow, [INSERT], timeout_s=0)))
    assert (error.reason, error.applied) == (Reason.DEADLINE, Applied.NO)


async def test_a_cancelled_call_is_cancelled_in_the_adapter_too(toy: AdapterHost, tmp_path: Path) -> None:
    call = asyncio.create_task(toy.adapter.count(Count(Target("flight-ops", "slow"))))
    await until_text(tmp_path / "mark", "entered")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until_text(tmp_path / "mark", "left")
    assert toy.ready


async def test_a_bug_in_an_adapter_tells_nobody_what_was_stored(toy: AdapterHost) -> None:
    error = await failure(toy.adapter.count(Count(Target("flight-ops", "bug"))))
    assert error.reason is Reason.INTERNAL_BUG
    assert "hunter2" not in f"{error} {error.metadata}"


async def test_an_error_too_long_for_a_trailer_is_shortened_and_keeps_its_reason(toy: AdapterHost) -> None:
    error = await failure(toy.adapter.write(Write(Target("flight-ops", "long"), [INSERT])))
    assert (error.reason, error.applied) == (Reason.BAD_DOCUMENT, Applied.NO)
    assert error.message.startswith("yyy")


async def test_an_adapter_whose_database_fails_is_not_ready_but_keeps_running(toy: AdapterHost, tmp_path: Path) -> None:
    pid = toy.pid
    (tmp_path / "sick").touch()
    await until(toy, lambda: toy.state.phase is Phase.DOWN)
    assert "its database cannot be used" in toy.reason
    assert (await failure(toy.adapter.check())).reason is Reason.ADAPTER_DOWN
    (tmp_path / "sick").unlink()
    await until(toy, lambda: toy.ready)
    assert toy.pid == pid


async def test_an_adapter_that_hangs_is_replaced() -> None:
    timing = Timing(check_every_s=0.05, first_delay_s=0.05, unresponsive_s=0.5)
    host = AdapterHost("memory", Config(), timing=timing)
    await host.start()
    pid = pid_of(host)
    os.kill(pid, signal.SIGSTOP)
    await until(host, lambda: host.reason == "it gave no sign of life and is replaced")
    await until(host, lambda: host.ready)
    assert host.pid != pid
    await host.stop()


@pytest.mark.parametrize(
    ("start", "says"), [("refuses", "The data folder belongs to a newer version."), ("fails", "ValueError at")]
)
async def test_an_adapter_that_cannot_open_its_database_says_why_without_secrets(start: str, says: str) -> None:
    host = AdapterHost("toy", Config(TOY, environment={"TOY_START": start}), timing=QUICK)
    await host.start(timeout_s=0)
    await until(host, lambda: host.state.phase is Phase.DOWN)
    state = host.state
    await host.stop()
    assert state.reason == "it ended with exit code 1 before it served"
    assert says in " ".join(state.output)
    assert "hunter2" not in " ".join(state.output)


async def test_a_host_that_stops_lets_calls_finish_and_refuses_new_ones(toy: AdapterHost, tmp_path: Path) -> None:
    draining = Target("flight-ops", "draining")
    await toy.adapter.ensure_collection(CollectionSpec(draining))
    call = asyncio.create_task(toy.adapter.write(Write(draining, [INSERT])))
    await until_text(tmp_path / "mark", "entered")
    stop = asyncio.create_task(toy.stop())
    await asyncio.sleep(0)
    assert (await failure(toy.adapter.count(Count(draining)))).reason is Reason.ADAPTER_DOWN
    (tmp_path / "go").touch()
    assert (await call)[0].affected == 1
    await stop
    assert toy.pid is None


async def test_a_call_that_does_not_finish_when_the_host_stops_is_unsure(toy: AdapterHost, tmp_path: Path) -> None:
    call = asyncio.create_task(toy.adapter.write(Write(Target("flight-ops", "slow"), [INSERT])))
    await until_text(tmp_path / "mark", "entered")
    await toy.stop()
    error = await failure(call)
    assert (error.reason, error.applied) == (Reason.ADAPTER_DOWN, Applied.UNKNOWN)


async def test_an_adapter_at_an_address_may_come_go_and_return(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/a.sock"
    host = AdapterHost("remote", Config(None, address), timing=QUICK)
    await host.start(timeout_s=0)
    await until(host, lambda: host.state.phase is Phase.DOWN)
    assert host.reason == "it cannot be reached"
    error = await failure(host.adapter.write(Write(TARGET, [INSERT], timeout_s=5)))
    assert error.reason is Reason.ADAPTER_DOWN
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(*MEMORY, "--listen", address, stdout=asyncio.subprocess.DEVNULL)
        await until(host, lambda: host.ready)
        await host.adapter.ensure_collection(CollectionSpec(TARGET))
        assert await host.adapter.count(Count(TARGET)) == 0
        process.kill()
        await process.wait()
        await until(host, lambda: not host.ready)
    await host.stop()


def test_all_of_this_holds_on_the_loop_that_brokers_use() -> None:
    async def scenario() -> None:
        host = AdapterHost("memory", Config(), timing=QUICK)
        await host.start()
        os.kill(pid_of(host), signal.SIGKILL)
        await until(host, lambda: not host.ready)
        assert host.reason == "it was ended by signal 9"
        await until(host, lambda: host.ready)
        await host.adapter.ensure_collection(CollectionSpec(TARGET))
        await host.stop()
        missing = AdapterHost("x", Config(("/nowhere/adapter",)), timing=QUICK)
        await missing.start(timeout_s=0)
        await until(missing, lambda: missing.state.phase is Phase.DOWN)
        assert missing.reason == "its command could not be started"
        await missing.stop()

    uvloop.run(scenario())
