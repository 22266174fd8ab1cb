"""What is gone after a delete, and what stays after a soft one?"""

from collections.abc import Callable

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Capability, Deleted
from aol_wire.errors import Reason


@pytest.fixture
async def three(trial: Trial) -> Trial:
    """Three documents, `n` from 1 to 3."""
    await trial.fill({str(number): {"n": number} for number in (1, 2, 3)})
    return trial


async def test_a_delete_removes_every_document_that_matches(three: Trial) -> None:
    outcome = await three.apply(three.removal({"n": {"$gte": 2}}))
    assert outcome.affected == 2
    assert sorted(outcome.ids) == ["2", "3"]
    assert await three.ids(deleted=Deleted.INCLUDE) == ["1"]
    assert await three.delete({"n": 2}) == 0


async def test_without_a_filter_every_document_is_deleted(three: Trial) -> None:
    assert await three.delete({}) == 3
    assert await three.count(deleted=Deleted.INCLUDE) == 0


async def test_an_id_is_free_after_a_delete(three: Trial) -> None:
    await three.delete({"_id": "1"})
    outcome = await three.insert("1", {"n": 9})
    assert not outcome.was_duplicate
    assert (await three.get("1"))["_version"] == 1


async def test_soft_deleted_documents_are_hidden_unless_asked_for(three: Trial) -> None:
    removal = three.removal({"_id": "2"}, soft=True)
    assert (await three.apply(removal)).ids == ("2",)
    assert await three.ids() == ["1", "3"]
    assert await three.ids(deleted=Deleted.INCLUDE) == ["1", "2", "3"]
    assert await three.ids(deleted=Deleted.ONLY) == ["2"]
    assert await three.count() == 2
    assert await three.count(deleted=Deleted.INCLUDE) == 3
    assert await three.count({"n": 2}, deleted=Deleted.ONLY) == 1
    assert await three.count({"n": 1}, deleted=Deleted.ONLY) == 0
    assert await three.count({"n": 2}) == 0


async def test_a_soft_delete_says_when_and_keeps_the_document(three: Trial) -> None:
    removal = three.removal({"_id": "2"}, soft=True)
    await three.apply(removal)
    after = await three.get("2")
    assert after["_deleted_at"] == removal.now_us
    assert after["n"] == 2
    assert "_deleted_at" not in await three.get("1")


async def test_deletion_times_can_be_filtered_and_sorted(three: Trial) -> None:
    await three.delete({"_id": "3"}, soft=True)
    await three.delete({"_id": "1"}, soft=True)
    assert await three.ids({"_deleted_at": None}, deleted=Deleted.INCLUDE) == ["2"]
    assert await three.ids({"_deleted_at": {"$exists": True}}, deleted=Deleted.INCLUDE) == ["1", "3"]
    assert await three.ids({"_deleted_at": {"$gte": "2000-01-01"}}, "_deleted_at", deleted=Deleted.INCLUDE) == [
        "3",
        "1",
    ]
    assert await three.ids({}, "_deleted_at", deleted=Deleted.INCLUDE) == ["2", "3", "1"]


async def test_soft_deleted_documents_do_not_match_a_delete(three: Trial) -> None:
    await three.delete({"_id": "2"}, soft=True)
    first = (await three.get("2"))["_deleted_at"]
    assert await three.delete({}, soft=True) == 2
    assert (await three.get("2"))["_deleted_at"] == first
    assert await three.delete({}) == 0
    assert await three.count(deleted=Deleted.INCLUDE) == 3


async def test_the_id_of_a_soft_deleted_document_stays_taken(three: Trial) -> None:
    await three.delete({"_id": "2"}, soft=True)
    assert await three.refusal(three.insertion("2", {"n": 2})) is Reason.DUPLICATE_ID
    assert await three.refusal(three.insertion("2", {"n": 5})) is Reason.DUPLICATE_ID


async def test_the_unique_values_of_a_soft_deleted_document_stay_taken(
    three: Trial, needs: Callable[[Capability], None]
) -> None:
    needs(Capability.UNIQUE)
    await three.ensure({"fields": ["n"], "type": "unique"})
    await three.delete({"_id": "2"}, soft=True)
    assert await three.refusal(three.insertion("4", {"n": 2})) is Reason.UNIQUE_VIOLATION
    await three.delete({"_id": "3"})
    assert (await three.insert("4", {"n": 3})).affected == 1
