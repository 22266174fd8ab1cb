"""What does an insert store, and what happens when it is repeated?"""

import asyncio

import orjson
import pytest

from aol_adapters.trial import Document, Trial
from aol_wire.adapter import Target, Write
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json


async def test_a_document_reads_back_as_it_was_written(trial: Trial) -> None:
    document: dict[str, Json] = {
        "integers": [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
        "doubles": [0.1, 1.5, 1e-300, 5e-324, 1.7976931348623157e308, 1e15 + 0.5],
        "strings": ["", "é", "😀", "\u2028", "\x01\x1f\x7f", "'\"\\", "null", "1"],
        "others": [None, True, False, [], {}, [[]], {"k": {}}],
        "é": {"with space": 1, "'": 2, "😀": 3},
    }
    await trial.insert("1", document)
    found = await trial.adapter.find(trial.query())
    assert list(found.page.id) == ["1"]
    assert orjson.loads(found.page.json[0]) == document


async def test_whole_doubles_may_read_back_as_integers_of_the_same_value(trial: Trial) -> None:
    document: dict[str, Json] = {"small": 1.0, "edge": 1e15, "beyond": 1e16, "huge": 1e300, "minus": -0.0}
    await trial.insert("1", document)
    found = await trial.get("1")
    assert {key: found[key] for key in document} == document


async def test_an_insert_stamps_metadata(trial: Trial) -> None:
    insertion = trial.insertion("1", {"a": 1}, owner="ann", acl='["x"]')
    outcome = await trial.apply(insertion)
    assert (outcome.affected, outcome.was_duplicate, outcome.ids) == (1, False, ("1",))
    assert await trial.get("1") == {
        "a": 1,
        "_id": "1",
        "_created_at": insertion.now_us,
        "_updated_at": insertion.now_us,
        "_version": 1,
        "_owner": "ann",
        "_acl": '["x"]',
    }


@pytest.mark.parametrize(
    "id_", ["a", "é😀", "a" * 256, "with space", "'", '"', "\\", "%", "a/b", "..", "\n", "null", "1"]
)
async def test_any_string_up_to_256_bytes_is_an_id(trial: Trial, id_: str) -> None:
    await trial.insert(id_, {"n": 1})
    assert await trial.ids({"_id": id_}) == [id_]
    assert await trial.update({"_id": id_}, {"n": 2}) == 1
    assert await trial.delete({"_id": id_}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1.0, {"c": None}], "a": 1}),
        ({"n": 2**53}, {"n": float(2**53)}),
        ({}, {}),
    ],
)
async def test_repeating_an_insert_of_an_equal_document_succeeds(
    trial: Trial, first: Document, second: Document
) -> None:
    await trial.insert("1", first)
    before = await trial.get("1")
    outcome = await trial.insert("1", second)
    assert (outcome.affected, outcome.was_duplicate, outcome.ids) == (1, True, ("1",))
    assert await trial.get("1") == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"n": 2**53 + 1}, {"n": float(2**53)}),
    ],
)
async def test_another_document_under_the_same_id_is_refused(trial: Trial, first: Document, second: Document) -> None:
    await trial.insert("1", first)
    before = await trial.get("1")
    assert await trial.refusal(trial.insertion("1", second)) is Reason.DUPLICATE_ID
    assert await trial.get("1") == before


async def test_a_document_that_was_updated_since_is_another_one(trial: Trial) -> None:
    await trial.insert("1", {"a": 1})
    await trial.update({"_id": "1"}, {"a": 2})
    assert await trial.refusal(trial.insertion("1", {"a": 1})) is Reason.DUPLICATE_ID
    assert (await trial.insert("1", {"a": 2})).was_duplicate


async def test_one_bad_insert_fails_alone(trial: Trial) -> None:
    await trial.insert("2", {"taken": True})
    outcomes = await trial.write(*(trial.insertion(str(number), {"n": number}) for number in range(5)))
    assert [outcome.error is None for outcome in outcomes] == [True, True, False, True, True]
    assert outcomes[2].error is not None
    assert outcomes[2].error.reason is Reason.DUPLICATE_ID
    assert await trial.ids({"n": {"$exists": True}}) == ["0", "1", "3", "4"]


async def test_the_same_id_twice_in_one_write_is_decided_in_order(trial: Trial) -> None:
    outcomes = await trial.write(
        trial.insertion("1", {"a": 1}), trial.insertion("1", {"a": 1}), trial.insertion("1", {"a": 2})
    )
    assert [outcome.was_duplicate for outcome in outcomes] == [False, True, False]
    assert outcomes[2].error is not None
    assert outcomes[2].error.reason is Reason.DUPLICATE_ID
    assert (await trial.get("1"))["a"] == 1


async def test_ids_are_returned_only_when_asked_for(trial: Trial) -> None:
    (outcome,) = await trial.adapter.write(Write(trial.target, [trial.insertion("1", {})]))
    assert outcome.ids == ()
    assert outcome.affected == 1


async def test_a_write_of_nothing_changes_nothing(trial: Trial) -> None:
    assert await trial.write() == []


async def test_an_insert_needs_one_tenant(trial: Trial) -> None:
    everywhere = Trial(trial.adapter, Target("shop", "items", None))
    with pytest.raises(DataError) as caught:
        await everywhere.write(everywhere.insertion("1", {}))
    assert caught.value.reason is Reason.BAD_REQUEST
    assert await trial.count() == 0


async def test_many_writes_at_once_all_arrive(trial: Trial) -> None:
    outcomes = await asyncio.gather(*(trial.insert(f"{number:03}", {"n": number}) for number in range(200)))
    assert all(outcome.affected == 1 for outcome in outcomes)
    assert await trial.ids({}, "n") == [f"{number:03}" for number in range(200)]


async def test_of_many_inserts_under_one_id_one_wins(trial: Trial) -> None:
    results = await asyncio.gather(
        *(trial.insert("same", {"n": number}) for number in range(20)), return_exceptions=True
    )
    failed = [result for result in results if isinstance(result, DataError)]
    assert len(failed) == 19
    assert {error.reason for error in failed} == {Reason.DUPLICATE_ID}
    assert await trial.count() == 1


async def test_a_document_of_the_largest_size_and_depth_is_kept(trial: Trial) -> None:
    deep: Json = 1
    for _ in range(63):
        deep = {"d": deep}
    await trial.insert("deep", {"d": deep})
    await trial.insert("large", {"s": "x" * ((1 << 20) - 100)})
    assert (await trial.get("deep"))["d"] == deep
    assert len(str((await trial.get("large"))["s"])) == (1 << 20) - 100
    assert await trial.count() == 2
