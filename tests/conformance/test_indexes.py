"""What do indexes take, refuse and enforce?"""

import asyncio
from collections.abc import Callable

import pytest

from aol_adapters.trial import Document, Trial
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexState

ASCENDING: Document = {"fields": ["a.b"], "type": "ascending"}
UNIQUE: Document = {"fields": ["email"], "type": "unique"}


@pytest.mark.parametrize(
    "index",
    [
        ASCENDING,
        {"fields": ["a.b"], "type": "descending"},
        {"fields": ["x", {"a.b": "desc"}], "type": "compound"},
    ],
)
@pytest.mark.parametrize(
    ("document", "fits"),
    [
        ({}, True),
        ({"a": 5}, True),
        ({"a": {}}, True),
        ({"a": {"b": None}}, True),
        ({"a": {"b": True}}, True),
        ({"a": {"b": -1.5}}, True),
        ({"a": {"b": "x" * 1024}}, True),
        ({"a": {"b": "é" * 512}}, True),
        ({"a": {"b": "x" * 1025}}, False),
        ({"a": {"b": "é" * 513}}, False),
        ({"a": {"b": []}}, False),
        ({"a": {"b": {}}}, False),
        ({"a": []}, False),
        ({"a": [{"b": 1}]}, False),
    ],
)
async def test_an_indexed_path_holds_scalars_reached_through_objects(
    trial: Trial, index: Document, document: Document, fits: bool
) -> None:
    ensured = await trial.ensure(index)
    if fits:
        assert (await trial.insert("1", document)).affected == 1
        return
    outcome = (await trial.write(trial.insertion("1", document)))[0]
    assert outcome.error is not None
    assert outcome.error.reason is Reason.BAD_DOCUMENT
    assert outcome.error.metadata["index"] == ensured.indexes[0].spec.name
    assert "xxx" not in str(outcome.error)
    assert await trial.count() == 0


async def test_an_update_is_held_to_the_indexed_path_rule_too(trial: Trial) -> None:
    await trial.ensure(ASCENDING)
    await trial.fill({"1": {"a": {"b": 1}}, "2": {"a": {"b": 2}}})
    assert await trial.refusal(trial.change({}, {"a.b": [1]})) is Reason.BAD_DOCUMENT
    assert await trial.refusal(trial.change({"_id": "1"}, {"a": [1]})) is Reason.BAD_DOCUMENT
    assert await trial.ids({"a.b": {"$in": [1, 2]}}) == ["1", "2"]


@pytest.mark.parametrize(
    "index",
    [
        {"fields": ["v"], "type": "ascending"},
        {"fields": ["v"], "type": "descending"},
        {"fields": ["v", "w"], "type": "compound"},
        {"fields": [{"w": "desc"}, "v"], "type": "compound"},
    ],
)
async def test_answers_are_the_same_with_an_index_as_without(trial: Trial, index: Document) -> None:
    values: list[Json] = [None, True, False, -1, 0, 1, 1.5, 2**53, 2**53 + 1, 2.0**63, "", "a", "B", "é", "1"]
    documents: dict[str, Document] = {f"{n:02}": {"v": value, "w": n % 3} for n, value in enumerate(values)}
    documents["missing"] = {"w": 1}
    await trial.fill(documents)
    filters: list[Document] = [{"v": {operator: value}} for value in values for operator in ("$eq", "$ne")]
    filters += [{"v": {operator: value}} for value in values[1:] for operator in ("$gt", "$gte", "$lt", "$lte")]
    filters += [{"v": {"$in": values[3:9]}}, {"v": {"$nin": values[:4]}}, {"v": {"$exists": False}}]
    filters += [{"w": 1, "v": {"$gt": 0}}, {"w": {"$lt": 2}, "$not": {"v": {"$lte": "a"}}}]
    before = [await trial.ids(condition, "w", "-v") for condition in filters]
    ensured = await trial.ensure(index)
    assert ensured.indexes[0].state is IndexState.READY
    assert [await trial.ids(condition, "w", "-v") for condition in filters] == before


