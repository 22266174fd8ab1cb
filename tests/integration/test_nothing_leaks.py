"""Nothing that a user stored, and no credential, stands in an error, a log line or an audit record (filters aside)."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from aol_client import AOLDataClient, DataClientError
from running_brokers import running_broker

CANARY = "canary-8c1f4"
INDEXES = [
    {"fields": ["email"], "type": "unique"},
    {"fields": ["n"], "type": "ascending"},
    {"fields": ["body"], "type": "text"},
]


async def provoke(client: AOLDataClient) -> list[DataClientError]:
    """Store canaries in every way, and make every call fail that can; return the errors."""
    errors: list[DataClientError] = []

    async def attempt(call: Any) -> None:
        try:
            await call
        except DataClientError as error:
            errors.append(error)

    await client.request_collection("people", schema_hint={"at": "datetime", "n": "number"}, indexes=INDEXES)
    await client.insert("people", {"_id": CANARY, "email": CANARY, "body": CANARY, "at": CANARY, "list": [CANARY]})
    calls = [
        client.insert("people", {"_id": CANARY, "email": f"{CANARY}-other"}),
        client.insert("people", {"email": CANARY}),
        client.insert("people", {"email": [CANARY]}),
        client.insert("people", {"email": f"{CANARY}" * 1000}),
        client.insert("people", {"$bad": CANARY}),
        client.insert("people", {"a": CANARY, "b": float("nan")}),
        client.insert("people", {"a": CANARY * 200_000}),
        client.insert("people", {"_other": CANARY}),
        client.insert_many("people", [{"email": CANARY}, {"email": CANARY}], atomic=True),
        client.insert_many("people", [{"email": CANARY}, {"email": CANARY}]),
        client.update("people", {"_id": CANARY}, {"$inc": {"email": 1}}),
        client.update("people", {"_id": CANARY}, {"$push": {"body": CANARY}}),
        client.update("people", {"_id": CANARY}, {"_version": CANARY}),
        client.update("people", {"_id": CANARY}, {"n": [CANARY]}),
        client.update("people", {"_id": CANARY}, {"n": 1}, if_version=99),
        client.update("people", {"email": CANARY}, {"n": 1}, max_affected=0),
        client.query("people", {"email": {"$near": CANARY}}),
        client.query("people", {"email": {"$gt": {"x": CANARY}}}),
        client.query("people", {"email": {"$regex": f"({CANARY}"}}),
        client.query("people", {"email": {"$in": CANARY}}),
        client.query("people", {"_created_at": {"$gt": CANARY}}),
        client.query("absent", {"email": CANARY}),
        client.query("other-service.people", {"email": CANARY}),
        client.request_collection("people", schema_hint={"n": CANARY}),
        client.grant_access("people", "x", CANARY),
    ]
    for call in calls:
        await attempt(call)
    assert len(errors) >= len(calls) - 1, "nearly all of these calls fail"
    return errors


async def test_canaries_show_in_no_error_no_log_and_no_record_but_in_filters(tmp_path: Path) -> None:
    with running_broker(tmp_path, {"AOL_LOG__LEVEL": "debug", "AOL_SLOW_CALL_S": "0.000001"}) as broker:
        async with AOLDataClient(broker.endpoint, "leak-test") as client:
            errors = await provoke(client)
        async with AOLDataClient(broker.endpoint, "leak-test", token=f"{CANARY}-token") as client:
            with contextlib.suppress(DataClientError):
                await client.count("people")
        token, records = broker.operator_token, broker.audit()
    log = (tmp_path / "stderr").read_text()
    assert "slow call" in log, "the log was written"
    assert CANARY not in log
    assert token not in log
    for error in errors:
        # `repr` and the messages of violations are what programs log.
        assert CANARY not in f"{error} {error!r} {error.violations}", error.reason
    for record in records:
        assert CANARY not in json.dumps({key: value for key, value in record.items() if key != "filters"})
        assert token not in json.dumps(record)


@pytest.mark.parametrize("folder", ["data", "data/audit", "data/sqlite"])
def test_what_the_broker_writes_is_for_its_owner_only(tmp_path: Path, folder: str) -> None:
    with running_broker(tmp_path) as broker:
        assert (tmp_path / folder).stat().st_mode & 0o077 == 0
        assert (broker.data_dir / "operator.token").stat().st_mode & 0o077 == 0
