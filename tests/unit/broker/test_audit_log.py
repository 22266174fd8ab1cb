"""The audit log: every record is a line of a chain, in order, and durable when its call is answered."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from aol_broker.audit.chain import GENESIS, checkpoint_of, hash_of
from aol_broker.audit.files import files_of
from aol_broker.audit.log import AuditLog
from aol_broker.audit.record import FILTER_MAX_BYTES, recorded_filter
from aol_broker.audit.signing import PUBLIC_KEY_FILE, read_public_key
from audit_logs import audit_log, ended, intended, opened, record, records_of


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[AuditLog]:
    async with opened(tmp_path / "audit") as log:
        yield log


def lines(directory: Path) -> list[bytes]:
    return [line for path in files_of(directory) for line in path.read_bytes().splitlines()]


async def test_a_record_is_a_line_of_json_with_the_documented_keys(log: AuditLog) -> None:
    await log.complete(record(42, grant="owner", revision=7, peer="ipv4:127.0.0.1:1", verified_by="insecure"))
    (line,) = lines(log.directory)
    assert json.loads(line) == {
        "broker": "here",
        "bytes_in": 0,
        "bytes_out": 0,
        "collection": "my-service.events",
        "duration_ms": 1.235,
        "fields": None,
        "filters": {"event_type": "error"},
        "grant": "owner",
        "hash": hash_of(line),
        "intent": 0,
        "on_behalf_of": "",
        "operation": "query",
        "outcome": "ok",
        "peer": "ipv4:127.0.0.1:1",
        "prev": GENESIS,
        "principal": "service:my-service",
        "reason": "",
        "request_id": "r42",
        "result_count": 42,
        "revision": 7,
        "seq": 1,
        "service": "my-service",
        "stage": "completed",
        "timestamp": "2023-11-14T22:14:02.000000Z",
        "trace_id": "",
        "verified_by": "insecure",
    }


async def test_what_is_hashed_is_canonical_json(log: AuditLog) -> None:
    await log.complete(record(1, filters=recorded_filter('{"b": 1, "a": {"d": 1e16, "c": "\u00e9"}}')))
    (line,) = lines(log.directory)
    body = line[: line.rindex(b',"hash"')] + b"}"
    assert orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) == body


async def test_records_that_wait_together_are_chained_in_the_order_in_which_they_came(log: AuditLog) -> None:
    await asyncio.gather(*(log.complete(record(number)) for number in range(500)))
    written = records_of(log.directory)
    assert [item["result_count"] for item in written] == list(range(500))
    assert [item["prev"] for item in written] == [GENESIS] + [item["hash"] for item in written[:-1]]
    assert log.durable_seq == 500


async def test_records_that_come_while_the_disk_is_busy_go_to_it_together(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = 0
    fdatasync = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    await asyncio.gather(*(log.complete(record(number)) for number in range(500)))
    assert syncs == 1


@pytest.mark.parametrize(("durable", "syncs"), [(True, 3), (False, 0)])
async def test_a_record_is_forced_to_the_disk_before_its_call_is_answered_unless_that_is_left_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, syncs: int
) -> None:
    synced: list[int] = []
    fdatasync = os.fdatasync

    def noted(descriptor: int) -> None:
        synced.append(descriptor)
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    async with opened(tmp_path, durable=durable) as log:
        for number in range(3):
            await log.complete(record(number))
            assert len(records_of(tmp_path)) == number + 1
        assert len(synced) == syncs


async def test_a_write_is_announced_and_ended_by_two_records(log: AuditLog) -> None:
    intent = log.intend(intended(1))
    await intent.durable()
    assert [item["stage"] for item in records_of(log.directory)] == ["intended"]
    await log.complete(ended(1, intent.seq))
    first, second = records_of(log.directory)
    assert (first["outcome"], second["outcome"], second["intent"]) == ("pending", "ok", first["seq"])


async def test_numbers_and_hashes_go_on_after_a_restart(tmp_path: Path) -> None:
    for number in range(3):
        async with opened(tmp_path) as log:
            await log.complete(record(number))
    written = records_of(tmp_path)
    assert [item["seq"] for item in written] == [1, 2, 3]
    assert [item["prev"] for item in written] == [GENESIS, written[0]["hash"], written[1]["hash"]]


async def test_full_segments_end_in_a_signed_checkpoint_and_the_chain_goes_on_in_the_next(tmp_path: Path) -> None:
    closed: list[tuple[Path, bytes]] = []
    async with opened(tmp_path, max_file_bytes=4096) as log:
        log.on_closed(lambda path, line: closed.append((path, line)))
        for number in range(20):
            await log.complete(record(number))
    key = read_public_key(tmp_path / PUBLIC_KEY_FILE)
    head, seq = GENESIS, 0
    assert len(files_of(tmp_path)) > 3
    for path in files_of(tmp_path):
        *body, last = path.read_bytes().splitlines()
        checkpoint = checkpoint_of(last, key)
        written = [json.loads(line) for line in body]
        assert (checkpoint.segment, checkpoint.closed, checkpoint.count) == (path.name, True, len(written))
        assert (checkpoint.prev, checkpoint.first_seq) == (head, seq + 1)
        assert (checkpoint.head, checkpoint.last_seq) == (written[-1]["hash"], written[-1]["seq"])
        assert written[0]["prev"] == head
        head, seq = checkpoint.head, checkpoint.last_seq
        assert sum(len(line) + 1 for line in body) <= 4096
    assert [(path, line.rstrip()) for path, line in closed] == [
        (path, path.read_bytes().splitlines()[-1]) for path in files_of(tmp_path)
    ]
    assert seq == 20


async def test_a_batch_that_is_larger_than_a_segment_is_spread_over_several(tmp_path: Path) -> None:
    async with opened(tmp_path, max_file_bytes=4096) as log:
        await asyncio.gather(*(log.complete(record(number)) for number in range(50)))
    assert [item["seq"] for item in records_of(tmp_path)] == list(range(1, 51))
    assert len(files_of(tmp_path)) > 5


async def test_a_checkpoint_says_which_writes_had_not_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        first, second = log.intend(intended(1)), log.intend(intended(2))
        await second.durable()
        await log.complete(ended(1, first.seq))
        checkpoint = checkpoint_of(log.checkpoint().rstrip(), read_public_key(tmp_path / PUBLIC_KEY_FILE))
    assert (checkpoint.closed, checkpoint.last_seq, checkpoint.intents) == (False, 3, (second.seq,))


async def test_a_log_without_a_record_leaves_no_segment(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    assert files_of(tmp_path) == []


async def test_whoever_follows_is_told_of_what_is_on_the_disk_and_of_nothing_sooner(log: AuditLog) -> None:
    told: list[tuple[int, int]] = []
    log.on_durable(lambda: told.append((log.durable_seq, len(records_of(log.directory)))))
    for number in range(3):
        await log.complete(record(number))
    assert told == [(1, 1), (2, 2), (3, 3)]


async def test_a_closed_log_can_be_opened_again(tmp_path: Path) -> None:
    log = audit_log(tmp_path)
    await log.open()
    await log.complete(record(1))
    await log.close()
    await log.close()
    async with opened(tmp_path) as again:
        await again.complete(record(2))
    assert [item["seq"] for item in records_of(tmp_path)] == [1, 2]


def test_a_filter_that_is_no_json_or_too_long_is_shown_by_its_size() -> None:
    assert recorded_filter("") == b"null"
    assert recorded_filter("{nope") == b'{"$malformed_characters":5}'
    assert recorded_filter("[" * 2000 + "]" * 2000) == b'{"$malformed_characters":4000}'
    assert recorded_filter(json.dumps("x" * 20_000)) == b'{"$omitted_characters":20002}'
    assert recorded_filter("[" * 500 + "]" * 500) == b'{"$malformed_characters":1000}'


def test_a_filter_counts_by_the_bytes_that_it_takes_up_in_a_record() -> None:
    fits, grows = json.dumps("\u00e9" * 8000, ensure_ascii=False), "[" + "1e15," * 3000 + "1]"
    assert recorded_filter(fits) == fits.encode()
    for text in (
        json.dumps("\u00e9" * 9000, ensure_ascii=False),
        json.dumps("\U0001f600" * 4100, ensure_ascii=False),
        grows,
    ):
        assert len(text) < FILTER_MAX_BYTES
        assert recorded_filter(text) == b'{"$omitted_characters":%d}' % len(text)


def test_a_filter_over_several_lines_stays_one_line() -> None:
    assert recorded_filter('{\n "a":\n 1}') == b'{"a":1}'
