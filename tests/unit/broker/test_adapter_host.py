"""Does a host say what is wrong with a program that is no adapter, and never hang or give up over it?"""

import asyncio
import gc
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aol_broker.adapters import AdapterHost, HostState, Phase, Timing
from aol_broker.adapters.process import STDERR_LINE_MAX_CHARACTERS, AdapterProcess
from aol_wire.adapter import Count, Insert, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from postgres_server import as_nobody

TARGET = Target("flight-ops", "flights")
QUICK = Timing(handshake_s=5.0, check_every_s=0.05, first_delay_s=0.02, last_delay_s=0.1, stop_s=1.0)


@dataclass(frozen=True)
class Config:
    command: tuple[str, ...] | None = None
    address: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def python(code: str) -> Config:
    """A program of these lines."""
    return Config((sys.executable, "-c", code))


async def until(host: AdapterHost, true: Callable[[HostState], bool]) -> HostState:
    """The first state from now on of which this is true."""
    found: asyncio.Future[HostState] = asyncio.get_running_loop().create_future()

    def look() -> None:
        if true(host.state) and not found.done():
            found.set_result(host.state)

    host.on_change(look)
    look()
    async with asyncio.timeout(20):
        return await found


@asynccontextmanager
async def started(config: Config, timing: Timing = QUICK) -> AsyncIterator[AdapterHost]:
    host = AdapterHost("toy", config, timing=timing)
    try:
        await host.start(timeout_s=0)
        yield host
    finally:
        await host.stop()


async def failure(config: Config, timing: Timing = QUICK) -> HostState:
    """How a program that fails is reported."""
    async with started(config, timing) as host:
        return await until(host, lambda state: state.phase is Phase.DOWN)


def line(**changes: object) -> str:
    """A program that answers the handshake with these changes and stays."""
    return (
        "import json, os, sys, time\n"
        "fields = {'aol_adapter': 1, 'protocols': ['aol.adapter.v1'],\n"
        "          'address': os.environ['AOL_ADAPTER_LISTEN'], 'cookie': os.environ['AOL_ADAPTER_COOKIE']}\n"
        f"fields.update({changes!r})\n"
        "print(json.dumps(fields), flush=True)\n"
        "time.sleep(60)\n"
    )


async def test_a_program_that_is_not_there_is_named_to_operators_but_not_to_callers() -> None:
    state = await failure(Config(("/nowhere/adapter", "--password", "hunter2")))
    assert state.reason == "its command could not be started"
    assert state.output == ("/nowhere/adapter: No such file or directory",)


async def test_a_file_that_may_not_be_executed_is_told_apart(tmp_path: Path) -> None:
    program = tmp_path / "adapter"
    program.write_text("#!/bin/sh\n")
    assert "Permission denied" in (await failure(Config((str(program),)))).output[0]


async def test_a_program_that_exits_at_once_leaves_its_last_words_for_operators() -> None:
    state = await failure(python("import sys; sys.stderr.write('one\\nno such disk'); sys.exit(3)"))
    assert state.reason == "it ended with exit code 3 before it served"
    assert state.output == ("one", "no such disk")


async def test_long_lines_of_a_program_are_cut_and_the_rest_of_them_passed_over() -> None:
    wide = "\U0001f600" * 3000
    state = await failure(
        python(
            "import sys\n"
            "wide = '\\U0001f600' * 3000 + '\\n'\n"
            "for piece in ('a' * 100_000, 'a' * 100_000 + '\\n', 'short\\n', wide, 'b' * 9000):\n"
            "    sys.stderr.write(piece)\n"
            "    sys.stderr.flush()\n"
        )
    )
    assert state.output == (f"{'a' * 1998} …", "short", f"{wide[:1998]} …", f"{'b' * 1998} …")
    assert {len(line) for line in state.output} == {5, STDERR_LINE_MAX_CHARACTERS}


async def test_a_program_that_a_signal_ends_says_which() -> None:
    state = await failure(python("import os; os.kill(os.getpid(), 9)"))
    assert state.reason == "it was ended by signal 9 before it served"


async def test_a_program_that_closes_its_output_and_stays_is_ended_in_time() -> None:
    state = await failure(python("import os, time; os.close(1); time.sleep(60)"), Timing(handshake_s=0.5))
    assert state.reason == "it did not serve within 0.5 s"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('Listening on hunter2', flush=True); import time; time.sleep(60)", "is not the handshake"),
        ("import sys, time; sys.stdout.write('x' * 9999); sys.stdout.flush(); time.sleep(60)", "longer than"),
        (line(protocols=["aol.adapter.v2"]), "does not speak the protocol aol.adapter.v1"),
        (line(aol_adapter=2), "another version of the handshake"),
        (line(cookie="guess"), "another cookie"),
    ],
)
async def test_a_program_that_says_something_else_is_refused_with_the_reason(code: str, says: str) -> None:
    state = await failure(python(code))
    assert says in state.reason
    assert "hunter2" not in state.reason


