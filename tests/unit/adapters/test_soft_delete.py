"""Do restoring and purging keep to the guards, the metadata and the indexes?"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Deleted, Mutation
from aol_wire.errors import Reason

UNIQUE = {"fields": ["number"], "type": "unique"}
TEXT = {"fields": ["note"], "type": "text"}


@pytest.fixture(params=["memory", "sqlite"])
async def trial(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Trial]:
    """Three documents, of which `gone` and `lost` are marked as deleted."""
    adapter = MemoryAdapter() if request.param == "memory" else SqliteAdapter(tmp_path)
    await adapter.start()
    trial = Trial(adapter)
    await trial.ensure(UNIQUE, TEXT)
    numbers = {"gone": 1, "here": 2, "lost": 3}
    await trial.fill({id_: {"number": number, "note": f"words of {id_}"} for id_, number in numbers.items()})
    await trial.update({"_id": "gone"}, {"note": "other words of gone"})
    assert await trial.delete({"_id": {"$ne": "here"}}, soft=True) == 2
    yield trial
    await adapter.close()


async def refusal(trial: Trial, mutation: Mutation) -> Reason | None:
    (outcome,) = await trial.write(mutation)
    return None if outcome.error is None else outcome.error.reason


async def test_marking_and_restoring_leave_version_and_time_alone(trial: Trial) -> None:
    gone = await trial.get("gone")
    assert gone["_version"] == 2
    outcome = await trial.apply(trial.restoring({"_id": "gone"}))
    assert (outcome.affected, outcome.ids) == (1, ("gone",))
    assert await trial.get("gone", Deleted.EXCLUDE) == {key: gone[key] for key in gone if key != "_deleted_at"}
    assert await trial.ids({"$text": "other words"}) == ["gone"]
    assert (await trial.apply(trial.restoring({"_id": "gone"}))).affected == 0


async def test_restoring_and_purging_are_about_marked_documents_only(trial: Trial) -> None:
    assert (await trial.apply(trial.restoring({"_id": "here"}))).affected == 0
    assert (await trial.apply(trial.purging({"number": 2}))).affected == 0
    assert (await trial.apply(trial.purging({}))).ids == ("gone", "lost")
    assert await trial.ids(deleted=Deleted.INCLUDE) == ["here"]


async def test_too_many_are_neither_restored_nor_purged(trial: Trial) -> None:
    for mutation in (trial.restoring({}, max_affected=1), trial.purging({}, max_affected=1)):
        assert await refusal(trial, mutation) is Reason.MAX_AFFECTED_EXCEEDED
        assert await trial.ids(deleted=Deleted.ONLY) == ["gone", "lost"]
    assert (await trial.apply(trial.restoring({}, max_affected=2))).affected == 2


async def test_another_version_is_not_purged(trial: Trial) -> None:
    assert await refusal(trial, trial.purging({"_id": "gone"}, if_version=1)) is Reason.VERSION_MISMATCH
    assert (await trial.apply(trial.purging({"_id": "gone"}, if_version=2))).affected == 1


async def test_purging_frees_ids_and_unique_values_and_nothing_less_does(trial: Trial) -> None:
    same_id, same_value = trial.insertion("gone", {"number": 9}), trial.insertion("new", {"number": 1})
    assert await refusal(trial, same_id) is Reason.DUPLICATE_ID
    assert await refusal(trial, same_value) is Reason.UNIQUE_VIOLATION
    await trial.apply(trial.purging({"_id": "gone"}))
    assert [outcome.error for outcome in await trial.write(same_id, same_value)] == [None, None]


async def test_purging_wins_over_marking(trial: Trial) -> None:
    assert (await trial.apply(replace(trial.purging({}), soft=True))).affected == 2
    assert await trial.ids(deleted=Deleted.INCLUDE) == ["here"]


async def test_purging_leaves_no_words_behind(tmp_path: Path) -> None:
    adapter = SqliteAdapter(tmp_path)
    await adapter.start()
    trial = Trial(adapter)
    await trial.ensure(TEXT)
    await trial.fill({"a": {"note": "secret"}, "b": {"note": "secret"}})
    await trial.delete({"_id": "a"}, soft=True)
    assert _rows_of_words(tmp_path) == 2
    await trial.apply(trial.purging({}))
    assert _rows_of_words(tmp_path) == 1
    await adapter.close()


def _rows_of_words(folder: Path) -> int:
    connection = apsw.Connection(str(folder / "shop.db"))
    try:
        return int(connection.execute('SELECT count(*) FROM "items:words"').get)
    finally:
        connection.close()
