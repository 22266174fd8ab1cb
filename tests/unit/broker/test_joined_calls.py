"""Is each call answered as it would be alone, when several go to their adapter as one?"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aol.data.v1.document_pb2 import Page
from aol_broker.adapters.joined import JoinedCalls
from aol_wire.adapter import CollectionSpec, Deleted, Find, Found, Insert, Outcome, Target, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Compare, Filter, Member, Operator
from aol_wire.limits import PAGE_MAX_BYTES
from line import TroubledAdapter

TARGET = Target("flight-ops", "flights")


class PoisonedAdapter(TroubledAdapter):
    """An adapter that a document can make fail as a whole."""

    async def write(self, request: Write) -> list[Outcome]:
        if any(isinstance(it, Insert) and "poison" in it.json for it in request.mutations):
            raise DataError(Reason.TOO_LARGE, "A document is too large.", applied=Applied.NO)
        return await super().write(request)


@pytest.fixture
async def adapter() -> AsyncIterator[PoisonedAdapter]:
    adapter = PoisonedAdapter()
    await adapter.start()
    await adapter.ensure_collection(CollectionSpec(TARGET))
    yield adapter
    await adapter.close()


@pytest.fixture
def joined(adapter: PoisonedAdapter) -> JoinedCalls:
    return JoinedCalls(adapter.write, adapter.find)


# Without a limit of time: whether limits are close enough together to share a call is the clock's to say.
def insert(document_id: str, json: str = "{}", timeout_s: float | None = None) -> Write:
    return Write(TARGET, [Insert(document_id, json, 1)], timeout_s=timeout_s)


def read(document_id: str, *, deleted: Deleted = Deleted.EXCLUDE, limit: int = 1) -> Find:
    wanted = Compare(("_id",), Operator.EQ, document_id)
    return Find(TARGET, wanted, limit=limit, deleted=deleted)


async def errors_of(*calls: object) -> list[object]:
    answers = await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload]
    return list(answers)


async def test_inserts_of_one_moment_are_one_call_with_an_outcome_each(
    adapter: PoisonedAdapter, joined: JoinedCalls
) -> None:
    """In their order: of two documents with one id the first is stored."""
    answers = await asyncio.gather(
        joined.write(insert("a", '{"n":1}')), joined.write(insert("b")), joined.write(insert("a", '{"n":2}'))
    )
    assert adapter.calls == 1
    assert [len(outcomes) for outcomes in answers] == [1, 1, 1]
    assert [outcomes[0].affected for outcomes in answers] == [1, 1, 0]
    error = answers[2][0].error
    assert error is not None
    assert error.reason is Reason.DUPLICATE_ID
    assert (await adapter.find(read("a"))).page.json == ['{"n":1}']


async def test_a_document_that_makes_the_whole_call_fail_fails_alone(
    adapter: PoisonedAdapter, joined: JoinedCalls
) -> None:
    answers = await asyncio.gather(
        joined.write(insert("a")), joined.write(insert("b", '{"poison":1}')), joined.write(insert("c"))
    )
    assert [outcomes[0].error is None for outcomes in answers] == [True, False, True]
    error = answers[1][0].error
    assert error is not None
    assert error.reason is Reason.TOO_LARGE


async def test_a_failure_after_which_nobody_knows_is_told_to_each_and_nothing_is_repeated(
    adapter: PoisonedAdapter, joined: JoinedCalls
) -> None:
    adapter.trouble = DataError(Reason.ADAPTER_DOWN, "It is gone.", applied=Applied.UNKNOWN)
    first, second = await errors_of(joined.write(insert("a")), joined.write(insert("b")))
    assert adapter.calls == 1
    assert first is not second, "whoever answers a caller fills in that caller's error"
    for error in (first, second):
        assert isinstance(error, DataError)
        assert (error.reason, error.applied) == (Reason.ADAPTER_DOWN, Applied.UNKNOWN)


async def test_calls_with_different_times_left_do_not_share_one(adapter: PoisonedAdapter, joined: JoinedCalls) -> None:
    await asyncio.gather(joined.write(insert("a", timeout_s=20)), joined.write(insert("b", timeout_s=5)))
    await asyncio.gather(joined.write(insert("c", timeout_s=None)), joined.write(insert("d", timeout_s=5)))
    assert adapter.calls == 4


async def test_writes_that_are_more_than_an_insert_go_alone(adapter: PoisonedAdapter, joined: JoinedCalls) -> None:
    atomic = Write(TARGET, [Insert("a", "{}", 1)], atomic=True, timeout_s=20)
    with_ids = Write(TARGET, [Insert("b", "{}", 1)], return_ids=True, timeout_s=20)
    both = await asyncio.gather(joined.write(atomic), joined.write(with_ids))
    assert adapter.calls == 2
    assert both[1][0].ids == ("b",)


async def test_reads_of_one_moment_are_one_call_and_give_what_each_would_alone(
    adapter: PoisonedAdapter, joined: JoinedCalls
) -> None:
    for document_id in ("a", "b"):
        await adapter.write(insert(document_id, f'{{"n":"{document_id}"}}'))
    wanted = [read("a"), read("nobody"), read("b", limit=10), read("a")]
    alone = [await adapter.find(request) for request in wanted]
    adapter.calls = 0
    assert await asyncio.gather(*map(joined.find, wanted)) == alone
    assert adapter.calls == 1


async def test_reads_of_more_than_a_page_are_all_answered(adapter: PoisonedAdapter, joined: JoinedCalls) -> None:
    ids = ["a", "b", "c", "d"]
    large = f'{{"text":"{"x" * (PAGE_MAX_BYTES * 2 // 5)}"}}'
    await adapter.write(Write(TARGET, [Insert(document_id, large, 1) for document_id in ids]))
    found = await asyncio.gather(*(joined.find(read(document_id)) for document_id in ids))
    assert [list(answer.page.id) for answer in found] == [[document_id] for document_id in ids]
    assert all(answer.page.json == [large] for answer in found)


@pytest.mark.parametrize("cut", [b"", b"more"])
async def test_an_id_that_several_documents_have_is_read_alone(cut: bytes) -> None:
    """As in a collection that is partitioned by a field. `cut`: the shared page could not hold them all."""
    asked: list[Filter | None] = []

    async def find(request: Find) -> Found:
        asked.append(request.filter)
        if isinstance(request.filter, Member):
            return Found(Page(id=["a", "b", "b"], json=["1", "2", "3"]), cut)
        assert isinstance(request.filter, Compare)
        return Found(Page(id=[str(request.filter.operand)], json=["alone"]), b"next")

    async def write(_: Write) -> list[Outcome]:
        return []

    joined = JoinedCalls(write, find)
    one, two, none = await asyncio.gather(*(joined.find(read(document_id)) for document_id in ("a", "b", "c")))
    assert one.page.json == ["1"]
    assert two.page.json == ["alone"]
    assert two.next_position == b"next"
    assert none.page.json == (["alone"] if cut else [])
    assert len(asked) == (3 if cut else 2)


async def test_a_caller_that_goes_away_takes_nobody_along(adapter: PoisonedAdapter, joined: JoinedCalls) -> None:
    adapter.hang = asyncio.Event()
    leaving, staying = (asyncio.ensure_future(joined.write(insert(document_id))) for document_id in ("a", "b"))
    await adapter.hang.wait()
    leaving.cancel()
    await asyncio.sleep(0)
    adapter.hang_no_more()
    assert (await staying)[0].error is None
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_work_that_nobody_waits_for_is_cancelled() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def find(_: Find) -> Found:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Found(Page())

    async def write(_: Write) -> list[Outcome]:
        return []

    joined = JoinedCalls(write, find)
    reads = [asyncio.ensure_future(joined.find(read(document_id))) for document_id in ("a", "b")]
    await begun.wait()
    for call in reads:
        call.cancel()
    async with asyncio.timeout(20):
        await ended.wait()
    await asyncio.gather(*reads, return_exceptions=True)
