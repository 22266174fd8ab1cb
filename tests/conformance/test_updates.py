"""What does an update make of the documents that match?"""

import asyncio

import pytest

from aol_adapters.trial import Document, Trial
from aol_wire.adapter import Deleted, Write
from aol_wire.errors import Reason
from aol_wire.filters import Json

MAX, MIN = 2**63 - 1, -(2**63)


async def body(trial: Trial, id_: str = "1") -> dict[str, Json]:
    return {key: value for key, value in (await trial.get(id_)).items() if not key.startswith("_")}


@pytest.mark.parametrize(
    ("document", "update", "expected"),
    [
        ({"a": 1, "b": 1}, {"a": 2}, {"a": 2, "b": 1}),
        ({}, {"a.b.c": 1}, {"a": {"b": {"c": 1}}}),
        ({"a": {"x": 1}}, {"a.y": 2}, {"a": {"x": 1, "y": 2}}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"a": [1, 2]}, {"a.1": 5}, {"a": [1, 5]}),
        ({"a": [{"b": 1}]}, {"a.0.b": 5, "a.0.c": 6}, {"a": [{"b": 5, "c": 6}]}),
        ({"a": {}}, {"a.0": 5}, {"a": {"0": 5}}),
        ({}, {"a.0": 5}, {"a": {"0": 5}}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": 1}, {"$set": {"a": 2}, "$unset": {"b": ""}}, {"a": 2}),
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"$unset": {"a": 1, "b.c": 1}}, {"b": {"d": 2}}),
        ({"a": 1}, {"$unset": {"x.y.z": 1, "a.b": 1}}, {"a": 1}),
        ({"a": [1]}, {"$unset": {"a.3": 1}}, {"a": [1]}),
        ({"n": 1}, {"$inc": {"n": 2}}, {"n": 3}),
        ({}, {"$inc": {"n": 2, "m.k": -1.5}}, {"n": 2, "m": {"k": -1.5}}),
        ({"n": 1}, {"$inc": {"n": 0.5}}, {"n": 1.5}),
        ({"n": 0.1}, {"$inc": {"n": 0.2}}, {"n": 0.1 + 0.2}),
        ({"n": MAX - 1}, {"$inc": {"n": 1}}, {"n": MAX}),
        ({"n": MIN + 1}, {"$inc": {"n": -1}}, {"n": MIN}),
        ({"n": 2**53}, {"$inc": {"n": 1}}, {"n": 2**53 + 1}),
        ({"n": MAX}, {"$inc": {"n": 1.0}}, {"n": 2.0**63}),
        ({"a": [1]}, {"$push": {"a": 2}}, {"a": [1, 2]}),
        ({}, {"$push": {"a.b": {"c": 1}}}, {"a": {"b": [{"c": 1}]}}),
        ({"a": []}, {"$push": {"a": [1]}}, {"a": [[1]]}),
        ({"a": [[1]]}, {"$push": {"a.0": 2}}, {"a": [[1, 2]]}),
        ({"a": [5]}, {"$inc": {"a.0": 1}}, {"a": [6]}),
        ({"é": {"'": 1}}, {"é.'": '"\\'}, {"é": {"'": '"\\'}}),
    ],
)
async def test_an_update_that_fits(trial: Trial, document: Document, update: Document, expected: Document) -> None:
    await trial.insert("1", document)
    assert await trial.update({"_id": "1"}, update) == 1
    assert await body(trial) == expected


@pytest.mark.parametrize(
    ("document", "update"),
    [
        ({"a": 1}, {"a.b": 1}),
        ({"a": None}, {"a.b": 1}),
        ({"a": "x"}, {"$inc": {"a.b": 1}}),
        ({"a": [1]}, {"a.1": 1}),
        ({"a": [1]}, {"a.x": 1}),
        ({"a": [1]}, {"a.01": 1}),
        ({"a": [1]}, {"$unset": {"a.0": 1}}),
        ({"n": "1"}, {"$inc": {"n": 1}}),
        ({"n": None}, {"$inc": {"n": 1}}),
        ({"n": True}, {"$inc": {"n": 1}}),
        ({"n": [1]}, {"$inc": {"n": 1}}),
        ({"n": MAX}, {"$inc": {"n": 1}}),
        ({"n": MIN}, {"$inc": {"n": -1}}),
        ({"n": 1.7e308}, {"$inc": {"n": 1.7e308}}),
        ({"a": {}}, {"$push": {"a": 1}}),
        ({"a": None}, {"$push": {"a": 1}}),
        ({"a": "x"}, {"$push": {"a": 1}}),
    ],
)
async def test_an_update_that_does_not_fit_changes_nothing(trial: Trial, document: Document, update: Document) -> None:
    await trial.insert("1", document)
    before = await trial.get("1")
    mutation = trial.change({"_id": "1"}, {"$set": {"other": 1}, **update} if "$inc" in update else update)
    assert await trial.refusal(mutation) is Reason.BAD_DOCUMENT
    assert await trial.get("1") == before


