"""An index makes a search fast and never changes what it finds, whatever the records, the clock and the files are."""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.audit.files import file_name, files_of
from aol_broker.audit.index_file import index_path
from aol_broker.audit.indexer import Indexer
from aol_broker.audit.indexing import has_index, index_folder
from aol_broker.audit.query import AuditQuery
from aol_broker.audit.record import AuditRecord, Outcome, Stage
from aol_broker.audit.search import search
from aol_broker.audit.tally import tally
from aol_wire.datetimes import from_us
from audit_samples import START_US, Chain, folder_of, intended, record

SERVICES = st.sampled_from(["s", "t", 'q"\\é'])
COLLECTIONS = st.sampled_from(["s.c", "t.c", ""])
IDS = st.sampled_from(["r1", "r2", "collection", "s"])
# Clocks that are set forward, and back to 1970.
SECONDS = st.integers(0, 20) | st.sampled_from([-1_700_000_000, 5_000_000])
FILTERS = st.sampled_from(
    [
        None,
        {"_id": "d1"},
        {"$or": [{"_id": {"$in": ["d1", "d2"]}}, {"a.b": 1}]},
        {"$not": {"a": {"$gt": 1}}, "intent": 1},
        {"collection": "s.c", "service": "s", "stage": "intended", "intent": 2},
        {"timestamp": "2023-11-14T22:13:20.000000Z"},
    ]
)


@st.composite
def calls(draw: st.DrawFn) -> AuditRecord:
    return record(
        draw(SECONDS),
        service=(service := draw(SERVICES)),
        principal=draw(st.sampled_from([f"service:{service}", "operator"])),
        collection=draw(COLLECTIONS),
        operation=draw(st.sampled_from(["query", "insert", "update", "grant_access"])),
        outcome=draw(st.sampled_from([Outcome.OK, Outcome.DENIED, Outcome.UNKNOWN])),
        request_id=draw(IDS),
        trace_id=draw(st.sampled_from(["", "t1"])),
        filters=json.dumps(draw(FILTERS), separators=(",", ":")).encode(),
        fields=draw(st.sampled_from([None, (), ("a",), ("a.b.c", "z")])),
    )


@st.composite
def segments(draw: st.DrawFn) -> list[list[AuditRecord]]:
    """Reads, and writes whose two records may be far apart, or without an end."""
    written: list[AuditRecord] = []
    open_writes: list[tuple[int, AuditRecord]] = []
    for call in draw(st.lists(calls(), max_size=25)):
        match draw(st.sampled_from(["read", "begin", "begin", "end"])):
            case "begin":
                written.append(intended(call))
                open_writes.append((len(written), call))
            case "end" if open_writes:
                seq, write = open_writes.pop(draw(st.integers(0, len(open_writes) - 1)))
                stage = draw(st.sampled_from([Stage.COMPLETED, Stage.RESOLVED]))
                written.append(replace(write, stage=stage, intent=seq))
            case _:
                written.append(call)
    cuts = sorted(draw(st.lists(st.integers(0, len(written)), max_size=3, unique=True)))
    return [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]


TIMES = st.sampled_from([0, 1, START_US, START_US + 10_000_000, START_US + 1_000_000_000])
CONDITIONS = st.one_of(
    st.tuples(st.just("service"), SERVICES),
    st.tuples(st.just("collection"), st.sampled_from(["s.c", "t.c"])),
    st.tuples(st.just("operation"), st.sampled_from(["insert", "query"])),
    st.tuples(st.just("outcome"), st.sampled_from(["ok", "pending", "unknown"])),
    st.tuples(st.just("principal"), st.sampled_from(["operator", "service:s"])),
    st.tuples(st.just("document_id"), st.sampled_from(["d1", "d2"])),
    st.tuples(st.just("field"), st.sampled_from(["a", "a.b", "b"])),
    st.tuples(st.just("request_id"), IDS),
    st.tuples(st.just("trace_id"), st.just("t1")),
    st.tuples(st.just("text"), st.sampled_from(["r", "d1", "operator", '"'])),
    st.tuples(st.just("since_us"), TIMES),
    st.tuples(st.just("until_us"), TIMES),
    st.tuples(st.just("after_seq"), st.integers(0, 12)),
    st.tuples(st.just("stages"), st.sampled_from([("intended",), ("completed", "resolved")])),
    st.tuples(st.just("unresolved"), st.just(True)),
)
QUERIES = st.builds(
    lambda conditions, limit: AuditQuery(**dict(conditions), limit=limit),
    st.lists(CONDITIONS, max_size=3),
    st.sampled_from([1, 3, 1000, 1000]),
)