async def test_ensuring_again_changes_nothing(trial: Trial) -> None:
    first = await trial.ensure(ASCENDING)
    await trial.insert("1", {"a": {"b": 1}})
    second = await trial.ensure(ASCENDING)
    assert second.indexes == first.indexes
    assert not second.created
    assert await trial.ids({"a.b": 1}) == ["1"]


async def test_indexes_are_added_and_never_dropped(trial: Trial) -> None:
    await trial.ensure(ASCENDING)
    await trial.ensure({"fields": ["c"], "type": "ascending"})
    assert await trial.refusal(trial.insertion("1", {"a": {"b": []}})) is Reason.BAD_DOCUMENT
    assert await trial.refusal(trial.insertion("1", {"c": []})) is Reason.BAD_DOCUMENT


async def test_the_indexes_returned_are_those_asked_for_in_their_order(trial: Trial) -> None:
    indexes: list[Document] = [{"fields": [field], "type": "ascending"} for field in "cab"]
    await trial.ensure({"fields": ["z"], "type": "ascending"})
    ensured = await trial.ensure(*indexes)
    assert [status.spec.name for status in ensured.indexes] == ["ascending(c)", "ascending(a)", "ascending(b)"]
    assert {status.state for status in ensured.indexes} == {IndexState.READY}


async def test_an_index_over_documents_that_do_not_fit_ends_failed_with_their_count(trial: Trial) -> None:
    await trial.fill({"1": {"a": {"b": [1]}}, "2": {"a": {"b": 2}}, "3": {"a": {"b": "x" * 2000}}, "4": {}})
    (status,) = (await trial.ensure(ASCENDING)).indexes
    assert (status.state, status.offenders) == (IndexState.FAILED, 2)
    assert await trial.ids({"a.b": 2}) == ["2"]
    assert (await trial.insert("5", {"a": {"b": {}}})).affected == 1
    assert await trial.update({"_id": "1"}, {"seen": 1}) == 1


async def test_a_failed_index_is_built_once_the_documents_fit(trial: Trial) -> None:
    await trial.insert("1", {"a": {"b": [1]}})
    await trial.ensure(ASCENDING)
    await trial.update({"_id": "1"}, {"a.b": 1})
    (status,) = (await trial.ensure(ASCENDING)).indexes
    assert (status.state, status.offenders) == (IndexState.READY, 0)
    assert await trial.refusal(trial.insertion("2", {"a": {"b": []}})) is Reason.BAD_DOCUMENT


@pytest.fixture
async def unique(trial: Trial, needs: Callable[[Capability], None]) -> Trial:
    """A collection where `email` is unique."""
    needs(Capability.UNIQUE)
    await trial.ensure(UNIQUE)
    return trial


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"email": "a"}, {"email": "a", "other": 1}),
        ({"email": 1}, {"email": 1.0, "other": 1}),
        ({"email": True}, {"email": True, "other": 1}),
        ({"email": None}, {"other": 1}),
        ({}, {"other": 1}),
    ],
)
async def test_a_unique_value_stands_once_and_missing_counts_as_null(
    unique: Trial, first: Document, second: Document
) -> None:
    await unique.insert("1", first)
    outcome = (await unique.write(unique.insertion("2", second)))[0]
    assert outcome.error is not None
    assert outcome.error.reason is Reason.UNIQUE_VIOLATION
    assert outcome.error.metadata["index"] == "unique(email)"
    assert await unique.ids() == ["1"]


async def test_different_values_and_types_are_different(unique: Trial) -> None:
    values: list[Json] = [1, "1", True, None, 0, False, "", 2**53, 2**53 + 1]
    await unique.fill({str(number): {"email": value} for number, value in enumerate(values)})
    assert await unique.count() == 9