async def test_a_result_that_is_too_large_is_refused(trial: Trial) -> None:
    await trial.insert("1", {"s": "x" * 600_000})
    assert await trial.refusal(trial.change({"_id": "1"}, {"t": "y" * 600_000})) is Reason.TOO_LARGE
    assert await body(trial) == {"s": "x" * 600_000}


async def test_each_matched_document_is_stamped_and_counted(trial: Trial) -> None:
    await trial.fill({str(number): {"n": number} for number in range(5)})
    mutation = trial.change({"n": {"$gte": 3}}, {"seen": True})
    outcome = await trial.apply(mutation)
    assert outcome.affected == 2
    assert sorted(outcome.ids) == ["3", "4"]
    after = await trial.get("4")
    assert (after["_version"], after["_updated_at"], after["seen"]) == (2, mutation.now_us, True)
    created = after["_created_at"]
    assert isinstance(created, int)
    assert created < mutation.now_us
    assert (await trial.get("2"))["_version"] == 1


async def test_a_document_that_ends_as_it_was_counts_too(trial: Trial) -> None:
    await trial.insert("1", {"a": 1})
    assert await trial.update({"_id": "1"}, {"a": 1}) == 1
    assert (await trial.get("1"))["_version"] == 2


async def test_nothing_that_matches_is_no_error(trial: Trial) -> None:
    assert await trial.update({"_id": "none"}, {"a": 1}) == 0


async def test_without_a_filter_every_document_is_updated(trial: Trial) -> None:
    await trial.fill({"1": {}, "2": {}})
    assert await trial.update({}, {"a": 1}) == 2


async def test_one_document_that_does_not_fit_fails_the_whole_update(trial: Trial) -> None:
    await trial.fill({"1": {"n": 1}, "2": {"n": "x"}, "3": {"n": 3}})
    assert await trial.refusal(trial.change({}, {"$inc": {"n": 1}})) is Reason.BAD_DOCUMENT
    assert [(await trial.get(id_))["_version"] for id_ in "123"] == [1, 1, 1]


async def test_soft_deleted_documents_are_not_updated(trial: Trial) -> None:
    await trial.fill({"1": {}, "2": {}})
    await trial.delete({"_id": "1"}, soft=True)
    assert await trial.update({}, {"a": 1}) == 1
    assert await trial.ids({"a": 1}, deleted=Deleted.INCLUDE) == ["2"]


async def test_an_update_can_change_what_its_own_filter_matches(trial: Trial) -> None:
    await trial.fill({str(number): {"n": number} for number in range(10)})
    await trial.ensure({"fields": ["n"], "type": "ascending"})
    assert await trial.update({"n": {"$gte": 0}}, {"$inc": {"n": 5}}) == 10
    assert sorted(document["n"] for document in await trial.documents(trial.query())) == list(range(5, 15))  # type: ignore[type-var]


async def test_mutations_of_one_write_see_each_other_in_order(trial: Trial) -> None:
    outcomes = await trial.write(
        trial.insertion("1", {"n": 1}),
        trial.change({"n": 1}, {"n": 2}),
        trial.change({"n": 1}, {"n": 3}),
        trial.removal({"n": 2}),
        trial.insertion("1", {"n": 9}),
    )
    assert [outcome.affected for outcome in outcomes] == [1, 1, 0, 1, 1]
    assert (await trial.get("1"))["n"] == 9


async def test_concurrent_increments_are_all_counted(trial: Trial) -> None:
    await trial.insert("1", {"n": 0})
    await asyncio.gather(*(trial.update({"_id": "1"}, {"$inc": {"n": 1}}) for _ in range(50)))
    after = await trial.get("1")
    assert (after["n"], after["_version"]) == (50, 51)


async def test_ids_of_an_update_are_returned_only_when_asked_for(trial: Trial) -> None:
    await trial.insert("1", {})
    (outcome,) = await trial.adapter.write(Write(trial.target, [trial.change({}, {"a": 1})]))
    assert (outcome.affected, outcome.ids) == (1, ())