def fits(found: dict[str, Any], query: AuditQuery, ends: set[int]) -> bool:
    """Say it the slow way, of a decoded record."""
    plain = ("service", "collection", "operation", "outcome", "principal", "request_id", "trace_id")
    is_open = found["stage"] == "intended" and found["seq"] not in ends
    filters = found["filters"] or {}
    text = json.dumps(filters)
    ids = {name for name in ("d1", "d2") if f'"{name}"' in text}
    told = [found["request_id"], found["trace_id"], found["principal"], *ids]
    paths = set(found["fields"] or ())
    if found["operation"] in ("query", "update"):
        paths |= {name for name in ("a", "a.b", "intent") if f'"{name}":' in text}
        paths |= set(filters) - {"$or", "$not"}
    return (
        all(getattr(query, key) in ("", found[key]) for key in plain)
        and from_us(query.since_us) <= found["timestamp"]
        and (not query.until_us or found["timestamp"] < from_us(query.until_us))
        and found["seq"] > query.after_seq
        and (not query.stages or found["stage"] in query.stages)
        and (not query.unresolved or is_open or found["outcome"] == "unknown")
        and (query.unresolved or bool(query.stages) or found["stage"] != "intended" or is_open)
        and (not query.document_id or query.document_id in ids)
        and (
            not query.field
            or any(f"{it}.".startswith(f"{query.field}.") or f"{query.field}.".startswith(f"{it}.") for it in paths)
        )
        and (not query.text or any(query.text in it for it in told))
    )


def stored(folder: Path) -> Iterator[dict[str, Any]]:
    for path in files_of(folder):
        for line in path.read_bytes().splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and "seq" in found:
                yield found


def seqs(folder: Path, query: AuditQuery) -> list[int]:
    return [json.loads(line)["seq"] for line in search(folder, query).lines]


def counted(folder: Path, query: AuditQuery) -> dict[tuple[str, ...], tuple[int, int, int]]:
    return {tuple(asdict(use).values()): (it.count, it.first_us, it.last_us) for use, it in tally(folder, query).rows}


