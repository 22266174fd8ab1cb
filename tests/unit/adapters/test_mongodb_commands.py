"""What goes to the server: how long may it take, how durable must it be, and what ends a call that is given up?"""

import asyncio
from typing import Any

from pymongo.monitoring import CommandListener, CommandStartedEvent, ConnectionPoolListener

from aol_adapters.mongodb.adapter import MongodbAdapter
from aol_adapters.mongodb.settings import Settings
from aol_wire.errors import Applied, Reason
from mongodb_adapters import failure_of, insert, opened, own_server, query, spec, update
from mongodb_server import native


class Commands(CommandListener):
    """Notes the commands that are sent."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, Any]] = {}

    def started(self, event: CommandStartedEvent) -> None:
        self.sent[event.command_name] = dict(event.command)

    def succeeded(self, _: object) -> None:
        """Nothing."""

    def failed(self, _: object) -> None:
        """Nothing."""


class Connections(ConnectionPoolListener):
    """Counts the connections that are closed."""

    closed = 0

    def connection_closed(self, _: object) -> None:
        self.closed += 1

    def pool_created(self, _: object) -> None:
        """Nothing."""

    def pool_ready(self, _: object) -> None:
        """Nothing."""

    def pool_cleared(self, _: object) -> None:
        """Nothing."""

    def pool_closed(self, _: object) -> None:
        """Nothing."""

    def connection_created(self, _: object) -> None:
        """Nothing."""

    def connection_ready(self, _: object) -> None:
        """Nothing."""

    def connection_check_out_started(self, _: object) -> None:
        """Nothing."""

    def connection_check_out_failed(self, _: object) -> None:
        """Nothing."""

    def connection_checked_out(self, _: object) -> None:
        """Nothing."""

    def connection_checked_in(self, _: object) -> None:
        """Nothing."""


class Watched(Settings):
    """Settings of a client that is listened to."""

    commands = Commands()
    connections = Connections()

    def client_arguments(self) -> dict[str, Any]:
        """Return those of the adapter, and the listeners."""
        return {**super().client_arguments(), "event_listeners": [self.commands, self.connections]}


async def test_every_command_has_the_callers_time_and_the_durability_of_a_majority(
    mongodb_uri: str, mongodb_prefix: str
) -> None:
    settings = Watched(uri=f"{mongodb_uri}&w=0&journal=false&readPreference=secondary", prefix=mongodb_prefix)
    adapter, sent = MongodbAdapter(settings), Watched.commands.sent
    await adapter.start()
    try:
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
    finally:
        await adapter.close()


async def test_a_call_that_is_given_up_closes_its_connection_which_ends_it_in_the_server() -> None:
    async with own_server() as server:
        adapter = MongodbAdapter(Watched(uri=server.uri()))
        await adapter.start()
        try:
            await adapter.ensure_collection(spec())
            await adapter.find(query({"n": 1}))
            before = Watched.connections.closed
            server.pause()
            try:
                call = asyncio.create_task(adapter.find(query({"n": 1})))
                while call not in asyncio.all_tasks():
                    await asyncio.sleep(0)
                await asyncio.sleep(0.05)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                assert call.cancelled()
                assert Watched.connections.closed > before
            finally:
                server.resume()
        finally:
            await adapter.close()


async def test_a_primary_that_steps_down_is_waited_for_and_then_said_to_be_gone() -> None:
    async with own_server("--enable-test-commands") as server, opened(server.uri()) as adapter:
        await adapter.ensure_collection(spec())
        async with native(server.uri()) as client:

            async def refuse(times: int) -> None:
                data = {"failCommands": ["insert"], "errorCode": 10107, "errorLabels": ["RetryableWriteError"]}
                mode = {"times": times} if times else "off"
                await client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)

            await refuse(1)
            assert await failure_of(adapter.write(insert({"1": {}}))) is None
            await refuse(100)
            error = await failure_of(adapter.write(insert({"2": {}}, timeout_s=1)))
            assert error is not None
            assert error.reason in {Reason.ADAPTER_DOWN, Reason.DEADLINE}
            assert error.applied in {Applied.NO, Applied.UNKNOWN}
            await refuse(0)
            assert await failure_of(adapter.write(insert({"3": {}}))) is None
