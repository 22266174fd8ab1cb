"""Is a call let through by what its caller shows, and by nothing else? Each RPC, with each kind of credentials."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aol_broker.authorize import Right
from aol_broker.identities.token_text import digest, new_token, token_id
from aol_broker.registry.store import Registry
from aol_broker.verbs import VERBS
from aol_client import AOLDataClient, UnauthenticatedError
from aol_wire.errors import Reason
from aol_wire.frames.channel import FramesChannel
from aol_wire.limits import REQUEST_MAX_BYTES
from aol_wire.status import from_status
from issuers import AUDIENCE, ISSUER, Issuer
from leaking_calls import MANIFESTS, OWNER, READER, REQUESTS
from running_brokers import READY

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

ADMIN = "/aol.admin.v1.Admin/"
DATA = "/aol.data.v1.DataBroker/"
OPERATOR_TOKEN = "operators-shared-s3cret"
WITHIN_S = 20

# What the requests of these are refused for, whoever makes them: a plan that no broker has sealed is none, and the
# newest version of a manifest is not retired.
FAILS = dict.fromkeys((f"{ADMIN}ApplyPlan", f"{ADMIN}RetireManifestVersion"), Reason.BAD_REQUEST)
# How a call can show who makes it, by names of headers; each kind for services and for operators.
Headers = tuple[tuple[str, str], ...]


@dataclass
class Serving:
    """A broker that `aol serve` started, with tokens that were minted before, and everything that must not be told."""

    folder: Path
    issuer: Issuer
    endpoint: str = ""
    minted: dict[str, str] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)

    def bearer(self, token: str) -> tuple[str, str]:
        self.shown.add(token)
        return "authorization", f"Bearer {token}"

    def aol(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        # The last two are what seeds of the manifests take from the environment.
        variables = {"AOL_ENDPOINT": self.endpoint, "AOL_OPERATOR_TOKEN": OPERATOR_TOKEN, "SSN": "1", "OTHER": "2"}
        done = subprocess.run(
            [sys.executable, "-m", "aol_cli", *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        return done

    def records(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / "data" / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def mint(folder: Path) -> dict[str, str]:
    """Mint tokens, as other brokers of the registry have, before this one starts."""
    registry = Registry(f"sqlite+aiosqlite:///{folder / 'registry.db'}", default_adapter="sqlite")
    await registry.open()
    minted = {}
    wanted = {"right": 0, "expired": -60, "revoked": 0, "other": 0}
    for name, lifetime_s in wanted.items():
        for of in ("service", "operator"):
            text = minted[f"{of} {name}"] = new_token()
            holder = {"service": READER if name == "other" else OWNER} if of == "service" else {"operator": "alice"}
            await registry.mint_token(
                token_id(digest(text)), digest(text), created_by="test", lifetime_s=lifetime_s, **holder
            )
            if name == "revoked":
                assert await registry.revoke_token(token_id(digest(text)))
    await registry.close()
    return minted


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    folder = tmp_path_factory.mktemp("identity")
    (folder / "data").mkdir()
    issuer = Issuer()
    (folder / "keys.json").write_bytes(issuer.key_set())
    jwt = {"type": "jwt", "issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(folder / "keys.json"), "leeway_s": 0}
    config = {
        "listen": "127.0.0.1:0",
        "data_dir": str(folder / "data"),
        "authentication": {
            "verifiers": [{**jwt, "operators": {"claim": "groups", "value": "platform"}}, {"type": "token"}],
            "operator_token": OPERATOR_TOKEN,
        },
        "log": {"level": "debug"},
    }
    (folder / "broker.yaml").write_text(json.dumps(config))
    made = Serving(folder, issuer, minted=await mint(folder / "data"))
    with serve(folder) as line:
        ready = READY.search(line)
        assert ready is not None, (folder / "stderr").read_text()
        assert "insecure" not in line
        made.endpoint = ready[1]
        yield made


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Run `aol serve` on the configuration in a folder; yield the first line of its output."""
    command = [sys.executable, "-m", "aol_cli", "serve", "--config", str(folder / "broker.yaml")]
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            yield process.stdout.readline()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=WITHIN_S)
            process.stdout.close()


