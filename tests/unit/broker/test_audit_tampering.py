"""Does the audit log notice that its files or its folder are taken away or changed under it?"""

import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aol_broker.audit.files import files_of
from aol_broker.audit.log import AuditLog
from aol_broker.audit.recovery import AuditFolderError
from aol_wire.errors import Applied
from audit_logs import audit_log, opened, record, records_of, refused, told, unrecorded


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[AuditLog]:
    async with opened(tmp_path / "audit") as log:
        yield log


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    with capture_logs():
        yield


def delete(path: Path) -> None:
    path.unlink()


def replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def replace_by_a_link(path: Path) -> None:
    moved = path.with_name("moved")
    path.rename(moved)
    path.symlink_to(moved)


def cut(path: Path) -> None:
    os.truncate(path, 10)


def add_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"{}\n")


@pytest.mark.parametrize("tamper", [delete, replace_by_a_copy, replace_by_a_link, cut, add_to])
async def test_a_segment_that_is_tampered_with_while_it_is_written_is_noticed_by_the_next_record(
    log: AuditLog, tamper: Any
) -> None:
    await log.complete(record(1))
    segment = files_of(log.directory)[0]
    tamper(segment)
    await unrecorded(log, record(2))
    assert "file" in log.failure
    refused(log)
    assert await log.recover()
    await log.complete(record(3))
    newest = files_of(log.directory)[-1]
    assert newest.name == "audit-0000000000000002.jsonl", "the record that is missing is missing for all to see"
    resumed, after = map(json.loads, newest.read_bytes().splitlines())
    assert (resumed["reason"], resumed["filters"]) == ("SEGMENT_REPLACED", {"refused": 1, "segment": segment.name})
    assert after["prev"] == resumed["hash"]


async def test_a_folder_that_is_removed_is_made_again_and_the_chain_goes_on(log: AuditLog) -> None:
    await log.complete(record(1))
    shutil.rmtree(log.directory)
    await unrecorded(log, record(2))
    assert await log.recover()
    await log.complete(record(3))
    assert told(log.directory) == [("audit_resumed", "SEGMENT_REPLACED"), ("r3", "")]
    assert records_of(log.directory)[0]["seq"] == 2
    assert log.directory.stat().st_mode & 0o777 == 0o700
    with pytest.raises(AuditFolderError, match="in use"):
        await audit_log(log.directory).open()


async def test_a_file_in_the_place_of_a_removed_folder_refuses_calls_until_it_is_gone(log: AuditLog) -> None:
    await log.complete(record(1))
    shutil.rmtree(log.directory)
    log.directory.write_text("")
    await unrecorded(log, record(2))
    assert not await log.recover()
    assert refused(log).applied is Applied.NO
    log.directory.unlink()
    assert await log.recover()


async def test_a_folder_that_another_broker_took_meanwhile_is_left_to_it(log: AuditLog) -> None:
    await log.complete(record(1))
    shutil.rmtree(log.directory)
    async with opened(log.directory) as other:
        await other.complete(record(10))
        await unrecorded(log, record(2))
        assert not await log.recover()
        assert "in use by another broker" in refused(log).message
    assert told(log.directory) == [("r10", "")]


async def test_a_closed_log_records_nothing_and_stays_closed(log: AuditLog) -> None:
    await log.close()
    await unrecorded(log, record())
    assert refused(log).applied is Applied.NO
    await log.recover()
    refused(log)
    async with opened(log.directory):
        pass


async def test_a_second_broker_on_the_folder_is_refused_by_the_first_ones_process(log: AuditLog) -> None:
    second = audit_log(log.directory)
    with pytest.raises(AuditFolderError, match=rf"in use by another broker \(process {os.getpid()}\)"):
        await second.open()
    await log.close()
    await second.open()
    await second.close()


async def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditFolderError, match=r"cannot be written in .*: Not a directory"):
        await audit_log(tmp_path / "file" / "audit").open()
