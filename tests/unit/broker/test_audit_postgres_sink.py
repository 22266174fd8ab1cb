"""Does PostgreSQL end up with every audit record once, in the partition of its day, whatever happens to the server?"""

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aol_broker.audit.record import recorded_filter
from aol_broker.audit.sinks.destination import RefusedError, UnavailableError
from aol_broker.audit.sinks.follower import Follower, Pace
from aol_broker.audit.sinks.postgres import PostgresSink
from aol_broker.audit.sinks.postgres_tables import Tables
from aol_wire.datetimes import to_us
from audit_segments import Watched, WrittenLog
from postgres_server import PostgresServer, rows, statements

PACE = Pace(records=200, gather_s=0, first_delay_s=0.01, last_delay_s=0.05, attempt_s=1)
COUNTED = "SELECT count(*), count(DISTINCT seq), max(seq) FROM audit.records"


@pytest.fixture
def log(tmp_path: Path) -> WrittenLog:
    return WrittenLog(tmp_path / "audit", segment_records=1000)


@pytest.fixture
async def sink(postgres_database: str) -> AsyncIterator[PostgresSink]:
    made = PostgresSink(postgres_database, None, Tables("audit", "records"))
    yield made
    await made.close()


@pytest.fixture
async def server() -> AsyncIterator[PostgresServer]:
    made = PostgresServer()
    try:
        await made.start()
        yield made
    finally:
        await made.remove()


def moment(text: str) -> int:
    return to_us(text) or 0


async def test_records_are_rows_in_partitions_of_their_days_and_stay_as_they_are(
    log: WrittenLog, sink: PostgresSink, postgres_database: str
) -> None:
    lines = log.write(4, filters=b'{"a":{"$gt":1}}')
    await sink.deliver(lines[:3])
    await sink.deliver(lines)
    found = await rows(postgres_database, "SELECT tableoid::regclass::text AS part, * FROM audit.records ORDER BY seq")
    assert [row["part"] for row in found] == ["audit.records_20260301"] * 2 + ["audit.records_20260302"] * 2
    assert [row["record"].encode() for row in found] == lines
    facts = json.loads(lines[0])
    same = ("broker", "seq", "service", "principal", "operation", "collection", "outcome", "result_count", "request_id")
    assert {name: found[0][name] for name in same} == {name: facts[name] for name in same}
    assert found[0]["timestamp"].isoformat() == "2026-03-01T23:59:58+00:00"
    deeper = "SELECT seq FROM audit.records WHERE (filters #>> '{a,$gt}')::int = 1 AND seq = 2"
    assert len(await rows(postgres_database, deeper)) == 1


async def test_what_hostile_callers_and_clocks_make_is_kept_too(
    log: WrittenLog, sink: PostgresSink, postgres_database: str
) -> None:
    lines = [
        *log.write(filters=b'{"a\\u0000":["\\u0000b",{"c":"\\u0000"}],"d":"\\\\u0000"}'),
        *log.write(time_us=0),
        *log.write(time_us=moment("9999-12-31T23:59:59.999999Z")),
        *log.write(time_us=moment("0001-01-01T00:00:00Z")),
        *log.write(request_id="\0" * 5000, collection="\U0001f600" * 5000, result_count=2**63 - 1),
        *log.write(filters=b"1e308"),
        *log.write(filters=recorded_filter("[" * 254 + "]" * 254)),
        *log.write(filters=recorded_filter(json.dumps({"a" * 5000: "\U0001f600" * 2000}))),
    ]
    await sink.deliver(lines)
    found = await rows(postgres_database, "SELECT seq, record, filters FROM audit.records ORDER BY seq")
    assert [row["record"].encode() for row in found] == lines
    days = await rows(postgres_database, 'SELECT "timestamp"::date::text FROM audit.records WHERE seq IN (2, 3, 4)')
    assert {row[0] for row in days} == {"1970-01-01", "9999-12-31", "0001-01-01"}
    last_two = [json.loads(line)["filters"] for line in lines[-2:]]
    assert [json.loads(row["filters"]) for row in found[-2:]] == last_two
    assert json.loads(found[0]["filters"]) == {"a\ufffd": ["\ufffdb", {"c": "\ufffd"}], "d": "\\u0000"}


async def test_what_no_table_can_hold_is_refused_without_being_quoted(log: WrittenLog, sink: PostgresSink) -> None:
    [line] = log.write()
    for bad in (line.replace(b'"seq":1', b'"seq":"s3cret"'), line.replace(b"2026-03", b"s3cret-"), b'{"seq":1}', b"{"):
        with pytest.raises(RefusedError) as refused:
            await sink.deliver([line, bad])
        assert "s3cret" not in str(refused.value)
        assert refused.value.__cause__ is None


