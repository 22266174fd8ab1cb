"""Do writes of SQLite that wait together share a transaction, and does one that fails fail alone?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import CollectionSpec, Delete, Insert, Mutation, Outcome, Target, Update, Write
from aol_wire.errors import Applied, DataError, Reason
from aol_wire.filters import Compare, Operator
from aol_wire.index_parser import parse_index
from aol_wire.updates import Set

TARGET = Target("shop", "items")


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[SqliteAdapter]:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    index = parse_index({"fields": ["sku"], "type": "unique"}, "index")
    await adapter.ensure_collection(CollectionSpec(TARGET, indexes=(index,)))
    yield adapter
    await adapter.close()


def insert(number: int, document: str = "{}") -> Insert:
    return Insert(f"{number:03}", document, 1)


async def written(
    adapter: SqliteAdapter, *groups: Sequence[Mutation], atomic: bool = False, target: Target = TARGET
) -> list[list[Outcome] | BaseException]:
    """Write groups of mutations at once; what each was answered."""
    requests = (Write(target, group, atomic) for group in groups)
    return await asyncio.gather(*(adapter.write(request) for request in requests), return_exceptions=True)


async def test_a_thousand_writes_at_once_are_all_there(adapter: SqliteAdapter) -> None:
    answers = await written(adapter, *([insert(number, f'{{"sku":{number}}}')] for number in range(1000)))
    assert [type(answer) for answer in answers] == [list] * 1000
    assert await Trial(adapter, TARGET).count() == 1000


async def test_a_poisoned_insert_fails_alone(adapter: SqliteAdapter) -> None:
    await written(adapter, [insert(0, '{"sku":0}')])
    answers = await written(
        adapter,
        [insert(1, '{"sku":1}')],
        [insert(0, '{"sku":2}')],
        [insert(3, '{"sku":0}')],
        [insert(4, '{"sku":[]}')],
        [insert(5, '{"sku":5}')],
    )
    reasons = [answer[0].error.reason if isinstance(answer, list) and answer[0].error else None for answer in answers]
    assert reasons == [None, Reason.DUPLICATE_ID, Reason.UNIQUE_VIOLATION, Reason.BAD_DOCUMENT, None]
    assert await Trial(adapter, TARGET).ids() == ["000", "001", "005"]


async def test_an_atomic_write_that_fails_is_undone_alone(adapter: SqliteAdapter) -> None:
    requests = [
        Write(TARGET, [insert(1), insert(2, '{"sku":[]}')], atomic=True),
        Write(TARGET, [insert(3, '{"sku":3}'), insert(4, '{"sku":4}')], atomic=True),
    ]
    first, second = await asyncio.gather(*map(adapter.write, requests), return_exceptions=True)
    assert isinstance(first, DataError)
    assert (first.reason, first.applied) == (Reason.BAD_DOCUMENT, Applied.NO)
    assert isinstance(second, list)
    assert await Trial(adapter, TARGET).ids() == ["003", "004"]


async def test_a_write_to_a_collection_that_is_not_there_fails_alone(adapter: SqliteAdapter) -> None:
    (fine,), (lost,) = await asyncio.gather(
        written(adapter, [insert(1)]), written(adapter, [insert(2)], target=Target("shop", "nothing"))
    )
    assert isinstance(fine, list)
    assert isinstance(lost, DataError)
    assert (lost.reason, lost.applied) == (Reason.COLLECTION_NOT_FOUND, Applied.NO)


async def test_changes_of_one_document_take_place_in_the_order_in_which_they_came(adapter: SqliteAdapter) -> None:
    by_id = Compare(("_id",), Operator.EQ, "001")
    groups: list[list[Mutation]] = [[insert(1)]]
    groups += [[Update(by_id, (Set(("n",), number),), 1)] for number in range(20)]
    groups += [[Delete(by_id, 1)], [insert(1, '{"n":"again"}')]]
    answers = await written(adapter, *groups)
    assert all(isinstance(answer, list) and answer[0].affected == 1 for answer in answers)
    assert (await Trial(adapter, TARGET).get("001"))["n"] == "again"