async def test_a_program_that_hangs_before_the_handshake_is_ended_after_a_bounded_wait(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    hang = "import os, pathlib, signal, sys, time\nsignal.signal(15, signal.SIG_IGN)\n"
    code = f"{hang}pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    state = await failure(python(code), Timing(handshake_s=3.0))
    assert state.reason == "it did not serve within 3 s"
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


async def test_an_address_at_which_nobody_answers_is_reported_and_refuses_calls(tmp_path: Path) -> None:
    code = line(address=f"unix:{tmp_path}/nobody.sock")
    async with started(python(code)) as host:
        state = await until(host, lambda state: state.phase is Phase.DOWN)
        assert state.reason == "it cannot be reached"
        with pytest.raises(DataError) as caught:
            await host.adapter.count(Count(TARGET, timeout_s=5))
        assert caught.value.reason is Reason.ADAPTER_DOWN


async def test_a_socket_folder_with_too_long_a_name_is_reported(tmp_path: Path) -> None:
    host = AdapterHost("toy", python("pass"), socket_dir=tmp_path / ("d" * 120), timing=QUICK)
    await host.start(timeout_s=0)
    state = await until(host, lambda state: state.phase is Phase.DOWN)
    await host.stop()
    assert "choose a shorter folder for sockets" in state.reason


async def test_calls_of_an_absent_adapter_fail_at_once_and_say_when_to_return() -> None:
    async with started(Config(("/nowhere/adapter",)), Timing(first_delay_s=30, last_delay_s=30)) as host:
        await until(host, lambda state: state.phase is Phase.DOWN)
        with pytest.raises(DataError) as caught:
            await host.adapter.write(Write(TARGET, [Insert("a", "{}", 1)]))
        assert caught.value.reason is Reason.ADAPTER_DOWN
        assert caught.value.applied is Applied.NO
        assert caught.value.retry_after_s is not None
        assert 1 < caught.value.retry_after_s <= 31
        with pytest.raises(DataError) as read:
            await host.adapter.count(Count(TARGET))
        assert read.value.applied is None


async def test_a_failing_program_is_started_again_and_again(tmp_path: Path) -> None:
    count = tmp_path / "starts"
    code = f"open({str(count)!r}, 'a').write('x')"
    async with started(python(code)) as host:
        for _ in range(4):
            await until(host, lambda state: state.phase is Phase.STARTING)
            await until(host, lambda state: state.phase is Phase.DOWN)
    assert len(count.read_text()) >= 4


def test_the_delay_between_starts_doubles_to_ten_seconds_and_stays_there() -> None:
    delays = [Timing().delay_s(failures) for failures in (1, 2, 3, 7, 8, 9, 1_000_000)]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 6.4, 10.0, 10.0, 10.0])


async def test_start_returns_when_its_time_is_over_and_the_state_says_why() -> None:
    host = AdapterHost("toy", python("import time; time.sleep(60)"), timing=QUICK)
    await host.start(timeout_s=0.2)
    assert not host.ready
    assert host.reason == "it is being started"
    assert host.description is None
    await host.stop()
    assert host.state == HostState(Phase.STOPPED, "it was stopped")


async def test_the_program_gets_its_variables_but_not_the_secrets_of_the_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOL_AUTHENTICATION__OPERATOR_TOKEN", "hunter2")
    monkeypatch.setenv("COLOUR", "blue")
    out = tmp_path / "environment"
    code = f"import json, os\nopen({str(out)!r}, 'w').write(json.dumps(dict(os.environ)))"
    await failure(Config((sys.executable, "-c", code), environment={"PGPASSFILE": "/x", "COLOUR": "red"}))
    seen = json.loads(out.read_text())
    assert (seen["PGPASSFILE"], seen["COLOUR"]) == ("/x", "red")
    assert {name for name in seen if name.startswith("AOL_")} == {"AOL_ADAPTER_COOKIE", "AOL_ADAPTER_LISTEN"}


async def test_sockets_live_in_a_folder_of_the_user_alone_which_goes_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "listen"
    code = f"import os, time\nopen({str(out)!r}, 'w').write(os.environ['AOL_ADAPTER_LISTEN'])"
    async with started(python(code)) as host:
        await until(host, lambda state: state.phase is Phase.DOWN)
        folder = Path(out.read_text().removeprefix("unix:")).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        looked = await asyncio.to_thread(subprocess.run, as_nobody(["/bin/ls", str(folder)]), capture_output=True)
        assert (looked.returncode == 0) == (os.geteuid() != 0)
    assert not folder.exists()


async def test_an_end_that_is_interrupted_leaves_no_pipes_open() -> None:
    process = await AdapterProcess.launch((sys.executable, "-c", "input()"), "unix:/nowhere", {}, lambda line: None)
    ending = asyncio.create_task(process.kill())
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    await process.exited()
    del process, ending
    gc.collect()  # what is still open warns now, which is an error


async def test_what_the_program_left_running_is_ended_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child = "import time; time.sleep(60)"
    code = (
        "import subprocess, sys, pathlib\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"pathlib.Path({str(mark)!r}).write_text(str(child.pid))\n"
        "sys.exit(1)"
    )
    await failure(python(code))
    pid = int(mark.read_text())
    # Its parent is gone: whoever adopted it may not have collected it yet, which leaves a zombie without a command.
    command = Path(f"/proc/{pid}/cmdline")
    assert not command.exists() or command.read_bytes() == b""


@pytest.mark.parametrize("config", [Config(), Config(("x",), "unix:/x")])
def test_a_host_needs_either_a_command_or_an_address(config: Config) -> None:
    with pytest.raises(ValueError, match="either a command or an address"):
        AdapterHost("toy", config)


async def test_a_host_starts_once() -> None:
    async with started(python("import time; time.sleep(60)")) as host:
        with pytest.raises(RuntimeError, match="started already"):
            await host.start()


async def test_stopping_a_host_that_never_started_is_harmless() -> None:
    host = AdapterHost("toy", python("pass"))
    await host.stop()
    assert host.state.phase is Phase.STOPPED
