"""Is an adapter program a good citizen: started as it must be, ended when it should, and calm about garbage?"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from aol.adapter.v1 import adapter_pb2 as pb
from aol_wire.errors import Reason
from aol_wire.handshake import Launch, parse_line, unix_address
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import from_status

pytestmark = pytest.mark.integration

MEMORY = [sys.executable, "-m", "aol_adapters.memory"]
METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["Adapter"].methods]
COOKIE = "c"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("AOL_")} | dict(extra or {})


@pytest.fixture
def program(tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """The memory adapter, started as a broker does; `a.sock` in `tmp_path` is its socket."""
    launch = Launch(unix_address(tmp_path / "a.sock"), COOKIE)
    with subprocess.Popen(
        MEMORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(launch.environment())
    ) as process:
        assert process.stdout is not None
        assert parse_line(process.stdout.readline(), COOKIE).address == launch.address
        yield process
        process.kill()


def run(*arguments: str, extra: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*MEMORY, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment(extra)
    )


def test_a_program_that_nobody_told_where_to_listen_says_what_it_is() -> None:
    result = run()
    assert result.returncode == 2
    assert result.stdout == ""
    assert "adapter of the AOL data broker" in result.stderr
    assert "--listen" in result.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:0", "127.0.0.1:0", "example.org:1"])
def test_a_program_does_not_listen_unasked_where_anybody_could_use_its_database(address: str) -> None:
    result = run("--listen", address)
    assert result.returncode == 2
    assert "--insecure-tcp" in result.stderr
    assert "--tls-client-ca-file" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("127.0.0.1:0", "--tls-certificate-file", "c.pem"),
        ("127.0.0.1:0", "--insecure-tcp", "--tls-key-file", "k.pem"),
        ("unix:/tmp/a.sock", "--tls-client-ca-file", "ca.pem"),
    ],
)
def test_a_part_of_tls_is_not_taken_for_all_of_it(arguments: tuple[str, ...]) -> None:
    result = run("--listen", *arguments)
    assert result.returncode == 2
    assert "go together" in result.stderr


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    options = {"--tls-certificate-file": "c.pem", "--tls-key-file": "k.pem", "--tls-client-ca-file": "ca.pem"}
    for name in options.values():
        (tmp_path / name).write_text("secret-text")
        (tmp_path / name).chmod(0o600)
    named = [word for option, name in options.items() for word in (option, str(tmp_path / name))]
    result = run("--listen", "127.0.0.1:0", *named)
    assert result.returncode == 2
    assert "ca.pem holds no certificates" in result.stderr
    assert "secret-text" not in result.stderr


def test_an_address_that_is_taken_or_impossible_ends_the_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--insecure-tcp", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert result.returncode == 1
    assert "adapter.cannot_listen" in result.stderr
    assert run("--listen", "unix:/nowhere/a.sock").returncode == 1


def test_the_handshake_names_the_port_that_the_system_chose() -> None:
    with subprocess.Popen(
        [*MEMORY, "--insecure-tcp", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        host, port = parse_line(process.stdout.readline(), "").address.split(":")
        with socket.create_connection((host, int(port)), timeout=10):
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_sigterm_ends_it_in_order(program: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=20) == 0
    assert not (tmp_path / "a.sock").exists()


def test_it_ends_when_its_standard_input_does(program: "subprocess.Popen[bytes]") -> None:
    assert program.stdin is not None
    program.stdin.write(b"nobody reads this\n" * 10_000)
    program.stdin.close()
    assert program.wait(timeout=20) == 0


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for another's child needs Linux")
def test_it_ends_when_the_broker_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from types import SimpleNamespace\n"
        "from aol_broker.adapters import AdapterHost\n"
        "async def main():\n"
        f"    config = SimpleNamespace(command={MEMORY!r}, address=None, environment={{}})\n"
        "    host = AdapterHost('memory', config)\n"
        "    await host.start()\n"
        "    sys.stderr.write(f'{host.pid}\\n')\n"
        "    sys.stderr.flush()\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    folder = {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(folder)
    ) as broker:
        assert broker.stderr is not None
        pid = int(broker.stderr.readline())
        descriptor = os.pidfd_open(pid)
        try:
            broker.kill()
            end = asyncio.run(_readable(descriptor))
        finally:
            os.close(descriptor)
    assert end


async def _readable(descriptor: int) -> bool:
    """Whether a process descriptor says within the time that its process ended."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    async with asyncio.timeout(20):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(descriptor)
    return True


@pytest.mark.parametrize("method", METHODS)
async def test_garbage_is_a_bad_request_of_every_method(
    program: "subprocess.Popen[bytes]", tmp_path: Path, method: str
) -> None:
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/a.sock") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        call = channel.unary_unary(f"/aol.adapter.v1.Adapter/{method}")
        # A message without fields takes any field for one of a later contract; the others take text for no target.
        for data in (b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x05hello")[: 2 if method == "Describe" else 3]:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(data, timeout=20)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            details = dict(caught.value.trailing_metadata())[STATUS_DETAILS_TRAILER]
            error = from_status(details if isinstance(details, bytes) else details.encode())
            assert error is not None
            assert error.reason is Reason.BAD_REQUEST
    assert program.poll() is None


async def test_health_is_answered_for_the_server_and_for_the_service(
    program: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    del program
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/a.sock") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]
        call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        for service in ("", "aol.adapter.v1.Adapter"):
            answer = await call(health_pb2.HealthCheckRequest(service=service), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_every_log_line_is_json_and_standard_output_is_the_handshake_alone() -> None:
    with subprocess.Popen(
        [*MEMORY, "--insecure-tcp", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        parse_line(process.stdout.readline(), "")
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=20)
    assert out == b""
    assert [json.loads(line)["event"] for line in errors.splitlines()] == ["adapter.serving", "adapter.stopped"]


def test_logs_of_libraries_keep_values_and_exception_texts_to_themselves() -> None:
    code = (
        "import asyncio, gc, logging\n"
        "from aol_adapters.kit.logs import configure_logs\n"
        "configure_logs('toy')\n"
        "logging.getLogger('driver').warning('row %s is odd', 'hunter2')\n"
        "async def fails():\n"
        "    raise KeyError('hunter2')\n"
        "async def main():\n"
        "    task = asyncio.create_task(fails())\n"
        "    await asyncio.wait((task,))\n"
        "    del task\n"
        "    gc.collect()\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    records = [json.loads(line) for line in result.stderr.splitlines()]
    assert [record["template"] for record in records] == ["row %s is odd", "Task exception was never retrieved"]
    assert records[1]["fault"].startswith("KeyError at ")
    assert "hunter2" not in result.stderr
    assert result.stdout == ""
