"""Do guards keep a change from doing too much?"""

import asyncio

import pytest

from aol_adapters.trial import Trial
from aol_wire.errors import DataError, Reason


@pytest.fixture
async def five(trial: Trial) -> Trial:
    """Five documents, `n` from 0 to 4."""
    await trial.fill({str(number): {"n": number} for number in range(5)})
    return trial


async def test_max_affected_makes_too_broad_an_update_fail_and_change_nothing(five: Trial) -> None:
    assert await five.refusal(five.change({}, {"x": 1}, max_affected=4)) is Reason.MAX_AFFECTED_EXCEEDED
    assert await five.count({"x": 1}) == 0
    assert await five.count({"_version": 1}) == 5
    assert (await five.apply(five.change({}, {"x": 1}, max_affected=5))).affected == 5


@pytest.mark.parametrize("soft", [False, True])
async def test_max_affected_makes_too_broad_a_delete_fail_and_change_nothing(five: Trial, soft: bool) -> None:
    refused = five.removal({"n": {"$gt": 0}}, soft=soft, max_affected=3)
    assert await five.refusal(refused) is Reason.MAX_AFFECTED_EXCEEDED
    assert await five.count() == 5
    assert (await five.apply(five.removal({"n": {"$gt": 0}}, soft=soft, max_affected=4))).affected == 4


async def test_max_affected_of_zero_allows_only_no_match(five: Trial) -> None:
    assert (await five.apply(five.change({"n": 9}, {"x": 1}, max_affected=0))).affected == 0
    assert await five.refusal(five.change({"n": 1}, {"x": 1}, max_affected=0)) is Reason.MAX_AFFECTED_EXCEEDED


async def test_if_version_changes_only_a_document_of_that_version(five: Trial) -> None:
    assert (await five.apply(five.change({"_id": "1"}, {"x": 1}, if_version=1))).affected == 1
    assert await five.refusal(five.change({"_id": "1"}, {"x": 2}, if_version=1)) is Reason.VERSION_MISMATCH
    assert (await five.get("1"))["x"] == 1
    assert (await five.apply(five.change({"_id": "1"}, {"x": 2}, if_version=2))).affected == 1


@pytest.mark.parametrize("soft", [False, True])
async def test_if_version_deletes_only_a_document_of_that_version(five: Trial, soft: bool) -> None:
    await five.update({"_id": "1"}, {"x": 1})
    assert await five.refusal(five.removal({"_id": "1"}, soft=soft, if_version=1)) is Reason.VERSION_MISMATCH
    assert await five.count({"_id": "1"}) == 1
    assert (await five.apply(five.removal({"_id": "1"}, soft=soft, if_version=2))).affected == 1


async def test_if_version_without_a_match_affects_nothing(five: Trial) -> None:
    assert (await five.apply(five.change({"_id": "none"}, {"x": 1}, if_version=1))).affected == 0
    assert (await five.apply(five.removal({"_id": "none"}, if_version=1))).affected == 0
    await five.delete({"_id": "1"}, soft=True)
    assert (await five.apply(five.change({"_id": "1"}, {"x": 1}, if_version=1))).affected == 0


async def test_of_many_updates_with_one_version_one_wins(five: Trial) -> None:
    results = await asyncio.gather(
        *(five.apply(five.change({"_id": "1"}, {"x": number}, if_version=1)) for number in range(10)),
        return_exceptions=True,
    )
    failed = [result for result in results if isinstance(result, DataError)]
    assert len(failed) == 9
    assert {error.reason for error in failed} == {Reason.VERSION_MISMATCH}
    assert (await five.get("1"))["_version"] == 2
