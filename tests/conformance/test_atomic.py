"""Is an atomic write all or nothing?"""

import asyncio
from collections.abc import Callable

import pytest

from aol_adapters.trial import Trial
from aol_wire.adapter import Capability, Deleted, Mutation
from aol_wire.errors import Applied, DataError, Reason


@pytest.fixture
async def atomic(trial: Trial, needs: Callable[[Capability], None]) -> Trial:
    """Three documents, `n` from 1 to 3."""
    needs(Capability.ATOMIC)
    await trial.fill({str(number): {"n": number} for number in (1, 2, 3)})
    return trial


async def state(trial: Trial) -> list[object]:
    return [await trial.get(id_) for id_ in await trial.ids(deleted=Deleted.INCLUDE)]


async def test_all_mutations_are_applied_in_order(atomic: Trial) -> None:
    outcomes = await atomic.write(
        atomic.insertion("4", {"n": 4}),
        atomic.change({"n": {"$gt": 2}}, {"big": True}),
        atomic.removal({"n": 1}),
        atomic.removal({"n": 2}, soft=True),
        atomic=True,
    )
    assert [outcome.affected for outcome in outcomes] == [1, 2, 1, 1]
    assert await atomic.ids({"big": True}) == ["3", "4"]
    assert await atomic.ids(deleted=Deleted.INCLUDE) == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("insert", Reason.DUPLICATE_ID),
        ("update", Reason.BAD_DOCUMENT),
        ("max_affected", Reason.MAX_AFFECTED_EXCEEDED),
        ("if_version", Reason.VERSION_MISMATCH),
    ],
)
async def test_the_first_failure_fails_the_call_and_nothing_is_changed(
    atomic: Trial, kind: str, reason: Reason
) -> None:
    failing: dict[str, Mutation] = {
        "insert": atomic.insertion("3", {"n": 9}),
        "update": atomic.change({"_id": "3"}, {"n.x": 1}),
        "max_affected": atomic.removal({}, max_affected=1),
        "if_version": atomic.change({"_id": "3"}, {"n": 9}, if_version=7),
    }
    before = await state(atomic)
    with pytest.raises(DataError) as caught:
        await atomic.write(
            atomic.insertion("4", {"n": 4}),
            atomic.change({"_id": "1"}, {"n": 10}),
            atomic.removal({"_id": "2"}),
            failing[kind],
            atomic.insertion("5", {"n": 5}),
            atomic=True,
        )
    assert caught.value.reason is reason
    assert caught.value.applied is Applied.NO
    assert await state(atomic) == before


async def test_what_was_rolled_back_leaves_its_ids_and_unique_values_free(
    atomic: Trial, needs: Callable[[Capability], None]
) -> None:
    needs(Capability.UNIQUE)
    await atomic.ensure({"fields": ["n"], "type": "unique"})
    with pytest.raises(DataError):
        await atomic.write(
            atomic.insertion("4", {"n": 4}), atomic.removal({"n": 1}), atomic.insertion("5", {"n": 2}), atomic=True
        )
    assert await atomic.refusal(atomic.insertion("6", {"n": 1})) is Reason.UNIQUE_VIOLATION
    assert not (await atomic.insert("4", {"n": 5})).was_duplicate
    assert (await atomic.insert("5", {"n": 4})).affected == 1


async def test_a_duplicate_of_an_equal_document_is_no_failure(atomic: Trial) -> None:
    outcomes = await atomic.write(atomic.insertion("1", {"n": 1}), atomic.insertion("4", {"n": 4}), atomic=True)
    assert [outcome.was_duplicate for outcome in outcomes] == [True, False]


async def test_concurrent_atomic_writes_do_not_mix(atomic: Trial) -> None:
    await asyncio.gather(
        *(
            atomic.write(
                atomic.change({"_id": "1"}, {"$inc": {"n": 1}}),
                atomic.change({"_id": "2"}, {"$inc": {"n": 1}}),
                atomic=True,
            )
            for _ in range(20)
        )
    )
    assert (await atomic.get("1"))["n"] == 21
    assert (await atomic.get("2"))["n"] == 22


async def test_atomic_that_is_not_declared_is_refused(trial: Trial, capabilities: frozenset[Capability]) -> None:
    if Capability.ATOMIC in capabilities:
        pytest.skip("it is declared")
    with pytest.raises(DataError) as caught:
        await trial.write(trial.insertion("1", {}), atomic=True)
    assert caught.value.reason is Reason.CAPABILITY_UNSUPPORTED
    assert await trial.count() == 0
