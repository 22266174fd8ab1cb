"""Is TLS what it promises: nobody in without a certificate that counts, new files without a restart, clear errors?"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aol_adapters.memory.adapter import MemoryAdapter
from aol_broker.server import Broker, StartError
from aol_broker.settings import SettingsError, load_settings
from aol_client import TLS, AOLDataClient, ConfigurationError, DataClientError, UnauthenticatedError, UnavailableError
from aol_client.tls import ClientTls
from aol_wire.handshake import parse_line
from aol_wire.tls import CLIENT_VARIABLES
from certificates import Authority

pytestmark = pytest.mark.integration

SHIP, BANK = "spiffe://corp/service/ship", "spiffe://corp/service/bank"
WITHIN_S = 20.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(folder: Path, authority: Authority, **more: Any) -> dict[str, Any]:
    """What a broker needs that knows its callers by their certificates."""
    certificate, key = authority.certify("broker", "localhost", "127.0.0.1")
    tls = {"certificate_file": str(certificate), "key_file": str(key), "client_ca_file": str(authority.file)}
    verifier = {"type": "mtls", "uri": "spiffe://corp/service/{service}", "services": {"bank.corp": "bank"}}
    return {
        "data_dir": str(folder / "data"),
        "listen": "127.0.0.1:0",
        "tls": tls,
        "authentication": {"verifiers": [verifier]},
        **more,
    }


@contextlib.asynccontextmanager
async def running(values: dict[str, Any]) -> AsyncIterator[Broker]:
    in_process = None if "adapters" in values else {"memory": MemoryAdapter()}
    broker = Broker(load_settings(None, values), in_process=in_process)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def client(broker: Broker, service: str, tls: TLS | bool | None, **more: Any) -> AOLDataClient:
    return AOLDataClient(broker.endpoint, service, tls=tls, **{"timeout": 2.0, **more})


def shown(authority: Authority, pair: tuple[Path, Path]) -> TLS:
    certificate, key = pair
    return TLS(ca_file=authority.file, certificate_file=certificate, key_file=key)


def records(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "data" / "audit").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("transport", ["frames", "unary"])
async def test_a_certificate_says_who_calls_and_nobody_can_call_itself_otherwise(
    tmp_path: Path, authority: Authority, transport: Any
) -> None:
    ship = shown(authority, authority.certify("ship", SHIP))
    by_host = shown(authority, authority.certify("bank", "bank.corp"))
    several = shown(authority, authority.certify("several", SHIP, BANK))
    unknown = shown(authority, authority.certify("unknown", "spiffe://corp/other/ship"))
    # What is no alternative name of the certificate is nobody's business.
    named = shown(authority, authority.certify("named", common_name=SHIP))
    async with running(settings(tmp_path, authority)) as broker:
        for service, tls in (("ship", ship), ("bank", by_host)):
            async with client(broker, service, tls, transport=transport) as caller:
                assert await caller.request_collection("orders") == f"{service}.orders"
        refusals = ((BANK, ship, "bank"), (SHIP, several, "ship"), (SHIP, unknown, "ship"), (SHIP, named, "ship"))
        for _, tls, service in refusals:
            async with client(broker, service, tls, transport=transport) as caller:
                with pytest.raises(UnauthenticatedError):
                    await caller.request_collection("orders")
    ended = [record for record in records(tmp_path) if record.get("stage") == "completed"]
    assert [record["principal"] for record in ended if record["outcome"] == "ok"] == ["service:ship", "service:bank"]
    assert {record["verified_by"] for record in ended if record["outcome"] == "ok"} == {"mtls"}
    assert [record["reason"] for record in ended if record["outcome"] == "denied"][:2] == ["BAD_CREDENTIALS"] * 2


async def test_nobody_gets_a_connection_without_a_certificate_of_the_authority(
    tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "other")
    foreign, expired = other.certify("ship", SHIP), authority.certify("expired", SHIP, valid=False)
    namesake = Authority(tmp_path / "other").certify("namesake", SHIP)
    right = authority.certify("ship", SHIP)
    wrong: dict[str, tuple[TLS | bool, str]] = {
        "none": (TLS(ca_file=authority.file), "AOL_TLS_CERTIFICATE_FILE"),
        "of another authority": (shown(authority, foreign), "certificate"),
        "of one that only has its name": (shown(authority, namesake), "certificate"),
        "expired": (shown(authority, expired), "certificate"),
        "a broker of another authority": (shown(other, right), "AOL_TLS_CA_FILE"),
        "without TLS": (False, "AOL_TLS_CA_FILE"),
        "another host": (
            TLS(ca_file=authority.file, certificate_file=right[0], key_file=right[1], server_name="elsewhere"),
            "AOL_TLS_SERVER_NAME",
        ),
    }
    async with running(settings(tmp_path, authority)) as broker:
        for name, (tls, hint) in wrong.items():
            async with client(broker, "ship", tls, timeout=0.5) as caller:
                with pytest.raises(UnavailableError, match=hint):
                    await caller.request_collection(name.replace(" ", "_"))
        async with client(broker, "ship", shown(authority, right)) as caller:
            assert await caller.request_collection("orders") == "ship.orders"
    assert [record.get("reason") for record in records(tmp_path) if record.get("stage") == "completed"] == [""]


async def test_what_speaks_no_tls_is_said_to_speak_none(tmp_path: Path, authority: Authority) -> None:
    values = settings(tmp_path, authority, tls={}, authentication={"verifiers": [{"type": "insecure"}]})
    async with running(values) as broker, client(broker, "ship", TLS(ca_file=authority.file), timeout=0.5) as caller:
        with pytest.raises(UnavailableError, match="does not speak TLS"):
            await caller.request_collection("orders")


async def test_new_certificates_are_taken_up_while_calls_are_under_way_and_none_of_them_fails(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aol_client.tls._LOOK_EVERY_S", 0.0)
    own = shown(authority, authority.certify("ship", SHIP))
    async with running(settings(tmp_path, authority)) as broker, client(broker, "ship", own) as caller:
        await caller.request_collection("orders")
        stop = asyncio.Event()
        stored = 0

        async def store() -> None:
            nonlocal stored
            while not stop.is_set():
                await caller.insert("orders", {"n": 1})
                stored += 1

        storing = [asyncio.create_task(store()) for _ in range(8)]
        for renewal in range(5):
            # A new authority for both sides, with new certificates; the old one is believed no more.
            newer = Authority(tmp_path, "ca")
            newer.certify("broker", "localhost", "127.0.0.1")
            newer.certify("ship", SHIP)
            before = stored
            async with client(broker, "ship", shown(newer, newer.certify(f"fresh-{renewal}", SHIP))) as fresh:
                assert await fresh.count("orders") >= 0
            while stored < before + 16:
                await asyncio.sleep(0)
        stop.set()
        await asyncio.gather(*storing)
        assert await caller.count("orders") == stored


async def test_files_that_are_broken_do_not_replace_those_that_are_good(
    tmp_path: Path, authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    own = authority.certify("ship", SHIP)
    async with running(settings(tmp_path, authority)) as broker:
        (tmp_path / "broker-key.pem").write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
        for _ in range(2):
            async with client(broker, "ship", shown(authority, own)) as caller:
                await caller.request_collection("orders")
    told = capfd.readouterr()
    assert (told.out + told.err).count("no certificate and its own private key") == 1
    assert "c2VjcmV0" not in told.out + told.err


async def test_a_client_shows_its_new_certificate(tmp_path: Path, authority: Authority) -> None:
    own = authority.certify("ship", SHIP)
    tls = ClientTls(shown(authority, own))
    tls._looked_at = float("-inf")  # as if its last look had been long ago
    assert not tls.changed()
    authority.certify("ship", SHIP)
    tls._looked_at = float("-inf")
    assert tls.changed()


def test_what_tells_clients_of_tls_is_no_setting_of_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """One shell starts a broker, and calls it."""
    for name in CLIENT_VARIABLES:
        monkeypatch.setenv(name, "1")
    assert not load_settings(None, {"authentication": {"verifiers": [{"type": "token"}]}}).tls.enabled


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
async def test_a_key_that_everybody_can_use_is_refused(tmp_path: Path, authority: Authority, mode: int) -> None:
    values = settings(tmp_path, authority)
    (tmp_path / "broker-key.pem").chmod(mode)
    with pytest.raises(StartError, match="chmod o="):
        async with running(values):
            pass


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key_file": None}, "go together"),
        ({"client_ca_file": None}, "type mtls"),
        ({"certificate_file": None, "key_file": None}, "client_ca_file needs"),
    ],
)
def test_half_of_tls_is_not_taken_for_all_of_it(
    tmp_path: Path, authority: Authority, changes: dict[str, Any], said: str
) -> None:
    values = settings(tmp_path, authority)
    tls = {name: value for name, value in {**values["tls"], **changes}.items() if value is not None}
    with pytest.raises(SettingsError, match=said):
        load_settings(None, {**values, "tls": tls})


async def test_a_client_says_which_of_its_files_cannot_be_used(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "text.pem").write_text("top secret")
    for tls, said in (
        (TLS(ca_file=tmp_path / "text.pem"), "text.pem holds no certificates"),
        (TLS(ca_file=tmp_path / "absent.pem"), "absent.pem cannot be read"),
        (TLS(certificate_file=authority.file), "go together"),
    ):
        with pytest.raises(ConfigurationError, match=said) as caught:
            AOLDataClient("127.0.0.1:1", "ship", tls=tls)
        assert "top secret" not in str(caught.value)


async def test_the_command_line_and_services_find_their_files_in_the_environment(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.certify("ship", SHIP)
    variables = {
        "AOL_TLS_CA_FILE": str(authority.file),
        "AOL_TLS_CERTIFICATE_FILE": str(certificate),
        "AOL_TLS_KEY_FILE": str(key),
    }

    def doctor(broker: Broker, more: dict[str, str]) -> str:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "aol_cli",
                "doctor",
                "--endpoint",
                broker.endpoint,
                "--data-dir",
                "nowhere",
                "--json",
            ],
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout

    async with running(settings(tmp_path, authority)) as broker:
        right, none = await asyncio.gather(
            asyncio.to_thread(doctor, broker, variables), asyncio.to_thread(doctor, broker, {})
        )
        assert f"{broker.endpoint} answers" in right
        assert "the broker's certificate is good for 1 day" in right
        assert "AOL_TLS_CA_FILE" in none
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with AOLDataClient(broker.endpoint, "ship") as caller:
            assert await caller.request_collection("orders") == "ship.orders"
        monkeypatch.setenv("AOL_TLS_ENABLED", "perhaps")
        with pytest.raises(ConfigurationError, match="AOL_TLS_ENABLED must be"):
            AOLDataClient(broker.endpoint, "ship")


async def test_connections_that_say_half_of_something_or_rubbish_hold_nobody_up(
    tmp_path: Path, authority: Authority
) -> None:
    openings = (b"", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n", os.urandom(512))
    own = shown(authority, authority.certify("ship", SHIP))
    async with running(settings(tmp_path, authority)) as broker:
        host, _, port = broker.endpoint.rpartition(":")
        with contextlib.ExitStack() as stack:
            for number in range(200):
                slow = stack.enter_context(socket.create_connection((host, int(port)), timeout=WITHIN_S))
                slow.sendall(openings[number % len(openings)])
            async with client(broker, "ship", own) as caller:
                await caller.request_collection("orders")
                assert await caller.insert("orders", {"n": 1})


@pytest.mark.parametrize("with_tls", [True, False])
async def test_a_connection_that_does_not_get_to_the_point_is_closed(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, *, with_tls: bool
) -> None:
    monkeypatch.setattr("aol_broker.server.HANDSHAKE_TIMEOUT_S", 0.2)
    plain: dict[str, Any] = {"tls": {}, "authentication": {"verifiers": [{"type": "insecure"}]}}
    async with running(settings(tmp_path, authority, **({} if with_tls else plain))) as broker:
        host, _, port = broker.endpoint.rpartition(":")
        for opening in (b"", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(opening)
            async with asyncio.timeout(WITHIN_S):
                with contextlib.suppress(ConnectionError):
                    while await reader.read(4096):
                        pass
            assert reader.at_eof() or reader.exception() is not None
            writer.close()


def program(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "aol_adapters.memory", "--listen", "127.0.0.1:0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder)


async def test_an_adapter_over_tcp_serves_the_broker_that_shows_the_right_certificate_and_nobody_else(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aol_broker.server.ADAPTER_START_TIMEOUT_S", 1.0)
    certificate, key = authority.certify("adapter", "127.0.0.1")
    own, own_key = authority.certify("client", "broker.corp")
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "other")
    foreign, foreign_key = other.certify("client", "broker.corp")
    options = ("--tls-certificate-file", certificate, "--tls-key-file", key, "--tls-client-ca-file", authority.file)
    with program(tmp_path, *map(str, options)) as process:
        try:
            assert process.stdout is not None
            address = parse_line(await asyncio.to_thread(process.stdout.readline), "").address
            plain: dict[str, Any] = {"tls": {}, "authentication": {"verifiers": [{"type": "insecure"}]}}
            for pair, serves in (((own, own_key), True), ((foreign, foreign_key), False)):
                tls = {"ca_file": str(authority.file), "certificate_file": str(pair[0]), "key_file": str(pair[1])}
                adapters = {"far": {"address": address, "tls": tls}}
                values = settings(tmp_path / str(serves), authority, adapters=adapters, **plain)
                async with running(values) as broker, client(broker, "ship", None) as caller:
                    if serves:
                        await caller.request_collection("orders")
                        assert await caller.insert("orders", {"n": 1})
                        continue
                    assert not broker.backends[0].ready
                    with pytest.raises(DataClientError, match="not ready"):
                        await caller.request_collection("orders")
        finally:
            process.terminate()


@pytest.mark.parametrize("address", ["10.0.0.1:7000", "127.0.0.1:7000", "adapter.corp:7000"])
def test_a_broker_speaks_to_no_adapter_over_tcp_without_certificates_unless_it_is_told_to(
    tmp_path: Path, authority: Authority, address: str
) -> None:
    values = settings(tmp_path, authority, adapters={"far": {"address": address}})
    with pytest.raises(SettingsError, match="needs tls"):
        load_settings(None, values)
    values["adapters"]["far"]["insecure"] = True
    assert load_settings(None, values).adapters["far"].insecure
    tls = {"ca_file": "ca.pem", "certificate_file": "c.pem", "key_file": "k.pem"}
    with pytest.raises(SettingsError, match="needs tls"):
        load_settings(None, {**values, "adapters": {"far": {"address": address, "insecure": True, "tls": tls}}})
    with pytest.raises(SettingsError, match="folder of the broker's own"):
        load_settings(None, {**values, "adapters": {"far": {"address": "unix:/run/a.sock", "tls": tls}}})


async def test_the_documented_authority_is_one_that_broker_and_service_take(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "tls.md").read_text()
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    for command in commands:
        await asyncio.to_thread(subprocess.run, command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    files = {"certificate_file": "broker.pem", "key_file": "broker-key.pem", "client_ca_file": "ca.pem"}
    values: dict[str, Any] = {
        "data_dir": str(tmp_path / "data"),
        "listen": "127.0.0.1:0",
        "tls": {name: str(tmp_path / file) for name, file in files.items()},
        "authentication": {"verifiers": [{"type": "mtls", "uri": "spiffe://corp/service/{service}"}]},
    }
    tls = TLS(
        ca_file=tmp_path / "ca.pem",
        certificate_file=tmp_path / "flight-ops.pem",
        key_file=tmp_path / "flight-ops-key.pem",
    )
    async with running(values) as broker, client(broker, "flight-ops", tls) as caller:
        assert await caller.request_collection("orders") == "flight-ops.orders"


def test_the_documented_configurations_are_ones_that_a_broker_takes(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "tls.md").read_text()
    for block in text.split("```yaml\n")[1:]:
        (tmp_path / "broker.yaml").write_text(block.partition("```")[0])
        assert load_settings(tmp_path / "broker.yaml").authentication.verifiers