async def test_a_unique_violation_does_not_tell_the_value(unique: Trial) -> None:
    await unique.insert("1", {"email": "secret@example.org"})
    outcome = (await unique.write(unique.insertion("2", {"email": "secret@example.org"})))[0]
    assert outcome.error is not None
    assert "secret" not in repr(vars(outcome.error))


async def test_a_repeated_insert_is_no_unique_violation(unique: Trial) -> None:
    await unique.insert("1", {"email": "a"})
    assert (await unique.insert("1", {"email": "a"})).was_duplicate


async def test_an_update_cannot_take_a_unique_value(unique: Trial) -> None:
    await unique.fill({"1": {"email": "a"}, "2": {"email": "b"}})
    assert await unique.refusal(unique.change({"_id": "2"}, {"email": "a"})) is Reason.UNIQUE_VIOLATION
    assert await unique.refusal(unique.change({}, {"email": "c"})) is Reason.UNIQUE_VIOLATION
    assert await unique.ids({}, "email") == ["1", "2"]
    assert await unique.update({"_id": "1"}, {"email": "a"}) == 1
    assert await unique.update({"_id": "1"}, {"email": "c"}) == 1
    assert (await unique.insert("3", {"email": "a"})).affected == 1


async def test_a_unique_index_of_several_fields_is_over_all_of_them(
    trial: Trial, needs: Callable[[Capability], None]
) -> None:
    needs(Capability.UNIQUE)
    await trial.ensure({"fields": ["a", "b"], "type": "unique"})
    await trial.fill({"1": {"a": 1, "b": 1}, "2": {"a": 1, "b": 2}, "3": {"a": 1}})
    assert await trial.refusal(trial.insertion("4", {"a": 1, "b": 2})) is Reason.UNIQUE_VIOLATION
    assert await trial.refusal(trial.insertion("4", {"a": 1, "b": None})) is Reason.UNIQUE_VIOLATION


async def test_unique_is_within_a_tenant(unique: Trial) -> None:
    north, south = unique.at(tenant="north"), unique.at(tenant="south")
    await north.insert("1", {"email": "a"})
    await south.insert("1", {"email": "a"})
    assert await north.refusal(north.insertion("2", {"email": "a"})) is Reason.UNIQUE_VIOLATION


async def test_of_many_inserts_of_one_unique_value_one_wins(unique: Trial) -> None:
    results = await asyncio.gather(
        *(unique.insert(str(number), {"email": "a"}) for number in range(20)), return_exceptions=True
    )
    failed = [result for result in results if isinstance(result, DataError)]
    assert len(failed) == 19
    assert {error.reason for error in failed} == {Reason.UNIQUE_VIOLATION}


async def test_a_unique_index_over_duplicates_ends_failed_with_the_count_of_those_too_many(
    trial: Trial, needs: Callable[[Capability], None]
) -> None:
    needs(Capability.UNIQUE)
    await trial.fill({"1": {"email": "a"}, "2": {"email": "a"}, "3": {"email": "a"}, "4": {"email": "b"}})
    (status,) = (await trial.ensure(UNIQUE)).indexes
    assert (status.state, status.offenders) == (IndexState.FAILED, 2)
    assert (await trial.insert("5", {"email": "b"})).affected == 1


@pytest.mark.parametrize(
    ("index", "capability"),
    [
        (UNIQUE, Capability.UNIQUE),
        ({"fields": ["a"], "type": "text"}, Capability.TEXT),
        ({"fields": ["a"], "type": "ttl", "expireAfterSeconds": 60}, Capability.TTL),
    ],
)
async def test_an_index_that_is_not_declared_is_refused(
    trial: Trial, capabilities: frozenset[Capability], index: Document, capability: Capability
) -> None:
    if capability in capabilities:
        pytest.skip("it is declared")
    other = trial.at(collection="other")
    with pytest.raises(DataError) as caught:
        await other.ensure(index)
    assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED
    with pytest.raises(DataError) as caught:
        await other.count()
    assert caught.value.reason is Reason.COLLECTION_NOT_FOUND
