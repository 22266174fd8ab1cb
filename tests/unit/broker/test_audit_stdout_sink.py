"""Do audit records on standard output hold nothing up, and are their lines whole?"""

import asyncio
import os
from collections.abc import Iterator

import pytest

from aol_broker.audit.sinks.destination import UnavailableError
from aol_broker.audit.sinks.stdout import StdoutSink

# More than a pipe takes.
BIG = [b"x" * 100_000, b"y" * 100_000, b"z" * 100_000]


@pytest.fixture(params=["blocking", "not blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(writing, request.param == "blocking")
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


async def read(descriptor: int, size: int) -> bytes:
    """Read so many bytes, in a thread."""

    def block() -> bytes:
        data = b""
        while len(data) < size:
            data += os.read(descriptor, size - len(data))
        return data

    return await asyncio.to_thread(block)


async def test_records_are_lines(pipe: tuple[int, int]) -> None:
    sink = StdoutSink(pipe[1])
    await sink.deliver([b'{"seq":1}', b'{"seq":2}'])
    await sink.put(b'{"checkpoint":{}}\n')
    assert os.read(pipe[0], 1000) == b'{"seq":1}\n{"seq":2}\n{"checkpoint":{}}\n'


async def test_a_reader_that_does_not_read_blocks_nobody_and_gets_each_line_once(pipe: tuple[int, int]) -> None:
    sink = StdoutSink(pipe[1])
    for batch in (BIG[:2], BIG[:2], BIG):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await sink.deliver(batch)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await sink.put(b"checkpoint")
    expected = b"".join(line + b"\n" for line in BIG)
    reading = asyncio.create_task(read(pipe[0], len(expected)))
    await sink.deliver(BIG)
    assert await reading == expected
    await sink.put(b"checkpoint")
    assert os.read(pipe[0], 1000) == b"checkpoint\n"


async def test_a_reader_that_went_away_is_a_failure(pipe: tuple[int, int]) -> None:
    sink = StdoutSink(pipe[1])
    os.close(pipe[0])
    for _ in range(2):
        with pytest.raises(UnavailableError, match="EPIPE"):
            await sink.deliver([b"{}"])
    with pytest.raises(UnavailableError, match="EPIPE"):
        await sink.put(b"{}")
