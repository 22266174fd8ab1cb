"""How are the mutations of one write applied: in order, each by itself, or all or none?"""

import asyncio

from aol_adapters.conformance.expect import expect, expect_equal, expect_refusal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Document, Trial
from aol_wire.adapter import Capability, Deleted, Mutation, Write
from aol_wire.errors import Applied, Reason


async def _fill(trial: Trial) -> None:
    """Insert three documents, `n` from 1 to 3."""
    await trial.fill({str(number): {"n": number} for number in (1, 2, 3)})


async def _all(trial: Trial) -> list[Document]:
    return [await trial.get(id_) for id_ in await trial.ids(deleted=Deleted.INCLUDE)]


@rule(Topic.WRITES)
async def the_mutations_of_a_write_see_each_other_in_order(trial: Trial) -> None:
    """Mutations are applied in order, each to what those before it left; there is one outcome for each."""
    outcomes = await trial.write(
        trial.insertion("1", {"n": 1}),
        trial.change({"n": 1}, {"n": 2}),
        trial.change({"n": 1}, {"n": 3}),
        trial.removal({"n": 2}, soft=True),
        trial.insertion("2", {"n": 4}),
        trial.restoring({"n": 2}),
        trial.removal({"n": {"$in": [2, 4]}}),
        trial.insertion("1", {"n": 9}),
    )
    expect_equal("affected", [outcome.affected for outcome in outcomes], [1, 1, 0, 1, 1, 1, 2, 1])
    expect_equal("the documents", [(each["_id"], each["n"]) for each in await _all(trial)], [("1", 9)])


@rule(Topic.WRITES)
async def a_mutation_that_fails_fails_alone(trial: Trial) -> None:
    """Without `atomic`, a mutation that fails changes nothing and has an outcome with the error; others are applied."""
    await _fill(trial)
    outcomes = await trial.write(
        trial.insertion("0", {"n": 0}),
        trial.insertion("2", {"n": 9}),
        trial.change({"_id": "1"}, {"n.x": 1}),
        trial.change({"_id": "1"}, {"n": 5}, if_version=4),
        trial.removal({}, max_affected=1),
        trial.change({"_id": "3"}, {"n": 7}),
    )
    reasons = [outcome.error and outcome.error.reason for outcome in outcomes]
    expected = [
        None,
        Reason.DUPLICATE_ID,
        Reason.BAD_DOCUMENT,
        Reason.VERSION_MISMATCH,
        Reason.MAX_AFFECTED_EXCEEDED,
        None,
    ]
    expect_equal("the errors", reasons, expected)
    expect_equal("affected", [outcome.affected for outcome in outcomes], [1, 0, 0, 0, 0, 1])
    expect_equal("the values", [each["n"] for each in await _all(trial)], [0, 1, 2, 7])


@rule(Topic.WRITES)
async def an_error_of_one_mutation_does_not_say_that_it_was_applied(trial: Trial) -> None:
    """The error in an outcome says `applied` no, or nothing, for a mutation that changed nothing."""
    await _fill(trial)
    outcomes = await trial.write(trial.insertion("2", {"n": 9}), trial.removal({}, max_affected=1))
    for outcome in outcomes:
        applied = outcome.error and outcome.error.applied
        expect(f"applied is no or not said, not {applied}", applied in {None, Applied.NO})


@rule(Topic.WRITES)
async def what_was_written_is_read_at_once(trial: Trial) -> None:
    """When a write returns, every read that begins then sees it: by id, by filter and by count, again and again."""
    for number in range(20):
        await trial.insert(f"{number:02}", {"n": number})
        expect_equal("found by id", await trial.ids({"_id": f"{number:02}"}), [f"{number:02}"])
        await trial.update({"n": number}, {"n": -1})
        expect_equal("counted after an update", await trial.count({"n": -1}), number + 1)


@rule(Topic.WRITES)
async def ids_are_returned_only_when_asked_for(trial: Trial) -> None:
    """Without `return_ids`, outcomes count what they affected and name nothing."""
    mutations: list[Mutation] = [
        trial.insertion("1", {}),
        trial.insertion("1", {}),
        trial.change({}, {"a": 1}),
        trial.removal({}, soft=True),
        trial.restoring({}),
    ]
    for mutation in mutations:
        (outcome,) = await trial.adapter.write(Write(trial.target, [mutation]))
        expect_equal(f"affected and ids of {type(mutation).__name__}", (outcome.affected, outcome.ids), (1, ()))


@rule(Topic.WRITES)
async def a_write_of_nothing_changes_nothing(trial: Trial) -> None:
    """A write without mutations succeeds with no outcomes."""
    expect_equal("its outcomes", await trial.write(), [])


