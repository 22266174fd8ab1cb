"""What goes to the server: how long may it take, how durable must it be, and what ends a call that is given up?"""

import asyncio
from collections.abc import Awaitable

from aol_wire.errors import Applied, Reason
from mongodb_adapters import documents, failure_of, insert, opened, query, spec, update
from mongodb_listeners import Commands, listened_to
from mongodb_server import refusing


async def test_every_command_has_the_callers_time_and_the_durability_of_a_majority(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    uri = f"{mongodb_uri}&w=0&journal=false&readPreference=secondary"
    async with listened_to(uri, mongodb_prefix) as (adapter, commands, _):
        sent = commands.sent
        await adapter.describe()
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {"n": 1}, "2": {"n": 1}}, timeout_s=7))
        await adapter.write(update({"_id": "1"}, {"n": 2}, timeout_s=7))
        await adapter.find(query({"n": {"$gt": 0}}, timeout_s=7))
        for name in ("insert", "update", "aggregate"):
            assert 0 < sent[name]["maxTimeMS"] <= 7000, name
        for name in ("insert", "update"):
            assert sent[name]["writeConcern"] == {"w": "majority", "j": True}
            assert "txnNumber" in sent[name], "it can be retried"
        assert not sent["insert"]["ordered"]
        assert sent["aggregate"]["readConcern"]["level"] == "majority"
        sent.clear()
        (outcome,) = await adapter.write(update({"n": {"$gt": 0}}, {"n": 3}, timeout_s=7))
        assert outcome.affected == 2
        assert sent["commitTransaction"]["writeConcern"] == {"w": "majority", "j": True}


async def test_inserts_that_wait_together_go_together_and_each_is_answered_for_itself(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with listened_to(mongodb_uri, mongodb_prefix) as (adapter, commands, _):
        await adapter.ensure_collection(spec({"fields": ["u"], "type": "unique"}))
        await adapter.write(insert({"taken": {"u": -1}}))
        commands.times.clear()
        calls = {f"{number}": {"u": number if number % 10 else -1} for number in range(100)}
        errors = await asyncio.gather(*(failure_of(adapter.write(insert({id_: it}))) for id_, it in calls.items()))
        assert commands.times["insert"] <= 5
        assert not commands.sent["insert"]["ordered"]
        for number, error in enumerate(errors):
            assert (error is None) is bool(number % 10)
            assert error is None or (error.reason, error.metadata["index"]) == (Reason.UNIQUE_VIOLATION, "unique(u)")


async def give_up(call: Awaitable[object], commands: Commands, name: str) -> None:
    """Cancel a call as soon as it has sent a command that the server does not answer."""
    commands.sent.clear()
    task = asyncio.ensure_future(call)
    while name not in commands.sent:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_a_read_that_is_given_up_closes_its_connection_which_ends_it_in_the_server(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with listened_to(mongodb_uri, mongodb_prefix) as (adapter, commands, connections):
        await adapter.ensure_collection(spec())
        before = connections.closed
        async with refusing(mongodb_uri, "aggregate", blockConnection=True, blockTimeMS=1000):
            await give_up(adapter.find(query({"n": 1})), commands, "aggregate")
        assert connections.closed > before


async def test_a_read_that_is_given_up_between_two_portions_leaves_no_cursor(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    async with listened_to(mongodb_uri, mongodb_prefix) as (adapter, commands, _):
        await adapter.ensure_collection(spec())
        await adapter.write(insert({f"{n:03}": {} for n in range(600)}))
        async with refusing(mongodb_uri, "getMore", blockConnection=True, blockTimeMS=1000):
            await give_up(adapter.find(query(limit=600)), commands, "getMore")
            cursor = commands.sent["getMore"]["getMore"]
            async with asyncio.timeout(10):
                while "killCursors" not in commands.sent:
                    await asyncio.sleep(0.01)
            assert commands.sent["killCursors"]["cursors"] == [cursor]


async def test_a_transaction_that_is_given_up_is_undone_at_once(mongodb_uri: str, mongodb_prefix: str) -> None:
    async with listened_to(mongodb_uri, mongodb_prefix) as (adapter, commands, _):
        await adapter.ensure_collection(spec())
        await adapter.write(insert({"1": {"n": 1}, "2": {"n": 1}}))
        async with refusing(mongodb_uri, "update", blockConnection=True, blockTimeMS=1000):
            await give_up(adapter.write(update({"n": 1}, {"n": 2})), commands, "update")
        assert "abortTransaction" in commands.sent
        assert await adapter.count(query({"n": 1})) == 2  # type: ignore[arg-type]


async def test_a_primary_that_steps_down_is_waited_for_and_then_said_to_be_gone(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    stepped_down = {"errorCode": 10107, "errorLabels": ["RetryableWriteError"]}
    async with opened(mongodb_uri, prefix=mongodb_prefix) as adapter:
        await adapter.ensure_collection(spec())
        async with refusing(mongodb_uri, "insert", "update", mode={"times": 1}, **stepped_down):
            assert await failure_of(adapter.write(insert({"1": {"n": 1}}))) is None
        async with refusing(mongodb_uri, "update", mode={"times": 1}, **stepped_down):
            assert await failure_of(adapter.write(update({"_id": "1"}, {"$inc": {"n": 1}}))) is None
        async with refusing(mongodb_uri, "insert", "update", **stepped_down):
            for write in (insert({"2": {}}, timeout_s=0.5), update({"_id": "1"}, {"$inc": {"n": 1}}, timeout_s=0.5)):
                error = await failure_of(adapter.write(write))
                assert error is not None
                assert error.reason in {Reason.ADAPTER_DOWN, Reason.DEADLINE}
                assert error.applied in {Applied.NO, Applied.UNKNOWN}
        assert await failure_of(adapter.write(insert({"3": {}}))) is None
        assert documents(await adapter.find(query({"_id": "1"}))) == {"1": {"n": 2}}
