"""Nothing sensitive is written anywhere, and what users store stands in audit records only, in the filters of calls."""

import asyncio
import base64
import json
import logging
import signal
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
import pytest
from google.protobuf.message import Message

from aol.admin.v1 import admin_pb2, plan_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol_broker.verbs import VERBS
from aol_client import AOLDataClient, DataClientError
from leaking_calls import (
    HIDDEN,
    MANIFESTS,
    ORDINARY,
    OWNER,
    READER,
    REQUESTS,
    SENSITIVE,
    SHOWN,
    STRANGER,
    UNREADABLE,
    changes,
    queries,
    with_canaries,
)
from leaks import forms, where
from running_brokers import RunningBroker, running_broker

DATA = "/aol.data.v1.DataBroker/"
LIMIT_S = 20.0
DEADLINE_S = 0.001
HANGING_S = 2.0


@dataclass
class Evidence:
    """All that was written, by name, and the audit records among it."""

    written: dict[str, bytes] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)


class Calls:
    """Makes calls without the SDK, and keeps what becomes known of those that fail."""

    def __init__(self, endpoint: str, token: str, evidence: Evidence) -> None:
        self._channel = grpc.aio.insecure_channel(endpoint, [("grpc.max_send_message_length", -1)])
        self._token = token
        self._evidence = evidence

    async def close(self) -> None:
        await self._channel.close()

    async def call(self, method: str, request: Message | bytes, service: str, timeout_s: float = LIMIT_S) -> bool:
        """Call as a service; as the operator where a call is for one."""
        headers = [("aol-service", service)]
        if method.startswith("/aol.admin."):
            headers = [("authorization", f"Bearer {self._token}")]
        return await self.call_with(method, request, headers, timeout_s)

    async def call_with(
        self, method: str, request: Message | bytes, headers: list[tuple[str, str]], timeout_s: float = LIMIT_S
    ) -> bool:
        payload = request if isinstance(request, bytes) else request.SerializeToString()
        try:
            unary: Any = self._channel.unary_unary(method)
            await unary(payload, metadata=headers, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            said = repr((str(error), error.details(), error.trailing_metadata(), error.initial_metadata()))
            self.keep(f"{method} {error.code()}", said)
            return False
        return True

    async def plan(self, wanted: plan_pb2.Plan) -> plan_pb2.Plan:
        """Return the plan that a broker makes of the manifests of another."""
        request = plan_pb2.PlanManifestsRequest(
            manifests=[plan_pb2.ManifestToPlan(manifest=item.manifest, source=item.source) for item in wanted.manifests]
        )
        unary: Any = self._channel.unary_unary("/aol.admin.v1.Admin/PlanManifests")
        headers = [("authorization", f"Bearer {self._token}")]
        payload = await unary(request.SerializeToString(), metadata=headers, timeout=LIMIT_S)
        return plan_pb2.PlanManifestsResponse.FromString(payload).plan

    async def make(self, service: str, work: Iterable[tuple[str, Message]], timeout_s: float = LIMIT_S) -> None:
        """Make calls at the same time."""
        named = ((method if method.startswith("/") else DATA + method, request) for method, request in work)
        await asyncio.gather(*(self.call(method, request, service, timeout_s) for method, request in named))

    def keep(self, name: str, said: str) -> None:
        self._evidence.written[f"error {len(self._evidence.written)} of {name}"] = said.encode(errors="replace")

    def keep_exception(self, error: Exception) -> None:
        """Everything that a program logs of an exception."""
        text = "".join(traceback.format_exception(error, chain=True))
        # The lines of this test are no message.
        text = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
        facts = vars(error) if isinstance(error, DataClientError) else {}
        self.keep(type(error).__name__, f"{text} {error} {error!r} {error.args} {facts}")


async def every_rpc(calls: Calls) -> None:
    """Each RPC with a request that it takes, then with a canary in each of its fields, by who may and who may not."""
    for method, listed in REQUESTS.items():
        request = listed
        if isinstance(request, plan_pb2.ApplyPlanRequest):
            # What is applied is what a broker has sealed.
            request = plan_pb2.ApplyPlanRequest(plan=await calls.plan(request.plan))
        assert await calls.call(method, request, OWNER), f"this request of {method} is none that it takes"
        await calls.call_with(method, request, [("aol-service", STRANGER)])
        await calls.call(method, f"\xff{SENSITIVE}".encode("latin-1"), OWNER)
        await calls.make(OWNER, ((method, changed) for changed in with_canaries(request)))


async def every_header(calls: Calls) -> None:
    request = REQUESTS[DATA + "QueryData"]
    for header in ("aol-service", "authorization", "aol-revision", "traceparent", "aol-request-id", "x-other"):
        for value in (SENSITIVE, f"Bearer {SENSITIVE}", f"00-{SENSITIVE}", f"{SENSITIVE} !"):
            owner = [] if header == "aol-service" else [("aol-service", OWNER)]
            named = [] if header == "aol-service" and value == SENSITIVE else [(header, value)]
            await calls.call_with(DATA + "QueryData", request, [*owner, *named])


async def every_refusal(calls: Calls) -> None:
    """Reads and writes that go well, that are bad, that conflict, of collections of every level, by all services."""
    # One after the other: what comes later conflicts with what is stored by then.
    for rpc, request in changes("people"):
        await calls.call(DATA + rpc, request, OWNER)
    for collection in ("people", "plain", "gone", *UNREADABLE):
        await calls.make(OWNER, (*changes(collection), *queries(collection)))
    for collection in (f"{OWNER}.people", f"{OWNER}.plain"):
        await calls.make(READER, queries(collection))
    await calls.make(STRANGER, [*changes(f"{OWNER}.people"), *queries(f"{OWNER}.people")])
    await calls.call(DATA + "StoreData", pb.StoreDataRequest(collection="plain", document=HIDDEN * 1_200_000), OWNER)


async def every_deadline(calls: Calls) -> None:
    await calls.make(OWNER, (*changes("people"), *queries("people")), DEADLINE_S)


async def with_the_sdk(calls: Calls, endpoint: str) -> None:
    """What its exceptions say, and what it logs, for calls in frames."""
    async with AOLDataClient(endpoint, OWNER) as client:
        attempts = [
            client.insert("people", {"_id": SENSITIVE, "email": HIDDEN}),
            client.insert("people", {"email": float("nan"), "ssn": HIDDEN}),
            client.insert("people", {"email": {HIDDEN}}),
            client.insert_many("people", [{"email": SHOWN, "ssn": HIDDEN}] * 2, atomic=True),
            client.update("people", {"_id": SENSITIVE}, {"ssn": HIDDEN}, if_version=99),
            client.update("people", {"ssn": HIDDEN}, {"$inc": {"notes": HIDDEN}}),
            client.query("people", {"ssn": {"$near": HIDDEN}}),
            client.query("people", {"ssn": object()}),
            client.query("absent", {"ssn": HIDDEN}),
            client.count(f"{READER}.people", {"ssn": HIDDEN}),
            client.query("people", {"ssn": HIDDEN}, sort=[("email", HIDDEN)]),
            client.grant_access("plain", READER, HIDDEN),
            client.request_collection("plain", schema_hint={"n": HIDDEN}),
        ]
        for done in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(done, Exception):
                calls.keep_exception(done)
    async with AOLDataClient(endpoint, OWNER, token=f"{SENSITIVE}-token") as client:
        for done in await asyncio.gather(client.count("people", {"ssn": HIDDEN}), return_exceptions=True):
            assert isinstance(done, DataClientError)
            calls.keep_exception(done)


async def while_the_adapter_dies(calls: Calls, broker: RunningBroker) -> None:
    """The adapter hangs until calls are out of time, is killed while others are under way, and comes back."""
    [adapter] = [
        child
        for child in psutil.Process(broker.process.pid).children(recursive=True)
        if any("aol_adapters" in word for word in child.cmdline())
    ]
    adapter.send_signal(signal.SIGSTOP)
    # The time of these is over when they are with the adapter: nobody knows what becomes of them.
    await calls.make(OWNER, changes("people"), HANGING_S)
    under_way = asyncio.create_task(calls.make(OWNER, [*changes("people"), *queries("people")]))
    adapter.send_signal(signal.SIGKILL)
    await under_way
    async with AOLDataClient(broker.endpoint, OWNER, timeout=LIMIT_S) as client:
        await client.count("people", {"ssn": HIDDEN})


async def everything(broker: RunningBroker, evidence: Evidence) -> None:
    calls = Calls(broker.endpoint, broker.operator_token, evidence)
    for manifest in MANIFESTS:
        request = admin_pb2.ApplyManifestRequest(manifest=manifest, source="manifest.yaml")
        assert await calls.call("/aol.admin.v1.Admin/ApplyManifest", request, OWNER)
    await every_rpc(calls)
    await every_header(calls)
    await every_refusal(calls)
    await every_deadline(calls)
    await with_the_sdk(calls, broker.endpoint)
    await while_the_adapter_dies(calls, broker)
    await calls.close()


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything in a data folder but the files of the databases, which hold what is stored."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "sqlite" and not path.name.startswith("registry.db")
    }


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """All of the above, made once; the broker logs all it can, and takes every call to be slow."""
    folder = tmp_path_factory.mktemp("leaks")
    evidence = Evidence()
    client_log = folder / "client-log"
    handler, root = logging.FileHandler(client_log), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with running_broker(folder, {"AOL_LOG__LEVEL": "debug", "AOL_SLOW_CALL_S": "0.000001"}) as broker:
            asyncio.run(everything(broker, evidence))
            paths = [folder / "data", *(folder / "data").rglob("*")]
            evidence.modes = {str(path.relative_to(folder)): path.stat().st_mode for path in paths}
            broker.process.send_signal(signal.SIGTERM)
            broker.process.wait(timeout=20)
            assert broker.process.stdout is not None
            evidence.written["standard output"] = broker.process.stdout.read().encode()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
    evidence.written |= {"standard error": (folder / "stderr").read_bytes(), "client's log": client_log.read_bytes()}
    evidence.written |= {f"data/{name}": content for name, content in files_of(folder / "data").items()}
    segments = (content for name, content in evidence.written.items() if name.endswith(".jsonl"))
    lines = (json.loads(line) for content in segments for line in content.splitlines())
    evidence.records = [line for line in lines if "operation" in line]
    return evidence