@rule(Topic.WRITES)
async def a_write_of_many_mutations_has_an_outcome_for_each(trial: Trial) -> None:
    """A write holds thousands of mutations; outcomes come in their order."""
    await trial.insert("0500", {"taken": True})
    outcomes = await trial.write(*(trial.insertion(f"{number:04}", {"n": number}) for number in range(2_000)))
    failed = [number for number, outcome in enumerate(outcomes) if outcome.error is not None]
    expect_equal("outcomes", len(outcomes), 2_000)
    expect_equal("those that failed", failed, [500])
    expect_equal("documents", await trial.count(), 2_000)


@rule(Topic.WRITES, Capability.ATOMIC)
async def an_atomic_write_applies_all_mutations_in_order(trial: Trial) -> None:
    """With `atomic`, mutations of every kind are applied together, in order."""
    await _fill(trial)
    outcomes = await trial.write(
        trial.insertion("4", {"n": 4}),
        trial.change({"n": {"$gt": 2}}, {"big": True}),
        trial.removal({"n": 1}),
        trial.removal({"n": 2}, soft=True),
        trial.insertion("4", {"n": 4, "big": True}),
        atomic=True,
    )
    expect_equal("affected", [outcome.affected for outcome in outcomes], [1, 2, 1, 1, 1])
    expect("the repeated insert is a duplicate", outcomes[-1].was_duplicate)
    expect_equal("updated", await trial.ids({"big": True}), ["3", "4"])
    expect_equal("the documents", await trial.ids(deleted=Deleted.INCLUDE), ["2", "3", "4"])


@rule(Topic.WRITES, Capability.ATOMIC)
async def an_atomic_write_with_a_failure_changes_nothing(trial: Trial) -> None:
    """With `atomic`, the first mutation that fails fails the whole call, with `applied` no, and nothing is changed."""
    await _fill(trial)
    before = await _all(trial)
    failing: dict[Reason, Mutation] = {
        Reason.DUPLICATE_ID: trial.insertion("3", {"n": 9}),
        Reason.BAD_DOCUMENT: trial.change({"_id": "3"}, {"n.x": 1}),
        Reason.MAX_AFFECTED_EXCEEDED: trial.removal({}, max_affected=1),
        Reason.VERSION_MISMATCH: trial.change({"_id": "3"}, {"n": 9}, if_version=7),
    }
    for reason, mutation in failing.items():
        call = trial.write(
            trial.insertion("4", {"n": 4}),
            trial.change({"_id": "1"}, {"n": 10}),
            trial.removal({"_id": "2"}),
            mutation,
            trial.insertion("5", {"n": 5}),
            atomic=True,
        )
        error = await expect_refusal("an atomic write with a mutation that fails", call, reason)
        expect_equal("whether it was applied", error.applied, Applied.NO)
        expect_equal("the documents", await _all(trial), before)


@rule(Topic.WRITES, Capability.ATOMIC, Capability.UNIQUE)
async def what_an_atomic_write_took_back_is_free_again(trial: Trial) -> None:
    """After an atomic write that failed, ids and unique values are as free or taken as before it."""
    await trial.ensure({"fields": ["n"], "type": "unique"})
    await _fill(trial)
    call = trial.write(
        trial.insertion("4", {"n": 4}), trial.removal({"n": 1}), trial.insertion("5", {"n": 2}), atomic=True
    )
    await expect_refusal("an atomic write with a unique value that is taken", call, Reason.UNIQUE_VIOLATION)
    await expect_refusal("a value that is taken", trial.insert("6", {"n": 1}), Reason.UNIQUE_VIOLATION)
    expect("the id is free", not (await trial.insert("4", {"n": 5})).was_duplicate)
    expect_equal("the value is free", (await trial.insert("5", {"n": 4})).affected, 1)


@rule(Topic.WRITES, Capability.ATOMIC)
async def atomic_writes_at_once_do_not_mix(trial: Trial) -> None:
    """Of atomic writes of the same documents at once, each is applied wholly, and none is lost."""
    await _fill(trial)
    increments = [
        trial.write(
            trial.change({"_id": "1"}, {"$inc": {"n": 1}}), trial.change({"_id": "2"}, {"$inc": {"n": 1}}), atomic=True
        )
        for _ in range(20)
    ]
    await asyncio.gather(*increments)
    expect_equal("the sums", [each["n"] for each in await _all(trial)], [21, 22, 3])


RULES: tuple[Rule, ...] = (
    the_mutations_of_a_write_see_each_other_in_order,
    a_mutation_that_fails_fails_alone,
    an_error_of_one_mutation_does_not_say_that_it_was_applied,
    what_was_written_is_read_at_once,
    ids_are_returned_only_when_asked_for,
    a_write_of_nothing_changes_nothing,
    a_write_of_many_mutations_has_an_outcome_for_each,
    an_atomic_write_applies_all_mutations_in_order,
    an_atomic_write_with_a_failure_changes_nothing,
    what_an_atomic_write_took_back_is_free_again,
    atomic_writes_at_once_do_not_mix,
)
