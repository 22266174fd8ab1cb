"""Does a build outlive the process that began it?"""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Count, Insert, Target, Write
from aol_wire.errors import Reason
from aol_wire.filter_parser import parse_filter
from aol_wire.indexes import IndexState

TARGET = Target("shop", "orders")

BUILDER = """
import asyncio, pathlib, sys, threading
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import CollectionSpec, Insert, Target, Write
from aol_wire.index_parser import parse_index

async def main():
    adapter = SqliteAdapter(pathlib.Path(sys.argv[1]), at_once_up_to=10)
    await adapter.start()
    target = Target("shop", "orders")
    await adapter.ensure_collection(CollectionSpec(target))
    many = [Insert(str(number), '{"number": %d, "note": "common words"}' % number, 1) for number in range(3000)]
    await adapter.write(Write(target, many))
    forms = [{"fields": ["note"], "type": "text"}, {"fields": ["number"], "type": "unique"}]
    indexes = tuple(parse_index(form, "index") for form in forms)
    ensured = await adapter.ensure_collection(CollectionSpec(target, indexes=indexes))
    steps = int(sys.argv[2])
    async with adapter.files.use("shop") as file:
        # Lets some of the build's steps through, then holds the writer for good.
        for _ in range(steps):
            await file.writer.run(lambda session: None)
        asyncio.create_task(file.writer.run(lambda session: threading.Event().wait()))
        await asyncio.sleep(0)
        print(*(status.state for status in ensured.indexes), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("steps_before", [0, 1, 3])
async def test_a_build_that_is_killed_is_taken_up_when_the_file_is_next_opened(
    tmp_path: Path, steps_before: int
) -> None:
    command = [sys.executable, "-c", BUILDER, str(tmp_path), str(steps_before)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline().split() == ["building", "building"]
        builder.send_signal(signal.SIGKILL)
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    # Any call opens the file; nobody has to ask for the indexes again.
    assert await adapter.count(Count(TARGET)) == 3000
    async with asyncio.timeout(30):
        while {it.state for it in await adapter.inspect_collection(TARGET)} != {IndexState.READY}:
            await adapter.settle()
    assert await adapter.count(Count(TARGET, parse_filter('{"$text": "words"}'))) == 3000
    (outcome,) = await adapter.write(Write(TARGET, [Insert("twice", '{"number": 7}', 1)]))
    assert outcome.error is not None
    assert outcome.error.reason is Reason.UNIQUE_VIOLATION
    await adapter.close()
