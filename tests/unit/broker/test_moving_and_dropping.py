"""A collection is dropped whole: not while it is being copied, and not from where it no longer is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol.admin.v1 import admin_pb2
from aol_broker.request import Reply
from aol_wire.errors import DataError, Reason
from line import Line
from moves import EVENTS, abort, adapter_of, contents, good, moving_line, run_to


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = await moving_line(tmp_path)
    yield line
    await line.stop()


async def drop(line: Line, *, dry_run: bool = False) -> Reply:
    return await line.operate("DropCollection", admin_pb2.DropCollectionRequest(collection=EVENTS, dry_run=dry_run))


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_collection_is_not_dropped_before_its_copy_is_over_or_given_up(line: Line, dry_run: bool) -> None:
    before = await contents(line.adapter)
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    reply = await drop(line, dry_run=dry_run)
    assert reply.error is not None
    assert (reply.error.reason, reply.error.violations[0].path) == (Reason.BAD_REQUEST, "collection")
    assert f"aol copy {EVENTS} --abort" in reply.error.message
    assert await contents(line.adapter) == before
    await abort(line)
    assert (await drop(line, dry_run=dry_run)).error is None


async def test_a_collection_is_not_dropped_while_something_of_a_copy_that_was_given_up_is_left(line: Line) -> None:
    await run_to(line, admin_pb2.COPY_PHASE_VERIFYING)
    second = line.others["second"]
    await second.close()
    await line.operate("AbortCopy", admin_pb2.AbortCopyRequest(collection=EVENTS))
    before = await contents(line.adapter)
    error = await line.operator_refusal("DropCollection", admin_pb2.DropCollectionRequest(collection=EVENTS))
    assert f"aol copy {EVENTS} --abort" in error.message
    assert await contents(line.adapter) == before
    await second.start()
    await abort(line)
    assert (await drop(line)).error is None


async def test_a_copy_that_begins_during_a_drop_keeps_the_registry_from_forgetting_the_collection(line: Line) -> None:
    await good(line)
    with pytest.raises(DataError) as refused:
        await line.registry.drop_collection(EVENTS)
    assert refused.value.reason is Reason.BAD_REQUEST
    assert EVENTS in line.registry.snapshot.collections


async def test_a_collection_is_dropped_from_the_adapter_that_another_broker_moved_it_to(line: Line) -> None:
    other = Line(line.folder, others=line.others)
    other.adapter, other.audit = line.adapter, line.audit
    await other.start()
    await run_to(other, admin_pb2.COPY_PHASE_DONE)
    assert adapter_of(line) == "memory", "this broker has not heard of it"
    before = await contents(line.adapter)
    assert (await drop(line)).error is None
    with pytest.raises(DataError):
        await contents(line.others["second"])
    assert await contents(line.adapter) == before, "what was in the old place stays there"
    await other.registry.close()
