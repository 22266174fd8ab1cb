"""Does a client follow its event loops, and leave nothing behind?"""

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

from aol_client import AOLDataClient

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


PROGRAM = """
import asyncio, sys
from aol_client import AOLDataClient

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
