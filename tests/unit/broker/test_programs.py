"""Is a program started without a line of Python before it, told what ends it, and killed with what it started?"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from aol_broker import programs

LOOPS: dict[str, Callable[[Coroutine[Any, Any, Any]], Any]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


@pytest.mark.parametrize("loop", LOOPS)
def test_what_a_program_reads_writes_and_ends_with_is_told(loop: str) -> None:
    code = "import sys; sys.stdout.write(sys.stdin.read()); sys.stderr.write('no'); sys.exit(7)"
    ended = LOOPS[loop](programs.run(python(code), input=b"in" * 100_000, stdout=True, stderr=True))
    assert ended == programs.Ended(7, b"in" * 100_000, b"no")


@pytest.mark.parametrize("loop", LOOPS)
def test_no_python_runs_in_the_child_before_the_program(loop: str) -> None:
    forked: list[int] = []
    os.register_at_fork(before=lambda: forked.append(threading.get_ident()))
    ended = LOOPS[loop](programs.run(python("print(1)"), stdout=True))
    assert ended.stdout == b"1\n"
    assert forked == []


@pytest.mark.parametrize("loop", LOOPS)
def test_a_program_is_killed_with_all_that_it_started_when_nobody_waits_for_it_any_more(
    loop: str, tmp_path: Path
) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # Both hold the pipe open for writing, until they are dead.
    child = f"import time; held = open({str(fifo)!r}, 'w'); time.sleep(60)"
    code = f"import subprocess, sys; held = open({str(fifo)!r}, 'w'); subprocess.run([sys.executable, '-c', {child!r}])"

    async def scenario() -> None:
        running = asyncio.create_task(programs.run(python(code)))
        with await asyncio.to_thread(fifo.open, "rb") as reading:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert await asyncio.to_thread(reading.read) == b""

    LOOPS[loop](scenario())


async def test_a_program_whose_start_is_given_up_is_killed_and_leaves_nothing() -> None:
    before = {child.pid for child in psutil.Process().children()}
    starting = asyncio.create_task(programs.run(python("import time; time.sleep(60)"), stdout=True))
    await asyncio.sleep(0)
    (started,) = (child for child in psutil.Process().children() if child.pid not in before)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await asyncio.to_thread(psutil.wait_procs, [started], 20) == ([started], [])


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await programs.run(("/nowhere/program",), stdout=True)


async def test_a_program_need_not_read() -> None:
    for size in (1, 1_000_000):
        assert (await programs.run(("true",), input=b"x" * size)).returncode == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_the_end_is_told_on_a_system_whose_processes_have_no_descriptors(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert LOOPS[loop](programs.run(python("raise SystemExit(7)"))).returncode == 7