async def test_two_brokers_may_write_into_one_table_from_its_beginning(tmp_path: Path, postgres_database: str) -> None:
    lines = [WrittenLog(tmp_path / name, segment_records=1000).write(300, broker=name) for name in ("a", "b")]
    sinks = [PostgresSink(postgres_database, None, Tables("audit", "records")) for _ in lines]
    await asyncio.gather(*(sink.deliver(own) for sink, own in zip(sinks, lines, strict=True)))
    await asyncio.gather(*(sink.close() for sink in sinks))
    [found] = await rows(postgres_database, "SELECT count(*), count(DISTINCT broker) FROM audit.records")
    assert tuple(found) == (600, 2)


async def test_a_partition_that_was_dropped_is_made_again_when_records_of_its_day_come(
    log: WrittenLog, sink: PostgresSink, postgres_database: str
) -> None:
    await sink.deliver(log.write(2))
    await statements(postgres_database, "DROP TABLE audit.records_20260301")
    await sink.deliver(log.write(2, time_us=moment("2026-03-01")))
    assert [row[0] for row in await rows(postgres_database, "SELECT seq FROM audit.records ORDER BY 1")] == [3, 4]


async def test_a_table_that_was_made_by_somebody_else_needs_no_right_but_to_insert(
    log: WrittenLog, sink: PostgresSink, postgres_database: str
) -> None:
    await sink.deliver(log.write())
    role = f"writer_{postgres_database.rpartition('_')[2].partition('?')[0]}"
    await statements(
        postgres_database,
        f"CREATE ROLE {role}",
        f"GRANT USAGE ON SCHEMA audit TO {role}",
        f"GRANT INSERT ON ALL TABLES IN SCHEMA audit TO {role}",
    )
    try:
        url = f"{postgres_database}{'&' if '?' in postgres_database else '?'}options=-crole%3D{role}"
        writer = PostgresSink(url, None, Tables("audit", "records"))
        await writer.deliver(log.write())
        await writer.put(b'{"checkpoint":1}\n')
        with pytest.raises(UnavailableError, match="42501"):
            await writer.deliver(log.write(time_us=moment("2026-04-01")))
        await writer.close()
    finally:
        await statements(postgres_database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert tuple((await rows(postgres_database, COUNTED))[0]) == (2, 2, 2)


async def test_checkpoints_are_kept_once_in_a_table_of_their_own(sink: PostgresSink, postgres_database: str) -> None:
    long = bytes(random.Random(7).choices(b"abcdefghij", k=20_000))
    for line in (b'{"checkpoint":1}\n', long, b'{"checkpoint":1}'):
        await sink.put(line)
    found = await rows(postgres_database, "SELECT line FROM audit.records_checkpoints ORDER BY received_at")
    assert [row[0] for row in found] == ['{"checkpoint":1}', long.decode()]


async def test_a_server_that_cannot_be_reached_is_a_failure_that_names_no_secret(log: WrittenLog) -> None:
    for url in (
        "postgresql://u:s3cret@127.0.0.1:1/d",
        "postgresql://u:s3cret@/d?host=/nowhere/s3cret",
        "postgresql://[",
    ):
        sink = PostgresSink(url, None, Tables("audit", "records"))
        with pytest.raises(UnavailableError) as failed:
            await sink.deliver(log.write())
        assert "s3cret" not in f"{failed.value} {failed.value.__cause__}"
        await sink.close()


async def test_a_server_that_is_down_crashes_and_hangs_gets_every_record_once(
    log: WrittenLog, server: PostgresServer
) -> None:
    """Thousands of records, over several files; the broker is restarted in between."""
    url = server.dsn(password="").replace(":@", "@")

    @asynccontextmanager
    async def running() -> AsyncIterator[tuple[Follower, Watched]]:
        sink = Watched(PostgresSink(url, server.password, Tables("audit", "records")))
        follower = Follower("db", "postgres", sink, log, PACE)
        task = asyncio.create_task(follower.run())
        yield follower, sink
        task.cancel()
        await asyncio.wait([task])
        await follower.save()
        await sink.close()

    log.write(2500)
    async with running() as (follower, sink):
        await sink.until(lambda: follower.status().seq > 0)
        await server.stop(signal.SIGQUIT)
        log.write(2500)
        await sink.until(lambda: follower.status().failing_since_us > 0)
    async with running() as (follower, sink):
        await sink.until(lambda: follower.status().failing_since_us > 0)
        await server.start()
        await sink.until(lambda: follower.status().seq > 2500)
        server.pause()
        log.write(1000)
        try:
            await sink.until(lambda: follower.status().last_error == "TIMEOUT")
        finally:
            server.resume()
        await sink.until(lambda: follower.status().lag == 0)
    assert tuple((await rows(server.dsn(), COUNTED))[0]) == (6000, 6000, 6000)