def test_every_rpc_is_called_with_what_must_not_be_found_again() -> None:
    assert set(REQUESTS) == set(VERBS), "an RPC has no request in tests/leaking_calls.py, or is no more"


def test_the_calls_were_made_and_went_well_and_ill_in_every_way(evidence: Evidence) -> None:
    records = evidence.records
    assert {record["operation"] for record in records} >= {verb.operation for verb in VERBS.values()}
    outcomes = Counter(record["outcome"] for record in records)
    assert set(outcomes) == {"ok", "denied", "failed", "unknown", "pending"}, outcomes
    assert {record["reason"] for record in records} >= {
        "ADAPTER_DOWN", "BAD_CREDENTIALS", "BAD_DOCUMENT", "BAD_FILTER", "BAD_MANIFEST", "BAD_PAGE_TOKEN", "BAD_PATH",
        "BAD_REQUEST", "COLLECTION_NOT_FOUND", "DEADLINE", "DUPLICATE_ID", "GRANT_MISSING", "MAX_AFFECTED_EXCEEDED",
        "NO_CREDENTIALS", "TOO_LARGE", "UNIQUE_VIOLATION", "VALIDATION_FAILED", "VERSION_MISMATCH",
    }  # fmt: skip
    assert b"slow call" in evidence.written["standard error"]
    assert len(evidence.written) > 200