@contextlib.asynccontextmanager
async def channels(endpoint: str) -> AsyncIterator[list[Any]]:
    """A channel that makes calls one by one, and one that makes them in frames."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        framed = FramesChannel(channel, max_frame_bytes=REQUEST_MAX_BYTES)
        yield [channel, framed]
        await framed.close()


async def reason_of(channel: Any, method: str, headers: Headers) -> Reason | None:
    """Make a call that its RPC takes; return why it failed."""
    try:
        unary = channel.unary_unary(method, bytes, bytes)
        await unary(REQUESTS[method].SerializeToString(), metadata=headers, timeout=WITHIN_S)
    except grpc.aio.AioRpcError as error:
        details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
        known = from_status(details if isinstance(details, bytes) else details.encode())
        assert known is not None
        return known.reason
    return None


def bad_credentials(serving: Serving, method: str) -> Iterator[tuple[str, Headers, Reason]]:
    """What callers of an RPC show in vain: what it is, the headers, and the reason that they are told."""
    of = "operator" if method.startswith(ADMIN) else "service"
    named = (("aol-service", OWNER),)
    claims: dict[str, Any] = {"sub": OWNER} if of == "service" else {"sub": "alice", "groups": ["platform"]}
    yield "nothing", (), Reason.NO_CREDENTIALS
    yield "a name", named, Reason.NO_CREDENTIALS
    tokens = {
        "a wrong token": new_token(),
        "a mistyped token": serving.minted[f"{of} right"][:-1] + "!",
        "an expired token": serving.minted[f"{of} expired"],
        "a revoked token": serving.minted[f"{of} revoked"],
        "a wrong operator's token": OPERATOR_TOKEN[:-1],
        "garbage": "garbage",
        "an expired JWT": serving.issuer.token(**claims, exp=int(time.time()) - 5),
        "a JWT for another": serving.issuer.token(**claims, aud="other"),
        "a JWT of nobody": serving.issuer.token("other", **claims),
    }
    for name, token in tokens.items():
        yield name, (*named, serving.bearer(token)), Reason.BAD_CREDENTIALS
    # Another service's credentials: in its own name it is no operator, and in the owner's nobody.
    for name, token in {
        "token": serving.minted["service other"],
        "JWT": serving.issuer.token(sub=READER),
    }.items():
        yield f"another service's {name}", (*named, serving.bearer(token)), Reason.BAD_CREDENTIALS
        if VERBS[method].right is Right.OPERATOR:
            yield f"a service's {name}", (serving.bearer(token),), Reason.NO_CREDENTIALS
    right = serving.bearer(serving.minted[f"{of} right"])
    yield "two names", (*named, ("aol-service", READER), right), Reason.BAD_CREDENTIALS
    yield "two tokens", (*named, right, right), Reason.BAD_CREDENTIALS
    yield "a token by another scheme", (*named, (right[0], right[1].replace("Bearer", "Basic"))), Reason.BAD_CREDENTIALS


def good_credentials(serving: Serving, method: str) -> Mapping[str, tuple[Headers, str, str]]:
    """What callers of an RPC show: the headers, and how records name the caller, and the way in which that is known."""
    name = ("aol-service", OWNER)
    if method.startswith(ADMIN):
        alice = serving.issuer.token(sub="alice@corp", groups=["platform"])
        return {
            "token": ((serving.bearer(serving.minted["operator right"]),), "operator:alice", "token"),
            "JWT": ((serving.bearer(alice),), "operator:alice@corp", "jwt"),
            "shared token": ((serving.bearer(OPERATOR_TOKEN),), "operator", "token"),
        }
    token, jwt = serving.bearer(serving.minted["service right"]), serving.bearer(serving.issuer.token(sub=OWNER))
    caller = f"service:{OWNER}"
    return {
        "token": ((name, token), caller, "token"),
        "JWT": ((jwt, name), caller, "jwt"),
        "without a name": ((token,), caller, "token"),
        # Of a header that ends so, the value is bytes: it is another one.
        "a binary header beside": ((token, ("aol-service-bin", b"x")), caller, "token"),  # type: ignore[dict-item]
    }


async def apply_manifests(serving: Serving) -> None:
    for number, text in enumerate(MANIFESTS):
        file = serving.folder / f"{number}.yaml"
        file.write_text(text)
        await asyncio.to_thread(serving.aol, "apply", str(file))


async def test_each_rpc_is_for_those_who_show_who_they_are(serving: Serving) -> None:
    assert set(REQUESTS) == set(VERBS)
    await apply_manifests(serving)
    before = len(serving.records())
    async with channels(serving.endpoint) as ways:
        for method in REQUESTS:
            for what, headers, expected in bad_credentials(serving, method):
                for channel in ways:
                    told = await reason_of(channel, method, headers)
                    assert told is expected, f"{method} with {what} over {type(channel).__name__}"
        refused = serving.records()[before:]
        assert {(record["outcome"], record["collection"] == "") for record in refused} == {
            ("denied", True),
            ("denied", False),
        }
        assert {record["principal"] for record in refused} == {"", f"service:{READER}"}
        for method in REQUESTS:
            for what, (headers, principal, verified_by) in good_credentials(serving, method).items():
                first = what == "token"
                for channel in ways[:1] if first else ways:
                    told = await reason_of(channel, method, headers)
                    # What was done already may not be done again; that it is allowed to be is what is asked here.
                    assert told not in (Reason.NO_CREDENTIALS, Reason.BAD_CREDENTIALS), f"{method} with {what}"
                    assert told is FAILS.get(method) or not first, f"{method} with {what}"
                    record = serving.records()[-1]
                    assert (record["principal"], record["verified_by"]) == (principal, verified_by)


async def test_no_request_field_replaces_who_was_verified(serving: Serving) -> None:
    """A field that names a service is one that the call is about, and never who makes it."""
    named = [
        (method, field.name)
        for method, verb in VERBS.items()
        for field in verb.request.DESCRIPTOR.fields
        if "service" in field.name or "principal" in field.name
    ]
    assert {field for method, field in named if method.startswith(DATA)} == {"target_service"}


async def test_a_token_is_minted_listed_and_revoked_and_a_stream_that_is_open_goes_by_it(serving: Serving) -> None:
    aol: Callable[..., Any] = serving.aol
    minted = await asyncio.to_thread(aol, "token", "create", "crew", "--expires", "1h")
    token = minted.stdout.strip()
    serving.shown.add(token)
    [id_] = [word for word in minted.stderr.split() if len(word) == 16]
    assert token not in minted.stderr
    listed = await asyncio.to_thread(aol, "token", "list", "--service", "crew", "--json")
    [shown] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (shown["id"], shown["service"], shown["operator"], shown["created_by"]) == (id_, "crew", None, "operator")
    assert token not in listed.stdout
    async with AOLDataClient(serving.endpoint, "crew", token=token, transport="frames") as client:
        await client.request_collection("events")
        await client.insert("events", {"n": 1})
        await asyncio.to_thread(aol, "token", "revoke", id_)
        with pytest.raises(UnauthenticatedError, match="revoked"):
            await client.count("events")
    gone = await asyncio.to_thread(aol, "token", "revoke", id_, code=4)
    assert f"no token {id_}" in gone.stderr
    again = await asyncio.to_thread(aol, "token", "list")
    assert id_ not in again.stdout
    assert {"service:" + OWNER, "operator:alice", "expired", "never"} <= set(again.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("create",), 2, "--operator"),
        (("create", "crew", "--operator", "bob"), 2, "--operator"),
        (("create", "Not A Name"), 2, "service name"),
        (("create", "--operator", "two words"), 2, "operator"),
        (("create", "crew", "--expires", "0s"), 2, "90d"),
        (("create", "crew", "--expires", "soon"), 2, "90d"),
        (("create", "crew", "--expires", "99999w"), 2, "lifetime_s"),
        (("revoke", "aol_" + "x" * 49), 2, "16 of 0-9 and a-f"),
    ],
)
async def test_what_cannot_be_minted_or_revoked_is_told(
    serving: Serving, arguments: tuple[str, ...], code: int, hint: str
) -> None:
    done = await asyncio.to_thread(serving.aol, "token", *arguments, code=code)
    assert hint in done.stderr
    assert "x" * 49 not in done.stderr


async def call_for_ever(client: AOLDataClient) -> None:
    while True:
        await client.count("events")


async def test_a_stream_whose_token_expires_has_its_later_calls_refused_until_there_is_a_new_one(
    serving: Serving,
) -> None:
    file = serving.folder / "token"
    first = serving.issuer.token(sub="crew-2", exp=int(time.time()) + 2)
    file.write_text(first)
    async with AOLDataClient(serving.endpoint, "crew-2", token_file=file, transport="frames") as client:
        await client.request_collection("events")
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(UnauthenticatedError, match="has expired"):
                await call_for_ever(client)
        file.write_text(serving.issuer.token(sub="crew-2"))
        # Refused with the old one, made again with the new one: nobody notices.
        assert await client.count("events") == 0
    serving.shown |= {first, file.read_text()}


async def test_the_health_of_a_broker_that_verifies_its_callers_says_nothing_of_insecure(serving: Serving) -> None:
    async with grpc.aio.insecure_channel(serving.endpoint) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="aol.insecure"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    doctor = await asyncio.to_thread(serving.aol, "doctor", "--json", "--config", str(serving.folder / "broker.yaml"))
    checks = {check["name"]: check["detail"] for check in json.loads(doctor.stdout)["checks"]}
    assert checks["callers"] == "verified"


async def test_afterwards_no_credential_is_written_anywhere(serving: Serving) -> None:
    """Whatever was shown, good or bad: in no log, no record and no file of the broker's."""
    secrets = {secret for secret in (*serving.shown, *serving.minted.values()) if len(secret) > 8}
    assert len(secrets) > 20
    parts = {part for secret in secrets for part in secret.split(".") if len(part) > 24}
    written = [file for file in (serving.folder / "data").rglob("*") if file.is_file()]
    written.append(serving.folder / "stderr")
    for file in written:
        content = file.read_bytes().decode(errors="replace")
        assert not [file.name for secret in secrets | parts if secret in content]
    assert (serving.folder / "stderr").stat().st_size > 0
