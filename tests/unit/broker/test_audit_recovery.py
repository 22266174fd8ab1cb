"""After a crash: the log goes on where it ended, and a write that had no end gets one that says so.

What lies on the disk when a broker is killed is what a copy of its folder holds at that moment.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aol_broker.audit.files import files_of, lines_backwards
from aol_broker.audit.recovery import AuditFolderError
from audit_logs import audit_log, chain_holds, ended, intended, opened, record, records_of


async def crashed(folder: Path, **options: Any) -> Path:
    """Return a folder as a broker left it that was killed with two writes under way, in several segments."""
    live, image = folder / "live", folder / "image"
    async with opened(live, max_file_bytes=4096, **options) as log:
        first = log.intend(intended(1))
        for number in range(10, 20):
            await log.complete(record(number))
        second, third = log.intend(intended(2)), log.intend(intended(3))
        await third.durable()
        await log.complete(ended(2, second.seq))
        shutil.copytree(live, image, ignore=shutil.ignore_patterns("audit.lock"))
    assert (first.seq, second.seq, third.seq) == (1, 12, 13)
    return image


async def test_writes_that_had_no_end_are_resolved_as_unknown_at_the_next_start(tmp_path: Path) -> None:
    image = await crashed(tmp_path)
    before = len(records_of(image))
    async with opened(image, max_file_bytes=4096) as log:
        added = records_of(image)[before:]
        assert log.durable_seq == before + 2
    assert [(item["intent"], item["stage"], item["outcome"], item["reason"]) for item in added] == [
        (1, "resolved", "unknown", "BROKER_STOPPED"),
        (13, "resolved", "unknown", "BROKER_STOPPED"),
    ]
    announced = {item["seq"]: item for item in records_of(image) if item["stage"] == "intended"}
    for item in added:
        of = announced[item["intent"]]
        same = ("timestamp", "service", "operation", "collection", "filters", "request_id", "principal")
        assert [item[key] for key in same] == [of[key] for key in same]
    assert chain_holds(image)


async def test_a_second_start_resolves_nothing_again(tmp_path: Path) -> None:
    image = await crashed(tmp_path)
    async with opened(image):
        pass
    count = len(records_of(image))
    async with opened(image):
        pass
    assert len(records_of(image)) == count


async def test_a_crash_at_any_byte_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    image = await crashed(tmp_path)
    newest = files_of(image)[-1]
    data = newest.read_bytes()
    older = sum(
        1 for path in files_of(image)[:-1] for line in path.read_bytes().splitlines() if b"checkpoint" not in line
    )
    for size in range(0, len(data) + 1, 29):
        copy = tmp_path / f"cut-{size}"
        shutil.copytree(image, copy)
        (copy / newest.name).write_bytes(data[:size])
        whole = data[:size].count(b"\n")
        async with opened(copy) as log:
            await log.complete(record(99))
        assert chain_holds(copy)
        kept = records_of(copy)
        assert kept[-1]["request_id"] == "r99"
        open_before = {item["seq"] for item in kept[: older + whole] if item["stage"] == "intended"}
        open_before -= {item["intent"] for item in kept[: older + whole]}
        assert {item["intent"] for item in kept[older + whole :] if item["intent"]} == open_before
        shutil.rmtree(copy)


@pytest.mark.parametrize("torn", [b"{", b"\0" * 20_000, b"x" * 200_000])
async def test_a_torn_end_of_any_length_is_cut(tmp_path: Path, torn: bytes) -> None:
    image = await crashed(tmp_path)
    with files_of(image)[-1].open("ab") as file:
        file.write(torn)
    async with opened(image) as log:
        await log.complete(record(99))
    assert chain_holds(image)


async def test_a_crash_between_the_checkpoint_and_the_next_segment_is_no_damage(tmp_path: Path) -> None:
    image = await crashed(tmp_path)
    files_of(image)[-1].unlink()
    async with opened(image) as log:
        await log.complete(record(99))
    assert chain_holds(image)
    assert not [item for item in records_of(image) if item["operation"] == "audit_resumed"]


async def test_an_empty_newest_segment_is_written_on(tmp_path: Path) -> None:
    image = await crashed(tmp_path)
    newest = files_of(image)[-1]
    newest.write_bytes(b"")
    async with opened(image) as log:
        await log.complete(record(99))
    assert chain_holds(image)
    assert newest in files_of(image)


async def test_a_damaged_newest_segment_is_left_alone_and_its_numbers_are_not_given_again(tmp_path: Path) -> None:
    image = await crashed(tmp_path)
    newest = files_of(image)[-1]
    last = json.loads(next(lines_backwards(newest)))["seq"]
    damaged = (
        newest.read_bytes().replace(b'"stage":"intended"', b'"stage":"intendeD"') + b'\xff\xff\n{"seq": true}\n[]\n'
    )
    newest.write_bytes(damaged)
    async with opened(image) as log:
        await log.complete(record(99))
    assert newest.read_bytes() == damaged
    (first, *_, after) = added = [json.loads(line) for line in files_of(image)[-1].read_bytes().splitlines()[:-1]]
    assert first["seq"] == last + 4
    assert after["request_id"] == "r99"
    (resumed,) = [item for item in added if item["operation"] == "audit_resumed"]
    assert (resumed["reason"], resumed["filters"]["segment"]) == ("SEGMENT_DAMAGED", newest.name)


@given(st.binary(max_size=400))
def test_a_newest_segment_of_any_content_is_gone_on_from_or_refused_and_left_alone(content: bytes) -> None:
    async def record_one(audit: Path) -> bool:
        try:
            async with opened(audit) as log:
                await log.complete(record(1))
        except AuditFolderError:
            return False
        return True

    with tempfile.TemporaryDirectory() as folder:
        audit = Path(folder) / "audit"
        audit.mkdir()
        segment = audit / "audit-0000000000000007.jsonl"
        segment.write_bytes(content)
        if asyncio.run(record_one(audit)):
            last = json.loads(files_of(audit)[-1].read_bytes().splitlines()[-2])
            assert (last["request_id"], last["seq"] >= 7) == ("r1", True)
        else:
            assert segment.read_bytes() == content


@pytest.mark.parametrize("damage", [b"garbage\n", b"{}\n\n", b'{"seq": -1}\n', b"\0" * (2 << 20)])
async def test_a_segment_that_does_not_tell_its_last_number_is_refused_and_left_alone(
    tmp_path: Path, damage: bytes
) -> None:
    file = tmp_path / "audit-0000000000000007.jsonl"
    file.write_bytes(damage)
    with pytest.raises(AuditFolderError, match="nothing was changed"):
        await audit_log(tmp_path).open()
    assert file.read_bytes() == damage
    file.rename(tmp_path / "looked-at.jsonl")
    async with opened(tmp_path):
        pass