def test_nothing_sensitive_is_written_anywhere(evidence: Evidence) -> None:
    assert where(SENSITIVE, evidence.written) == []
    hidden = [record for record in evidence.records if "$hmac" in json.dumps(record["filters"])]
    assert len(hidden) > 100, "sensitive values were compared with, and are hidden"


def test_what_users_store_is_in_filters_of_audit_records_only(evidence: Evidence) -> None:
    audit = {name: content for name, content in evidence.written.items() if name.startswith("data/audit/")}
    assert where(ORDINARY, {name: text for name, text in evidence.written.items() if name not in audit}) == []
    beside = [{key: value for key, value in record.items() if key != "filters"} for record in evidence.records]
    assert where(ORDINARY, {f"record {at}": json.dumps(said).encode() for at, said in enumerate(beside)}) == []
    assert where(ORDINARY, audit) != [], "it is looked for where it is"


def test_levels_below_values_show_no_value_at_all(evidence: Evidence) -> None:
    quiet = [record for record in evidence.records if record["collection"].split(".")[-1] in UNREADABLE]
    shown = {f"record {at}": json.dumps(record["filters"]).encode() for at, record in enumerate(quiet)}
    assert where(ORDINARY, shown) == []
    assert {record["collection"] for record in quiet} == {f"{OWNER}.{name}" for name in ("strict", "silent", "absent")}
    silent = [
        record["filters"] for record in quiet if "silent" in record["collection"] and record["operation"] == "query"
    ]
    assert set(silent) == {None}


def test_no_credential_is_written_but_where_it_is_kept(evidence: Evidence) -> None:
    kept = {"data/operator.token", "data/audit-key.pem"}
    token = evidence.written["data/operator.token"].strip()
    key = evidence.written["data/audit-key.pem"].splitlines()[1]
    for name, content in evidence.written.items():
        assert name in kept or (token not in content and key not in content), name


@pytest.mark.parametrize("form", ["as it is", "in hexadecimal", "in base64", "in UTF-16", "in JSON", "in capitals"])
def test_a_canary_is_found_in_the_form_in_which_it_may_be_written(form: str) -> None:
    text = f"x{SENSITIVE}\u00e9"
    written = {
        "as it is": text.encode(),
        "in hexadecimal": text.encode().hex().encode(),
        "in base64": base64.b64encode(text.encode()),
        "in UTF-16": text.encode("utf-16-be"),
        "in JSON": json.dumps({"a": text}).encode(),
        "in capitals": text.upper().encode(),
    }[form]
    assert where(SENSITIVE, {"it": b"something " + written}) != []
    assert len(set(forms(SENSITIVE))) == 6


@pytest.mark.parametrize("path", ["data", "data/audit", "data/sqlite", "data/operator.token", "data/audit-key.pem"])
def test_what_the_broker_writes_is_for_its_owner_only(evidence: Evidence, path: str) -> None:
    assert evidence.modes[path] & 0o077 == 0
