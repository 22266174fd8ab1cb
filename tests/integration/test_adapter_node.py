"""The example adapter in JavaScript: does a program from the proto files alone keep the contract?"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from aol.adapter.v1 import adapter_pb2 as pb
from aol_client import AOLDataClient, ConflictError, PreconditionFailedError, UnsupportedError
from aol_wire.errors import Reason
from aol_wire.handshake import Launch, parse_line, unix_address
from aol_wire.metadata import STATUS_DETAILS_TRAILER
from aol_wire.status import from_status
from running_brokers import StartBroker

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["Adapter"].methods]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The example's command, its packages installed beside a copy of it; or a skip that says what is missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    root = tmp_path_factory.mktemp("node")
    folder = root / "examples" / "adapter-node"
    shutil.copytree(ROOT / "examples" / "adapter-node", folder, ignore=shutil.ignore_patterns("node_modules"))
    (root / "protos").symlink_to(ROOT / "protos")
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    if installed.returncode != 0:
        pytest.skip("npm could not install the example's packages (no network?)")
    return ["node", str(folder / "main.mjs")]


@pytest.fixture
def program(command: list[str], tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """The adapter, started as a broker does; `a.sock` in `tmp_path` is its socket."""
    launch = Launch(unix_address(tmp_path / "a.sock"), "c")
    pipe = subprocess.PIPE
    environment = {**os.environ, **launch.environment()}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
        assert process.stdout is not None
        assert parse_line(process.stdout.readline(), "c").address == launch.address
        yield process
        process.kill()


@pytest.mark.timeout(300)  # the kit takes 20 s on an idle machine, and npm may come before it
def test_it_keeps_every_rule_of_the_conformance_kit(command: list[str]) -> None:
    kit = [sys.executable, "-m", "aol_cli", "adapter", "test", "--json", "--", *command]
    ran = subprocess.run(kit, capture_output=True, text=True, timeout=180, check=False)
    report = json.loads(ran.stdout)
    assert [rule for rule in report["rules"] if rule["verdict"] == "fail"] == []
    # It is the mandatory core: all that is left aside is what it does not declare.
    assert (report["capabilities"], report["not_applicable"], ran.returncode) == ([], 0, 0)
    assert report["passed"] > 90


async def test_a_broker_stores_and_queries_through_it(command: list[str], start_broker: StartBroker) -> None:
    broker = await start_broker(adapters={"node": {"command": command}})
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.request_collection("items", indexes=[{"fields": ["price"], "type": "ascending"}])
        big = 2**53 + 1
        documents = [{"_id": f"i{n}", "price": n % 4, "big": big, "at": {"x": [n, n + 0.5]}} for n in range(20)]
        await client.insert_many("items", documents)
        found = await client.query("items", {"price": {"$gte": 2}}, sort={"price": "desc", "_id": "asc"}, limit=3)
        assert [document["_id"] for document in found] == ["i11", "i15", "i19"]
        assert found[0]["big"] == big
        assert found[0]["at"] == {"x": [11, 11.5]}
        assert await client.count("items", {"big": float(2**53)}) == 0
        assert await client.update("items", {"_id": "i1"}, {"$inc": {"big": 1}, "$push": {"at.x": None}}) == 1
        changed = await client.get("items", "i1")
        assert changed is not None
        assert (changed["big"], changed["at"], changed["_version"]) == (big + 1, {"x": [1, 1.5, None]}, 2)
        assert await client.delete("items", {"price": 3}) == 5
        assert len(await client.query("items", projection=["price"])) == 15


async def test_a_broker_passes_its_refusals_on(command: list[str], start_broker: StartBroker) -> None:
    broker = await start_broker(adapters={"node": {"command": command}})
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.request_collection("items")
        await client.insert("items", {"_id": "1", "secret": "hunter2"})
        await client.insert("items", {"_id": "2"})
        with pytest.raises(ConflictError) as conflict:
            await client.insert("items", {"_id": "1", "secret": "hunter3"})
        assert "hunter" not in str(conflict.value)
        with pytest.raises(PreconditionFailedError):
            await client.update("items", None, {"a": 1}, allow_all=True, max_affected=1)
        with pytest.raises(UnsupportedError):
            await client.query("items", {"secret": {"$regex": "^h"}})
        with pytest.raises(UnsupportedError):
            await client.request_collection("others", indexes=[{"fields": ["a"], "type": "unique"}])
        assert await client.count("items") == 2


@pytest.mark.parametrize("method", METHODS)
async def test_garbage_is_a_bad_request_of_every_method(
    program: "subprocess.Popen[bytes]", tmp_path: Path, method: str
) -> None:
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/a.sock") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        call = channel.unary_unary(f"/aol.adapter.v1.Adapter/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"\x0a\xff", timeout=20)
        details = dict(caught.value.trailing_metadata())[STATUS_DETAILS_TRAILER]
        error = from_status(details if isinstance(details, bytes) else details.encode())
        assert error is not None
        assert error.reason is Reason.BAD_REQUEST
    assert program.poll() is None


def test_sigterm_ends_it_in_order(program: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=20) == 0
    assert not (tmp_path / "a.sock").exists()


def test_it_ends_when_its_standard_input_does(program: "subprocess.Popen[bytes]") -> None:
    out, errors = program.communicate(b"nobody reads this\n" * 10_000, timeout=20)
    assert program.returncode == 0
    assert out == b""
    assert [json.loads(line)["event"] for line in errors.splitlines()] == ["adapter.serving", "adapter.stopped"]


def test_a_program_that_nobody_told_where_to_listen_says_so(command: list[str]) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AOL_")}
    for arguments in ([], ["--listen", "0.0.0.0:50052"]):
        ran = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "--listen unix:/PATH" in ran.stderr