@given(segments(), QUERIES, st.randoms(use_true_random=False))
def test_a_search_finds_what_a_look_at_every_record_finds(
    written: list[list[AuditRecord]], query: AuditQuery, random: Any
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = folder_of(Path(name) / "audit", written)
        for path in files_of(folder):
            if random.random() < 0.2:
                tear_a_line(path, random)
        every = list(stored(folder))
        ends = {it["intent"] for it in every}
        expected = [it["seq"] for it in every if fits(it, query, ends)][-query.limit :]
        assert seqs(folder, query) == expected
        used = AuditQuery(collection="s.c", since_us=query.since_us, until_us=query.until_us)
        uses = counted(folder, used)
        assert sum(count for count, _, _ in uses.values()) == sum(fits(it, used, ends) for it in every)
        index_folder(folder)
        assert seqs(folder, query) == expected
        assert counted(folder, used) == uses
        for path in files_of(folder)[:-1]:
            assert has_index(path)
            if random.random() < 0.3:
                damage(index_path(path), random)
        assert seqs(folder, query) == expected
        assert counted(folder, used) == uses


def tear_a_line(path: Path, random: Any) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if lines:
        torn = random.randrange(len(lines))
        lines[torn] = random.choice([b"\n", b"\xff\n", lines[torn][1:], lines[torn][:-9] + b"\n", b"[1]\n"])
        path.write_bytes(b"".join(lines))


def damage(path: Path, random: Any) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two closed segments and an open one, of ten queries each."""
    return folder_of(tmp_path / "audit", [[record(number) for number in range(at, at + 10)] for at in (0, 10, 20)])


@pytest.mark.parametrize("indexed", [(), (0,), (1,), (0, 1)])
def test_a_write_is_pending_until_its_end_is_recorded_wherever_that_is(
    tmp_path: Path, indexed: tuple[int, ...]
) -> None:
    writes = [record(number, operation="insert", intent=number) for number in range(1, 5)]
    in_own, in_next, in_open, never = writes
    folder = folder_of(tmp_path, [[*map(intended, writes), in_own], [record(9), in_next], [in_open]])
    index_folder(folder)
    for number, path in enumerate(files_of(folder)[:2]):
        if number not in indexed:
            index_path(path).unlink()
    never_seq = never.intent
    assert seqs(folder, AuditQuery(unresolved=True)) == [never_seq]
    assert seqs(folder, AuditQuery(outcome="pending")) == [never_seq]
    assert seqs(folder, AuditQuery(operation="insert")) == [never_seq, 5, 7, 8]
    assert seqs(folder, AuditQuery(request_id=never.request_id)) == [never_seq]
    assert seqs(folder, AuditQuery(stages=("intended",))) == [1, 2, 3, 4]
    assert {(use[3], count) for use, (count, _, _) in counted(folder, AuditQuery(operation="insert")).items()} == {
        ("ok", 3),
        ("pending", 1),
    }


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("query", [AuditQuery(unresolved=True), AuditQuery(request_id="r1"), AuditQuery(service="s")])
def test_an_end_whose_line_is_damaged_is_none(tmp_path: Path, query: AuditQuery, indexed: bool) -> None:
    end = record(1, intent=1)
    folder = folder_of(tmp_path, [[intended(end), end], []])
    first = files_of(folder)[0]
    announced, ended, checkpoint = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join((announced, ended[:-9], b"\n", checkpoint)))
    if indexed:
        assert index_folder(folder) == [first]
    assert seqs(folder, query) == [1]


def test_closed_files_are_indexed_and_the_open_one_is_not(folder: Path) -> None:
    first, second, newest = files_of(folder)
    assert index_folder(folder) == [second, first]
    assert [has_index(path) for path in (first, second, newest)] == [True, True, False]
    assert index_folder(folder) == []
    assert index_path(first).stat().st_mode & 0o077 == 0


def test_the_newest_file_is_indexed_when_it_is_closed(tmp_path: Path) -> None:
    path = Chain(tmp_path).segment([record()])
    assert index_folder(tmp_path) == [path]


def test_an_index_of_what_a_file_was_before_is_not_used_and_made_anew(folder: Path) -> None:
    index_folder(folder)
    first = files_of(folder)[0]
    first.write_bytes(first.read_bytes().replace(b'"request_id":"r3"', b'"request_id":"rX"'))
    assert not has_index(first)
    assert seqs(folder, AuditQuery(request_id="rX")) == [4]
    assert index_folder(folder) == [first]
    assert seqs(folder, AuditQuery(request_id="rX")) == [4]


def test_a_damaged_index_is_found_out_by_the_search_that_meets_it_and_made_anew(folder: Path) -> None:
    index_folder(folder)
    first = files_of(folder)[0]
    path = index_path(first)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert seqs(folder, AuditQuery(trace_id="")) == list(range(1, 31))
    assert seqs(folder, AuditQuery(trace_id="t")) == []
    assert not path.exists()
    assert index_folder(folder) == [first]
    assert path.read_bytes() == data


def test_the_index_of_a_file_that_is_gone_is_removed(folder: Path) -> None:
    index_folder(folder)
    first = files_of(folder)[0]
    first.unlink()
    assert index_folder(folder) == []
    assert not index_path(first).exists()
    assert seqs(folder, AuditQuery()) == list(range(11, 31))


def test_a_search_reads_no_more_of_indexed_files_than_what_it_returns(folder: Path) -> None:
    index_folder(folder)
    first = files_of(folder)[0]
    status = first.stat()
    # What stands in the file is not looked at: its index says that there is nothing of that hour, or of that service.
    first.write_bytes(first.read_bytes().replace(b'"service":"s"', b'"service":"t"'))
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert seqs(folder, AuditQuery(service="t")) == []
    assert seqs(folder, AuditQuery(since_us=START_US + 8_000_000, until_us=START_US + 12_000_000)) == [9, 10, 11, 12]


def test_no_index_is_made_where_the_room_is_needed_for_records(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(folder)
    full = os.statvfs_result([*real[:4], 0, *real[5:]])
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    assert index_folder(folder) == []


async def test_the_broker_makes_indexes_in_a_process_of_its_own(folder: Path) -> None:
    await Indexer(folder).once()
    assert [has_index(path) for path in files_of(folder)] == [True, True, False]


async def test_an_index_is_made_when_a_file_was_closed(folder: Path) -> None:
    indexer = Indexer(folder)
    running = asyncio.create_task(indexer.run())
    await until(lambda: has_index(files_of(folder)[0]))
    closed = files_of(folder)[-1]
    (folder / file_name(31)).touch()
    indexer.wake()
    await until(lambda: has_index(closed))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def until(holds: Callable[[], bool]) -> None:
    """Wait for another process."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


async def test_indexes_that_cannot_be_made_are_told_of_in_the_log(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "index").write_text("not a folder")
    await Indexer(folder).once()
    assert "audit files cannot be indexed" in capsys.readouterr().out
