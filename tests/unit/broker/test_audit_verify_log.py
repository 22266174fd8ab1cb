"""Do the audit log, its anchors and verification agree: is what the real log writes whole, also while it writes?"""

import asyncio
import shutil
from pathlib import Path

import pytest

from aol_broker.audit.anchor_places import AnchorFile
from aol_broker.audit.anchors import Anchors
from aol_broker.audit.files import files_of
from aol_broker.audit.findings import Kind
from aol_broker.audit.log import AuditLog
from aol_broker.audit.verify import verify
from aol_wire.errors import DataError
from audit_logs import KEY, audit_log, ended, intended, opened, record

SMALL = 8192


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(KEY.public_pem())
    return path


async def use(log: AuditLog, calls: int) -> None:
    """Record reads and writes, as many calls at once as there may be."""

    async def call(number: int) -> None:
        if number % 2:
            await log.complete(record(number))
            return
        intent = log.intend(intended(number))
        await intent.durable()
        await log.complete(ended(number, intent.seq))

    await asyncio.gather(*(call(number) for number in range(calls)))


async def test_everything_that_the_log_wrote_and_anchored_is_vouched_for(tmp_path: Path, key: Path) -> None:
    anchor = tmp_path / "anchor.jsonl"
    for _ in range(2):
        log = audit_log(tmp_path / "audit", max_file_bytes=SMALL)
        await log.open()
        anchors = Anchors(log, AnchorFile(anchor), "file", every_s=0.01)
        anchoring = asyncio.create_task(anchors.run())
        await use(log, 100)
        anchoring.cancel()
        await asyncio.wait((anchoring,))
        await log.close()
        await anchors.stop()
        assert anchors.anchored_seq == log.durable_seq
    found = verify(log.directory, public_keys=[key], anchors=[anchor])
    assert (found.damages, found.unchecked, found.notes) == ((), (), ())
    assert found.last_seq == found.vouched_seq == found.anchored_seq == 300
    assert found.segments > 20


async def test_what_is_being_written_is_whole_whenever_it_is_verified(tmp_path: Path, key: Path) -> None:
    async with opened(tmp_path / "audit", max_file_bytes=SMALL) as log:
        await use(log, 10)
        writing = asyncio.create_task(use(log, 600))
        while not writing.done():
            found = await asyncio.to_thread(verify, log.directory, public_keys=[key])
            assert found.damages == ()
        await writing
    assert verify(log.directory, public_keys=[key]).vouched_seq == log.durable_seq


async def test_after_a_crash_in_the_middle_of_a_record_and_a_restart_all_is_whole(tmp_path: Path, key: Path) -> None:
    async with opened(tmp_path / "audit") as log:
        intent = log.intend(intended())
        await intent.durable()
        copy = tmp_path / "crashed"
        shutil.copytree(log.directory, copy)
    [segment] = files_of(copy)
    segment.write_bytes(segment.read_bytes() + segment.read_bytes()[:50])
    found = verify(copy, public_keys=[key])
    assert (found.damages, found.torn_bytes, found.last_seq) == ((), 50, 1)
    async with opened(copy):
        pass
    found = verify(copy, public_keys=[key])
    assert (found.damages, found.torn_bytes, found.vouched_seq) == ((), 0, 2)


@pytest.mark.parametrize("harm", ["removed", "replaced", "copied"])
async def test_a_segment_that_was_taken_away_while_the_log_wrote_it_is_missed(
    tmp_path: Path, key: Path, harm: str
) -> None:
    async with opened(tmp_path / "audit") as log:
        await use(log, 10)
        [segment] = files_of(log.directory)
        content = segment.read_bytes()
        segment.unlink()
        if harm != "removed":
            segment.write_bytes(content if harm == "copied" else b"another\n")
        with pytest.raises(DataError, match="cannot be written"):
            await log.complete(record())
        assert await log.recover()
        await use(log, 10)
    found = verify(log.directory, public_keys=[key])
    if harm == "copied":
        # Nothing is lost, and why there is no checkpoint is told.
        assert found.damages == ()
        assert f"{segment.name} has no checkpoint: the broker could not go on writing it" in found.notes[0]
    else:
        assert found.damages[0].kind is (Kind.MISSING if harm == "removed" else Kind.CHANGED)
        assert found.damages[0].seq == 1
