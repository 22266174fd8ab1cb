"""Are expired documents gone at once, for every call, in the adapters whose clock a test can turn?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol_adapters.conformance.trial import Trial
from aol_adapters.memory.adapter import MemoryAdapter
from aol_adapters.sqlite.adapter import SqliteAdapter
from aol_wire.adapter import Deleted, Mutation
from aol_wire.errors import DataError, Reason
from aol_wire.filters import Json
from aol_wire.indexes import IndexState
from turned_clock import TurnedClock

TTL = {"fields": ["until"], "type": "ttl", "expireAfterSeconds": 60}
UNIQUE = {"fields": ["email"], "type": "unique"}
TEXT = {"fields": ["note"], "type": "text"}


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture(params=["memory", "sqlite"])
async def trial(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Trial]:
    memory = request.param == "memory"
    adapter = MemoryAdapter(clock=clock) if memory else SqliteAdapter(tmp_path, clock=clock)
    await adapter.start()
    yield Trial(adapter)
    await adapter.close()


async def refusal(trial: Trial, *mutations: Mutation, atomic: bool = False) -> Reason | None:
    """Return why the last mutation, or all of them together, are refused."""
    try:
        outcomes = await trial.write(*mutations, atomic=atomic)
    except DataError as error:
        return error.reason
    return None if outcomes[-1].error is None else outcomes[-1].error.reason


async def test_an_expired_document_is_invisible_from_that_moment(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL)
    await trial.fill({"a": {"until": clock.in_seconds(0)}, "b": {"until": clock.in_seconds(0.000001)}, "c": {}})
    clock.turn(59.999999)
    assert await trial.ids({}) == ["a", "b", "c"]
    clock.turn(0.000001)
    assert await trial.ids({}) == ["b", "c"]
    assert await trial.count({"_id": "a"}) == 0
    assert await trial.count({"until": {"$gt": "2000"}}) == 1
    assert await trial.count({"$not": {"until": None}}) == 1
    clock.turn(1)
    assert await trial.ids({}) == ["c"]


async def test_nothing_is_done_to_an_expired_document(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL)
    await trial.fill({"a": {"until": clock.in_seconds(0)}, "b": {"until": clock.in_seconds(0)}})
    assert await trial.delete({"_id": "b"}, soft=True) == 1
    clock.turn(60)
    assert await trial.update({}, {"x": 1}) == 0
    assert await trial.delete({}) == 0
    assert await trial.delete({}, soft=True) == 0
    assert (await trial.apply(trial.restoring({}))).affected == 0
    assert (await trial.apply(trial.purging({}))).affected == 0
    for deleted in Deleted:
        assert await trial.count({}, deleted) == 0
    # It is no document of another version either, and none too many.
    assert (await trial.apply(trial.change({"_id": "a"}, {"x": 1}, if_version=7))).affected == 0
    assert (await trial.apply(trial.change({}, {"x": 1}, max_affected=0))).affected == 0


async def test_the_id_of_an_expired_document_is_free(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL, TEXT)
    old: dict[str, Json] = {"until": clock.in_seconds(0), "note": "old words"}
    await trial.fill({"a": old, "deleted": old})
    await trial.delete({"_id": "deleted"}, soft=True)
    clock.turn(60)
    for id_ in ("a", "deleted"):
        outcome = await trial.insert(id_, {"note": "new words"})
        assert (outcome.affected, outcome.was_duplicate) == (1, False)
    assert [document["_version"] for document in await trial.documents(trial.query())] == [1, 1]
    assert await trial.ids({"$text": "words"}) == ["a", "deleted"]
    assert await trial.ids({"$text": "old"}) == []


async def test_an_equal_document_that_is_expired_makes_no_duplicate(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL)
    document = {"until": clock.in_seconds(-60)}
    for _ in range(2):
        outcome = await trial.insert("a", document)
        assert (outcome.affected, outcome.was_duplicate) == (1, False)
    assert await trial.ids({}) == []


async def test_the_unique_values_of_an_expired_document_are_free(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL, UNIQUE, {"fields": ["number"], "type": "unique"})
    await trial.fill(
        {
            "a": {"email": "x", "number": 1, "until": clock.in_seconds(0)},
            "b": {"email": "y", "number": 2, "until": clock.in_seconds(0)},
            "c": {"email": "z", "number": 3},
        }
    )
    assert await refusal(trial, trial.insertion("d", {"email": "x", "number": 4})) is Reason.UNIQUE_VIOLATION
    clock.turn(60)
    # One takes the values of two, by an insert and by an update.
    await trial.insert("d", {"email": "x", "number": 2})
    await trial.fill({"e": {"email": "w", "number": 4, "until": clock.in_seconds(-60)}})
    assert await trial.update({"_id": "c"}, {"email": "w"}) == 1
    assert await trial.ids({}) == ["c", "d"]
    assert await refusal(trial, trial.insertion("f", {"email": "x", "number": 9})) is Reason.UNIQUE_VIOLATION
    assert await refusal(trial, trial.change({"_id": "c"}, {"number": 2})) is Reason.UNIQUE_VIOLATION
    assert await trial.ids({}) == ["c", "d"]


async def test_what_an_update_lets_expire_is_in_the_way_of_that_update_only(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL, UNIQUE)
    await trial.fill({"a": {"email": "x"}, "b": {"email": "y"}})
    both = trial.change({}, {"email": "z", "until": clock.in_seconds(-60)})
    assert await refusal(trial, both) is Reason.UNIQUE_VIOLATION
    assert await trial.count({"email": {"$in": ["x", "y"]}}) == 2
    assert await trial.update({"_id": "a"}, {"email": "z", "until": clock.in_seconds(-60)}) == 1
    assert await trial.update({}, {"email": "z"}) == 1
    assert await trial.ids({"email": "z"}) == ["b"]


async def test_a_document_that_does_not_fit_is_refused_though_its_id_is_free(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL)
    await trial.insert("a", {"until": clock.in_seconds(-60)})
    assert await refusal(trial, trial.insertion("a", {"until": ["never"]})) is Reason.BAD_DOCUMENT
    assert await refusal(trial, trial.change({}, {"until": {}})) is None


async def test_a_write_that_fails_as_a_whole_brings_nothing_expired_back(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL, UNIQUE)
    await trial.fill({"a": {"email": "x", "until": clock.in_seconds(0)}, "b": {"email": "y"}})
    clock.turn(60)
    mutations = (
        trial.insertion("a", {"email": "x"}),
        trial.change({"_id": "b"}, {"until": clock.in_seconds(-60)}),
        trial.insertion("c", {"email": "y"}),
        trial.insertion("a", {"email": "other"}),
    )
    assert await refusal(trial, *mutations, atomic=True) is Reason.DUPLICATE_ID
    assert await trial.ids({}) == ["b"]
    *done, failed = await trial.write(*mutations)
    assert [outcome.error for outcome in done] == [None] * 3
    assert failed.error is not None
    assert await trial.ids({}) == ["a", "c"]


async def test_an_index_comes_late_and_what_is_expired_then_is_gone(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure()
    await trial.fill(
        {
            "a": {"until": clock.in_seconds(-60), "email": "x"},
            "b": {"email": "x"},
            "c": {"until": clock.in_seconds(-99), "email": [1]},
        }
    )
    assert await trial.count({}) == 3
    ensured = await trial.ensure(TTL)
    assert [status.state for status in ensured.indexes] == [IndexState.READY]
    assert await trial.ids({}) == ["b"]
    # Documents that are gone are no offenders.
    ensured = await trial.ensure(UNIQUE)
    assert [status.state for status in ensured.indexes] == [IndexState.READY]


async def test_documents_expire_by_an_index_that_is_ready_only(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure()
    await trial.fill({"a": {"until": clock.in_seconds(-60)}, "b": {"until": ["an array"]}})
    (status,) = (await trial.ensure(TTL)).indexes
    assert (status.state, status.offenders) == (IndexState.FAILED, 1)
    assert await trial.ids({}) == ["a", "b"]
    await trial.delete({"_id": "b"})
    assert await trial.ids({}) == ["a"]
    await trial.ensure(TTL)
    assert await trial.ids({}) == []


async def test_each_of_several_indexes_lets_documents_expire(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL, {"fields": ["session.end"], "type": "ttl", "expireAfterSeconds": 0})
    ended = {"session": {"end": clock.in_seconds(0)}, "until": clock.in_seconds(999)}
    await trial.fill({"a": ended, "b": {"until": clock.in_seconds(-60)}, "c": {"session": {"end": None}}})
    assert await trial.ids({}) == ["c"]


async def test_tenants_expire_alike_and_apart(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL, UNIQUE)
    one, other = trial.at(tenant="one"), trial.at(tenant="other")
    await one.insert("a", {"email": "x", "until": clock.in_seconds(-60)})
    await other.insert("a", {"email": "x"})
    assert (await one.ids({}), await other.ids({})) == ([], ["a"])
    await one.insert("a", {"email": "x"})
    assert await trial.at(tenant=None).count({}) == 2


HOSTILE: list[Json] = [
    None,
    True,
    -1e300,
    "",
    "0",
    "!",
    "1999",
    "1999-01-01",
    "1999-01-01T00:00:00Z",
    "1999-01-01 00:00:00.000000Z",
    "1999-02-29T00:00:00.000000Z",
    "1999-13-01T00:00:00.000000Z",
    "1999-01-01T24:00:00.000000Z",
    "0000-01-01T00:00:00.000000Z",
    "1999-01-01T00:00:00.000000Z' OR 1=1 --",
    "1999-01-01T00:00:00.00000xZ",
    "[0-9]*",
    "*" * 27,
    "٢٠٢٥-١١-٢٢T١١:٠٠:٠٠.٠٠٠٠٠٠Z",  # noqa: RUF001 - digits, but not ASCII
    "\x01" * 27,
]


async def test_hostile_values_never_expire_and_hide_nothing(trial: Trial, clock: TurnedClock) -> None:
    await trial.ensure(TTL)
    documents = {f"hostile-{number:02d}": {"until": value} for number, value in enumerate(HOSTILE)}
    await trial.fill({**documents, "expired": {"until": clock.in_seconds(-60)}})
    assert await trial.ids({}) == list(documents)
    clock.turn(86_400 * 365)
    assert await trial.ids({}) == list(documents)
