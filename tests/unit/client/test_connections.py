"""Does a client follow its event loops, and leave nothing behind?"""

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aol_client import AOLDataClient, InvalidRequestError, UnsupportedError
from aol_wire.frames.channel import EXCHANGE

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker


def count_in_a_loop_of_its_own(client: AOLDataClient) -> int:
    return asyncio.run(client.count("events"))


async def test_a_client_works_on_one_event_loop_after_another(broker: "ScriptedBroker") -> None:
    client = AOLDataClient(broker.endpoint, "test-service")
    for _ in range(3):
        await asyncio.to_thread(count_in_a_loop_of_its_own, client)
    assert len(broker.calls) == 3
    assert await client.count("events") == 0
    await client.close()


async def test_a_client_works_on_two_event_loops_at_once(broker: "ScriptedBroker") -> None:
    client = AOLDataClient(broker.endpoint, "test-service")
    await asyncio.gather(
        *(asyncio.to_thread(count_in_a_loop_of_its_own, client) for _ in range(4)),
        *(client.count("events") for _ in range(4)),
    )
    assert len(broker.calls) == 8
    await client.close()


async def test_a_closed_client_can_be_closed_again_and_used_again(broker: "ScriptedBroker") -> None:
    client = AOLDataClient(broker.endpoint, "test-service")
    await client.close()
    async with client:
        await client.count("events")
    await client.close()
    await client.count("events")
    await client.close()
    assert len(broker.calls) == 2


async def test_a_broker_without_frames_is_called_one_by_one_and_asked_for_frames_once(
    broker: "ScriptedBroker", client: AOLDataClient
) -> None:
    counts = await asyncio.gather(*(client.count("events") for _ in range(20)))
    assert await client.count("events") == 0
    assert counts == [0] * 20
    assert len(broker.calls) == 21
    assert broker.refused == [EXCHANGE]


async def test_who_wants_frames_alone_is_told_that_the_broker_has_none(broker: "ScriptedBroker") -> None:
    async with AOLDataClient(broker.endpoint, "test-service", transport="frames") as client:
        with pytest.raises(UnsupportedError, match="as new as this SDK"):
            await client.count("events")
    assert broker.calls == []


async def test_who_wants_no_frames_asks_for_none(broker: "ScriptedBroker") -> None:
    async with AOLDataClient(broker.endpoint, "test-service", transport="unary") as client:
        await client.count("events")
    assert broker.refused == []


def test_a_transport_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="auto, frames, unary"):
        AOLDataClient("localhost:50051", "test-service", transport="fast")  # type: ignore[arg-type]


PROGRAM = """
import asyncio, sys
import pytest

from aol_client import AOLDataClient, InvalidRequestError, UnsupportedError
from aol_wire.frames.channel import EXCHANGE

client = AOLDataClient(sys.argv[1], "test-service")

async def main():
    await client.insert("events", {"n": 1})

asyncio.run(main())
asyncio.run(main())
"""


async def test_a_program_that_never_closes_its_client_ends_without_a_word(broker: "ScriptedBroker") -> None:
    arguments = [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, broker.endpoint]
    done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(broker.calls) == 2
